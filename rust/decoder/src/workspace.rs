//! Memory that the layers of a step share.

use crate::positions::Rotation;

#[derive(Default)]
pub(crate) struct Workspace {
    pub normed: Vec<f32>,
    /// Queries, keys and values, one after the other.
    pub projected: Vec<f32>,
    pub context: Vec<f32>,
    pub inner: Vec<f32>,
    pub gated: Vec<f32>,
    pub added: Vec<f32>,
    pub rotation: Rotation,
}

/// `len` values of a buffer, whatever they are.
pub(crate) fn take(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}
