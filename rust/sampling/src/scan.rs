//! The pass over a row: block maxima, sums of exponentials, and reading the few blocks that matter again.

use crate::error::SamplingError;
use crate::history::Patch;
use crate::kernels::{BLOCK, Kernels, LANES};
use crate::logits::Values;
use crate::spread::{Moments, weighted_drop};

/// 16-bit logits are widened, and patched ones copied, this many at a time: 16 KB of float32, which stay in the first-level cache.
const STRETCH: usize = 16 * BLOCK;

/// A row as the filters see it: float32, with the patched logits in place of those in memory.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub index: usize,
    pub values: Values<'a>,
    /// Sorted by token, all within the vocabulary.
    pub patches: &'a [Patch],
    /// Bits of the tokens that may be chosen, 32 in a word from the lowest on; of the parameters and of the step.
    pub masks: [Option<&'a [u32]>; 2],
    pub kernels: &'a Kernels,
}

impl Row<'_> {
    pub fn blocks(&self) -> usize {
        self.values.len().div_ceil(BLOCK)
    }

    /// One block; `buffer` is used when it cannot be read in place.
    pub fn block<'b>(&'b self, block: usize, buffer: &'b mut Vec<f32>) -> &'b [f32] {
        let start = block * BLOCK;
        let first = self.patches.partition_point(|patch| (patch.token as usize) < start);
        self.part(start, (start + BLOCK).min(self.values.len()), &self.patches[first..], buffer)
    }

    /// The logit of one token.
    pub fn get(&self, token: u32) -> f32 {
        match self.patches.binary_search_by_key(&token, |patch| patch.token) {
            Ok(at) => self.patches[at].value,
            Err(_) => self.values.get(token as usize),
        }
    }

    /// The logits of `start..end`, where `patches` are those from `start` on.
    #[inline]
    fn part<'b>(
        &'b self,
        start: usize,
        end: usize,
        patches: &[Patch],
        buffer: &'b mut Vec<f32>,
    ) -> &'b [f32] {
        let patched = patches.first().is_some_and(|patch| (patch.token as usize) < end);
        if let (Values::Float32(values), false, false) = (self.values, patched, self.is_masked()) {
            return &values[start..end];
        }
        buffer.resize(end - start, 0.0);
        match self.values {
            Values::Float32(values) => buffer.copy_from_slice(&values[start..end]),
            Values::Float16(bits) => (self.kernels.widen_float16)(&bits[start..end], buffer),
            Values::BFloat16(bits) => (self.kernels.widen_bfloat16)(&bits[start..end], buffer),
        }
        for patch in patches.iter().take_while(|patch| (patch.token as usize) < end) {
            buffer[patch.token as usize - start] = patch.value;
        }
        for mask in self.masks.into_iter().flatten() {
            apply_mask(buffer, mask.get(start / 32..).unwrap_or_default());
        }
        buffer
    }

    fn is_masked(&self) -> bool {
        self.masks.iter().any(Option::is_some)
    }

    /// The whole row in order, in stretches of whole blocks as long as can be read at once.
    fn for_each_stretch(&self, buffer: &mut Vec<f32>, mut visit: impl FnMut(usize, &[f32])) {
        let (end, mut start) = (self.values.len(), 0);
        let mut patches = self.patches;
        while start < end {
            let stop = match self.values {
                Values::Float32(_) if !self.is_masked() => float32_stop(start, patches),
                _ => start + STRETCH,
            };
            let stop = stop.min(end);
            visit(start / BLOCK, self.part(start, stop, patches, buffer));
            patches = from(patches, stop);
            start = stop;
        }
    }

    /// Block maxima; returns the maximum of the row. Errors on NaN, +inf, and when nothing is above -inf.
    pub fn scan_maxima(&self, maxima: &mut Vec<f32>, buffer: &mut Vec<f32>) -> Result<f32, SamplingError> {
        maxima.resize(self.blocks(), 0.0);
        let mut nan = false;
        match self.values {
            Values::Float16(bits) if self.patches.is_empty() && !self.is_masked() => {
                nan = (self.kernels.maxima_float16)(bits, maxima);
            }
            Values::BFloat16(bits) if self.patches.is_empty() && !self.is_masked() => {
                nan = (self.kernels.maxima_bfloat16)(bits, maxima);
            }
            _ => self.for_each_stretch(buffer, |block, values| {
                nan |= (self.kernels.maxima)(values, &mut maxima[block..]);
            }),
        }
        self.checked_maximum(maxima, nan, buffer)
    }

    /// The same, and for each block the sum of 2^((x - its maximum) · scale).
    pub fn scan_sums(
        &self,
        scale: f32,
        maxima: &mut Vec<f32>,
        sums: &mut Vec<f32>,
        buffer: &mut Vec<f32>,
    ) -> Result<f32, SamplingError> {
        maxima.resize(self.blocks(), 0.0);
        sums.resize(self.blocks(), 0.0);
        let mut nan = false;
        self.for_each_stretch(buffer, |block, values| {
            nan |= (self.kernels.maxima_and_sums)(values, scale, &mut maxima[block..], &mut sums[block..]);
        });
        self.checked_maximum(maxima, nan, buffer)
    }

    /// Standard deviation of the logits above -inf, of which there is at least one; divided by their number.
    pub fn deviation(&self, maximum: f32, buffer: &mut Vec<f32>) -> f64 {
        let mut moments = Moments::new(maximum);
        self.for_each_stretch(buffer, |_, values| moments.add(values));
        if moments.overflowed() {
            moments = Moments::of_large(maximum);
            self.for_each_stretch(buffer, |_, values| moments.add(values));
        }
        moments.deviation()
    }

    /// How many logits are above -inf.
    pub fn count(&self, buffer: &mut Vec<f32>) -> usize {
        let mut count = 0;
        self.for_each_stretch(buffer, |_, values| {
            count += values.iter().filter(|value| **value > f32::NEG_INFINITY).count();
        });
        count
    }

    /// Sum of the weights 2^((x - maximum) · scale), and that of the weights times (maximum - x).
    pub fn weighted_drop(
        &self,
        maximum: f32,
        scale: f32,
        weights: &mut Vec<f32>,
        buffer: &mut Vec<f32>,
    ) -> [f64; 2] {
        let mut sums = [0.0; 2];
        self.for_each_stretch(buffer, |_, values| {
            // As many as stay in the nearest cache.
            for values in values.chunks(STRETCH) {
                weights.resize(values.len(), 0.0);
                (self.kernels.exponentials)(values, maximum, scale, weights);
                let [total, drop] = weighted_drop(values, weights, maximum);
                (sums[0], sums[1]) = (sums[0] + total, sums[1] + drop);
            }
        });
        sums
    }

    /// Maxima of the lanes of each block, sixteen a block: a finer net than block maxima.
    pub fn scan_lanes(&self, maxima: &mut Vec<[f32; LANES]>, buffer: &mut Vec<f32>) {
        maxima.resize(self.blocks(), [0.0; LANES]);
        self.for_each_stretch(buffer, |block, values| {
            (self.kernels.lane_maxima)(values, &mut maxima[block..]);
        });
    }

    fn checked_maximum(
        &self,
        maxima: &[f32],
        nan: bool,
        buffer: &mut Vec<f32>,
    ) -> Result<f32, SamplingError> {
        let maximum = largest(maxima);
        let row = self.index;
        if !nan && maximum.is_finite() {
            return Ok(maximum);
        }
        let all = self.part(0, self.values.len(), self.patches, buffer);
        if let Some(token) = all.iter().position(|x| x.is_nan()) {
            return Err(SamplingError::NotANumber { row, token });
        }
        match all.iter().position(|x| *x == f32::INFINITY) {
            Some(token) => Err(SamplingError::Infinite { row, token }),
            None => Err(SamplingError::NothingLeft { row }),
        }
    }

    /// The first token whose logit is the maximum.
    pub fn first_maximum(&self, maximum: f32, maxima: &[f32], buffer: &mut Vec<f32>) -> u32 {
        let block = maxima.iter().position(|top| *top == maximum).unwrap_or_default();
        let within = self.block(block, buffer).iter().position(|x| *x == maximum).unwrap_or_default();
        (block * BLOCK + within) as u32
    }

    /// All logits that are at least `bound` (finite), with their tokens, in order of tokens.
    pub fn gather(
        &self,
        bound: f32,
        maxima: &[f32],
        values: &mut Vec<f32>,
        tokens: &mut Vec<u32>,
        buffer: &mut Vec<f32>,
    ) {
        values.clear();
        tokens.clear();
        let mut patches = self.patches;
        for (block, _) in maxima.iter().enumerate().filter(|(_, top)| **top >= bound) {
            let start = block * BLOCK;
            patches = from(patches, start);
            let logits = self.part(start, (start + BLOCK).min(self.values.len()), patches, buffer);
            (self.kernels.gather)(logits, start as u32, bound, values, tokens);
        }
    }
}

/// Take away what has no bit; beyond the end of the mask there is none.
fn apply_mask(values: &mut [f32], mask: &[u32]) {
    let mut words = mask.iter();
    for values in values.chunks_mut(32) {
        match words.next().copied().unwrap_or_default() {
            u32::MAX => {}
            0 => values.fill(f32::NEG_INFINITY),
            word => {
                for (bit, value) in values.iter_mut().enumerate() {
                    *value = if word >> bit & 1 == 1 { *value } else { f32::NEG_INFINITY };
                }
            }
        }
    }
}

/// How far float32 logits are read at once: in place up to the block of the first patch, or a copy of the blocks in
/// a row that have patches.
fn float32_stop(start: usize, patches: &[Patch]) -> usize {
    let mut stop = start;
    for patch in patches {
        let block = patch.token as usize / BLOCK * BLOCK;
        if stop == start && block > start {
            return block;
        }
        if block > stop || stop - start >= STRETCH {
            return stop;
        }
        stop = block + BLOCK;
    }
    if stop == start { usize::MAX } else { stop }
}

/// Eight lanes, because a single one would wait for each comparison before the next.
fn largest(maxima: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let (full, rest) = maxima.as_chunks::<8>();
    let mut lanes = [f32::NEG_INFINITY; 8];
    for chunk in full {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *value);
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |top, value| larger(top, *value))
}

/// The patches of tokens from `start` on. They are few, and asked for in order, so that a step or two finds them.
#[inline]
fn from(patches: &[Patch], start: usize) -> &[Patch] {
    let before = patches.iter().take_while(|patch| (patch.token as usize) < start).count();
    &patches[before..]
}
