//! A child of `fork` has none of its parent's threads; its parallel calls must work all the same.
#![cfg(unix)]

use ferrolm_base::pool;
use rayon::prelude::*;

fn parallel_sum() -> u64 {
    pool::install(|| (0..100_000u64).into_par_iter().sum())
}

#[test]
fn a_forked_child_has_a_working_pool() {
    assert_eq!(parallel_sum(), 4_999_950_000);
    // SAFETY: the child only computes on a fresh pool and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = i32::from(parallel_sum() != 4_999_950_000);
        // SAFETY: ends the child at once, without running the parent's exit handlers.
        unsafe { libc::_exit(code) };
    }
    let mut status = -1;
    // SAFETY: `child` is our own child and `status` outlives the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0));
}
