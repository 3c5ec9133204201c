//! How weights are kept.

use super::GROUP;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Float32,
    Float16,
    Bfloat16,
    /// Signed bytes and a float16 scale for each group: 8.5 bits a weight.
    Int8,
    /// Four bits, from -8 on, and a float16 scale for each group: 4.5 bits a weight.
    Int4,
}

impl Format {
    pub const ALL: [Self; 5] = [Self::Float32, Self::Float16, Self::Bfloat16, Self::Int8, Self::Int4];

    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Bytes of a group of weights.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::Float32 => 4 * GROUP,
            Self::Float16 | Self::Bfloat16 => 2 * GROUP,
            Self::Int8 => 2 + GROUP,
            Self::Int4 => 2 + GROUP / 2,
        }
    }

    pub fn row_bytes(self, inputs: usize) -> usize {
        inputs.div_ceil(GROUP) * self.block_bytes()
    }

    pub(crate) fn is_quantized(self) -> bool {
        matches!(self, Self::Int8 | Self::Int4)
    }
}
