//! Rows of keys and values as they lie in memory, and their elements as vectors.

use std::ops::Range;

use half::{bf16, f16};
use ndarray::Axis;

use super::vector::Vector;
use crate::rows::HeadRows;

/// An element type of keys or values.
pub(super) trait Source: Copy {
    unsafe fn vector<V: Vector>(from: *const Self) -> V;
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

macro_rules! narrow_source {
    ($name:ty, $bits:ty, $load:ident) => {
        impl Source for $name {
            #[inline(always)]
            unsafe fn vector<V: Vector>(from: *const Self) -> V {
                // SAFETY: the caller vouches for a whole vector; the type is its bits.
                unsafe { V::$load(from.cast()) }
            }

            #[inline(always)]
            unsafe fn tail<V: Vector>(from: *const Self, lanes: usize) -> V {
                let mut whole: [$bits; 16] = [0; 16];
                // SAFETY: the caller vouches for `lanes` values, fewer than a whole vector.
                unsafe {
                    std::ptr::copy_nonoverlapping(from.cast(), whole.as_mut_ptr(), lanes);
                    V::$load(whole.as_ptr())
                }
            }
        }
    };
}

narrow_source!(bf16, u16, load_bf16);
narrow_source!(f16, u16, load_f16);
narrow_source!(i8, i8, load_i8);

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

impl<S: Copy> HeadRows<'_, S> {
    /// The first of `rows` and those after it that lie in one matrix, and how many they are.
    #[inline]
    pub(super) fn run(&self, rows: Range<usize>) -> (Matrix<S>, usize) {
        match self {
            Self::Whole(view) => {
                assert!(rows.end <= view.nrows());
                let whole = Matrix { start: view.as_ptr(), stride: view.strides()[0] };
                (whole.from(rows.start), rows.len())
            }
            Self::Paged { pages, table } => {
                let size = pages.dim().1;
                let (page, first) = (rows.start / size, rows.start % size);
                let page = pages.index_axis(Axis(0), table[page] as usize);
                let whole = Matrix { start: page.as_ptr(), stride: page.strides()[0] };
                (whole.from(first), rows.len().min(size - first))
            }
        }
    }
}

/// The scales of some rows, in a place of their own; see [`crate::rows::AnyRows::Int8`].
pub(super) fn copy_scales(scales: &HeadRows<f32>, mut rows: Range<usize>, to: &mut [f32]) {
    let mut to = to.iter_mut();
    while !rows.is_empty() {
        let (matrix, count) = scales.run(rows.clone());
        for (row, to) in (0..count).zip(&mut to) {
            // SAFETY: the run has `count` rows of one scale.
            *to = unsafe { *matrix.row(row) };
        }
        rows.start += count;
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
    mut rows: Range<usize>,
    scales: Option<*const f32>,
    to: *mut f32,
    stride: usize,
) {
    let (columns, mut done) = (from.columns(), 0);
    let whole = columns - columns % V::LANES;
    while !rows.is_empty() {
        let (matrix, count) = from.run(rows.clone());
        for row in 0..count {
            // SAFETY: the run has `count` rows of `columns`, and `to` as the caller says.
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
        rows.start += count;
    }
}
