//! A matrix of any element type, its last axis contiguous.

use half::{bf16, f16};
use ndarray::ArrayView2;

use crate::Element;

#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum AnyMatrix<'a> {
    F32(ArrayView2<'a, f32>),
    F16(ArrayView2<'a, f16>),
    Bf16(ArrayView2<'a, bf16>),
}

macro_rules! each {
    ($matrix:expr, $view:ident => $body:expr) => {
        match $matrix {
            AnyMatrix::F32($view) => $body,
            AnyMatrix::F16($view) => $body,
            AnyMatrix::Bf16($view) => $body,
        }
    };
}

impl AnyMatrix<'_> {
    pub(crate) fn dim(&self) -> (usize, usize) {
        each!(self, rows => rows.dim())
    }

    pub(crate) fn element_size(&self) -> usize {
        fn size<E: Element>(_: &ArrayView2<E>) -> usize {
            size_of::<E>()
        }
        each!(self, rows => size(rows))
    }

    /// Where the first row is, and the bytes from a row to the next one.
    pub(crate) fn place(&self) -> (*const u8, isize) {
        let size = self.element_size() as isize;
        each!(self, rows => (rows.as_ptr().cast(), rows.strides()[0] * size))
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
        fn get<E: Element + Into<f32>>(rows: &ArrayView2<E>, at: [usize; 2]) -> f32 {
            rows[at].into()
        }
        each!(self, rows => get(rows, [row, column]))
    }
}
