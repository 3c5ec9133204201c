//! How quantized weights are kept.

use super::{GROUP, PANEL};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Signed bytes and a float16 scale for each group: 8.5 bits a weight.
    Int8,
    /// Four bits, from -8 on, and a float16 scale for each group: 4.5 bits a weight.
    Int4,
}

impl Format {
    pub const ALL: [Self; 2] = [Self::Int8, Self::Int4];

    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Bytes of the weights of one group in all outputs of a panel.
    pub(crate) const fn group_bytes(self) -> usize {
        match self {
            Self::Int8 => PANEL * GROUP,
            Self::Int4 => PANEL * GROUP / 2,
        }
    }

    /// Bytes of a panel: its scales and its weights.
    pub(crate) fn panel_bytes(self, groups: usize) -> usize {
        groups * (SCALES + self.group_bytes())
    }
}

/// Bytes of the scales of one group in all outputs of a panel.
pub(crate) const SCALES: usize = 2 * PANEL;
