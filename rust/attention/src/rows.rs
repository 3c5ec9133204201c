//! Where the keys and values of a head lie: in one matrix, or in the pages of a pool.

use half::{bf16, f16};
use ndarray::{ArrayView2, ArrayView3};

/// The rows of one head, their last axis contiguous.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum HeadRows<'a, T> {
    /// (length, columns)
    Whole(ArrayView2<'a, T>),
    /// (pages, rows of a page, columns): rows `i * rows of a page ..` of the head are page `table[i]`.
    Paged { pages: ArrayView3<'a, T>, table: &'a [u32] },
}

impl<T> HeadRows<'_, T> {
    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::Whole(rows) => rows.ncols(),
            Self::Paged { pages, .. } => pages.dim().2,
        }
    }
}

/// The rows of one head, of any element type.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum AnyRows<'a> {
    F32(HeadRows<'a, f32>),
    F16(HeadRows<'a, f16>),
    Bf16(HeadRows<'a, bf16>),
    /// Each row times its scale, which is a row of one column.
    Int8 {
        rows: HeadRows<'a, i8>,
        scales: HeadRows<'a, f32>,
    },
}

impl AnyRows<'_> {
    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::F32(rows) => rows.columns(),
            Self::F16(rows) => rows.columns(),
            Self::Bf16(rows) => rows.columns(),
            Self::Int8 { rows, .. } => rows.columns(),
        }
    }
}
