//! Where products are written.

use std::marker::PhantomData;

/// A matrix `(rows, outputs)`, of which tasks write different outputs at the same time.
pub(crate) struct Results<'a> {
    start: *mut f32,
    rows: usize,
    outputs: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is a `&mut [f32]`; writing through it is unsafe, and whoever does vouches for places of their own.
unsafe impl Sync for Results<'_> {}

impl<'a> Results<'a> {
    pub fn new(out: &'a mut [f32], outputs: usize) -> Self {
        Self { start: out.as_mut_ptr(), rows: out.len() / outputs, outputs, borrowed: PhantomData }
    }

    /// # Panics
    /// If there is no such place.
    #[inline(always)]
    pub fn at(&self, row: usize, output: usize) -> *mut f32 {
        assert!(row < self.rows && output < self.outputs);
        self.start.wrapping_add(row * self.outputs + output)
    }
}
