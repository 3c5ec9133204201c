//! The suffix of each n-gram (itself without its first word), and from the suffixes the counts that are smoothed.
//!
//! The suffix of an n-gram is the continuation, by the same last word, of the suffix of its context. Sorted by these two
//! numbers the n-grams pass by the level below in its own order: a join from front to back, without a search.

use std::ops::Range;

use ferrolm_base::Cancel;

use super::rows::{RowReader, RowWriter, Section, read_all};
use super::scatter::Scatter;
use super::sorter::Sorter;
use super::store::Store;
use crate::error::{NgramError, Result};
use crate::smoothing::CountKind;

/// Link order `k` (2 and up) to the order below. `sizes` are the numbers of n-grams by order, `begin` is the number of
/// `<s>`. Writes the counts of `kind` of the order below as `smoothed-`; returns how many of them are 1, 2, 3 and 4.
pub(super) fn link(
    store: &Store,
    k: usize,
    sizes: &[u64],
    begin: u32,
    kind: CountKind,
    memory: usize,
    cancel: &Cancel,
) -> Result<[u64; 4]> {
    let mut sorter = Sorter::new(store, &format!("suffixes-{k}"), memory / 2);
    by_suffix(store, k, sizes, cancel, |record| sorter.push(record))?;
    let mut links = RowWriter::create(store, &format!("links-{k}"))?;
    let mut suffixes = if k < sizes.len() {
        Some(Scatter::new(store, &format!("suffix-{k}-range"), sizes[k - 1] as usize, 1, memory / 4)?)
    } else {
        None
    };
    let mut below = Below::open(store, k - 1, sizes, begin, kind)?;
    sorter.finish(cancel, |[context, word, index]| {
        let place = below.find(context, word)?;
        links.push(&[place, index])?;
        suffixes.as_mut().map_or(Ok(()), |suffixes| suffixes.put(index, &[place]))
    })?;
    links.finish()?;
    if let Some(suffixes) = suffixes {
        let mut writer = RowWriter::create(store, &format!("suffix-{k}"))?;
        suffixes.finish(cancel, |row| writer.push(row))?;
        writer.finish()?;
    }
    below.finish()
}

/// Each n-gram of order `k` as the suffix of its context, its last word, and its own place.
fn by_suffix(
    store: &Store,
    k: usize,
    sizes: &[u64],
    cancel: &Cancel,
    mut each: impl FnMut([u32; 3]) -> Result<()>,
) -> Result<()> {
    let mut words = RowReader::whole(store, &format!("words-{k}"), 1, sizes[k - 1])?;
    let mut children = RowReader::whole(store, &format!("children-{}", k - 1), 1, sizes[k - 2] + 1)?;
    let mut suffixes = match k {
        2 => None,
        _ => Some(RowReader::whole(store, &format!("suffix-{}", k - 1), 1, sizes[k - 2])?),
    };
    let mut start = children.take()?.unwrap_or(0);
    let mut context = 0u64;
    while let Some(end) = children.take()? {
        // The unigrams' only context is the empty one.
        let suffix = suffixes.as_mut().map_or(Ok(Some(0)), RowReader::take)?.unwrap_or(0);
        for place in start..end {
            each([suffix, words.take()?.unwrap_or(0), place])?;
        }
        start = end;
        context += 1;
        if context.is_multiple_of(1 << 16) {
            cancel.check()?;
        }
    }
    Ok(())
}

/// The level below, passed from front to back: each n-gram with its context and last word.
struct Below {
    /// Last words, and where the continuations of each context begin; `None` for the unigrams.
    words: Option<(RowReader, RowReader)>,
    context: u32,
    /// Where the next context begins.
    next: u32,
    word: u32,
    place: u32,
    size: u32,
    /// How many different words were seen before the current n-gram.
    count: u32,
    counts: RowReader,
    kind: CountKind,
    /// N-grams that begin with `<s>`: no word comes before them.
    first: Range<u32>,
    /// Whether these are the unigrams, of which `<s>` is never predicted.
    lowest: bool,
    smoothed: RowWriter,
    of_count: [u64; 4],
}

impl Below {
    fn open(store: &Store, q: usize, sizes: &[u64], begin: u32, kind: CountKind) -> Result<Self> {
        let size = sizes[q - 1];
        let words = if q == 1 {
            None
        } else {
            let mut children = RowReader::whole(store, &format!("children-{}", q - 1), 1, sizes[q - 2] + 1)?;
            children.take()?;
            Some((RowReader::whole(store, &format!("words-{q}"), 1, size)?, children))
        };
        let mut below = Self {
            words,
            context: 0,
            next: 0,
            word: 0,
            place: 0,
            size: size as u32,
            count: 0,
            counts: RowReader::whole(store, &format!("counts-{q}"), 1, size)?,
            kind,
            first: beginning(store, q, begin)?,
            lowest: q == 1,
            smoothed: RowWriter::create(store, &format!("smoothed-{q}"))?,
            of_count: [0; 4],
        };
        if let Some((_, children)) = &mut below.words {
            below.next = children.take()?.unwrap_or(0);
        }
        below.enter()?;
        Ok(below)
    }

    /// Read the context and last word of the n-gram at `place`.
    fn enter(&mut self) -> Result<()> {
        let Some((words, children)) = &mut self.words else {
            self.word = self.place;
            return Ok(());
        };
        while self.place >= self.next && self.place < self.size {
            self.context += 1;
            self.next = children.take()?.unwrap_or(u32::MAX);
        }
        self.word = words.take()?.unwrap_or(u32::MAX);
        Ok(())
    }

    /// The place of the n-gram, at or after the current one.
    #[inline]
    fn find(&mut self, context: u32, word: u32) -> Result<u32> {
        while (self.context, self.word) != (context, word) {
            self.leave()?;
            if self.place >= self.size {
                return Err(NgramError::Limit("the files of the work do not fit together".to_owned()));
            }
            self.enter()?;
        }
        self.count += 1;
        Ok(self.place)
    }

    fn leave(&mut self) -> Result<()> {
        let own = self.counts.take()?.unwrap_or(0);
        let first = self.first.contains(&self.place);
        let count = if self.lowest && first { 0 } else { self.kind.choose(own, self.count, first) };
        if let Some(number) = (count as usize).checked_sub(1).and_then(|i| self.of_count.get_mut(i)) {
            *number += 1;
        }
        self.smoothed.push(&[count])?;
        self.count = 0;
        self.place += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<[u64; 4]> {
        while self.place < self.size {
            self.leave()?;
        }
        self.smoothed.finish()?;
        Ok(self.of_count)
    }
}

/// The places of the n-grams of order `q` that begin with `<s>`.
fn beginning(store: &Store, q: usize, begin: u32) -> Result<Range<u32>> {
    let mut range = begin..begin + 1;
    for below in 1..q {
        let at = |place: u32| -> Result<u32> {
            let name = format!("children-{below}");
            let section = Section { name, start: u64::from(place), rows: 1, width: 1 };
            Ok(read_all(store, &section)?.first().copied().unwrap_or(0))
        };
        range = at(range.start)?..at(range.end)?;
    }
    Ok(range)
}
