//! How far a training is, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A step of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Count,
    TokenizeWords,
    CountPairs,
    ComputeMerges,
    Seeds,
    ExpectationMaximization,
    SortWords,
}

impl Stage {
    /// The names are those of `tokenizers`, where it has them.
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Pre-processing sequences",
            Self::TokenizeWords => "Tokenize words",
            Self::CountPairs => "Count pairs",
            Self::ComputeMerges => "Compute merges",
            Self::Seeds => "Suffix array seeds",
            Self::ExpectationMaximization => "EM training",
            Self::SortWords => "Sort words",
        }
    }
}

/// Written by the workers, read by another thread at any time; an update costs an atomic addition.
#[derive(Debug)]
pub struct Progress {
    /// The stages so far with their totals.
    stages: Mutex<Vec<(Stage, u64)>>,
    current: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self { stages: Mutex::new(vec![(Stage::Count, 0)]), current: AtomicU64::new(0) }
    }
}

impl Progress {
    pub(super) fn start(&self, stage: Stage, total: usize) {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.current.swap(0, Ordering::Relaxed);
        if let Some((_, total)) = stages.last_mut() {
            *total = done;
        }
        stages.push((stage, total as u64));
    }

    #[inline]
    pub(super) fn advance(&self, by: u64) {
        self.current.fetch_add(by, Ordering::Relaxed);
    }

    /// For every stage so far its name, how much is done and how much there is to do (0: nobody knows). All but the
    /// last are done. The first counts bytes of text.
    pub fn stages(&self) -> Vec<(&'static str, u64, u64)> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load(Ordering::Relaxed);
        let last = stages.len().saturating_sub(1);
        let stage = |(at, &(stage, total)): (usize, &(Stage, u64))| {
            (stage.name(), if at < last { total } else { current }, total)
        };
        stages.iter().enumerate().map(stage).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_stages_are_full() {
        let progress = Progress::default();
        progress.advance(5);
        progress.start(Stage::ComputeMerges, 10);
        progress.advance(3);
        let expected = [("Pre-processing sequences", 5, 5), ("Compute merges", 3, 10)];
        assert_eq!(progress.stages(), expected);
    }
}
