//! Cooperative cancellation of long calls.

use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that the caller raises and the workers poll.
///
/// A poll is one relaxed load. Poll at least every few milliseconds of work, so that Ctrl-C is answered
/// within 100 ms on a busy machine.
#[derive(Debug, Default)]
pub struct Cancel(AtomicBool);

/// The work was stopped because its [`Cancel`] flag was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call was interrupted")]
pub struct Cancelled;

/// A flag that nobody raises, for calls that are too short to interrupt.
pub static NEVER: Cancel = Cancel(AtomicBool::new(false));

impl Cancel {
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// `Err` once the flag is raised; made for `cancel.check()?`.
    #[inline]
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_fails_only_after_cancel() {
        let cancel = Cancel::new();
        assert_eq!(cancel.check(), Ok(()));
        cancel.cancel();
        assert_eq!(cancel.check(), Err(Cancelled));
    }
}
