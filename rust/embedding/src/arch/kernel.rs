//! The step, once for all instruction sets.

use super::lanes::{Lanes, Plain};
use super::{Input, Row, Step, TILE, Tile};

/// Functions of the same names for each instruction set.
macro_rules! instruction_set {
    ($(#[$machine:meta])? $module:ident, $lanes:ty, [$(#[$enable:meta])?]) => {
        $(#[$machine])?
        pub(super) mod $module {
            use super::{Row, Step};

            /// # Safety
            /// The machine has the instruction set; `width` is a multiple of its lanes.
            $(#[$enable])?
            pub(in super::super) unsafe fn descend(
                step: &mut Step,
                width: usize,
                rate: f32,
                loss: Option<&mut f64>,
            ) {
                // SAFETY: enabled just above.
                unsafe { super::descend::<$lanes>(step, width, rate, loss) }
            }

            /// # Safety
            /// As above.
            $(#[$enable])?
            pub(in super::super) unsafe fn gather(rows: &[Row], scale: f32, to: Row, delta: Row, width: usize) {
                // SAFETY: enabled just above.
                unsafe { super::gather::<$lanes>(rows, scale, to, delta, width) }
            }

            /// # Safety
            /// As above.
            $(#[$enable])?
            pub(in super::super) unsafe fn scatter(rows: &[Row], scale: f32, delta: Row, width: usize) {
                // SAFETY: enabled just above.
                unsafe { super::scatter::<$lanes>(rows, scale, delta, width) }
            }
        }
    };
}

instruction_set!(portable, super::Plain, []);
instruction_set!(
    #[cfg(target_arch = "x86_64")]
    avx2,
    std::arch::x86_64::__m256,
    [#[target_feature(enable = "avx2,fma")]]
);
instruction_set!(
    #[cfg(target_arch = "x86_64")]
    avx512,
    std::arch::x86_64::__m512,
    [#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")]]
);

/// Call a function whose first number is how many of a tile's outputs are in use.
macro_rules! by_count {
    ($tile:expr, $function:ident::<$lanes:ty>($($argument:expr),*)) => {
        match $tile.count {
            1 => $function::<$lanes, 1>($($argument),*),
            2 => $function::<$lanes, 2>($($argument),*),
            3 => $function::<$lanes, 3>($($argument),*),
            4 => $function::<$lanes, 4>($($argument),*),
            5 => $function::<$lanes, 5>($($argument),*),
            _ => $function::<$lanes, TILE>($($argument),*),
        }
    };
}

#[inline(always)]
unsafe fn descend<V: Lanes>(step: &mut Step, width: usize, rate: f32, mut loss: Option<&mut f64>) {
    let Step { inputs, tiles, errors, before } = step;
    let count = inputs.len();
    errors.resize(count * tiles.len(), [0.0; 8]);
    for (tile, errors) in tiles.iter().zip(errors.chunks_exact_mut(count)) {
        // SAFETY: here and below: rows have `width` values, and the caller enabled what `V` needs.
        unsafe { by_count!(tile, scores::<V>(inputs, tile, width, errors)) };
        if let Some(loss) = loss.as_deref_mut() {
            add_loss(inputs, tile, errors, loss);
        }
        for (input, errors) in inputs.iter().zip(errors) {
            let weight = input.weight * rate;
            for (o, error) in errors.iter_mut().enumerate() {
                *error = (tile.labels[o] - sigmoid(*error)) * tile.weights[o] * weight;
            }
        }
    }
    before.clear();
    if tiles.len() > 1 {
        // SAFETY: as above.
        unsafe { keep_inputs::<V>(inputs, before, width) };
    }
    for (tile, errors) in tiles.iter().zip(errors.chunks_exact(count)) {
        // SAFETY: as above.
        unsafe { by_count!(tile, update::<V>(inputs, before, tile, width, errors)) };
    }
}

/// Every input's product with every output of a tile, two inputs at a time.
#[inline(always)]
unsafe fn scores<V: Lanes, const O: usize>(
    inputs: &[Input],
    tile: &Tile,
    width: usize,
    scores: &mut [[f32; 8]],
) {
    let (pairs, rest) = inputs.as_chunks::<2>();
    let (score_pairs, score_rest) = scores.as_chunks_mut::<2>();
    for (pair, scores) in pairs.iter().zip(score_pairs) {
        // SAFETY: by this function's contract.
        *scores = unsafe { products::<V, 2, O>(pair, tile, width) };
    }
    for (input, score) in rest.iter().zip(score_rest) {
        // SAFETY: as above.
        [*score] = unsafe { products::<V, 1, O>(&[*input], tile, width) };
    }
}

#[inline(always)]
unsafe fn products<V: Lanes, const I: usize, const O: usize>(
    inputs: &[Input; I],
    tile: &Tile,
    width: usize,
) -> [[f32; 8]; I] {
    let reads: [*mut f32; I] = std::array::from_fn(|i| inputs[i].read.pointer());
    let rows: [*mut f32; O] = std::array::from_fn(|o| tile.rows[o].pointer());
    // SAFETY: `at` stays inside the rows.
    unsafe {
        let mut sums = [[V::splat(0.0); 8]; I];
        for at in (0..width).step_by(V::LANES) {
            let mut values = [V::splat(0.0); I];
            for i in 0..I {
                values[i] = V::load(reads[i].add(at));
            }
            for o in 0..O {
                let output = V::load(rows[o].add(at));
                for i in 0..I {
                    sums[i][o] = values[i].mul_add(output, sums[i][o]);
                }
            }
        }
        // Loops, not closures: those are functions without the instruction set unless they happen to be inlined.
        let mut products = [[0.0; 8]; I];
        for i in 0..I {
            products[i] = V::sums(sums[i]);
        }
        products
    }
}

/// Copies of the inputs, for tiles after the first, which must not see what that changed.
#[inline(always)]
unsafe fn keep_inputs<V: Lanes>(inputs: &[Input], before: &mut Vec<f32>, width: usize) {
    before.resize(inputs.len() * width, 0.0);
    for (input, copy) in inputs.iter().zip(before.chunks_exact_mut(width)) {
        for at in (0..width).step_by(V::LANES) {
            // SAFETY: `at` stays inside the row and its copy.
            unsafe { V::load(input.read.pointer().add(at)).store(copy.as_mut_ptr().add(at)) };
        }
    }
}

/// Add errors times outputs to the inputs, and errors times inputs to the outputs.
///
/// `before` has the inputs' values if other tiles may have changed them already.
#[inline(always)]
unsafe fn update<V: Lanes, const O: usize>(
    inputs: &[Input],
    before: &[f32],
    tile: &Tile,
    width: usize,
    errors: &[[f32; 8]],
) {
    let rows: [*mut f32; O] = std::array::from_fn(|o| tile.rows[o].pointer());
    for at in (0..width).step_by(V::LANES) {
        // SAFETY: `at` stays inside the rows and copies.
        unsafe {
            let mut old = [V::splat(0.0); O];
            for o in 0..O {
                old[o] = V::load(rows[o].add(at));
            }
            let mut new = old;
            let mut copy = before.as_ptr();
            for (input, errors) in inputs.iter().zip(errors) {
                let read = if before.is_empty() { input.read.pointer().cast_const() } else { copy };
                copy = copy.wrapping_add(width);
                let value = V::load(read.add(at));
                let mut sum = V::load(input.write.pointer().add(at));
                for o in 0..O {
                    let error = V::splat(errors[o]);
                    sum = error.mul_add(old[o], sum);
                    new[o] = error.mul_add(value, new[o]);
                }
                sum.store(input.write.pointer().add(at));
            }
            for o in 0..O {
                new[o].store(rows[o].add(at));
            }
        }
    }
}

#[inline(always)]
unsafe fn gather<V: Lanes>(rows: &[Row], scale: f32, to: Row, delta: Row, width: usize) {
    for at in (0..width).step_by(V::LANES) {
        // SAFETY: `at` stays inside the rows.
        unsafe {
            let zero = V::splat(0.0);
            let mut sum = zero;
            for row in rows {
                sum = sum.add(V::load(row.pointer().add(at)));
            }
            V::splat(scale).mul_add(sum, zero).store(to.pointer().add(at));
            zero.store(delta.pointer().add(at));
        }
    }
}

#[inline(always)]
unsafe fn scatter<V: Lanes>(rows: &[Row], scale: f32, delta: Row, width: usize) {
    for row in rows {
        for at in (0..width).step_by(V::LANES) {
            // SAFETY: `at` stays inside the rows.
            unsafe {
                let to = row.pointer().add(at);
                V::splat(scale).mul_add(V::load(delta.pointer().add(at)), V::load(to)).store(to);
            }
        }
    }
}

/// 1 / (1 + e^-x) within 1e-6, in operations that the compiler can do for many values at once.
///
/// e^-x = 2^n · 2^r with `n` an integer and `r` in ±1/2, 2^r by its Taylor polynomial.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    // Adding this rounds to an integer, which then stands in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let y = (x * -std::f32::consts::LOG2_E).clamp(-60.0, 60.0);
    let shifted = y + MAGIC;
    let r = (y - (shifted - MAGIC)) * std::f32::consts::LN_2;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000));
    let p = 1.0 + r * (1.0 + r * (1.0 / 2.0 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0)))));
    1.0 / (1.0 + p * power)
}

/// -log σ(score) of what is true and -log σ(-score) of what is wrong, as often as each counts.
#[cold]
fn add_loss(inputs: &[Input], tile: &Tile, scores: &[[f32; 8]], loss: &mut f64) {
    for (input, scores) in inputs.iter().zip(scores) {
        for (o, &score) in scores.iter().enumerate().take(tile.count) {
            let right = if tile.labels[o] > 0.5 { score } else { -score };
            // Stable for both signs: log(1 + e^-x) = max(-x, 0) + log(1 + e^-|x|).
            let cost = (-right).max(0.0) + (-right.abs()).exp().ln_1p();
            *loss += f64::from(cost * input.weight * tile.weights[o]);
        }
    }
}
