//! One call of any form: its groups cut into tasks, and the parts of few rows merged.
//!
//! Tasks are cut by shape alone, so that results do not depend on the number of threads.

use std::ops::Range;

use ferrolm_base::simd::Level;
use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use crate::group::{Group, Shape, TASK_ROWS};
use crate::{AttentionError, Element, arch};

/// A call expected to take less runs on the calling thread: waking others takes about a tenth of it.
const BRIEF_SECONDS: f64 = 100e-6;
/// Alone there is nobody to wake, and only Ctrl-C to be answered in time.
const BRIEF_SECONDS_ALONE: f64 = 20e-3;

/// Whether a call is too short to be worth other threads or a watch for interrupts.
pub(crate) fn is_brief(expected_seconds: f64) -> bool {
    expected_seconds < if pool::num_threads() > 1 { BRIEF_SECONDS } else { BRIEF_SECONDS_ALONE }
}

/// A call as the groups whose results stand one behind the other in its output.
pub(crate) trait Groups<E: Element>: Sync {
    fn count(&self) -> usize;
    fn shape(&self, index: usize) -> Shape;
    fn group(&self, index: usize) -> Group<'_, E>;

    /// Keys per part when few queries see many keys, so that there is work for several threads.
    fn keys_per_part(&self) -> usize {
        2048
    }
}

/// Write the results of all groups to `out`, on this thread if the call is `brief`.
pub(crate) fn run<E: Element>(
    groups: &impl Groups<E>,
    level: Level,
    brief: bool,
    out: &mut [E],
    cancel: &Cancel,
) -> Result<(), AttentionError> {
    let run = Run { groups, level: arch::usable(level), cancel };
    if brief {
        run.inline(out);
    } else {
        pool::install(|| run.parallel(out));
    }
    Ok(cancel.check()?)
}

/// `out` has room for what `output_shape` says.
pub(crate) fn check_len<E>(out: &[E], output_shape: &[usize]) -> Result<(), AttentionError> {
    if out.len() == output_shape.iter().product::<usize>() {
        return Ok(());
    }
    let value = format!("{} values", out.len());
    Err(AttentionError::Argument { argument: "out", value, expected: "as many as output_shape" })
}

struct Run<'a, G> {
    groups: &'a G,
    level: Level,
    cancel: &'a Cancel,
}

/// What one thread does without another's result.
enum Task<'a, E> {
    /// Part of the keys for all rows of a group, which are few.
    Few { group: usize, keys: Range<usize>, partial: &'a mut [f32] },
    /// All keys for part of the rows.
    Many { group: usize, rows: Range<usize>, out: &'a mut [E] },
}

impl<G> Run<'_, G> {
    fn inline<E: Element>(&self, mut out: &mut [E])
    where
        G: Groups<E>,
    {
        let mut partials = Vec::new();
        for index in 0..self.groups.count() {
            let group = self.groups.group(index);
            let shape = group.shape;
            let mut mine = out.split_off_mut(..shape.len()).unwrap_or_default();
            if mine.is_empty() {
                continue;
            }
            if shape.has_few_rows() {
                let parts = shape.parts(self.groups.keys_per_part());
                partials.resize(parts.len() * shape.partial_len(), 0.0);
                for (keys, partial) in parts.zip(partials.chunks_mut(shape.partial_len())) {
                    group.few_rows(self.level, keys, self.cancel, partial);
                }
                group.merge(&mut partials, mine);
            } else {
                for rows in shape.row_blocks(TASK_ROWS) {
                    let out = mine.split_off_mut(..rows.len() * shape.width).unwrap_or_default();
                    group.many_rows(self.level, rows, self.cancel, out);
                }
            }
        }
    }

    fn parallel<E: Element>(&self, mut out: &mut [E])
    where
        G: Groups<E>,
    {
        let keys_per_part = self.groups.keys_per_part();
        let partials_of = |shape: &Shape| {
            let parts = if shape.has_few_rows() { shape.parts(keys_per_part).len() } else { 0 };
            if shape.len() > 0 { parts * shape.partial_len() } else { 0 }
        };
        let all = || (0..self.groups.count()).map(|index| (index, self.groups.shape(index)));
        let mut partials = vec![0.0; all().map(|(_, shape)| partials_of(&shape)).sum()];
        let (mut rest, mut at) = (&mut partials[..], 0);
        let (mut tasks, mut merges) = (Vec::new(), Vec::new());
        for (group, shape) in all() {
            let mut mine = out.split_off_mut(..shape.len()).unwrap_or_default();
            let len = partials_of(&shape);
            if len > 0 {
                let mut partials = rest.split_off_mut(..len).unwrap_or_default();
                for keys in shape.parts(keys_per_part) {
                    let partial = partials.split_off_mut(..shape.partial_len()).unwrap_or_default();
                    tasks.push(Task::Few { group, keys, partial });
                }
                merges.push((group, at..at + len, mine));
                at += len;
            } else if shape.len() > 0 {
                for rows in shape.row_blocks(TASK_ROWS) {
                    let out = mine.split_off_mut(..rows.len() * shape.width).unwrap_or_default();
                    tasks.push(Task::Many { group, rows, out });
                }
            }
        }
        tasks.into_par_iter().with_max_len(1).for_each(|task| match task {
            Task::Few { group, keys, partial } => {
                self.groups.group(group).few_rows(self.level, keys, self.cancel, partial);
            }
            Task::Many { group, rows, out } => {
                self.groups.group(group).many_rows(self.level, rows, self.cancel, out);
            }
        });
        for (group, range, out) in merges {
            self.groups.group(group).merge(&mut partials[range], out);
        }
    }
}
