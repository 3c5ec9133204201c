//! Input rows as the kernels read them.

use ferrolm_base::simd::Level;

#[cfg(target_arch = "x86_64")]
use super::super::avx512::F32x16;
use super::super::scratch::Buffer;
#[cfg(target_arch = "x86_64")]
use super::super::vector::{Bf16Pairs, Vector};
use crate::linear::{GROUP, nearest_byte};

/// What a kernel reads of the input rows, beside their values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Values,
    /// Bytes and a scale for each group, for quantized weights.
    Bytes,
    /// Pairs of bfloat16.
    Pairs,
}

/// Input rows, padded with zeros to whole groups.
pub(crate) struct Input {
    form: Form,
    rows: usize,
    groups: usize,
    values: Buffer,
    pairs: Buffer,
    /// Padded like the values; groups are in the order of [`Input::place`], as those of the next two are.
    pub quants: Vec<i8>,
    /// One for each group.
    pub scales: Vec<f32>,
    /// Minus eight times the sum of the group: what the kernel adds for weights that are kept 8 too large.
    pub offsets: Vec<i32>,
}

/// Rows whose groups lie side by side: what a tile of rows reads next is near what it has read, however long a row is.
const TOGETHER: usize = 8;

impl Input {
    pub fn new(level: Level, x: &[f32], inputs: usize, form: Form) -> Self {
        let groups = inputs.div_ceil(GROUP);
        let rows = x.len().checked_div(inputs).unwrap_or(0);
        let mut values = Buffer::default();
        let padded = values.take(rows * groups * GROUP);
        for (row, x) in padded.chunks_exact_mut((groups * GROUP).max(1)).zip(x.chunks_exact(inputs.max(1))) {
            row[..inputs].copy_from_slice(x);
        }
        let (quants, scales, offsets) = (Vec::new(), Vec::new(), Vec::new());
        let mut input =
            Self { form, rows, groups, values, pairs: Buffer::default(), quants, scales, offsets };
        #[cfg(target_arch = "x86_64")]
        if form == Form::Pairs {
            // SAFETY: pairs are asked for where the instruction set is usable.
            unsafe { round_avx512(&mut input) };
        }
        if form == Form::Bytes {
            input.quants.resize(rows * groups * GROUP, 0);
            input.scales.resize(rows * groups, 0.0);
            input.offsets.resize(rows * groups, 0);
            match level {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `usable` found the instruction set.
                Level::Avx2 | Level::Avx512 => unsafe { quantize_avx2(&mut input) },
                _ => quantize(&mut input),
            }
        }
        input
    }

    pub fn form(&self) -> Form {
        self.form
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn groups(&self) -> usize {
        self.groups
    }

    /// A row as pairs of bfloat16.
    #[inline(always)]
    pub fn pairs(&self, row: usize) -> *const f32 {
        self.pairs.values()[row * self.groups * GROUP / 2..].as_ptr()
    }

    /// The number of a row's group. From a row on that is a multiple of a power of two up to [`TOGETHER`], the groups of so
    /// many rows follow each other.
    #[inline(always)]
    pub fn place(&self, row: usize, group: usize) -> usize {
        let first = row - row % TOGETHER;
        first * self.groups + group * TOGETHER.min(self.rows - first) + row % TOGETHER
    }

    #[inline(always)]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values.values()[row * self.groups * GROUP..][..self.groups * GROUP]
    }
}

/// What is not finite makes its group, and so the result, not a number.
#[inline(always)]
fn quantize(input: &mut Input) {
    for row in 0..input.rows {
        for group in 0..input.groups {
            let values = &input.row(row).as_chunks::<GROUP>().0[group];
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
            let quants = values.map(|value| nearest_byte(value * inverse));
            let at = input.place(row, group);
            input.quants.as_chunks_mut::<GROUP>().0[at] = quants;
            input.scales[at] = largest / 127.0 + poison.iter().sum::<f32>();
            input.offsets[at] = -8 * quants.iter().map(|quant| i32::from(*quant)).sum::<i32>();
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn quantize_avx2(input: &mut Input) {
    quantize(input);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16,avx2,fma")]
unsafe fn round_avx512(input: &mut Input) {
    let count = input.rows * input.groups * GROUP;
    let (from, to) = (input.values.take(count), input.pairs.take(count / 2));
    for (from, to) in from.as_chunks::<GROUP>().0.iter().zip(to.as_chunks_mut::<{ GROUP / 2 }>().0) {
        // SAFETY: this function enables the instruction set, and a group is two vectors, of pairs one.
        unsafe {
            let (low, high) = (F32x16::load(from.as_ptr()), F32x16::load(from[GROUP / 2..].as_ptr()));
            F32x16::round_to_bf16(low, high).store(to.as_mut_ptr());
        }
    }
}
