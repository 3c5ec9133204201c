//! Masks as biases of a block of scores.

use std::ops::Range;

use ndarray::ArrayView3;

use super::vector::Vector;
use crate::mask::{Effect, GroupMask};

/// Which (head of the group, query) a row of the flattened queries is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowIndex {
    pub q_len: usize,
}

impl RowIndex {
    #[inline(always)]
    pub fn of(self, row: usize) -> (usize, usize) {
        (row / self.q_len, row % self.q_len)
    }
}

/// Whether every query has the same mask, as with padded keys.
pub(super) fn shared(mask: &GroupMask) -> bool {
    let constant =
        |shape: &[usize], strides: &[isize]| (0..2).all(|axis| strides[axis] == 0 || shape[axis] == 1);
    match mask {
        GroupMask::None => true,
        GroupMask::Boolean(view) => constant(view.shape(), view.strides()),
        GroupMask::Additive(view) => constant(view.shape(), view.strides()),
    }
}

/// What the mask does to `rows` × `keys`; where it changes some, their biases are left in `bias`, one row of
/// `stride` values per query.
pub(super) fn fill(
    mask: &GroupMask,
    index: RowIndex,
    rows: Range<usize>,
    keys: Range<usize>,
    bias: &mut [f32],
    stride: usize,
) -> Effect {
    match mask {
        GroupMask::None => Effect::Nothing,
        GroupMask::Boolean(view) => {
            let row = |row| mask_row(view, index.of(row), &keys);
            let effect = rows.clone().map(|r| row(r).effect(Effect::of_flags)).reduce(Effect::and);
            if effect == Some(Effect::Changes) {
                for (r, bias) in rows.zip(bias.chunks_mut(stride)) {
                    row(r).write(bias, |flag| if flag { 0.0 } else { f32::NEG_INFINITY });
                }
            }
            effect.unwrap_or(Effect::Hides)
        }
        GroupMask::Additive(view) => {
            let row = |row| mask_row(view, index.of(row), &keys);
            let effect = rows.clone().map(|r| row(r).effect(Effect::of_biases)).reduce(Effect::and);
            if effect == Some(Effect::Changes) {
                for (r, bias) in rows.zip(bias.chunks_mut(stride)) {
                    row(r).write(bias, |value| value);
                }
            }
            effect.unwrap_or(Effect::Hides)
        }
    }
}

/// Part of a row of a mask, in memory as the caller has it.
enum MaskRow<'a, T> {
    Contiguous(&'a [T]),
    Strided(ndarray::ArrayView1<'a, T>),
}

#[inline(always)]
fn mask_row<'a, T>(
    view: &ArrayView3<'a, T>,
    (head, query): (usize, usize),
    keys: &Range<usize>,
) -> MaskRow<'a, T> {
    if view.strides()[2] == 1 {
        assert!(head < view.dim().0 && query < view.dim().1 && keys.end <= view.dim().2);
        let strides = view.strides();
        let offset = head as isize * strides[0] + query as isize * strides[1] + keys.start as isize;
        // SAFETY: the position is inside the view by the assertion, and its last axis is contiguous.
        MaskRow::Contiguous(unsafe {
            std::slice::from_raw_parts(view.as_ptr().offset(offset), keys.end - keys.start)
        })
    } else {
        let row = ndarray::s![head, query, keys.clone()];
        MaskRow::Strided((*view).slice_move(row))
    }
}

impl<T: Copy> MaskRow<'_, T> {
    fn effect(&self, of: impl Fn(&[T]) -> Effect) -> Effect {
        match self {
            Self::Contiguous(row) => of(row),
            Self::Strided(row) => {
                row.iter().map(|value| of(&[*value])).reduce(Effect::and).unwrap_or(Effect::Hides)
            }
        }
    }

    fn write(&self, to: &mut [f32], bias: impl Fn(T) -> f32) {
        match self {
            Self::Contiguous(row) => to.iter_mut().zip(*row).for_each(|(to, value)| *to = bias(*value)),
            Self::Strided(row) => to.iter_mut().zip(row).for_each(|(to, value)| *to = bias(*value)),
        }
    }
}

/// `to[column][row] = from[row][column]` for whole vectors of both.
///
/// # Safety
/// The CPU has `V`'s instruction set; both matrices are readable or writable up to whole vectors.
#[inline(always)]
pub(super) unsafe fn transpose<V: Vector>(
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
    rows: usize,
    columns: usize,
) {
    for row in (0..rows).step_by(V::LANES) {
        for column in (0..columns).step_by(V::LANES) {
            // SAFETY: the block lies in both matrices.
            unsafe {
                let from = from.add(row * from_stride + column);
                V::transpose(from, from_stride, to.add(column * to_stride + row), to_stride);
            }
        }
    }
}
