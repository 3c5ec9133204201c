//! Working memory of one thread, aligned to cache lines and kept between calls.

use std::cell::RefCell;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A growing buffer of `f32` whose content is arbitrary between uses.
#[derive(Default)]
pub(crate) struct Buffer(Vec<Line>);

impl Buffer {
    /// The first `len` values.
    pub(crate) fn take(&mut self, len: usize) -> &mut [f32] {
        let lines = len.div_ceil(16);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; 16]));
        }
        // SAFETY: a line is sixteen `f32` without padding, and at least `len / 16` of them are initialized.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), len) }
    }

    /// What it has room for.
    pub fn values(&self) -> &[f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), 16 * self.0.len()) }
    }
}

/// The same memory as integers of 16 bits.
pub(crate) fn as_i16(buffer: &mut [f32]) -> &mut [i16] {
    // SAFETY: a `f32` has room for two `i16`, with a weaker alignment, and any bits are a value of either.
    unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast(), 2 * buffer.len()) }
}

#[derive(Default)]
pub(crate) struct Scratch {
    pub queries: Buffer,
    pub results: Buffer,
    pub contexts: Buffer,
    pub arch: KernelScratch,
}

#[derive(Default)]
pub(crate) struct KernelScratch {
    pub transposed: Buffer,
    pub context: Buffer,
    pub scores: Buffer,
    pub rows: Buffer,
    pub bias: Buffer,
    pub state: Buffer,
    pub keys: Buffer,
    pub values: Buffer,
    pub seen_values: Buffer,
    // Of the gradients alone.
    pub contexts: Buffer,
    pub products: Buffer,
    pub slopes: Buffer,
    pub key_sums: Buffer,
    pub value_sums: Buffer,
    // Of products with matrices of weights.
    pub weights: Buffer,
    pub sums: Buffer,
}

impl Scratch {
    /// Lend this thread's memory to `work`, which must not call this again.
    pub(crate) fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => work(&mut scratch),
            Err(_) => work(&mut Self::default()),
        })
    }
}
