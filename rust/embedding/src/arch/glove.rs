//! The step of `GloVe` for a block of pairs, compiled for each instruction set.

use ferrolm_base::simd::Level;

use crate::glove::{Block, Pair};

/// What a step needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub x_max: f32,
    pub alpha: f32,
    pub learning_rate: f32,
}

/// Errors beyond this are cut, so that no step is infinite.
const LARGEST_ERROR: f32 = 100.0;
/// Pairs whose logarithms and weights are computed at once.
const GROUP: usize = 256;

/// Train on `pairs`, whose rows are `row` blocks long; returns the sum of the losses before each step.
///
/// A word's row ends with its bias and a 1, a context's with a 1 and its bias, so that the product of the rows has both.
/// Neither 1 ever changes.
pub(crate) fn descend(
    level: Level,
    words: &mut [Block],
    contexts: &mut [Block],
    row: usize,
    pairs: &[Pair],
    rates: Rates,
) -> f64 {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level in force is never above what the machine has.
        Level::Avx2 | Level::Avx512 => unsafe { avx2(words, contexts, row, pairs, rates) },
        _ => generic::<Portable>(words, contexts, row, pairs, rates),
    }
}

// AVX-512 would double the width of what is bound by the memory already.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(words: &mut [Block], contexts: &mut [Block], row: usize, pairs: &[Pair], rates: Rates) -> f64 {
    generic::<Avx2>(words, contexts, row, pairs, rates)
}

#[inline(always)]
fn generic<O: Ops>(
    words: &mut [Block],
    contexts: &mut [Block],
    row: usize,
    pairs: &[Pair],
    rates: Rates,
) -> f64 {
    let mut loss = 0.0;
    let (mut logs, mut weights) = ([0.0; GROUP], [0.0; GROUP]);
    for pairs in pairs.chunks(GROUP) {
        for (log, pair) in logs.iter_mut().zip(pairs) {
            *log = pair.count;
        }
        logarithms_and_weights(&mut logs, &mut weights, rates);
        for (index, pair) in pairs.iter().enumerate() {
            if let Some(next) = pairs.get(index + 1) {
                O::prefetch(words, usize::from(next.word) * row, row);
                O::prefetch(contexts, usize::from(next.context) * row, row);
            }
            let word = &mut words[usize::from(pair.word) * row..][..row];
            let context = &mut contexts[usize::from(pair.context) * row..][..row];
            let error = O::dot(word, context) - logs[index];
            let weighted = weights[index] * error;
            if weighted.is_finite() {
                loss += f64::from(0.5 * weighted * error);
                let step = weighted.clamp(-LARGEST_ERROR, LARGEST_ERROR) * rates.learning_rate;
                O::update(word, context, step);
            }
        }
    }
    loss
}

/// From counts to their logarithms, and their weights min(1, (count / `x_max`)^alpha).
#[inline(always)]
fn logarithms_and_weights(counts: &mut [f32; GROUP], weights: &mut [f32; GROUP], rates: Rates) {
    let log_max = rates.x_max.ln();
    for (count, weight) in counts.iter_mut().zip(weights) {
        let log = logarithm(*count);
        *weight = exponential((rates.alpha * (log - log_max)).min(0.0));
        *count = log;
    }
}

/// ln x within 2e-7, of positive normal numbers.
///
/// x = 2^n · m with m from √½ to √2, and ln m by the series of 2 artanh((m - 1) / (m + 1)).
#[inline(always)]
fn logarithm(x: f32) -> f32 {
    // The bits of √½: what lies above them in steps of 2^23 is the exponent.
    let bits = x.to_bits().wrapping_sub(0x3F35_04F3);
    let n = (bits.cast_signed() >> 23) as f32;
    let m = f32::from_bits((bits & 0x007F_FFFF).wrapping_add(0x3F35_04F3));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = 2.0 + z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * (2.0 / 7.0 + z * (2.0 / 9.0))));
    n * std::f32::consts::LN_2 + s * series
}

/// e^x within a few units of the last place, for x from -80 to 0.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    // Adding this rounds to an integer, which then stands in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let y = (x * std::f32::consts::LOG2_E).max(-120.0);
    let shifted = y + MAGIC;
    let r = (y - (shifted - MAGIC)) * std::f32::consts::LN_2;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000));
    let p = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0));
    power * (1.0 + r * (1.0 + r * (1.0 / 2.0 + r * (1.0 / 6.0 + r * p))))
}

trait Ops {
    fn prefetch(rows: &[Block], start: usize, blocks: usize);
    fn dot(word: &[Block], context: &[Block]) -> f32;
    /// One step of `AdaGrad` (Duchi et al. 2011); `step` is the learning rate times the derivative by the product.
    fn update(word: &mut [Block], context: &mut [Block], step: f32);
}

struct Portable;

impl Ops for Portable {
    #[inline(always)]
    fn prefetch(_rows: &[Block], _start: usize, _blocks: usize) {}

    #[inline(always)]
    fn dot(word: &[Block], context: &[Block]) -> f32 {
        let mut sums = [0.0; 8];
        for (word, context) in word.iter().zip(context) {
            for (sum, (word, context)) in sums.iter_mut().zip(word.values.iter().zip(&context.values)) {
                *sum += word * context;
            }
        }
        sums.iter().sum()
    }

    #[inline(always)]
    fn update(word: &mut [Block], context: &mut [Block], step: f32) {
        let [Some(word_end), Some(context_end)] = [word.last(), context.last()] else { return };
        let (ones_of_word, ones_of_context) = (word_end.values[7], context_end.values[6]);
        let squares = (word_end.squares[7], context_end.squares[6]);
        for (word, context) in word.iter_mut().zip(context.iter_mut()) {
            for lane in 0..8 {
                let (to_word, to_context) = (step * context.values[lane], step * word.values[lane]);
                word.values[lane] -= to_word / word.squares[lane].sqrt();
                context.values[lane] -= to_context / context.squares[lane].sqrt();
                word.squares[lane] += to_word * to_word;
                context.squares[lane] += to_context * to_context;
            }
        }
        if let [Some(word), Some(context)] = [word.last_mut(), context.last_mut()] {
            (word.values[7], context.values[6]) = (ones_of_word, ones_of_context);
            (word.squares[7], context.squares[6]) = squares;
        }
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2_operations {
    use std::arch::x86_64::{
        __m256, _MM_HINT_T0, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps,
        _mm_prefetch, _mm256_add_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_mul_ps, _mm256_rsqrt_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };

    use super::{Avx2, Block, Ops};

    #[inline(always)]
    fn load(values: &[f32; 8]) -> __m256 {
        // SAFETY: only functions that enable AVX use this; the array has one vector.
        unsafe { _mm256_loadu_ps(values.as_ptr()) }
    }

    #[inline(always)]
    fn store(values: &mut [f32; 8], vector: __m256) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr(), vector) }
    }

    /// -1/√x: the estimate of 12 bits, and one step of Newton's method to 22.
    #[inline(always)]
    fn negative_inverse_root(x: __m256) -> __m256 {
        // SAFETY: only functions that enable AVX2 and FMA use this.
        unsafe {
            let estimate = _mm256_rsqrt_ps(x);
            let square = _mm256_mul_ps(estimate, estimate);
            let error = _mm256_fmadd_ps(_mm256_mul_ps(x, _mm256_set1_ps(0.5)), square, _mm256_set1_ps(-1.5));
            _mm256_mul_ps(estimate, error)
        }
    }

    /// One block of either row; `masks` are 0 where nothing is to change.
    #[inline(always)]
    fn update_block(word: &mut Block, context: &mut Block, step: __m256, masks: Option<[__m256; 2]>) {
        // SAFETY: only functions that enable AVX2 and FMA use this.
        unsafe {
            let (w, c) = (load(&word.values), load(&context.values));
            let (mut to_word, mut to_context) = (_mm256_mul_ps(step, c), _mm256_mul_ps(step, w));
            if let Some([of_word, of_context]) = masks {
                to_word = _mm256_mul_ps(to_word, of_word);
                to_context = _mm256_mul_ps(to_context, of_context);
            }
            let (word_squares, context_squares) = (load(&word.squares), load(&context.squares));
            let (word_scale, context_scale) =
                (negative_inverse_root(word_squares), negative_inverse_root(context_squares));
            store(&mut word.values, _mm256_fmadd_ps(to_word, word_scale, w));
            store(&mut context.values, _mm256_fmadd_ps(to_context, context_scale, c));
            store(&mut word.squares, _mm256_fmadd_ps(to_word, to_word, word_squares));
            store(&mut context.squares, _mm256_fmadd_ps(to_context, to_context, context_squares));
        }
    }

    impl Ops for Avx2 {
        #[inline(always)]
        fn prefetch(rows: &[Block], start: usize, blocks: usize) {
            let Some(rows) = rows.get(start..start + blocks) else { return };
            for block in rows {
                // SAFETY: a prefetch reads nothing.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(block).cast()) }
            }
        }

        #[inline(always)]
        fn dot(word: &[Block], context: &[Block]) -> f32 {
            // SAFETY: only `avx2` uses this type, which enables the instructions.
            unsafe {
                let mut sums = [_mm256_setzero_ps(); 4];
                for (words, contexts) in word.chunks(4).zip(context.chunks(4)) {
                    for ((word, context), sum) in words.iter().zip(contexts).zip(&mut sums) {
                        *sum = _mm256_fmadd_ps(load(&word.values), load(&context.values), *sum);
                    }
                }
                let [a, b, c, d] = sums;
                let eight = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
                let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }

        #[inline(always)]
        fn update(word: &mut [Block], context: &mut [Block], step: f32) {
            // SAFETY: only `avx2` uses this type, which enables the instructions.
            let step = unsafe { _mm256_set1_ps(step) };
            let ([words @ .., word_end], [contexts @ .., context_end]) = (word, context) else { return };
            for (word, context) in words.iter_mut().zip(contexts) {
                update_block(word, context, step, None);
            }
            let masks = [
                load(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
                load(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0]),
            ];
            update_block(word_end, context_end, step, Some(masks));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_and_weights_are_near_the_exact_ones() {
        for i in -60..1200 {
            let x = 1.03f32.powi(i) / 8.0;
            let exact = f64::from(x).ln();
            assert!((f64::from(logarithm(x)) - exact).abs() <= 2e-7 * exact.abs().max(1.0), "{x}");
            let power = exponential(-x.min(80.0));
            let exact = (-f64::from(x.min(80.0))).exp();
            assert!((f64::from(power) / exact - 1.0).abs() < 5e-6, "{x} {power} {exact}");
        }
    }

    #[test]
    fn every_level_takes_the_step_of_the_definition() {
        let row = 3;
        let mut rows = [0.37f32, 0.71].map(|seed| {
            (0..row * 5)
                .map(|block| Block {
                    values: std::array::from_fn(|lane| ((block * 8 + lane) as f32 * seed).sin() / 4.0),
                    squares: std::array::from_fn(|lane| 1.0 + ((block + lane) as f32 * seed).cos().abs()),
                })
                .collect::<Vec<_>>()
        });
        for end in (row - 1..row * 5).step_by(row) {
            (rows[0][end].values[7], rows[1][end].values[6]) = (1.0, 1.0);
        }
        let pairs = [(0, 1, 3.0), (0, 1, 30.0), (4, 0, 0.5), (2, 2, 10.0)];
        let pairs = pairs.map(|(word, context, count)| Pair { word, context, count });
        let rates = Rates { x_max: 10.0, alpha: 0.75, learning_rate: 0.05 };
        let [mut words, mut contexts] = rows.clone();
        let expected = definition(&mut words, &mut contexts, row, &pairs, rates);
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let level = level.min(ferrolm_base::simd::detected());
            let [mut ours, mut others] = rows.clone();
            let loss = descend(level, &mut ours, &mut others, row, &pairs, rates);
            assert!((loss / expected - 1.0).abs() < 1e-5, "{loss} {expected}");
            for (ours, exact) in ours.iter().chain(&others).zip(words.iter().chain(&contexts)) {
                for lane in 0..8 {
                    assert!((ours.values[lane] - exact.values[lane]).abs() < 2e-6, "{ours:?} {exact:?}");
                    assert!((ours.squares[lane] - exact.squares[lane]).abs() < 2e-6, "{ours:?} {exact:?}");
                }
            }
        }
    }

    /// In double precision, one value after another.
    fn definition(
        words: &mut [Block],
        contexts: &mut [Block],
        row: usize,
        pairs: &[Pair],
        rates: Rates,
    ) -> f64 {
        let mut loss = 0.0;
        for pair in pairs {
            let at = |index: usize| (index / 8, index % 8);
            let (word, context) = (usize::from(pair.word) * row, usize::from(pair.context) * row);
            let value = |rows: &[Block], start: usize, index: usize| {
                f64::from(rows[start + at(index).0].values[at(index).1])
            };
            let product: f64 =
                (0..row * 8).map(|i| value(words, word, i) * value(contexts, context, i)).sum();
            let count = f64::from(pair.count);
            let weight = (count / f64::from(rates.x_max)).powf(f64::from(rates.alpha)).min(1.0);
            let error = product - count.ln();
            loss += 0.5 * weight * error * error;
            for i in 0..row * 8 {
                let step = f64::from(rates.learning_rate) * weight * error;
                let (w, c) = (value(words, word, i), value(contexts, context, i));
                let change = |rows: &mut [Block], start: usize, by: f64| {
                    let block = &mut rows[start + at(i).0];
                    let square = f64::from(block.squares[at(i).1]);
                    block.values[at(i).1] -= (by / square.sqrt()) as f32;
                    block.squares[at(i).1] = (square + by * by) as f32;
                };
                if i != row * 8 - 1 {
                    change(words, word, step * c);
                }
                if i != row * 8 - 2 {
                    change(contexts, context, step * w);
                }
            }
        }
        loss
    }
}
