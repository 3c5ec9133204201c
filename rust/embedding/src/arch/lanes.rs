//! Machine vectors of `f32` behind one trait.

/// A vector of `LANES` values.
///
/// # Safety
/// The methods may only be called where the instruction set is enabled; pointers need `LANES` values behind them.
pub(super) trait Lanes: Copy {
    const LANES: usize;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn splat(value: f32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// `self · by + to`.
    unsafe fn mul_add(self, by: Self, to: Self) -> Self;
    /// The sum of each vector's values.
    unsafe fn sums(vectors: [Self; 8]) -> [f32; 8];
}

/// Plain code, of which the compiler makes what the target's baseline has.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 4]);

impl Lanes for Plain {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: by the trait's contract.
        Self(unsafe { from.cast::<[f32; 4]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: by the trait's contract.
        unsafe { to.cast::<[f32; 4]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: Self, to: Self) -> Self {
        // Without an instruction for it, `f32::mul_add` is a library call.
        Self(std::array::from_fn(|lane| self.0[lane] * by.0[lane] + to.0[lane]))
    }

    #[inline(always)]
    unsafe fn sums(vectors: [Self; 8]) -> [f32; 8] {
        vectors.map(|Self([a, b, c, d])| (a + b) + (c + d))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_add_ps, _mm256_fmadd_ps, _mm256_hadd_ps, _mm256_loadu_ps,
        _mm256_permute2f128_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_castps512_ps256,
        _mm512_extractf32x8_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    use super::Lanes;

    impl Lanes for __m256 {
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: by the trait's contract, as everything below.
            unsafe { _mm256_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { _mm256_storeu_ps(to, self) }
        }

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_add_ps(self, other) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, by: Self, to: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_fmadd_ps(self, by, to) }
        }

        #[inline(always)]
        unsafe fn sums(v: [Self; 8]) -> [f32; 8] {
            let mut sums = [0.0; 8];
            // SAFETY: as above; there is room for eight values.
            unsafe {
                let low = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
                let high = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
                // Each half has the sums of its own half of the vectors.
                let firsts = _mm256_permute2f128_ps::<0x20>(low, high);
                let seconds = _mm256_permute2f128_ps::<0x31>(low, high);
                _mm256_storeu_ps(sums.as_mut_ptr(), _mm256_add_ps(firsts, seconds));
            }
            sums
        }
    }

    impl Lanes for __m512 {
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: by the trait's contract, as everything below.
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_ps(to, self) }
        }

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_add_ps(self, other) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, by: Self, to: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_fmadd_ps(self, by, to) }
        }

        #[inline(always)]
        unsafe fn sums(vectors: [Self; 8]) -> [f32; 8] {
            // SAFETY: as above; whoever enables AVX-512 enables AVX2.
            unsafe {
                let mut halves = [_mm512_castps512_ps256(vectors[0]); 8];
                for (half, vector) in halves.iter_mut().zip(vectors) {
                    let high = _mm512_extractf32x8_ps::<1>(vector);
                    *half = _mm256_add_ps(_mm512_castps512_ps256(vector), high);
                }
                <__m256 as Lanes>::sums(halves)
            }
        }
    }
}
