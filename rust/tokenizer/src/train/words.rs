//! Counting the words (pre-tokens) of a corpus, in parallel.

use std::path::Path;

use ferrolm_base::{Cancel, Cancelled, read};
use rayon::prelude::*;

use super::TrainError;
use super::hash::FastMap;
use crate::split::gpt2;

/// Bytes of text that one task counts: small enough to balance the threads, large enough to pay for a table.
const TASK: usize = 1 << 20;
/// Bytes between two looks at the cancel flag.
const POLL: usize = 1 << 16;

/// How sequences of text become words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequences {
    /// Put a space before a sequence that does not start with one.
    pub add_prefix_space: bool,
    /// Cut by the GPT-2 pattern; otherwise a sequence is one word.
    pub split: bool,
    /// Every line, with its end, is a sequence of its own, as `tokenizers` reads files.
    pub by_line: bool,
}

impl Default for Sequences {
    fn default() -> Self {
        Self { add_prefix_space: false, split: true, by_line: false }
    }
}

/// How often each word occurs; words are bytes of UTF-8.
#[derive(Debug, Clone)]
pub struct WordCounts {
    sequences: Sequences,
    counts: FastMap<Box<[u8]>, u64>,
}

type BorrowedCounts<'a> = FastMap<&'a [u8], u64>;

impl WordCounts {
    pub fn new(sequences: Sequences) -> Self {
        Self { sequences, counts: FastMap::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Number of different words.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// The words in the order of their bytes, and their counts.
    pub(super) fn sorted(&self) -> Vec<(&[u8], u64)> {
        let mut words: Vec<_> = self.counts.iter().map(|(word, &count)| (&**word, count)).collect();
        words.par_sort_unstable();
        words
    }

    /// Count the words of `texts`. After an interruption the counts of these texts are not included.
    pub fn add<T: AsRef<str> + Sync>(&mut self, texts: &[T], cancel: &Cancel) -> Result<(), Cancelled> {
        let sequences = self.sequences;
        let tasks: Vec<&str> = texts.iter().flat_map(|text| tasks(text.as_ref(), sequences)).collect();
        // Neighbouring small texts share a table.
        let grouped = group(&tasks);
        let tables = grouped.into_par_iter().map(|group| count_group(group, sequences, cancel));
        for table in tables.collect::<Result<Vec<_>, _>>()? {
            for (word, count) in table {
                *self.counts.entry(word).or_insert(0) += count;
            }
        }
        Ok(())
    }

    /// Count the words of a file of UTF-8 text.
    pub fn add_file(&mut self, path: &Path, cancel: &Cancel) -> Result<(), TrainError> {
        let bytes = read::bytes(path, u64::MAX)?;
        let text = String::from_utf8(bytes).map_err(|error| TrainError::InvalidEncoding {
            file: path.display().to_string(),
            position: error.utf8_error().valid_up_to(),
        })?;
        Ok(self.add(&[text], cancel)?)
    }
}

/// Cut `text` into tasks at places where words end in any case.
fn tasks(text: &str, sequences: Sequences) -> Vec<&str> {
    let mut rest = text;
    let mut tasks = Vec::new();
    while rest.len() > TASK {
        let Some(at) = safe_cut(rest.as_bytes(), sequences) else { break };
        let (task, remaining) = rest.split_at(at);
        tasks.push(task);
        rest = remaining;
    }
    tasks.push(rest);
    tasks
}

/// The first cut at or after `TASK` bytes: behind a line end, or between a letter and white space, where the GPT-2
/// pattern always ends a word, whatever follows.
fn safe_cut(bytes: &[u8], sequences: Sequences) -> Option<usize> {
    if sequences.by_line {
        return (TASK..bytes.len()).find(|&at| bytes[at - 1] == b'\n');
    }
    // A cut inside a sequence would add a space to the second half.
    if !sequences.split || sequences.add_prefix_space {
        return None;
    }
    (TASK..bytes.len()).find(|&at| bytes[at - 1].is_ascii_alphabetic() && matches!(bytes[at], b' ' | b'\n'))
}

fn group<'a, 'b>(tasks: &'b [&'a str]) -> Vec<&'b [&'a str]> {
    let mut groups = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (index, task) in tasks.iter().enumerate() {
        size += task.len();
        if size >= TASK || index + 1 == tasks.len() {
            groups.push(&tasks[start..=index]);
            (start, size) = (index + 1, 0);
        }
    }
    groups
}

fn count_group<'a>(
    tasks: &[&'a str],
    sequences: Sequences,
    cancel: &Cancel,
) -> Result<FastMap<Box<[u8]>, u64>, Cancelled> {
    let mut owned: FastMap<Box<[u8]>, u64> = FastMap::default();
    let mut borrowed = BorrowedCounts::default();
    let mut since_poll = 0;
    for task in tasks {
        let mut sequence = |text: &'a str| {
            since_poll += text.len();
            if sequences.add_prefix_space && !text.starts_with(' ') && !text.is_empty() {
                count_owned(&format!(" {text}"), sequences.split, &mut owned);
            } else {
                count_borrowed(text, sequences.split, &mut borrowed);
            }
            if since_poll >= POLL {
                since_poll = 0;
                cancel.check()?;
            }
            Ok::<(), Cancelled>(())
        };
        if sequences.by_line {
            task.split_inclusive('\n').try_for_each(&mut sequence)?;
        } else {
            sequence(task)?;
        }
    }
    for (word, count) in borrowed {
        *owned.entry(word.into()).or_insert(0) += count;
    }
    Ok(owned)
}

fn count_borrowed<'a>(text: &'a str, split: bool, counts: &mut BorrowedCounts<'a>) {
    for_each_word(text, split, |word| *counts.entry(word).or_insert(0) += 1);
}

fn count_owned(text: &str, split: bool, counts: &mut FastMap<Box<[u8]>, u64>) {
    for_each_word(text, split, |word| match counts.get_mut(word) {
        Some(count) => *count += 1,
        None => drop(counts.insert(word.into(), 1)),
    });
}

fn for_each_word<'a>(text: &'a str, split: bool, mut emit: impl FnMut(&'a [u8])) {
    if split {
        gpt2::split(text, |range| emit(&text.as_bytes()[range]));
    } else if !text.is_empty() {
        emit(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use ferrolm_base::pool;

    use super::*;

    fn counted(text: &str, sequences: Sequences) -> Vec<(Vec<u8>, u64)> {
        let mut counts = WordCounts::new(sequences);
        counts.add(&[text], &NEVER).unwrap();
        counts.sorted().into_iter().map(|(word, count)| (word.to_vec(), count)).collect()
    }

    #[test]
    fn cutting_into_tasks_changes_nothing() {
        let line = "It's  a \n\n story of 1000 words\u{a0}and…  \u{3000} more;\t\u{85}don't stop\n";
        let text = line.repeat(5 * TASK / line.len());
        let mut expected = FastMap::<&[u8], u64>::default();
        gpt2::split(&text, |range| *expected.entry(&text.as_bytes()[range]).or_insert(0) += 1);
        let mut expected: Vec<_> = expected.into_iter().map(|(word, count)| (word.to_vec(), count)).collect();
        expected.sort();
        for threads in 1..=3 {
            pool::set_num_threads(threads);
            assert_eq!(pool::install(|| counted(&text, Sequences::default())), expected);
        }
    }

    #[test]
    fn lines_are_sequences_of_their_own_when_asked() {
        let text = "a\n\nb";
        let words = |by_line| {
            counted(text, Sequences { by_line, ..Sequences::default() }).into_iter().map(|(word, _)| word)
        };
        assert!(words(false).eq([b"\n".to_vec(), b"a".to_vec(), b"b".to_vec()]));
        let prefixed = Sequences { by_line: true, add_prefix_space: true, ..Sequences::default() };
        let prefixed: Vec<_> = counted(text, prefixed).into_iter().map(|(word, _)| word).collect();
        assert_eq!(prefixed, [b"\n".to_vec(), b" \n".to_vec(), b" a".to_vec(), b" b".to_vec()]);
    }
}
