//! The words of one language, and which of them have which pairs.

use ferrolm_base::Cancel;

use super::super::super::hash::FastMap;
use super::super::super::{Progress, TrainError};
use super::super::corpus::Corpus;
use super::super::counted::Counted;
use super::super::neighbours::{BEFORE, Change, Neighbours};
use super::super::queue::{PairKey, key};

/// Words between two looks at the cancel flag.
const POLL: usize = 4096;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Pair {
    count: i64,
    /// The last of the pair's chunks of words.
    chunk: u32,
}

/// Words that gained a pair at the same time.
struct Chunk {
    start: usize,
    number: u32,
    /// An earlier one of the same pair.
    before: u32,
}

/// Which neighbours a merged token may make pairs with.
pub(super) enum Fits<'a> {
    All,
    /// Those with which it is shorter than `longest`. (`tokenizers` has "shorter" here.)
    Below {
        lengths: &'a [usize],
        length: usize,
        longest: usize,
    },
}

impl Fits<'_> {
    fn with(&self, symbol: u32) -> bool {
        match self {
            Self::All => true,
            Self::Below { lengths, length, longest } => lengths[symbol as usize] + length < *longest,
        }
    }
}

pub(super) struct Language {
    corpus: Corpus,
    pairs: FastMap<PairKey, Pair>,
    chunks: Vec<Chunk>,
    words: Vec<u32>,
    neighbours: Neighbours,
    /// Symbols of all words as often as these occur.
    pub(super) length: i64,
}

impl Language {
    pub(super) fn new(corpus: Corpus, progress: &Progress, cancel: &Cancel) -> Result<Self, TrainError> {
        let counted = Counted::new(&corpus, progress, cancel)?;
        let mut language = Self {
            length: corpus.length(),
            corpus,
            pairs: FastMap::default(),
            chunks: Vec::with_capacity(counted.pairs.len()),
            words: counted.words,
            neighbours: Neighbours::default(),
        };
        for (key, count, start, number) in counted.pairs {
            language.pairs.insert(key, Pair { count, chunk: language.chunks.len() as u32 });
            language.chunks.push(Chunk { start, number, before: NONE });
        }
        Ok(language)
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = PairKey> + '_ {
        self.pairs.keys().copied()
    }

    /// How often a pair occurs. Less than it does after merges that were too long to count, but not below nothing.
    pub(super) fn count(&self, pair: PairKey) -> u64 {
        self.pairs.get(&pair).map_or(0, |pair| u64::try_from(pair.count).unwrap_or(0))
    }

    /// Replace every pair (`left`, `right`) by `merged`. Gives the pairs that were gained.
    pub(super) fn merge(
        &mut self,
        (left, right): (u32, u32),
        merged: u32,
        fits: &Fits<'_>,
        cancel: &Cancel,
    ) -> Result<Vec<PairKey>, TrainError> {
        let Some(merging) = self.pairs.get_mut(&key(left, right)).filter(|pair| pair.chunk != NONE) else {
            return Ok(Vec::new());
        };
        let mut chunk = std::mem::replace(&mut merging.chunk, NONE);
        self.neighbours.reserve(merged as usize + 1);
        while let Some(&Chunk { start, number, before }) = self.chunks.get(chunk as usize) {
            for words in self.words[start..start + number as usize].chunks(POLL) {
                cancel.check()?;
                for &word in words {
                    let count = self.corpus.count(word);
                    self.corpus.merge(word, (left, right), merged, |before, after| {
                        self.length -= count;
                        for (side, symbol) in [before, after].into_iter().enumerate() {
                            if let Some(symbol) = symbol {
                                self.neighbours.record(symbol, side, word, count, fits.with(symbol));
                            }
                        }
                    });
                }
            }
            chunk = before;
        }
        Ok(self.update((left, right), merged))
    }

    /// Change the counts around a merge and write down where pairs were gained.
    fn update(&mut self, (left, right): (u32, u32), merged: u32) -> Vec<PairKey> {
        let none = Pair { count: 0, chunk: NONE };
        let mut gained_pairs = Vec::new();
        let mut placed = Vec::new();
        let first = self.words.len();
        let mut start = first;
        self.neighbours.for_each(|Change { symbol, side, lost, gained, words }| {
            let (old, new) = match side {
                BEFORE => (key(symbol, left), key(symbol, merged)),
                _ => (key(right, symbol), key(merged, symbol)),
            };
            self.pairs.entry(old).or_insert(none).count -= lost;
            if gained == 0 {
                return;
            }
            let pair = self.pairs.entry(new).or_insert(none);
            pair.count += gained;
            let before = std::mem::replace(&mut pair.chunk, self.chunks.len() as u32);
            self.chunks.push(Chunk { start, number: words, before });
            placed.push((symbol, side, (start - first) as u32));
            start += words as usize;
            gained_pairs.push(new);
        });
        // All were merged, whatever the count says after merges that were too long to count.
        self.pairs.entry(key(left, right)).or_insert(none).count = 0;
        for (symbol, side, start) in placed {
            self.neighbours.place(symbol, side, Some(start));
        }
        self.words.resize(start, 0);
        let words = &mut self.words[first..];
        self.neighbours.drain(|at, word| words[at as usize] = word);
        gained_pairs
    }
}
