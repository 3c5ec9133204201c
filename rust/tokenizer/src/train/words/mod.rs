//! Counting the words (pre-tokens) of a corpus, in parallel.

mod cut;
mod list;
mod table;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ferrolm_base::{Cancel, Cancelled, read};
use rayon::prelude::*;

use super::{Progress, TrainError};
pub use cut::{Cut, Pieces, Sequences};
pub use list::Words;
use table::CountTable;

/// Bytes of text that one task counts: small enough to balance the threads and to answer an interruption.
const TASK: usize = 1 << 20;
/// Bytes between two looks at the cancel flag.
const POLL: usize = 1 << 16;
/// Different words that a worker keeps to itself; more are added to the common table, so that many workers do not
/// take many times the memory of one.
const OWN_WORDS: usize = 1 << 17;

/// How often each word occurs.
///
/// Takes memory for the different words, 64 bytes for one of up to 15 bytes, once for the corpus and for 131,072 of
/// them per thread.
#[derive(Debug)]
pub struct WordCounts {
    sequences: Sequences,
    counts: Mutex<CountTable>,
    workers: Vec<Mutex<CountTable>>,
}

impl WordCounts {
    pub fn new(sequences: Sequences) -> Self {
        Self { sequences, counts: Mutex::default(), workers: Vec::new() }
    }

    /// Count the words of `texts`. After an error, which includes an interruption, some of them are counted.
    pub fn add<T: AsRef<str> + Sync>(
        &mut self,
        texts: &[T],
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(), TrainError> {
        let threads = rayon::current_num_threads();
        if self.workers.len() < threads {
            self.workers.resize_with(threads, Mutex::default);
        }
        let whole: Vec<Task<'_>> = texts.iter().flat_map(|text| self.tasks(text.as_ref())).collect();
        // Neighbouring small texts are one task.
        group(&whole).into_par_iter().try_for_each(|tasks| self.count(tasks, progress, cancel))
    }

    /// Count the words of a file of UTF-8 text, which is read at once.
    pub fn add_file(&mut self, path: &Path, progress: &Progress, cancel: &Cancel) -> Result<(), TrainError> {
        let bytes = read::bytes(path, u64::MAX)?;
        let text = String::from_utf8(bytes).map_err(|error| TrainError::InvalidEncoding {
            file: path.display().to_string(),
            position: error.utf8_error().valid_up_to(),
        })?;
        self.add(&[text], progress, cancel)
    }

    /// The different words.
    pub fn words(&mut self, cancel: &Cancel) -> Result<Words, Cancelled> {
        let mut words = Words::new(self.sequences.is_spelled());
        self.all().try_for_each(cancel, |word, count| words.push(word, count))?;
        Ok(words)
    }

    /// Number of different words.
    pub fn len(&mut self) -> usize {
        self.all().len()
    }

    /// Whether no word was counted.
    pub fn is_empty(&mut self) -> bool {
        self.len() == 0
    }

    fn all(&mut self) -> &CountTable {
        let table = self.counts.get_mut().unwrap_or_else(PoisonError::into_inner);
        for worker in self.workers.drain(..) {
            table.absorb(worker.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        table
    }

    /// Cut `text` into tasks at places where words end in any case.
    fn tasks<'a>(&self, text: &'a str) -> Vec<Task<'a>> {
        let mut rest = text;
        let mut tasks = Vec::new();
        while rest.len() > TASK {
            let Some(at) = self.sequences.safe_cut(rest.as_bytes(), TASK) else { break };
            let (task, remaining) = rest.split_at(at);
            tasks.push(Task { text: task, first: tasks.is_empty() });
            rest = remaining;
        }
        tasks.push(Task { text: rest, first: tasks.is_empty() });
        tasks
    }

    fn count(&self, tasks: &[Task<'_>], progress: &Progress, cancel: &Cancel) -> Result<(), TrainError> {
        let worker = rayon::current_thread_index().unwrap_or(0) % self.workers.len().max(1);
        let mut table = lock(&self.workers[worker]);
        let mut since_poll = 0;
        for task in tasks {
            let mut sequence = |text: &str| {
                since_poll += text.len();
                self.sequences.count(text, task.first || self.sequences.by_line, &mut table, cancel)?;
                if since_poll >= POLL {
                    progress.advance(since_poll as u64);
                    since_poll = 0;
                    cancel.check()?;
                }
                Ok::<(), TrainError>(())
            };
            if self.sequences.by_line {
                task.text.split_inclusive('\n').try_for_each(&mut sequence)?;
            } else {
                sequence(task.text)?;
            }
        }
        progress.advance(since_poll as u64);
        if table.len() > OWN_WORDS {
            let full = std::mem::take(&mut *table);
            lock(&self.counts).absorb(full);
        }
        cancel.check()?;
        Ok(())
    }
}

/// A sequence, or lines, or a part of a long sequence.
#[derive(Clone, Copy)]
struct Task<'a> {
    text: &'a str,
    /// The sequence starts here.
    first: bool,
}

fn lock(table: &Mutex<CountTable>) -> MutexGuard<'_, CountTable> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

fn group<'a, 'b>(tasks: &'b [Task<'a>]) -> Vec<&'b [Task<'a>]> {
    let mut groups = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (index, task) in tasks.iter().enumerate() {
        size += task.text.len();
        if size >= TASK || index + 1 == tasks.len() {
            groups.push(&tasks[start..=index]);
            (start, size) = (index + 1, 0);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ferrolm_base::cancel::NEVER;
    use ferrolm_base::pool;

    use super::*;
    use crate::split::{Family, gpt2};

    fn counted(text: &str, sequences: Sequences) -> Vec<(Vec<u8>, u64)> {
        let mut counts = WordCounts::new(sequences);
        counts.add(&[text], &Progress::default(), &NEVER).unwrap();
        let words = counts.words(&NEVER).unwrap();
        let order = words.sorted(&NEVER).unwrap().into_iter().map(|word| word as usize);
        order.map(|word| (words.bytes(word).to_vec(), words.count(word))).collect()
    }

    #[test]
    fn cutting_into_tasks_changes_nothing() {
        let line = "It's  a \n\n story of 1000 words\u{a0}and…  \u{3000} more;\t\u{85}don't stop\n";
        let text = line.repeat(5 * TASK / line.len());
        let mut expected = BTreeMap::<Vec<u8>, u64>::new();
        gpt2::split(&text, |range| *expected.entry(text.as_bytes()[range].to_vec()).or_default() += 1);
        let expected: Vec<_> = expected.into_iter().collect();
        for threads in 1..=3 {
            pool::set_num_threads(threads);
            assert_eq!(pool::install(|| counted(&text, Sequences::default())), expected);
        }
    }

    #[test]
    fn lines_are_sequences_of_their_own_when_asked() {
        let text = "a\n\nb";
        let words = |by_line, add_prefix_space| {
            let sequences =
                Sequences { by_line, cut: Cut::ByteLevel { add_prefix_space, family: Some(Family::Gpt2) } };
            counted(text, sequences).into_iter().map(|(word, _)| word).collect::<Vec<_>>()
        };
        assert_eq!(words(false, false), [b"\n".to_vec(), b"a".to_vec(), b"b".to_vec()]);
        let prefixed = [b"\n".to_vec(), b" \n".to_vec(), b" a".to_vec(), b" b".to_vec()];
        assert_eq!(words(true, true), prefixed);
    }

    #[test]
    fn more_words_than_a_worker_keeps() {
        let numbers: Vec<_> = (0..3 * OWN_WORDS).map(|number| format!("{number:x}")).collect();
        let text = numbers.join(" ");
        let sequences = Sequences {
            by_line: false,
            cut: Cut::ByteLevel { add_prefix_space: true, family: Some(Family::Gpt2) },
        };
        let texts = [text.as_str(), text.as_str()];
        let mut counts = WordCounts::new(sequences);
        pool::install(|| counts.add(&texts, &Progress::default(), &NEVER)).unwrap();
        let words = counts.words(&NEVER).unwrap();
        let total: u64 = (0..words.len()).map(|word| words.count(word)).sum();
        let mut expected = 0;
        gpt2::split(&[" ", &text].concat(), |_| expected += 2);
        assert_eq!(total, expected);
    }
}
