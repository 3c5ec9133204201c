//! 16-bit floats from their bits, without a copy.

use half::{bf16, f16};
use ndarray::{ArrayView, Dimension};

/// The array whose bits these are.
#[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
pub fn bf16_view<D: Dimension>(bits: ArrayView<'_, u16, D>) -> ArrayView<'_, bf16, D> {
    // SAFETY: `bf16` is a transparent wrapper of `u16`; shape and strides (in elements) stay as they are.
    unsafe { reinterpret(&bits) }
}

/// The array whose bits these are.
#[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
pub fn f16_view<D: Dimension>(bits: ArrayView<'_, u16, D>) -> ArrayView<'_, f16, D> {
    // SAFETY: `f16` is a transparent wrapper of `u16`; shape and strides (in elements) stay as they are.
    unsafe { reinterpret(&bits) }
}

/// # Safety
/// Every `u16` must be a valid `T` of the same size and alignment.
unsafe fn reinterpret<'a, T, D: Dimension>(bits: &ArrayView<'a, u16, D>) -> ArrayView<'a, T, D> {
    // SAFETY: the layout is that of `bits`, whose borrow the result keeps.
    unsafe { bits.raw_view().cast::<T>().deref_into_view() }
}
