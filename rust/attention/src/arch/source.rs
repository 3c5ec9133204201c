//! Rows of keys and values as they lie in memory, and their elements as vectors.

use std::ops::Range;

use half::{bf16, f16};

use super::vector::Vector;
use crate::rows::HeadRows;

/// An element type of keys or values.
///
/// # Safety
/// Methods require `V`'s instruction set, and as many readable elements as they take.
pub(super) trait Source: Copy {
    /// A vector of elements, as `f32`.
    unsafe fn vector<V: Vector>(from: *const Self) -> V;
    /// The first `lanes` elements of a vector, zeros behind them.
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

impl Source for i8 {
    #[inline(always)]
    unsafe fn vector<V: Vector>(from: *const Self) -> V {
        // SAFETY: the caller vouches for a whole vector.
        unsafe { V::load_i8(from) }
    }

    #[inline(always)]
    unsafe fn tail<V: Vector>(from: *const Self, lanes: usize) -> V {
        let mut whole = [0; 16];
        // SAFETY: the caller vouches for `lanes` values, fewer than a whole vector.
        unsafe {
            std::ptr::copy_nonoverlapping(from, whole.as_mut_ptr(), lanes);
            V::load_i8(whole.as_ptr())
        }
    }
}

/// Rows in the caller's memory, evenly apart.
#[derive(Clone, Copy)]
pub(super) struct Matrix<S> {
    pub start: *const S,
    pub stride: isize,
}

impl<S: Copy> Matrix<S> {
    #[inline(always)]
    pub fn row(self, row: usize) -> *const S {
        self.start.wrapping_offset(row as isize * self.stride)
    }

    /// The rows from `row` on.
    #[inline(always)]
    pub fn from(self, row: usize) -> Self {
        Self { start: self.start.wrapping_offset(row as isize * self.stride), stride: self.stride }
    }
}

/// A walk over rows of a head by the matrices that they lie in.
#[derive(Clone)]
pub(super) struct Walk<'w, 'a, S> {
    rows: &'w HeadRows<'a, S>,
    left: usize,
    page: usize,
    first: usize,
}

impl<'a, S: Copy> HeadRows<'a, S> {
    #[inline(always)]
    pub(super) fn walk(&self, rows: Range<usize>) -> Walk<'_, 'a, S> {
        let (page, first) = match self {
            Self::Whole(_) => (0, rows.start),
            Self::Paged { pages, .. } if rows.is_empty() || pages.dim().1 == 0 => (0, 0),
            Self::Paged { pages, .. } => (rows.start / pages.dim().1, rows.start % pages.dim().1),
        };
        Walk { rows: self, left: rows.len(), page, first }
    }

    /// The first of `rows`, and those after it that lie in the same matrix.
    #[inline(always)]
    pub(super) fn start(&self, rows: Range<usize>) -> Matrix<S> {
        let start = self.walk(rows).next();
        start.map_or(Matrix { start: std::ptr::null(), stride: 0 }, |(matrix, _)| matrix)
    }
}

impl<S: Copy> Iterator for Walk<'_, '_, S> {
    /// A matrix that begins with the next of the rows, and how many of them it has.
    type Item = (Matrix<S>, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let (start, strides, size, page) = match self.rows {
            HeadRows::Whole(view) => (view.as_ptr(), [0, view.strides()[0]], view.nrows(), 0),
            HeadRows::Paged { pages, table } => {
                let page = table[self.page] as usize;
                assert!(page < pages.dim().0);
                (pages.as_ptr(), [pages.strides()[0], pages.strides()[1]], pages.dim().1, page)
            }
        };
        assert!(self.first < size);
        let offset = page as isize * strides[0] + self.first as isize * strides[1];
        let matrix = Matrix { start: start.wrapping_offset(offset), stride: strides[1] };
        let count = self.left.min(size - self.first);
        (self.left, self.page, self.first) = (self.left - count, self.page + 1, 0);
        Some((matrix, count))
    }
}

/// The scales of some rows, in a place of their own; see [`crate::rows::AnyRows::Int8`].
#[inline(always)]
pub(super) fn copy_scales(scales: &HeadRows<f32>, rows: Range<usize>, to: &mut [f32]) {
    let mut to = to.iter_mut();
    for (matrix, count) in scales.walk(rows) {
        for (row, to) in (0..count).zip(&mut to) {
            // SAFETY: the matrix has `count` rows of one scale.
            *to = unsafe { *matrix.row(row) };
        }
    }
}

/// `to[row][column] = from[row][column] * scale[row]`; rows of `to` have room for whole vectors.
///
/// # Safety
/// The CPU has `V`'s instruction set; `to` has `rows.len()` rows of `stride` values, at least the columns of
/// `from` rounded up to whole vectors; `scales`, if given, as many values.
#[inline(always)]
pub(super) unsafe fn widen<V: Vector, S: Source>(
    from: &HeadRows<S>,
    rows: Range<usize>,
    scales: Option<*const f32>,
    to: *mut f32,
    stride: usize,
) {
    let (columns, mut done) = (from.columns(), 0);
    let whole = columns - columns % V::LANES;
    for (matrix, count) in from.walk(rows) {
        for row in 0..count {
            // SAFETY: the matrix has `count` rows of `columns`, and `to` as the caller says.
            unsafe {
                let scale = V::splat(scales.map_or(1.0, |scales| *scales.add(done + row)));
                let (from, to) = (matrix.row(row), to.add((done + row) * stride));
                for column in (0..whole).step_by(V::LANES) {
                    S::vector::<V>(from.add(column)).mul(scale).store(to.add(column));
                }
                if whole < columns {
                    S::tail::<V>(from.add(whole), columns - whole).mul(scale).store(to.add(whole));
                }
            }
        }
        done += count;
    }
}
