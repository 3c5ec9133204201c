//! Masks by position: boolean (true = attend) or added to the scaled scores.

use std::ops::Range;

use ndarray::{ArrayView3, ArrayView4, s};

use crate::AttentionError;

/// A mask over `(batch, heads, q_len, k_len)`, or one that broadcasts to it.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mask<'a> {
    #[default]
    None,
    /// True where a query may attend to a key.
    Boolean(ArrayView4<'a, bool>),
    /// Added to the scaled (and soft-capped) scores; minus infinity masks.
    Additive(ArrayView4<'a, f32>),
}

/// The mask of the query heads that share a key/value head: `(heads, q_len, k_len)`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GroupMask<'a> {
    None,
    Boolean(ArrayView3<'a, bool>),
    Additive(ArrayView3<'a, f32>),
}

/// What a mask does to a block of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// All are masked: the block need not be computed.
    Hides,
    /// None is changed.
    Nothing,
    /// Some are.
    Changes,
}

impl Mask<'_> {
    pub(crate) fn broadcast(&self, shape: [usize; 4]) -> Result<Mask<'_>, AttentionError> {
        let failed = |mask: &[usize]| AttentionError::Mask { mask: mask.to_vec(), expected: shape };
        Ok(match self {
            Self::None => Mask::None,
            Self::Boolean(view) => Mask::Boolean(view.broadcast(shape).ok_or_else(|| failed(view.shape()))?),
            Self::Additive(view) => {
                Mask::Additive(view.broadcast(shape).ok_or_else(|| failed(view.shape()))?)
            }
        })
    }

    pub(crate) fn group(&self, batch: usize, heads: Range<usize>) -> GroupMask<'_> {
        match self {
            Self::None => GroupMask::None,
            Self::Boolean(view) => GroupMask::Boolean(view.slice(s![batch, heads, .., ..])),
            Self::Additive(view) => GroupMask::Additive(view.slice(s![batch, heads, .., ..])),
        }
    }
}

#[expect(clippy::needless_bitwise_bool, reason = "without early exits the compiler makes vector code")]
impl Effect {
    /// The effect on a block, from those on its rows.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Changes }
    }

    pub(crate) fn of_flags(row: &[bool]) -> Self {
        if row.iter().fold(true, |all, flag| all & flag) {
            Self::Nothing
        } else if row.iter().fold(false, |any, flag| any | flag) {
            Self::Changes
        } else {
            Self::Hides
        }
    }

    pub(crate) fn of_biases(row: &[f32]) -> Self {
        if row.iter().fold(true, |all, &bias| all & (bias == 0.0)) {
            Self::Nothing
        } else if row.iter().fold(false, |any, &bias| any | (bias != f32::NEG_INFINITY)) {
            Self::Changes
        } else {
            Self::Hides
        }
    }
}
