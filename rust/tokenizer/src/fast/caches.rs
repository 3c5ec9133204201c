//! Caches that workers borrow for a call: one per worker at a time, kept for the next call.

use crossbeam_utils::atomic::AtomicCell;

/// More workers than slots make caches that are thrown away after the call.
const SLOTS: usize = 64;

/// Lock-free, because a lock could be held in the parent of a forked process by a thread that the child has not.
pub(super) struct Caches<M> {
    slots: [AtomicCell<Option<Box<M>>>; SLOTS],
}

impl<M> Caches<M> {
    pub(super) fn new() -> Self {
        Self { slots: std::array::from_fn(|_| AtomicCell::new(None)) }
    }

    /// Call `work` with a cache that nobody else uses meanwhile.
    pub(super) fn with<R>(&self, make: impl FnOnce() -> M, work: impl FnOnce(&mut M) -> R) -> R {
        let mut cache = self.slots.iter().find_map(AtomicCell::take).unwrap_or_else(|| Box::new(make()));
        let result = work(&mut cache);
        let mut returned = Some(cache);
        for slot in &self.slots {
            // A swap may bring out a cache that was put there meanwhile: carry it on to the next slot.
            returned = slot.swap(returned);
            if returned.is_none() {
                break;
            }
        }
        result
    }
}
