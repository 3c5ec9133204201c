//! The vectors being trained, which several threads may update without locks (Recht et al. 2011, "Hogwild").
//!
//! Rows are handed out as [`Row`]s: pointers that are known to have `width` values behind them. Nothing but the
//! kernels of `arch` looks behind them, by loads and stores of whole machine vectors. With one worker every row is
//! used by one thread. With more, two threads may load and store the same values at once: an update may get lost or
//! be seen in part, which training tolerates and which is all that the machine does, because each value is loaded
//! and stored whole and every pattern of bits is a valid `f32`. The language has no vector operation for that
//! (relaxed atomics of single values are not vectorized and make training half as fast), so that this is a promise
//! about the compilers and machines we build for, and the one place where the package relies on one.

use std::marker::PhantomData;

use memmap2::MmapMut;

use crate::EmbeddingError;

const HUGE_PAGE: usize = 1 << 21;

/// Rows of equal width, zeros at first, on huge pages where the system has them: rows are read at random.
#[derive(Debug)]
pub(crate) struct Matrix {
    memory: MmapMut,
    rows: usize,
    width: usize,
}

/// A matrix whose rows workers share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    rows: usize,
    width: usize,
    matrix: PhantomData<&'a mut Matrix>,
}

/// The start of `width` values that live as long as `'a`, aligned to 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    start: *mut f32,
    matrix: PhantomData<&'a mut Matrix>,
}

// SAFETY: workers use rows as the header of this module says.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl Matrix {
    /// # Errors
    /// If there is no memory for it.
    pub(crate) fn zeroed(rows: usize, width: usize) -> Result<Self, EmbeddingError> {
        let failed = || EmbeddingError::Memory { rows, width };
        let bytes = rows.checked_mul(width).and_then(|values| values.checked_mul(4)).ok_or_else(failed)?;
        let memory = MmapMut::map_anon(bytes.max(1)).map_err(|_| failed())?;
        #[cfg(target_os = "linux")]
        if bytes > HUGE_PAGE {
            // What the system does not grant stays on small pages.
            let _ = memory.advise(memmap2::Advice::HugePage);
        }
        Ok(Self { memory, rows, width })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn values(&self) -> &[f32] {
        bytemuck::try_cast_slice(&self.memory[..self.rows * self.width * 4]).unwrap_or_default()
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        let bytes = self.rows * self.width * 4;
        bytemuck::try_cast_slice_mut(&mut self.memory[..bytes]).unwrap_or_default()
    }

    pub(crate) fn shared(&mut self) -> Shared<'_> {
        let (rows, width) = (self.rows, self.width);
        Shared { start: self.memory.as_mut_ptr().cast(), rows, width, matrix: PhantomData }
    }
}

impl<'a> Shared<'a> {
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub(crate) fn row(&self, row: u32) -> Row<'a> {
        let row = row as usize;
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row exists, so that it lies inside the memory.
        let start = unsafe { self.start.add(row * self.width) };
        Row { start, matrix: PhantomData }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }
}

impl Row<'_> {
    #[inline(always)]
    pub(crate) fn pointer(self) -> *mut f32 {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_one_after_the_other() {
        let mut matrix = Matrix::zeroed(3, 16).unwrap();
        matrix.values_mut()[16] = 2.0;
        let (first, second) = (matrix.shared().row(0).pointer(), matrix.shared().row(1).pointer());
        assert_eq!(second as usize - first as usize, 64);
        assert!((matrix.values()[16] - 2.0).abs() < 1e-9);
        assert!((first as usize).is_multiple_of(64));
        assert!(Matrix::zeroed(usize::MAX, 16).is_err());
        assert!(Matrix::zeroed(1 << 40, 1 << 20).is_err());
    }
}
