//! The vectors being trained: owned by one thread, or shared by several that update them without locks.

use std::sync::atomic::{AtomicU32, Ordering};

/// Rows are padded to a multiple of this, so that all loops are over whole vectors.
pub(crate) const LANES: usize = 16;

/// Reads rows into and adds to rows from a worker's own memory.
pub(crate) trait Rows {
    fn read(&self, row: u32, to: &mut [f32]);
    fn add(&mut self, row: u32, delta: &[f32]);
}

/// One thread's own.
pub(crate) struct Owned<'a> {
    pub values: &'a mut [f32],
    pub width: usize,
}

impl Rows for Owned<'_> {
    #[inline(always)]
    fn read(&self, row: u32, to: &mut [f32]) {
        let start = row as usize * self.width;
        to.copy_from_slice(&self.values[start..start + self.width]);
    }

    #[inline(always)]
    fn add(&mut self, row: u32, delta: &[f32]) {
        let start = row as usize * self.width;
        for (value, delta) in self.values[start..start + self.width].iter_mut().zip(delta) {
            *value += delta;
        }
    }
}

/// Several threads' (Recht et al. 2011, "Hogwild"): updates may get lost, and do so rarely enough not to matter.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub values: &'a [AtomicU32],
    pub width: usize,
}

impl Rows for Shared<'_> {
    #[inline(always)]
    fn read(&self, row: u32, to: &mut [f32]) {
        let start = row as usize * self.width;
        for (to, value) in to.iter_mut().zip(&self.values[start..start + self.width]) {
            *to = f32::from_bits(value.load(Ordering::Relaxed));
        }
    }

    #[inline(always)]
    fn add(&mut self, row: u32, delta: &[f32]) {
        let start = row as usize * self.width;
        for (delta, value) in delta.iter().zip(&self.values[start..start + self.width]) {
            let old = f32::from_bits(value.load(Ordering::Relaxed));
            value.store((old + delta).to_bits(), Ordering::Relaxed);
        }
    }
}
