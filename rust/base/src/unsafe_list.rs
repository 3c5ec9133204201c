//! A lock-free list that only grows: what it holds lives as long as the process.
//!
//! A lock would do but for `fork`: it could be held by a thread that the child does not have.

use std::ptr;

use crate::atomic::{AtomicPtr, Ordering};

struct Node<T> {
    value: T,
    next: *const Node<T>,
}

/// Made for a handful of values in a `static`; finding one is a walk.
pub(crate) struct AppendOnlyList<T>(AtomicPtr<Node<T>>);

impl<T: Sync + 'static> AppendOnlyList<T> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    // Loom's pointers are not made at compile time.
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    pub(crate) fn push(&self, value: T) -> &'static T {
        let node = Box::leak(Box::new(Node { value, next: ptr::null() }));
        let mut head = self.0.load(Ordering::Acquire);
        loop {
            node.next = head;
            match self.0.compare_exchange_weak(head, node, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return &node.value,
                Err(newer) => head = newer,
            }
        }
    }

    pub(crate) fn find(&self, matches: impl Fn(&T) -> bool) -> Option<&'static T> {
        let mut cursor: *const Node<T> = self.0.load(Ordering::Acquire);
        // SAFETY: nodes are leaked boxes, published by a release store once complete, and never changed after.
        while let Some(node) = unsafe { cursor.as_ref() } {
            if matches(&node.value) {
                return Some(&node.value);
            }
            cursor = node.next;
        }
        None
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn values_pushed_from_many_threads_are_all_found() {
        static LIST: AppendOnlyList<u32> = AppendOnlyList::new();
        std::thread::scope(|scope| {
            for value in 0..64 {
                scope.spawn(move || LIST.push(value));
            }
        });
        assert!((0..64).all(|wanted| LIST.find(|&value| value == wanted) == Some(&wanted)));
        assert_eq!(LIST.find(|&value| value == 64), None);
    }
}
