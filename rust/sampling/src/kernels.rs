//! The loops over logits, written once over sixteen lanes and compiled for each instruction set by `arch`.
//!
//! Every level does the same operations on the same lanes in the same order, so all levels give the same bits and
//! hence the same tokens. Fused multiply-adds are among them: exact everywhere, slow only where the CPU has none.

/// Logits that share one maximum and one sum.
pub const BLOCK: usize = 256;
pub const LANES: usize = 16;

/// Blocks whose maxima are found before their sums: blocks do not wait for each other, and 16 KB stay in the
/// first-level cache for the second look.
const STRETCH: usize = 16 * BLOCK;
/// 2^t is 0 from here down (the bits of 1.0 less 127 exponents are those of 0.0), subnormal one above, else normal.
const SMALLEST_EXPONENT: f32 = -127.0;
/// Buckets of the histogram of mass by logit.
pub const BUCKETS: usize = 1024;
/// Bits of the number of the bucket of the largest logits.
pub const FIRST_BUCKET: u32 = ROUND.to_bits();
/// 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits.
pub const ROUND: f32 = 12_582_912.0;
/// 2^f = 1 + f·q(f) on [-1/2, 1/2], relative error below 1e-7 (minimax; below 2e-7 as computed in float32).
#[expect(
    clippy::approx_constant,
    reason = "the best polynomial's first coefficient is near ln 2, not equal to it"
)]
const POLYNOMIAL: [f32; 5] = [0.693_147, 0.240_222_42, 0.055_507_336, 0.009_671_513, 0.001_326_472_7];

/// Sixteen float32 numbers.
pub trait Lanes: Copy {
    /// Remembers whether a NaN was met.
    type Flags: Copy;
    const CLEAR: Self::Flags;

    fn splat(value: f32) -> Self;
    fn load(values: &[f32; LANES]) -> Self;
    fn load_float16(bits: &[u16; LANES]) -> Self;
    fn load_bfloat16(bits: &[u16; LANES]) -> Self;
    fn store(self, out: &mut [f32; LANES]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// self · factor + term, rounded once.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The larger; `other` where either is NaN.
    fn max(self, other: Self) -> Self;
    /// Set where self or other is NaN.
    fn flag_nan(self, other: Self, flags: Self::Flags) -> Self::Flags;
    fn any(flags: Self::Flags) -> bool;
    /// self less the nearest integer, which is `rounded` less [`ROUND`].
    fn fraction(self, rounded: Self) -> Self;
    /// self · 2^n where the low bits of `rounded` hold n (see [`ROUND`]).
    fn times_power_of_two(self, rounded: Self) -> Self;
    /// Bit i: lane i >= bound.
    fn ge_mask(self, bound: Self) -> u16;
    /// Lane i with lane i + 8, then i + 4, i + 2, i + 1: the same tree at every level.
    fn reduce_add(self) -> f32;
    fn reduce_max(self) -> f32;

    /// Append the lanes of `mask` and their tokens.
    #[inline(always)]
    fn append(self, mask: u16, first_token: u32, values: &mut Vec<f32>, tokens: &mut Vec<u32>) {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        let mut mask = mask;
        while mask != 0 {
            let lane = mask.trailing_zeros();
            values.push(lanes[(lane & 15) as usize]);
            tokens.push(first_token + lane);
            mask &= mask - 1;
        }
    }
}

/// A format that logits are stored in.
pub trait Format {
    type Stored: Copy;
    const LOWEST: Self::Stored;
    fn load<V: Lanes>(stored: &[Self::Stored; LANES]) -> V;
}

pub struct Float32;
pub struct Float16;
pub struct BFloat16;

impl Format for Float32 {
    type Stored = f32;
    const LOWEST: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn load<V: Lanes>(stored: &[f32; LANES]) -> V {
        V::load(stored)
    }
}

impl Format for Float16 {
    type Stored = u16;
    const LOWEST: u16 = 0xfc00;

    #[inline(always)]
    fn load<V: Lanes>(stored: &[u16; LANES]) -> V {
        V::load_float16(stored)
    }
}

impl Format for BFloat16 {
    type Stored = u16;
    const LOWEST: u16 = 0xff80;

    #[inline(always)]
    fn load<V: Lanes>(stored: &[u16; LANES]) -> V {
        V::load_bfloat16(stored)
    }
}

/// The functions of one instruction set.
#[derive(Clone, Copy)]
pub struct Kernels {
    /// Maximum of each block of the values; returns whether a NaN is among them (the maxima are then void).
    pub maxima: fn(values: &[f32], maxima: &mut [f32]) -> bool,
    pub maxima_float16: fn(bits: &[u16], maxima: &mut [f32]) -> bool,
    pub maxima_bfloat16: fn(bits: &[u16], maxima: &mut [f32]) -> bool,
    /// The same, and for each block the sum of 2^((x - maximum) · scale).
    pub maxima_and_sums: fn(values: &[f32], scale: f32, maxima: &mut [f32], sums: &mut [f32]) -> bool,
    /// Maximum of each lane of each block: of logits that stand a multiple of sixteen apart.
    pub lane_maxima: fn(values: &[f32], maxima: &mut [[f32; LANES]]),
    /// Sum of each block.
    pub sums: fn(values: &[f32], sums: &mut [f32]),
    /// out = 2^((x - maximum) · scale), with x <= maximum; relative error below 2e-7 + 1e-7·|exponent|.
    pub exponentials: fn(values: &[f32], maximum: f32, scale: f32, out: &mut [f32]),
    /// Append the values that are >= bound, and their tokens, in order.
    pub gather: fn(values: &[f32], first_token: u32, bound: f32, out: &mut Vec<f32>, tokens: &mut Vec<u32>),
    /// The bucket of each value, as a float whose bits count down from [`FIRST_BUCKET`]; `high` is in the first.
    pub buckets: fn(values: &[f32], high: f32, per_unit: f32, out: &mut [f32]),
    pub widen_float16: fn(bits: &[u16], out: &mut [f32]),
    pub widen_bfloat16: fn(bits: &[u16], out: &mut [f32]),
}

/// Full vectors, and the rest padded with -inf, which changes no maximum and no sum.
///
/// The loops below treat both by name rather than through a closure: a closure would not be inlined into the function
/// that enables the instructions, and each intrinsic would become a call.
#[inline(always)]
fn vectors(values: &[f32]) -> (&[[f32; LANES]], Option<[f32; LANES]>) {
    vectors_of::<Float32>(values)
}

type Vectors<'a, F> = (&'a [[<F as Format>::Stored; LANES]], Option<[<F as Format>::Stored; LANES]>);

#[inline(always)]
fn vectors_of<F: Format>(values: &[F::Stored]) -> Vectors<'_, F> {
    let (full, rest) = values.as_chunks::<LANES>();
    let pad = || {
        let mut padded = [F::LOWEST; LANES];
        padded[..rest.len()].copy_from_slice(rest);
        padded
    };
    (full, (!rest.is_empty()).then(pad))
}

#[inline(always)]
fn block_maximum<F: Format, V: Lanes>(block: &[F::Stored], flags: &mut V::Flags) -> f32 {
    let (full, rest) = vectors_of::<F>(block);
    // Two vectors share one look for NaN, and two maxima run beside each other.
    let (pairs, last) = full.as_chunks::<2>();
    let (mut even, mut odd) = (V::splat(f32::NEG_INFINITY), V::splat(f32::NEG_INFINITY));
    for [a, b] in pairs {
        let (a, b) = (F::load::<V>(a), F::load::<V>(b));
        *flags = a.flag_nan(b, *flags);
        (even, odd) = (even.max(a), odd.max(b));
    }
    for vector in last.iter().chain(rest.as_ref()) {
        let x = F::load::<V>(vector);
        *flags = x.flag_nan(x, *flags);
        even = even.max(x);
    }
    even.max(odd).reduce_max()
}

#[inline(always)]
fn block_sum<V: Lanes>(block: &[f32], maximum: f32, scale: V) -> f32 {
    let (top, (full, rest)) = (V::splat(maximum), vectors(block));
    let mut total = V::splat(0.0);
    for vector in full {
        total = total.add(exp2(V::load(vector).sub(top).mul(scale)));
    }
    if let Some(vector) = rest {
        total = total.add(exp2(V::load(&vector).sub(top).mul(scale)));
    }
    total.reduce_add()
}

#[inline(always)]
pub fn maxima<F: Format, V: Lanes>(values: &[F::Stored], maxima: &mut [f32]) -> bool {
    let mut flags = V::CLEAR;
    for (block, maximum) in values.chunks(BLOCK).zip(maxima) {
        *maximum = block_maximum::<F, V>(block, &mut flags);
    }
    V::any(flags)
}

#[inline(always)]
pub fn maxima_and_sums<V: Lanes>(values: &[f32], scale: f32, maxima: &mut [f32], sums: &mut [f32]) -> bool {
    let mut flags = V::CLEAR;
    let scale = V::splat(scale);
    let outputs = maxima.chunks_mut(STRETCH / BLOCK).zip(sums.chunks_mut(STRETCH / BLOCK));
    for (stretch, (maxima, sums)) in values.chunks(STRETCH).zip(outputs) {
        for (block, maximum) in stretch.chunks(BLOCK).zip(maxima.iter_mut()) {
            *maximum = block_maximum::<Float32, V>(block, &mut flags);
        }
        for ((block, maximum), sum) in stretch.chunks(BLOCK).zip(maxima).zip(sums) {
            *sum = block_sum(block, *maximum, scale);
        }
    }
    V::any(flags)
}

#[inline(always)]
pub fn lane_maxima<V: Lanes>(values: &[f32], maxima: &mut [[f32; LANES]]) {
    for (block, out) in values.chunks(BLOCK).zip(maxima) {
        let (full, rest) = vectors(block);
        let mut maximum = V::splat(f32::NEG_INFINITY);
        for vector in full {
            maximum = maximum.max(V::load(vector));
        }
        if let Some(vector) = rest {
            maximum = maximum.max(V::load(&vector));
        }
        maximum.store(out);
    }
}

#[inline(always)]
pub fn sums<V: Lanes>(values: &[f32], sums: &mut [f32]) {
    for (block, sum) in values.chunks(BLOCK).zip(sums) {
        let (full, rest) = block.as_chunks::<LANES>();
        let mut total = V::splat(0.0);
        for vector in full {
            total = total.add(V::load(vector));
        }
        let mut padded = [0.0; LANES];
        padded[..rest.len()].copy_from_slice(rest);
        *sum = total.add(V::load(&padded)).reduce_add();
    }
}

#[inline(always)]
pub fn exponentials<V: Lanes>(values: &[f32], maximum: f32, scale: f32, out: &mut [f32]) {
    let (top, scale) = (V::splat(maximum), V::splat(scale));
    let ((full, rest), (full_out, rest_out)) = (vectors(values), out.as_chunks_mut::<LANES>());
    for (vector, out) in full.iter().zip(full_out) {
        exp2(V::load(vector).sub(top).mul(scale)).store(out);
    }
    if let Some(vector) = rest {
        let mut padded = [0.0; LANES];
        exp2(V::load(&vector).sub(top).mul(scale)).store(&mut padded);
        rest_out.copy_from_slice(&padded[..rest_out.len()]);
    }
}

#[inline(always)]
pub fn gather<V: Lanes>(
    values: &[f32],
    first_token: u32,
    bound: f32,
    out: &mut Vec<f32>,
    tokens: &mut Vec<u32>,
) {
    let bounds = V::splat(bound);
    let (full, rest) = vectors(values);
    let mut token = first_token;
    for vector in full {
        let x = V::load(vector);
        let mask = x.ge_mask(bounds);
        if mask != 0 {
            x.append(mask, token, out, tokens);
        }
        token += LANES as u32;
    }
    if let Some(vector) = rest {
        // The bound is finite, so that the padding does not pass.
        let x = V::load(&vector);
        x.append(x.ge_mask(bounds), token, out, tokens);
    }
}

#[inline(always)]
pub fn buckets<V: Lanes>(values: &[f32], high: f32, per_unit: f32, out: &mut [f32]) {
    let (high, per_unit, last) = (V::splat(high), V::splat(per_unit), V::splat(1.0 - BUCKETS as f32));
    let ((full, rest), (full_out, rest_out)) = (vectors(values), out.as_chunks_mut::<LANES>());
    for (vector, out) in full.iter().zip(full_out) {
        bucket(V::load(vector), high, per_unit, last).store(out);
    }
    if let Some(vector) = rest {
        let mut padded = [0.0; LANES];
        bucket(V::load(&vector), high, per_unit, last).store(&mut padded);
        rest_out.copy_from_slice(&padded[..rest_out.len()]);
    }
}

#[inline(always)]
fn bucket<V: Lanes>(x: V, high: V, per_unit: V, last: V) -> V {
    x.sub(high).mul(per_unit).max(last).add(V::splat(ROUND))
}

#[inline(always)]
pub fn widen(bits: &[u16], out: &mut [f32], convert: impl Fn(u16) -> f32) {
    for (bits, out) in bits.iter().zip(out) {
        *out = convert(*bits);
    }
}

/// 2^t for t <= 0; 0 for -inf and for NaN, which -inf less -inf gives.
#[inline(always)]
fn exp2<V: Lanes>(t: V) -> V {
    let t = t.max(V::splat(SMALLEST_EXPONENT));
    let rounded = t.add(V::splat(ROUND));
    let fraction = t.fraction(rounded);
    let mut power = V::splat(POLYNOMIAL[4]);
    for degree in [3, 2, 1, 0] {
        power = power.mul_add(fraction, V::splat(POLYNOMIAL[degree]));
    }
    power.mul_add(fraction, V::splat(1.0)).times_power_of_two(rounded)
}
