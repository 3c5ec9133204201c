//! The element types of queries, keys, values and contexts; all arithmetic is in `f32`.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use ndarray::ArrayView2;

/// `f32`, or one of the 16-bit types, which are widened tile by tile.
pub trait Element: Copy + Default + Send + Sync + 'static + sealed::Sealed {
    #[doc(hidden)]
    fn erase(rows: ArrayView2<'_, Self>) -> AnyRows<'_>;

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

/// A matrix of any element type, its last axis contiguous.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum AnyRows<'a> {
    F32(ArrayView2<'a, f32>),
    F16(ArrayView2<'a, f16>),
    Bf16(ArrayView2<'a, bf16>),
}

macro_rules! each {
    ($rows:expr, $view:ident => $body:expr) => {
        match $rows {
            AnyRows::F32($view) => $body,
            AnyRows::F16($view) => $body,
            AnyRows::Bf16($view) => $body,
        }
    };
}

impl AnyRows<'_> {
    pub(crate) fn dim(&self) -> (usize, usize) {
        each!(self, rows => rows.dim())
    }

    pub(crate) fn element_size(&self) -> usize {
        fn size<E: Element>(_: &ArrayView2<E>) -> usize {
            size_of::<E>()
        }
        each!(self, rows => size(rows))
    }

    pub(crate) fn widen_row(&self, row: usize, to: &mut [f32]) {
        fn widen<E: Element>(rows: &ArrayView2<E>, row: usize, to: &mut [f32]) {
            if let Some(row) = rows.row(row).as_slice() {
                E::widen(row, to);
            }
        }
        each!(self, rows => widen(rows, row, to));
    }

    pub(crate) fn value(&self, row: usize, column: usize) -> f32 {
        each!(self, rows => f32::from(rows[[row, column]]))
    }
}

impl Element for f32 {
    fn erase(rows: ArrayView2<'_, Self>) -> AnyRows<'_> {
        AnyRows::F32(rows)
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
            fn erase(rows: ArrayView2<'_, Self>) -> AnyRows<'_> {
                AnyRows::$variant(rows)
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
