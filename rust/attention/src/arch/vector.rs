//! The vector operations that the kernels are written in, once for all instruction sets.
//!
//! Every method is `#[inline(always)]` in its implementations: the kernels are compiled inside functions that
//! enable the instruction set, and the operations become single instructions there.

/// A register of `f32` lanes.
///
/// # Safety
/// All methods require that the CPU has the instruction set of the implementing type. Methods that take pointers
/// also require that [`LANES`](Self::LANES) values (or the number given) are readable or writable there; no
/// alignment is needed.
pub(super) trait Vector: Copy {
    const LANES: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The first `lanes` values; zero in the others, whose memory is not touched.
    unsafe fn load_partial(from: *const f32, lanes: usize) -> Self;
    /// `LANES` bfloat16 (`f16` of IEEE 754 below) widened to `f32`.
    unsafe fn load_bf16(from: *const u16) -> Self;
    unsafe fn load_f16(from: *const u16) -> Self;
    /// `LANES` integers as `f32`.
    unsafe fn load_i8(from: *const i8) -> Self;
    /// Twice `LANES` integers, two of 16 bits in the bits of each lane.
    unsafe fn load_i8_pairs(from: *const i8) -> Self;

    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self * factor + addend`, fused where the instruction set can.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The larger one; `other` if either is NaN, as x86 has it.
    unsafe fn max(self, other: Self) -> Self;
    /// `self` where `low <= key <= high`, minus infinity elsewhere.
    unsafe fn keep_between(self, key: Self, low: Self, high: Self) -> Self;
    /// `yes` where `self < limit`, `no` elsewhere.
    unsafe fn select_less(self, limit: Self, yes: Self, no: Self) -> Self;
    /// The bits of `self`, integers of 32 bits, plus the products of both halves of `a` and `b`, of 16 bits.
    unsafe fn add_pairs(self, a: Self, b: Self) -> Self;
    /// The bits of each lane, an integer, as `f32`.
    unsafe fn integers_to_floats(self) -> Self;
    /// The bits of each lane shifted left by 23, from the low mantissa bits to the exponent.
    unsafe fn bits_to_exponent(self) -> Self;

    /// Transpose a `LANES` × `LANES` block between two row-major places; strides in elements.
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize);

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: `lanes` requires what this method requires.
        unsafe { lanes(self) }.iter().take(Self::LANES).sum()
    }

    /// The sums of four vectors.
    #[inline(always)]
    unsafe fn sums(a: Self, b: Self, c: Self, d: Self) -> [f32; 4] {
        // SAFETY: as for `sum`.
        unsafe { [a.sum(), b.sum(), c.sum(), d.sum()] }
    }

    /// Ask for the cache line at `from`, which may be any address, to be brought nearer.
    #[inline(always)]
    unsafe fn prefetch(_from: *const u8) {}

    /// As [`prefetch`](Self::prefetch), into the nearest cache.
    #[inline(always)]
    unsafe fn prefetch_near(_from: *const u8) {}

    /// The largest lane, NaN ignored.
    #[inline(always)]
    unsafe fn max_lane(self) -> f32 {
        // SAFETY: `lanes` requires what this method requires.
        unsafe { lanes(self) }.iter().take(Self::LANES).copied().fold(f32::NEG_INFINITY, f32::max)
    }
}

/// A register whose lanes may hold two bfloat16 each, as bits, with an instruction for their products.
///
/// # Safety
/// As for [`Vector`], whose `load` and `splat` are for pairs as well.
pub(super) trait Bf16Pairs: Vector {
    /// The first `values`, at most `2 * LANES`; zero in the others, whose memory is not touched.
    unsafe fn load_pairs_partial(from: *const u16, values: usize) -> Self;
    /// `self`, in float32, plus the products of both halves of `a` and `b`.
    unsafe fn add_bf16_products(self, a: Self, b: Self) -> Self;
    /// Of `self` and `other`, `2 * LANES` values each: the first of both side by side, then the second, and so on.
    unsafe fn interleave(self, other: Self) -> [Self; 2];
    /// Both rounded to bfloat16: in each lane `low`, and `high` above it.
    unsafe fn pair_up(low: Self, high: Self) -> Self;
    /// Both rounded to bfloat16: `low` and then `high`, one after the other.
    unsafe fn round_to_bf16(low: Self, high: Self) -> Self;
}

/// No instruction set here has wider registers.
pub(super) const MAX_LANES: usize = 16;

#[inline(always)]
unsafe fn lanes<V: Vector>(vector: V) -> [f32; MAX_LANES] {
    let mut lanes = [0.0; MAX_LANES];
    // SAFETY: the caller has the instruction set; the array has room for the widest vector.
    unsafe { vector.store(lanes.as_mut_ptr()) };
    lanes
}

/// The number of each lane.
pub(super) const LANE: [f32; MAX_LANES] =
    [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];

/// The magnitude of each lane.
#[inline(always)]
pub(super) unsafe fn abs<V: Vector>(x: V) -> V {
    // SAFETY: the caller has the instruction set.
    unsafe { V::splat(0.0).sub(x).max(x) }
}

/// 2 to the power of `x` for `x <= 1`, within one unit in the last place; zero below 2^-126, NaN stays NaN.
///
/// `x = n + r` with `n` the nearest integer and `r` in ±1/2; 2^r is a minimax polynomial of degree 6 with its
/// constant pinned to 1 (relative error 2.0e-9 before rounding, so that 2^0 is exactly 1).
#[inline(always)]
pub(super) unsafe fn exp2<V: Vector>(x: V) -> V {
    // Adding this rounds to an integer, whose biased exponent then stands in the low bits.
    const MAGIC: f32 = 12_582_912.0 + 127.0;
    const POLYNOMIAL: [f32; 6] =
        [1.535_336_2e-4, 1.339_887_5e-3, 9.618_437e-3, 5.550_332_4e-2, 2.402_264_8e-1, 6.931_472e-1];
    // SAFETY: the caller has the instruction set.
    unsafe {
        // At n = -127 the biased exponent is 0, and the power an exact zero: masked scores vanish.
        let x = V::splat(-127.0).max(x);
        let shifted = x.add(V::splat(MAGIC));
        let power = shifted.bits_to_exponent();
        let r = x.sub(shifted.sub(V::splat(MAGIC)));
        let mut p = V::splat(POLYNOMIAL[0]);
        for coefficient in &POLYNOMIAL[1..] {
            p = p.mul_add(r, V::splat(*coefficient));
        }
        p.mul_add(r, V::splat(1.0)).mul(power)
    }
}

/// Hyperbolic tangent, within 2e-7 (absolute) and exactly odd about 0.
///
/// A polynomial (Cephes' `tanhf`) below 0.625, where 1 - 2 / (e^2x + 1) would cancel.
#[inline(always)]
pub(super) unsafe fn tanh<V: Vector>(x: V) -> V {
    const POLYNOMIAL: [f32; 5] = [-0.005_704_99, 0.020_639_09, -0.053_739_715, 0.133_314_42, -0.333_332_8];
    // SAFETY: the caller has the instruction set.
    unsafe {
        let zero = V::splat(0.0);
        let one = V::splat(1.0);
        let magnitude = abs(x);
        let square = x.mul(x);
        let mut p = V::splat(POLYNOMIAL[0]);
        for coefficient in &POLYNOMIAL[1..] {
            p = p.mul_add(square, V::splat(*coefficient));
        }
        let small = p.mul(square).mul_add(x, x);
        let decay = exp2(magnitude.mul(V::splat(-2.0 * std::f32::consts::LOG2_E)));
        let large = one.sub(decay).div(one.add(decay));
        let large = x.select_less(zero, zero.sub(large), large);
        magnitude.select_less(V::splat(0.625), small, large)
    }
}
