//! The one thread pool of the package, keyed by process id.
//!
//! Rayon's global pool dies with `fork`: the child inherits the pool's memory but none of its threads, and the
//! first parallel call waits forever. Here a pool belongs to the process that made it; a child finds no pool of
//! its own and builds one. Pools are never dropped (a process has one per thread count it has used), and the
//! registry is a lock-free list, because a lock could be held by a thread that the child does not have.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{process, thread};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::unsafe_list::AppendOnlyList;

/// More threads than any machine of today has; a larger request is a mistake.
pub const MAX_THREADS: usize = 1024;

struct Entry {
    process: u32,
    threads: usize,
    pool: ThreadPool,
}

static ENTRIES: AppendOnlyList<Entry> = AppendOnlyList::new();
/// Zero until the first use or [`set_num_threads`].
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// The number of threads that parallel calls use: what was set, else `FERROLM_NUM_THREADS`, else the CPUs that
/// this process may run on.
pub fn num_threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            let threads = default_threads();
            THREADS.store(threads, Ordering::Relaxed);
            threads
        }
        threads => threads,
    }
}

/// Use `threads` threads from now on; clamped to `1..=MAX_THREADS`.
pub fn set_num_threads(threads: usize) {
    THREADS.store(threads.clamp(1, MAX_THREADS), Ordering::Relaxed);
}

fn default_threads() -> usize {
    let asked = std::env::var("FERROLM_NUM_THREADS").ok().and_then(|value| value.trim().parse().ok());
    let available = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    asked.filter(|&threads: &usize| threads > 0).unwrap_or_else(available).min(MAX_THREADS)
}

/// The pool of this process at the current thread count, made on first use.
///
/// # Panics
/// If the operating system refuses to start the threads.
pub fn current() -> &'static ThreadPool {
    let (process, threads) = (process::id(), num_threads());
    let ours = |entry: &Entry| entry.process == process && entry.threads == threads;
    if let Some(entry) = ENTRIES.find(ours) {
        return &entry.pool;
    }
    #[expect(clippy::expect_used, reason = "no work can be done without threads, and no caller could go on")]
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("ferrolm-{index}"))
        .build()
        .expect("the operating system refused to start worker threads");
    // Two threads may race to here; the loser's pool stays in the list unused, which is harmless.
    &ENTRIES.push(Entry { process, threads, pool }).pool
}

/// Run `work` on the pool, so that rayon's parallel iterators inside it use our threads; waits for it.
///
/// Costs some 10 µs when the caller is not a pool thread already: not for microsecond work.
pub fn install<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    current().install(work)
}

/// Run two closures, possibly in parallel, on the pool.
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    current().join(a, b)
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    fn parallel_sum() -> u64 {
        install(|| (0..100_000u64).into_par_iter().sum())
    }

    #[test]
    fn any_number_of_threads_gives_the_same_sum() {
        for threads in 1..=3 {
            set_num_threads(threads);
            assert_eq!(parallel_sum(), 4_999_950_000);
            assert_eq!(install(rayon::current_num_threads), threads);
        }
    }
}
