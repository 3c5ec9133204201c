//! Arrays of plain data that are owned or lie inside a file's bytes: the one place of this crate with `unsafe` code.

use std::fs::File;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::hashed::{Middle, Top, Unigram};
use crate::model::{Gram, Node};
use crate::unsafe_memory::{page_out, with_capacity};

/// Types without padding, pointers or forbidden bit patterns, made of little-endian numbers.
///
/// # Safety
/// Implementors are `repr(C)` without padding, aligned to [`LINE`] bytes at most, and every bit pattern of theirs is
/// valid.
pub unsafe trait Plain: Copy + Send + Sync + 'static {}

// SAFETY: a number; all bit patterns are valid.
unsafe impl Plain for u32 {}
// SAFETY: a number; all bit patterns are valid.
unsafe impl Plain for u64 {}
// SAFETY: a number; all bit patterns are valid.
unsafe impl Plain for f32 {}
// SAFETY: a number; all bit patterns are valid.
unsafe impl Plain for u8 {}
// SAFETY: `repr(C)`, two 4-byte numbers, no padding.
unsafe impl Plain for Gram {}
// SAFETY: `repr(C)`, three 4-byte numbers, no padding.
unsafe impl Plain for Node {}
// SAFETY: `repr(C)`, two 4-byte numbers, no padding.
unsafe impl Plain for Unigram {}
// SAFETY: `repr(C)`, numbers of 64 bytes together, which is the alignment: no padding.
unsafe impl Plain for Middle {}
// SAFETY: as above.
unsafe impl Plain for Top {}

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Memory aligned as the most demanding [`Plain`] type.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Line([u64; LINE / 8]);

// SAFETY: `repr(C)`, numbers of as many bytes as the alignment: no padding.
unsafe impl Plain for Line {}

/// The bytes of a file.
pub(crate) enum Buffer {
    /// Read into memory, and the file's length in bytes.
    Read(Vec<Line>, usize),
    Mapped(memmap2::Mmap),
}

impl Buffer {
    /// Map `file` into memory.
    ///
    /// The mapped bytes are trusted not to change: a file that is truncated by another process while mapped ends this
    /// process with a signal, which is why mapping is only done when the user asks for it.
    pub fn map(file: &File) -> std::io::Result<Self> {
        // SAFETY: the documentation of the public option says that the file must not be changed while it is in use.
        unsafe { memmap2::Mmap::map(file) }.map(Self::Mapped)
    }

    pub fn copy(bytes: &[u8]) -> Self {
        let mut lines = Self::lines(bytes.len());
        as_bytes_mut(&mut lines)[..bytes.len()].copy_from_slice(bytes);
        Self::Read(lines, bytes.len())
    }

    /// Zeroed memory for so many bytes.
    pub fn lines(length: usize) -> Vec<Line> {
        let count = length.div_ceil(LINE);
        let mut lines = with_capacity(count);
        lines.resize(count, Line::default());
        lines
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Read(lines, length) => &as_bytes(lines)[..*length],
            Self::Mapped(map) => map,
        }
    }
}

/// A slice that keeps its memory alive.
pub struct Array<T: Plain> {
    start: *const T,
    length: usize,
    owner: Owner<T>,
}

enum Owner<T> {
    Vector(#[expect(dead_code, reason = "only kept alive")] Vec<T>),
    Buffer(Arc<Buffer>),
}

// SAFETY: the memory behind `start` is owned by `owner` and never written: sharing it is sharing a `&[T]`.
unsafe impl<T: Plain> Send for Array<T> {}
// SAFETY: as above.
unsafe impl<T: Plain> Sync for Array<T> {}

impl<T: Plain> From<Vec<T>> for Array<T> {
    fn from(vector: Vec<T>) -> Self {
        // Moving a vector does not move its elements.
        Self { start: vector.as_ptr(), length: vector.len(), owner: Owner::Vector(vector) }
    }
}

impl<T: Plain> Default for Array<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T: Plain> Clone for Array<T> {
    fn clone(&self) -> Self {
        match &self.owner {
            Owner::Buffer(buffer) => {
                Self { start: self.start, length: self.length, owner: Owner::Buffer(Arc::clone(buffer)) }
            }
            Owner::Vector(_) => self.to_vec().into(),
        }
    }
}

impl<T: Plain + std::fmt::Debug> std::fmt::Debug for Array<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.deref().fmt(formatter)
    }
}

impl<T: Plain + PartialEq> PartialEq for Array<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Plain + Eq> Eq for Array<T> {}

impl<T: Plain> FromIterator<T> for Array<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

impl<T: Plain> Array<T> {
    /// The elements in the bytes `range` of `buffer`; `None` if the range is outside, misaligned or not a whole number.
    pub(crate) fn inside(buffer: &Arc<Buffer>, range: Range<usize>) -> Option<Self> {
        let bytes = buffer.bytes().get(range)?;
        let start = bytes.as_ptr().cast::<T>();
        let whole = bytes.len().is_multiple_of(size_of::<T>()) && start.is_aligned();
        let length = bytes.len() / size_of::<T>();
        whole.then(|| Self { start, length, owner: Owner::Buffer(Arc::clone(buffer)) })
    }
}

impl<T: Plain> Array<T> {
    /// The pages of a mapped file that hold this array are not needed soon: they need not count as this process's memory.
    pub(crate) fn release(&self) {
        if let Owner::Buffer(buffer) = &self.owner
            && let Buffer::Mapped(_) = **buffer
        {
            page_out(as_bytes(self));
        }
    }
}

impl<T: Plain> Deref for Array<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `start` points at `length` elements, aligned, alive as long as the owner in `self` and never written;
        // every bit pattern is a valid `T`.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

/// The memory of plain numbers as bytes.
pub(crate) fn as_bytes<T: Plain>(items: &[T]) -> &[u8] {
    // SAFETY: the types have no padding, so every byte is initialized; `u8` needs no alignment.
    unsafe { std::slice::from_raw_parts(items.as_ptr().cast::<u8>(), size_of_val(items)) }
}

/// The memory of plain numbers, to be filled with bytes.
pub(crate) fn as_bytes_mut<T: Plain>(items: &mut [T]) -> &mut [u8] {
    // SAFETY: any bytes make valid plain numbers and units.
    unsafe { std::slice::from_raw_parts_mut(items.as_mut_ptr().cast::<u8>(), size_of_val(items)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_inside_a_buffer_is_checked_and_outlives_it() {
        let buffer = Arc::new(Buffer::copy(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]));
        let array = Array::<u32>::inside(&buffer, 0..12).unwrap();
        assert!(Array::<u32>::inside(&buffer, 0..16).is_none(), "past the file");
        assert!(Array::<u32>::inside(&buffer, 1..9).is_none(), "misaligned");
        assert!(Array::<Gram>::inside(&buffer, 0..12).is_none(), "not whole");
        drop(buffer);
        assert_eq!(*array, [1, 2, 3]);
        assert_eq!(as_bytes(&array)[4], 2);
    }
}
