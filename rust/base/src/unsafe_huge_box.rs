//! One large value in memory of its own, zeros at first, on huge pages where the system has them.
//!
//! Tables of some megabytes are read at random places: with pages of 4 KiB nearly every read also waits for the
//! address to be looked up, and filling the table for the first time costs a fault for each page.

use std::fmt;
use std::marker::PhantomData;
use std::mem::size_of;
use std::ops::{Deref, DerefMut};

use bytemuck::Zeroable;
use memmap2::MmapMut;

const HUGE: usize = 1 << 21;

/// A value of type `T` that starts as zeros.
pub struct HugeBox<T> {
    memory: MmapMut,
    start: usize,
    value: PhantomData<T>,
}

impl<T: Zeroable + Copy> HugeBox<T> {
    /// Aborts as other allocations do when there is no memory.
    #[must_use]
    pub fn zeroed() -> Self {
        const { assert!(align_of::<T>() <= HUGE) };
        let Ok(memory) = MmapMut::map_anon(size_of::<T>().next_multiple_of(HUGE) + HUGE) else {
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<T>());
        };
        let start = memory.as_ptr().align_offset(HUGE);
        // What the system does not grant stays on small pages.
        #[cfg(target_os = "linux")]
        let _ = memory.advise_range(memmap2::Advice::HugePage, start, size_of::<T>().next_multiple_of(HUGE));
        Self { memory, start, value: PhantomData }
    }
}

impl<T> Deref for HugeBox<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the memory from `start` on is aligned, has room for a `T`, and held one that is valid from the
        // beginning, as zeros are; it is this box's own, so that borrowing the box borrows the value.
        unsafe { &*self.memory.as_ptr().add(self.start).cast() }
    }
}

impl<T> DerefMut for HugeBox<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.memory.as_mut_ptr().add(self.start).cast() }
    }
}

impl<T> fmt::Debug for HugeBox<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HugeBox").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_starts_as_zeros_and_keeps_what_is_written() {
        #[repr(C, align(64))]
        #[derive(Clone, Copy, Zeroable)]
        struct Tables {
            small: [u128; 1 << 10],
            large: [u64; 1 << 19],
        }
        let mut tables = HugeBox::<Tables>::zeroed();
        assert!(std::ptr::from_ref(&*tables).is_aligned());
        assert!(tables.small.iter().all(|&value| value == 0) && tables.large.iter().all(|&value| value == 0));
        (tables.small[1023], tables.large[0], tables.large[(1 << 19) - 1]) = (1, 2, 3);
        assert_eq!((tables.small[1023], tables.large[0], tables.large[(1 << 19) - 1]), (1, 2, 3));
    }
}
