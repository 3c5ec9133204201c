//! The one place where a call leaves the interpreter.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use ferrolm_base::{Cancel, pool};
use pyo3::prelude::*;

/// How often the waiting thread looks for signals; Ctrl-C is promised an answer within 100 ms.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(20);

/// Run `work` on our pool with the interpreter released, while this thread watches for Ctrl-C.
///
/// When a signal handler raises, the [`Cancel`] flag goes up, `work` is waited for, its result is dropped and the
/// handler's exception is returned: objects stay usable and nothing runs on behind the caller's back.
/// Costs some 10 to 20 µs: for calls of a millisecond and more. Others use [`enter_brief`].
pub fn enter<T: Send>(py: Python<'_>, work: impl FnOnce(&Cancel) -> T + Send) -> PyResult<T> {
    let cancel = Cancel::new();
    let mut interruption = None;
    let result = py.detach(|| {
        let (sender, receiver) = mpsc::sync_channel(1);
        pool::current().in_place_scope(|scope| {
            scope.spawn(|_| drop(sender.send(work(&cancel))));
            loop {
                match receiver.recv_timeout(SIGNAL_INTERVAL) {
                    Ok(result) => return Some(result),
                    // `work` panicked; the scope resumes its panic here, and PyO3 turns it into an exception.
                    Err(RecvTimeoutError::Disconnected) => return None,
                    Err(RecvTimeoutError::Timeout) if interruption.is_none() => {
                        #[expect(
                            clippy::redundant_closure_for_method_calls,
                            reason = "not general enough without"
                        )]
                        if let Err(error) = Python::attach(|py| py.check_signals()) {
                            cancel.cancel();
                            interruption = Some(error);
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
        })
    });
    match (interruption, result) {
        (Some(error), _) => Err(error),
        (None, Some(result)) => Ok(result),
        (None, None) => Err(pyo3::exceptions::PyRuntimeError::new_err("the worker ended without a result")),
    }
}

/// Run `work` on this thread with the interpreter released, without a way to interrupt it.
///
/// For work between a microsecond and a few milliseconds. Work below that need not release anything.
pub fn enter_brief<T: Send>(py: Python<'_>, work: impl FnOnce(&Cancel) -> T + Send) -> T {
    py.detach(|| work(&ferrolm_base::cancel::NEVER))
}
