//! Hints to the processor and the operating system about memory. They change speed only, never results.

/// Ask for the cache line of `items[index]` before it is needed; nothing happens if there is no such item.
#[inline(always)]
pub(crate) fn prefetch<T>(items: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(item) = items.get(index) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of the x86-64 baseline, and a prefetch of valid memory has no effect but on the caches.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast::<i8>()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (items, index);
}

/// A zeroed vector, in huge pages where the system has them: random access then misses the address caches less.
pub(crate) fn zeroed<T: Copy + Default>(length: usize) -> Vec<T> {
    // For numbers this asks the system for zero pages and touches none of them, so the advice is in time.
    let items = vec![T::default(); length];
    prefer_huge_pages(&items);
    items
}

/// An empty vector with room for `capacity` items, in huge pages where the system has them.
pub(crate) fn with_capacity<T>(capacity: usize) -> Vec<T> {
    let items = Vec::with_capacity(capacity);
    prefer_huge_pages(&items);
    items
}

#[cfg(not(target_os = "linux"))]
fn prefer_huge_pages<T>(_items: &Vec<T>) {}

#[cfg(target_os = "linux")]
fn prefer_huge_pages<T>(items: &Vec<T>) {
    /// Smaller blocks share huge pages with other memory.
    const LEAST: usize = 1 << 23;
    const PAGE: usize = 1 << 12;
    let (start, bytes) = (items.as_ptr().cast::<u8>(), items.capacity() * size_of::<T>());
    if bytes >= LEAST {
        let skipped = start.addr().next_multiple_of(PAGE) - start.addr();
        let length = (bytes - skipped) / PAGE * PAGE;
        // SAFETY: the range lies inside the vector's allocation, and this advice changes no content.
        let _ =
            unsafe { libc::madvise(start.byte_add(skipped).cast_mut().cast(), length, libc::MADV_HUGEPAGE) };
    }
}

/// Tell the system that `bytes` of a mapped file will not be read soon.
#[cfg(target_os = "linux")]
pub(crate) fn page_out(bytes: &[u8]) {
    const PAGE: usize = 1 << 12;
    let start = bytes.as_ptr().addr().next_multiple_of(PAGE) - bytes.as_ptr().addr();
    if let Some(whole) = bytes.get(start..) {
        // SAFETY: the range lies inside the slice, and this advice changes no content.
        let _ = unsafe {
            libc::madvise(whole.as_ptr().cast_mut().cast(), whole.len() / PAGE * PAGE, libc::MADV_PAGEOUT)
        };
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn page_out(_bytes: &[u8]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_any_size_are_zero() {
        for length in [0, 1, (1 << 23) / 4 + 5] {
            let items: Vec<u32> = zeroed(length);
            assert!(items.len() == length && items.iter().all(|&item| item == 0));
            prefetch(&items, length);
        }
    }
}
