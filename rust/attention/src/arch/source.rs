//! Values of the element types as vectors of `f32`.

use half::{bf16, f16};

use super::vector::Vector;

/// What keys, values and weights are read as.
pub(super) trait Source: Copy {
    /// # Safety
    /// The CPU has `V`'s instruction set, and `from` a whole vector.
    unsafe fn vector<V: Vector>(from: *const Self) -> V;

    /// The first `lanes` values, zero in the others.
    ///
    /// # Safety
    /// The CPU has `V`'s instruction set, and `from` that many values, fewer than a whole vector.
    unsafe fn tail<V: Vector>(from: *const Self, lanes: usize) -> V;
}

impl Source for f32 {
    #[inline(always)]
    unsafe fn vector<V: Vector>(from: *const Self) -> V {
        // SAFETY: the caller vouches for a whole vector.
        unsafe { V::load(from) }
    }

    #[inline(always)]
    unsafe fn tail<V: Vector>(from: *const Self, lanes: usize) -> V {
        // SAFETY: the caller vouches for `lanes` values.
        unsafe { V::load_partial(from, lanes) }
    }
}

macro_rules! half_source {
    ($name:ty, $load:ident) => {
        impl Source for $name {
            #[inline(always)]
            unsafe fn vector<V: Vector>(from: *const Self) -> V {
                // SAFETY: the caller vouches for a whole vector; the type is a transparent `u16`.
                unsafe { V::$load(from.cast()) }
            }

            #[inline(always)]
            unsafe fn tail<V: Vector>(from: *const Self, lanes: usize) -> V {
                let mut whole = [0u16; 16];
                // SAFETY: the caller vouches for `lanes` values, fewer than a whole vector.
                unsafe {
                    std::ptr::copy_nonoverlapping(from.cast(), whole.as_mut_ptr(), lanes);
                    V::$load(whole.as_ptr())
                }
            }
        }
    };
}

half_source!(bf16, load_bf16);
half_source!(f16, load_f16);
