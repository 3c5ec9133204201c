//! The element types of queries, keys, values and contexts; all sums are in `f32`.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use ndarray::ArrayView2;

use crate::rows::{AnyRows, HeadRows};

use crate::linear::AnyMatrix;

/// `f32`, or one of the 16-bit types, which are widened tile by tile where there are no instructions for their products.
pub trait Element: Copy + Default + Send + Sync + 'static + sealed::Sealed {
    #[doc(hidden)]
    fn erase(rows: HeadRows<'_, Self>) -> AnyRows<'_>;

    #[doc(hidden)]
    fn matrix(matrix: ArrayView2<'_, Self>) -> AnyMatrix<'_>;

    #[doc(hidden)]
    fn widen(from: &[Self], to: &mut [f32]);

    #[doc(hidden)]
    fn narrow(from: &[f32], to: &mut [Self]);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
    impl Sealed for half::bf16 {}
}

impl Element for f32 {
    fn erase(rows: HeadRows<'_, Self>) -> AnyRows<'_> {
        AnyRows::F32(rows)
    }

    fn matrix(matrix: ArrayView2<'_, Self>) -> AnyMatrix<'_> {
        AnyMatrix::F32(matrix)
    }

    fn widen(from: &[Self], to: &mut [f32]) {
        to.copy_from_slice(from);
    }

    fn narrow(from: &[f32], to: &mut [Self]) {
        to.copy_from_slice(from);
    }
}

macro_rules! half_element {
    ($name:ty, $variant:ident) => {
        impl Element for $name {
            fn erase(rows: HeadRows<'_, Self>) -> AnyRows<'_> {
                AnyRows::$variant(rows)
            }

            fn matrix(matrix: ArrayView2<'_, Self>) -> AnyMatrix<'_> {
                AnyMatrix::$variant(matrix)
            }

            fn widen(from: &[Self], to: &mut [f32]) {
                from.convert_to_f32_slice(to);
            }

            fn narrow(from: &[f32], to: &mut [Self]) {
                to.convert_from_f32_slice(from);
            }
        }
    };
}

half_element!(f16, F16);
half_element!(bf16, Bf16);
