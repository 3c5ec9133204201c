//! The loop that merges the most frequent pair until the vocabulary is full.
//!
//! `tokenizers` keeps, for every entry of its queue, the words in which the pair appeared since its last entry. A pair
//! can have several entries (when different merges make the same token), each with its own words, and the entries are
//! merged one by one. The same is done here, because the resulting ranks depend on it.

use ferrolm_base::Cancel;

use super::super::hash::FastMap;
use super::super::progress::Stage;
use super::super::{Progress, TrainError};
use super::BpeOptions;
use super::corpus::Corpus;
use super::counted::Counted;
use super::neighbours::{AFTER, BEFORE, Change, Neighbours};
use super::queue::{PairKey, Queue, key, pair};
use super::vocabulary::Vocabulary;

/// Words between two looks at the cancel flag.
const POLL: usize = 4096;

/// Counts of pairs, and the queue of those that may merge with the words they were gained in.
struct Pairs {
    counts: FastMap<PairKey, i64>,
    /// Pairs with the numbers of their entries.
    queue: Queue<(PairKey, u32)>,
    /// Start and number of an entry's words.
    entries: Vec<(usize, u32)>,
    words: Vec<u32>,
    /// Pairs with less are not queued.
    least: u64,
}

/// Learn merges, in order, and add their tokens to `vocabulary`.
pub(super) fn learn(
    mut corpus: Corpus,
    options: &BpeOptions,
    vocabulary: &mut Vocabulary,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Vec<(u32, u32)>, TrainError> {
    let longest = options.max_token_length.unwrap_or(usize::MAX);
    // Length in characters of the text, without prefixes and suffixes: every token of the alphabet counts one.
    let mut lengths = vec![1usize; vocabulary.len()];
    let mut pairs = Pairs::count(&corpus, options, progress, cancel)?;
    let mut neighbours = Neighbours::default();
    let mut merges = Vec::new();
    progress.start(Stage::ComputeMerges, options.vocab_size);
    progress.advance(vocabulary.len() as u64);
    while vocabulary.len() < options.vocab_size {
        let Some((count, merging, entry)) = pairs.pop() else { break };
        if count < options.min_frequency.max(1) {
            break;
        }
        let (left, right) = pair(merging);
        let token = merged_token(vocabulary, (left, right), &options.continuing_subword_prefix);
        let merged = vocabulary.id_or_insert(&token);
        let length = lengths[left as usize] + lengths[right as usize];
        if let Some(known) = lengths.get_mut(merged as usize) {
            *known = length;
        } else {
            lengths.push(length);
            progress.advance(1);
        }
        merges.push((left, right));
        neighbours.reserve(vocabulary.len());
        let fits = |other: u32| lengths[other as usize] + length < longest;
        let (start, number) = pairs.entries[entry as usize];
        for chunk in pairs.words[start..start + number as usize].chunks(POLL) {
            cancel.check()?;
            for &word in chunk {
                let count = corpus.count(word);
                corpus.merge(word, (left, right), merged, |before, after| {
                    for (side, symbol) in [before, after].into_iter().enumerate() {
                        if let Some(symbol) = symbol {
                            neighbours.record(symbol, side, word, count, fits(symbol));
                        }
                    }
                });
            }
        }
        pairs.update((left, right), merged, &mut neighbours);
    }
    Ok(last_of_each(&merges))
}

impl Pairs {
    /// Count the pairs of all words.
    fn count(
        corpus: &Corpus,
        options: &BpeOptions,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Self, TrainError> {
        let counted = Counted::new(corpus, progress, cancel)?;
        // A count below zero, which `max_token_length` can cause, is read as a huge one by `tokenizers`, so that with
        // it no pair is too rare.
        let least = if options.max_token_length.is_some() { 1 } else { options.min_frequency.max(1) };
        let mut pairs = Self {
            counts: FastMap::default(),
            queue: Queue::new(),
            entries: Vec::new(),
            words: counted.words,
            least,
        };
        for (key, count, start, words) in counted.pairs {
            pairs.counts.insert(key, count);
            pairs.enqueue(key, count, start, words);
        }
        Ok(pairs)
    }

    fn enqueue(&mut self, key: PairKey, count: i64, start: usize, words: u32) {
        self.queue.push(count as u64, (key, self.entries.len() as u32));
        self.entries.push((start, words));
    }

    /// The most frequent pair, its count and its entry.
    fn pop(&mut self) -> Option<(u64, PairKey, u32)> {
        loop {
            let (count, (key, entry)) = self.queue.pop()?;
            let current = self.counts.get(&key).map_or(0, |&current| current as u64);
            if count == current {
                return Some((count, key, entry));
            }
            self.queue.push(current, (key, entry));
        }
    }

    /// Change the counts around a merge and queue the pairs that it made.
    fn update(&mut self, merging: (u32, u32), merged: u32, neighbours: &mut Neighbours) {
        let (old, new): (fn(_, _, _) -> _, fn(_, _) -> _) = (
            |symbol, side, (left, right): (u32, u32)| {
                if side == BEFORE { key(symbol, left) } else { key(right, symbol) }
            },
            |(symbol, merged), side| if side == BEFORE { key(symbol, merged) } else { key(merged, symbol) },
        );
        neighbours.for_each(|Change { symbol, side, lost, gained, .. }| {
            *self.counts.entry(old(symbol, side, merging)).or_insert(0) -= lost;
            if gained > 0 {
                *self.counts.entry(new((symbol, merged), side)).or_insert(0) += gained;
            }
        });
        let mut start = self.words.len();
        let first = start;
        let mut placed = Vec::new();
        neighbours.for_each(|Change { symbol, side, gained, words, .. }| {
            // The merged token on both sides of itself is one pair.
            let twin = if symbol == merged { neighbours.words(merged, 1 - side) } else { 0 };
            if gained == 0 || twin > 0 && side == AFTER {
                return;
            }
            let key = new((symbol, merged), side);
            let count = self.counts.get(&key).copied().unwrap_or(0);
            let queued = count > 0 && count as u64 >= self.least;
            let at = (start - first) as u32;
            placed.push((symbol, side, queued.then_some(at)));
            if twin > 0 {
                placed.push((symbol, AFTER, queued.then_some(at + words)));
            }
            if queued {
                self.enqueue(key, count, start, words + twin);
                start += (words + twin) as usize;
            }
        });
        for (symbol, side, start) in placed {
            neighbours.place(symbol, side, start);
        }
        self.words.resize(start, 0);
        let words = &mut self.words[first..];
        neighbours.drain(|at, word| words[at as usize] = word);
    }
}

/// What a merge of `pair` makes.
pub(super) fn merged_token(vocabulary: &Vocabulary, pair: (u32, u32), prefix: &str) -> String {
    let right = vocabulary.token(pair.1);
    format!("{}{}", vocabulary.token(pair.0), right.strip_prefix(prefix).unwrap_or(right))
}

/// A pair that was merged more than once has the rank of its last merge, as in `tokenizers`.
pub(super) fn last_of_each(merges: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let key = |&(left, right): &(u32, u32)| key(left, right);
    let last: FastMap<u64, usize> = merges.iter().enumerate().map(|(rank, pair)| (key(pair), rank)).collect();
    let is_last = |(rank, pair): (usize, &(u32, u32))| (last.get(&key(pair)) == Some(&rank)).then_some(*pair);
    merges.iter().enumerate().filter_map(is_last).collect()
}
