//! Sorted runs to levels: the n-grams of each order with their counts, and where the continuations of each begin.

use ferrolm_base::Cancel;

use super::merge::merge_counts;
use super::rows::{RowReader, RowWriter, Section};
use super::store::Store;
use crate::error::{NgramError, Result};

/// N-grams of one order are numbered by 32 bits.
const MOST: u64 = u32::MAX as u64 - 1;

/// The unigrams: a count for each number below `bound`, seen or not. Counts stop at the largest 32-bit number.
pub(super) fn unigrams(
    store: &Store,
    runs: &[Section],
    bound: u32,
    memory: usize,
    cancel: &Cancel,
) -> Result<()> {
    let mut counts = vec![0; bound as usize];
    merge_counts(store, runs, 1, memory, cancel, |ngram, count| {
        counts[ngram[0] as usize] = u32::try_from(count).unwrap_or(u32::MAX);
        Ok(())
    })?;
    let mut writer = RowWriter::create(store, "counts-1")?;
    counts.chunks(1 << 16).try_for_each(|block| writer.push(block))?;
    writer.finish()
}

/// The n-grams of order `k`, 2 and up: their last words, counts, whole words if `keys`, and the places in this level
/// where the continuations of each n-gram below begin. Returns how many there are.
pub(super) fn level(
    store: &Store,
    runs: &[Section],
    k: usize,
    below: u64,
    keys: bool,
    memory: usize,
    cancel: &Cancel,
) -> Result<u64> {
    let mut words = RowWriter::create(store, &format!("words-{k}"))?;
    let mut counts = RowWriter::create(store, &format!("counts-{k}"))?;
    let mut whole = if keys { Some(RowWriter::create(store, &format!("keys-{k}"))?) } else { None };
    let mut parents = Parents::open(store, k, below)?;
    let mut rows = 0u64;
    merge_counts(store, runs, k, memory, cancel, |ngram, count| {
        parents.reach(&ngram[..k - 1], rows as u32)?;
        words.push(&ngram[k - 1..])?;
        counts.push(&[u32::try_from(count).unwrap_or(u32::MAX)])?;
        if let Some(whole) = &mut whole {
            whole.push(ngram)?;
        }
        rows += 1;
        if rows > MOST {
            let message = format!(
                "there are more than {MOST} different n-grams of order {k}; prune the text's rare words or train shards and interpolate"
            );
            return Err(NgramError::Limit(message));
        }
        Ok(())
    })?;
    parents.finish(rows as u32)?;
    words.finish()?;
    counts.finish()?;
    if let Some(whole) = whole {
        whole.finish()?;
    }
    Ok(rows)
}

/// Writes, for each n-gram of the level below, where its continuations begin.
struct Parents {
    children: RowWriter,
    /// The n-grams of the level below; `None` if these are the unigrams, which are all numbers.
    keys: Option<RowReader>,
    below: u64,
    /// How many of them have been reached, and the last one.
    reached: u64,
    last: Vec<u32>,
}

impl Parents {
    fn open(store: &Store, k: usize, below: u64) -> Result<Self> {
        let keys = match k {
            2 => None,
            _ => Some(RowReader::whole(store, &format!("keys-{}", k - 1), k - 1, below)?),
        };
        let children = RowWriter::create(store, &format!("children-{}", k - 1))?;
        Ok(Self { children, keys, below, reached: 0, last: Vec::new() })
    }

    /// The next continuation, number `place`, is one of `parent`.
    fn reach(&mut self, parent: &[u32], place: u32) -> Result<()> {
        if self.last == parent {
            return Ok(());
        }
        self.last.clear();
        self.last.extend_from_slice(parent);
        loop {
            let here = match &mut self.keys {
                None => self.reached == u64::from(parent[0]),
                Some(keys) => {
                    let here = keys.row().map(|row| row == parent);
                    let lost = || NgramError::Limit("the files of the work do not fit together".to_owned());
                    let here = here.ok_or_else(lost)?;
                    keys.advance()?;
                    here
                }
            };
            self.children.push(&[place])?;
            self.reached += 1;
            if here {
                return Ok(());
            }
        }
    }

    fn finish(mut self, end: u32) -> Result<()> {
        // One more entry for the end of the last.
        for _ in self.reached..=self.below {
            self.children.push(&[end])?;
        }
        self.children.finish()
    }
}
