//! Products of the rows of a matrix with a few input rows.

use std::marker::PhantomData;

use ferrolm_base::simd::Level;

use super::vector::Vector;
use crate::linear::{Format, GROUP, Weights, nearest, q4_block, q8_block};

/// Input rows that a weight is multiplied with once it is read.
const TILE: usize = 4;

/// Input rows, padded with zeros to whole groups; for quantized weights as bytes and a scale for each group.
pub(crate) struct Input {
    rows: usize,
    groups: usize,
    values: Vec<f32>,
    quants: Vec<i8>,
    scales: Vec<f32>,
}

impl Input {
    pub fn new(level: Level, x: &[f32], inputs: usize, quantized: bool) -> Self {
        let groups = inputs.div_ceil(GROUP);
        let rows = x.len().checked_div(inputs).unwrap_or(0);
        let mut values = vec![0.0; rows * groups * GROUP];
        for (row, x) in values.chunks_exact_mut((groups * GROUP).max(1)).zip(x.chunks_exact(inputs.max(1))) {
            row[..inputs].copy_from_slice(x);
        }
        let mut input = Self { rows, groups, values, quants: Vec::new(), scales: Vec::new() };
        if quantized {
            input.quants.resize(input.values.len(), 0);
            input.scales.resize(rows * groups, 0.0);
            match level {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `usable` found the instruction set.
                Level::Avx2 | Level::Avx512 => unsafe { quantize_avx2(&mut input) },
                _ => quantize(&mut input),
            }
        }
        input
    }
}

/// What is not finite makes its group, and so the result, not a number.
#[inline(always)]
fn quantize(input: &mut Input) {
    let groups = input.values.as_chunks::<GROUP>().0.iter();
    let quants = input.quants.as_chunks_mut::<GROUP>().0;
    for ((values, quants), scale) in groups.zip(quants).zip(&mut input.scales) {
        let mut largest = [0.0f32; 8];
        let mut poison = [0.0f32; 8];
        for eight in values.as_chunks::<8>().0 {
            for lane in 0..8 {
                let magnitude = eight[lane].abs();
                largest[lane] = if magnitude > largest[lane] { magnitude } else { largest[lane] };
                poison[lane] += eight[lane] * 0.0;
            }
        }
        let largest = largest.into_iter().fold(0.0f32, |a, b| if b > a { b } else { a });
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        for (quant, value) in quants.iter_mut().zip(values) {
            *quant = nearest(value * inverse) as i32 as i8;
        }
        *scale = largest / 127.0 + poison.iter().sum::<f32>();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn quantize_avx2(input: &mut Input) {
    quantize(input);
}

/// The products of the outputs from `first` on with all input rows, `(outputs, rows)` in `results`.
pub(crate) fn dots(level: Level, weights: &Weights, first: usize, input: &Input, results: &mut [f32]) {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set. AVX-512 has it too, and reading is what takes the time.
        Level::Avx2 | Level::Avx512 => unsafe { dots_avx2(weights, first, input, results) },
        // SAFETY: needs no instruction set.
        _ => unsafe { dots_portable(weights, first, input, results) },
    }
}

unsafe fn dots_portable(weights: &Weights, first: usize, input: &Input, results: &mut [f32]) {
    use super::portable::F32x4;
    // SAFETY: needs no instruction set.
    unsafe {
        match weights.format() {
            Format::Float32 => each_tile::<Float<F32x4, Whole>>(weights, first, input, results),
            Format::Float16 => each_tile::<Float<F32x4, Half>>(weights, first, input, results),
            Format::Bfloat16 => each_tile::<Float<F32x4, Brain>>(weights, first, input, results),
            Format::Int8 => each_tile::<Plain<true>>(weights, first, input, results),
            Format::Int4 => each_tile::<Plain<false>>(weights, first, input, results),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn dots_avx2(weights: &Weights, first: usize, input: &Input, results: &mut [f32]) {
    use super::avx2::F32x8;
    // SAFETY: this function enables the instruction set, which its caller found.
    unsafe {
        match weights.format() {
            Format::Float32 => each_tile::<Float<F32x8, Whole>>(weights, first, input, results),
            Format::Float16 => each_tile::<Float<F32x8, Half>>(weights, first, input, results),
            Format::Bfloat16 => each_tile::<Float<F32x8, Brain>>(weights, first, input, results),
            Format::Int8 => each_tile::<quantized::Integer<quantized::Q8>>(weights, first, input, results),
            Format::Int4 => each_tile::<quantized::Integer<quantized::Q4>>(weights, first, input, results),
        }
    }
}

/// The product of one row of weights with some rows of the input.
trait Dots {
    /// # Safety
    /// The CPU has the instruction set of the implementing type, `row` is one of weights in its format, and the input
    /// has the rows from `from` to `from + ROWS`; there are `ROWS` results.
    unsafe fn dots<const ROWS: usize>(row: &[u8], input: &Input, from: usize, results: &mut [f32]);
}

/// Bytes of weights that meet all rows of the input before the next ones are read: they stay in the first-level cache.
const NEAR_BYTES: usize = 1 << 14;

#[inline(always)]
unsafe fn each_tile<D: Dots>(weights: &Weights, first: usize, input: &Input, results: &mut [f32]) {
    let rows = input.rows;
    let near = (NEAR_BYTES / weights.row(first).len().max(1)).max(1);
    for (part, results) in results.chunks_mut(near * rows).enumerate() {
        for from in (0..rows).step_by(TILE) {
            for (at, results) in results.chunks_exact_mut(rows).enumerate() {
                let row = weights.row(first + part * near + at);
                let results = &mut results[from..(from + TILE).min(rows)];
                // SAFETY: the caller vouches for the instruction set; rows and results are as many as they say.
                unsafe {
                    match results.len() {
                        1 => D::dots::<1>(row, input, from, results),
                        2 => D::dots::<2>(row, input, from, results),
                        3 => D::dots::<3>(row, input, from, results),
                        _ => D::dots::<TILE>(row, input, from, results),
                    }
                }
            }
        }
    }
}

/// The definition of the quantized product, for bytes or for halves of them.
struct Plain<const BYTES: bool>;

impl<const BYTES: bool> Dots for Plain<BYTES> {
    #[inline(always)]
    unsafe fn dots<const ROWS: usize>(row: &[u8], input: &Input, from: usize, results: &mut [f32]) {
        results.fill(0.0);
        let format = if BYTES { Format::Int8 } else { Format::Int4 };
        for (group, block) in row.chunks_exact(format.block_bytes()).enumerate() {
            let (scale, quants) = if BYTES { q8_block(block) } else { q4_block(block) };
            for (row, result) in (from..).zip(&mut *results) {
                let at = row * input.groups + group;
                let x = &input.quants[at * GROUP..][..GROUP];
                let product: i32 = quants.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum();
                *result += scale * input.scales[at] * product as f32;
            }
        }
    }
}

/// Weights that become float32 as they are read.
struct Float<V, K>(PhantomData<(V, K)>);

/// How one register of them is read.
trait Kind {
    const BYTES: usize;

    /// # Safety
    /// As for [`Vector::load`].
    unsafe fn load<V: Vector>(from: *const u8) -> V;
}

struct Whole;
struct Half;
struct Brain;

macro_rules! kind {
    ($name:ident, $bytes:literal, $load:ident) => {
        impl Kind for $name {
            const BYTES: usize = $bytes;

            #[inline(always)]
            unsafe fn load<V: Vector>(from: *const u8) -> V {
                // SAFETY: the caller vouches for the instruction set and the values.
                unsafe { V::$load(from.cast()) }
            }
        }
    };
}

kind!(Whole, 4, load);
kind!(Half, 2, load_f16);
kind!(Brain, 2, load_bf16);

impl<V: Vector, K: Kind> Dots for Float<V, K> {
    #[inline(always)]
    unsafe fn dots<const ROWS: usize>(row: &[u8], input: &Input, from: usize, results: &mut [f32]) {
        // SAFETY: the caller vouches for the instruction set, and for `length` values in the weights and in each input
        // row; a group has a whole number of register pairs.
        unsafe {
            let length = input.groups * GROUP;
            let (weights, x) = (row.as_ptr(), input.values.as_ptr().add(from * length));
            // Two sums for each, so that an addition need not wait for the one before.
            let (mut even, mut odd) = ([V::splat(0.0); ROWS], [V::splat(0.0); ROWS]);
            let mut at = 0;
            while at < length {
                let first: V = K::load(weights.add(at * K::BYTES));
                let second: V = K::load(weights.add((at + V::LANES) * K::BYTES));
                for row in 0..ROWS {
                    let x = x.add(row * length + at);
                    even[row] = first.mul_add(V::load(x), even[row]);
                    odd[row] = second.mul_add(V::load(x.add(V::LANES)), odd[row]);
                }
                at += 2 * V::LANES;
            }
            for ((result, even), odd) in results.iter_mut().zip(even).zip(odd) {
                *result = even.add(odd).sum();
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod quantized {
    #[allow(clippy::wildcard_imports, reason = "the intrinsics below, under their own names")]
    use std::arch::x86_64::*;
    use std::marker::PhantomData;

    use super::{Dots, GROUP, Input};

    pub trait Block {
        const BYTES: usize;

        /// The 32 weights of a block; AVX2 needed, and `BYTES` readable ones.
        unsafe fn weights(block: *const u8) -> __m256i;
    }

    pub struct Q8;
    pub struct Q4;

    impl Block for Q8 {
        const BYTES: usize = 2 + GROUP;

        #[inline(always)]
        unsafe fn weights(block: *const u8) -> __m256i {
            // SAFETY: the caller vouches for AVX2 and the bytes.
            unsafe { _mm256_loadu_si256(block.add(2).cast()) }
        }
    }

    impl Block for Q4 {
        const BYTES: usize = 2 + GROUP / 2;

        #[inline(always)]
        unsafe fn weights(block: *const u8) -> __m256i {
            // SAFETY: as above.
            unsafe {
                let bytes = _mm_loadu_si128(block.add(2).cast());
                let both = _mm256_set_m128i(_mm_srli_epi16::<4>(bytes), bytes);
                _mm256_sub_epi8(_mm256_and_si256(both, _mm256_set1_epi8(15)), _mm256_set1_epi8(8))
            }
        }
    }

    /// Quantized weights.
    pub struct Integer<B>(PhantomData<B>);

    impl<B: Block> Dots for Integer<B> {
        #[inline(always)]
        unsafe fn dots<const ROWS: usize>(row: &[u8], input: &Input, from: usize, results: &mut [f32]) {
            // SAFETY: the caller vouches for AVX2; `row` has `groups` blocks, and the input `ROWS` times as many groups.
            unsafe {
                let (row, groups) = (row.as_ptr(), input.groups);
                // Two sums for each, so that an addition need not wait for the one before.
                let (mut even, mut odd) = ([_mm256_setzero_ps(); ROWS], [_mm256_setzero_ps(); ROWS]);
                let mut group = 0;
                while group + 1 < groups {
                    add_group::<B, ROWS>(row, group, input, from, &mut even);
                    add_group::<B, ROWS>(row, group + 1, input, from, &mut odd);
                    group += 2;
                }
                if group < groups {
                    add_group::<B, ROWS>(row, group, input, from, &mut even);
                }
                for ((result, even), odd) in results.iter_mut().zip(even).zip(odd) {
                    *result = sum(_mm256_add_ps(even, odd));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn add_group<B: Block, const ROWS: usize>(
        row: *const u8,
        group: usize,
        input: &Input,
        from: usize,
        sums: &mut [__m256; ROWS],
    ) {
        // SAFETY: as above.
        unsafe {
            let block = row.add(group * B::BYTES);
            let weights = B::weights(block);
            let magnitudes = _mm256_abs_epi8(weights);
            let scale = half(block);
            for (row, sum) in sums.iter_mut().enumerate() {
                let at = (from + row) * input.groups + group;
                let x = _mm256_loadu_si256(input.quants.as_ptr().add(at * GROUP).cast());
                // Unsigned times signed is what there is: the signs move to the input.
                let pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(x, weights));
                let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
                let scale = _mm256_set1_ps(scale * *input.scales.as_ptr().add(at));
                *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(fours), scale, *sum);
            }
        }
    }

    /// The scale of a block.
    #[inline(always)]
    unsafe fn half(block: *const u8) -> f32 {
        // SAFETY: the caller vouches for F16C and two readable bytes.
        unsafe {
            _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(block.cast::<u16>().read_unaligned()))))
        }
    }

    #[inline(always)]
    unsafe fn sum(lanes: __m256) -> f32 {
        // SAFETY: the caller vouches for AVX2.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
}
