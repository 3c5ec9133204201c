//! The loops over logits, written once over sixteen lanes and compiled for each instruction set by `arch`.
//!
//! Every level does the same operations on the same lanes in the same order, without fused multiply-add, so all
//! levels give the same bits and hence the same tokens.

/// Logits that share one maximum and one sum.
pub const BLOCK: usize = 256;
pub const LANES: usize = 16;

/// Below this, 2^t is taken as 0, which spares the subnormal range; a token of relative probability 2^-125 is
/// not drawn in the age of the universe.
const SMALLEST_EXPONENT: f32 = -125.0;
/// 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0;
/// 2^f = 1 + f·q(f) on [-1/2, 1/2], relative error below 1e-7 (minimax; below 2e-7 as computed in float32).
#[expect(
    clippy::approx_constant,
    reason = "the best polynomial's first coefficient is near ln 2, not equal to it"
)]
const POLYNOMIAL: [f32; 5] = [0.693_147, 0.240_222_42, 0.055_507_336, 0.009_671_513, 0.001_326_472_7];

/// Sixteen float32 numbers.
pub trait Lanes: Copy {
    fn splat(value: f32) -> Self;
    fn load(values: &[f32; LANES]) -> Self;
    fn store(self, out: &mut [f32; LANES]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// Bits of |x|, the larger of both as integers: above infinity's bits for NaN.
    fn magnitude_max(self, x: Self) -> Self;
    /// self · 2^n where the low bits of `rounded` hold n (see [`ROUND`]).
    fn times_power_of_two(self, rounded: Self) -> Self;
    /// self where t >= bound, else 0 (also where t is NaN).
    fn zero_unless_ge(self, t: Self, bound: Self) -> Self;
    /// Bit i: lane i >= bound.
    fn ge_mask(self, bound: Self) -> u16;

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

/// The functions of one instruction set.
#[derive(Clone, Copy)]
pub struct Kernels {
    /// Maximum of each block of the values; returns the largest bits of |x|.
    pub maxima: fn(values: &[f32], maxima: &mut [f32]) -> u32,
    /// The same, and for each block the sum of 2^((x - maximum) · scale).
    pub maxima_and_sums: fn(values: &[f32], scale: f32, maxima: &mut [f32], sums: &mut [f32]) -> u32,
    /// Maximum of each lane of each block: of logits that stand a multiple of sixteen apart.
    pub lane_maxima: fn(values: &[f32], maxima: &mut [[f32; LANES]]),
    /// Sum of each block.
    pub sums: fn(values: &[f32], sums: &mut [f32]),
    /// out = 2^((x - maximum) · scale); relative error below 2e-7 + 1e-7·|exponent|.
    pub exponentials: fn(values: &[f32], maximum: f32, scale: f32, out: &mut [f32]),
    /// Append the values that are >= bound, and their tokens, in order.
    pub gather: fn(values: &[f32], first_token: u32, bound: f32, out: &mut Vec<f32>, tokens: &mut Vec<u32>),
    pub widen_float16: fn(bits: &[u16], out: &mut [f32]),
    pub widen_bfloat16: fn(bits: &[u16], out: &mut [f32]),
}

/// Full vectors, and the rest padded with -inf, which changes no maximum and no sum.
///
/// The loops below treat both by name rather than through a closure: a closure would not be inlined into the function
/// that enables the instructions, and each intrinsic would become a call.
#[inline(always)]
fn vectors(values: &[f32]) -> (&[[f32; LANES]], Option<[f32; LANES]>) {
    let (full, rest) = values.as_chunks::<LANES>();
    let pad = || {
        let mut padded = [f32::NEG_INFINITY; LANES];
        padded[..rest.len()].copy_from_slice(rest);
        padded
    };
    (full, (!rest.is_empty()).then(pad))
}

#[inline(always)]
fn block_maximum<V: Lanes>(block: &[f32], magnitude: &mut V) -> f32 {
    let (full, rest) = vectors(block);
    let mut maximum = V::splat(f32::NEG_INFINITY);
    for vector in full {
        let x = V::load(vector);
        maximum = maximum.max(x);
        *magnitude = magnitude.magnitude_max(x);
    }
    if let Some(vector) = rest {
        let x = V::load(&vector);
        maximum = maximum.max(x);
        *magnitude = magnitude.magnitude_max(x);
    }
    largest(maximum)
}

#[inline(always)]
pub fn maxima<V: Lanes>(values: &[f32], maxima: &mut [f32]) -> u32 {
    let mut magnitude = V::splat(0.0);
    for (block, maximum) in values.chunks(BLOCK).zip(maxima) {
        *maximum = block_maximum(block, &mut magnitude);
    }
    largest_bits(magnitude)
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
        *sum = tree_sum(total.add(V::load(&padded)));
    }
}

#[inline(always)]
pub fn maxima_and_sums<V: Lanes>(values: &[f32], scale: f32, maxima: &mut [f32], sums: &mut [f32]) -> u32 {
    let mut magnitude = V::splat(0.0);
    let scale = V::splat(scale);
    for ((block, maximum), sum) in values.chunks(BLOCK).zip(maxima).zip(sums) {
        *maximum = block_maximum(block, &mut magnitude);
        let (top, (full, rest)) = (V::splat(*maximum), vectors(block));
        let mut total = V::splat(0.0);
        for vector in full {
            total = total.add(exp2(V::load(vector).sub(top).mul(scale)));
        }
        if let Some(vector) = rest {
            total = total.add(exp2(V::load(&vector).sub(top).mul(scale)));
        }
        *sum = tree_sum(total);
    }
    largest_bits(magnitude)
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
pub fn widen(bits: &[u16], out: &mut [f32], convert: impl Fn(u16) -> f32) {
    for (bits, out) in bits.iter().zip(out) {
        *out = convert(*bits);
    }
}

/// 2^t for t <= 0; 0 below the smallest exponent, for -inf and for NaN.
#[inline(always)]
fn exp2<V: Lanes>(t: V) -> V {
    let rounded = t.add(V::splat(ROUND));
    let fraction = t.sub(rounded.sub(V::splat(ROUND)));
    let mut q = V::splat(POLYNOMIAL[4]);
    for degree in [3, 2, 1, 0] {
        q = q.mul(fraction).add(V::splat(POLYNOMIAL[degree]));
    }
    let power = q.mul(fraction).add(V::splat(1.0));
    power.times_power_of_two(rounded).zero_unless_ge(t, V::splat(SMALLEST_EXPONENT))
}

/// The same tree of additions at every level.
#[inline(always)]
fn tree_sum<V: Lanes>(vector: V) -> f32 {
    let mut lanes = [0.0; LANES];
    vector.store(&mut lanes);
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn largest<V: Lanes>(vector: V) -> f32 {
    let mut lanes = [0.0; LANES];
    vector.store(&mut lanes);
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = if lanes[lane] > lanes[lane + width] { lanes[lane] } else { lanes[lane + width] };
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn largest_bits<V: Lanes>(magnitude: V) -> u32 {
    let mut lanes = [0.0; LANES];
    magnitude.store(&mut lanes);
    let mut bits = 0;
    for lane in lanes {
        bits = lane.to_bits().max(bits);
    }
    bits
}
