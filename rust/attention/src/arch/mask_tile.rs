//! Masks as biases of a block of scores.

use std::ops::Range;

use ndarray::ArrayView3;

use super::vector::Vector;
use crate::mask::{Effect, GroupMask};

/// Keys per block of scores.
pub(crate) const BLOCK: usize = 128;

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

/// What the mask does to `rows` × `keys`, and which of the keys any row sees.
///
/// Where it changes some, their biases times `factor` are left in `bias`, one row of `BLOCK` values per query.
#[inline(always)]
pub(super) fn fill(
    mask: &GroupMask,
    index: RowIndex,
    rows: Range<usize>,
    keys: &Range<usize>,
    factor: f32,
    bias: &mut [f32],
) -> (Effect, Range<usize>) {
    let effect = match mask {
        GroupMask::None => Effect::Nothing,
        GroupMask::Boolean(view) => {
            let row = |row| mask_row(view, index.of(row), keys);
            let hidden = |flag| if flag { 0.0 } else { f32::NEG_INFINITY };
            fill_rows(rows.clone(), bias, row, Effect::of_flags, hidden)
        }
        GroupMask::Additive(view) => {
            let row = |row| mask_row(view, index.of(row), keys);
            // A finite bias stays finite, also as an exponent: a row of the least float is not a masked row.
            let scaled = |bias: f32| {
                if bias == f32::NEG_INFINITY { bias } else { (bias * factor).clamp(-ENOUGH, ENOUGH) }
            };
            fill_rows(rows.clone(), bias, row, Effect::of_biases, scaled)
        }
    };
    match effect {
        Effect::Changes => (effect, seen(&bias[..rows.len() * BLOCK], keys)),
        _ => (effect, keys.clone()),
    }
}

#[inline(always)]
fn fill_rows<'a, T: Copy + 'a>(
    rows: Range<usize>,
    bias: &mut [f32],
    row: impl Fn(usize) -> MaskRow<'a, T>,
    of: impl Fn(&[T]) -> Effect,
    value: impl Fn(T) -> f32,
) -> Effect {
    let mut whole = None;
    for r in rows.clone() {
        let effect = row(r).effect(&of);
        whole = Some(whole.map_or(effect, |whole: Effect| whole.and(effect)));
        if whole == Some(Effect::Changes) {
            for (r, bias) in rows.zip(bias.chunks_exact_mut(BLOCK)) {
                row(r).write(bias, &value);
            }
            return Effect::Changes;
        }
    }
    whole.unwrap_or(Effect::Hides)
}

/// Beyond this a bias leaves nothing of a score that is added to it.
const ENOUGH: f32 = 1e30;

/// The keys from the first to the last that some row sees.
#[inline(always)]
fn seen(bias: &[f32], keys: &Range<usize>) -> Range<usize> {
    let mut any = [false; BLOCK];
    for row in bias.chunks_exact(BLOCK) {
        for (any, &bias) in any.iter_mut().zip(row) {
            *any |= bias != f32::NEG_INFINITY;
        }
    }
    let any = &any[..keys.len()];
    let first = any.iter().position(|any| *any).unwrap_or(0);
    let last = any.iter().rposition(|any| *any).unwrap_or(0);
    keys.start + first..keys.start + last + 1
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
    #[inline(always)]
    fn effect(&self, of: impl Fn(&[T]) -> Effect) -> Effect {
        match self {
            Self::Contiguous(row) => of(row),
            Self::Strided(row) => {
                row.iter().map(|value| of(&[*value])).reduce(Effect::and).unwrap_or(Effect::Hides)
            }
        }
    }

    #[inline(always)]
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
