//! All n-grams of all orders by one sort: positions of the corpus, ordered by the words that follow them.
//!
//! Positions are dealt into buckets by their first words (a histogram and a stable scatter), then each bucket is
//! sorted by integer keys that hold as many words as fit into 96 bits and the position in the lower 32; rare ties
//! beyond these words are sorted again by the words after them. The n-grams of every order `k` are then runs of
//! neighbours that share `k` words: see [`Sorted::starts`]. O(N log(N / buckets)) for N tokens; the position in the
//! key makes the order total, so it does not depend on the number of threads.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::Result;
use crate::levels::{atomics, split};
use crate::unsafe_memory::zeroed;

/// Positions of a corpus in the order of the `order` words that start there (fewer at the end of a sentence;
/// a shorter sequence comes before its continuations).
pub struct Sorted {
    pub positions: Vec<u32>,
    /// How many leading words each item shares with the one before it.
    pub shared: Vec<u8>,
    /// How many words each item has: `order`, or fewer at the end of its sentence.
    pub lengths: Vec<u8>,
    /// Ranges of items none of whose runs continues into the next range: units of parallel work.
    pub chunks: Vec<Range<usize>>,
}

const BUCKETS: usize = 1024;
const SLICES: usize = 64;
const WORD_BITS: u32 = 96;
/// The histogram of prefixes stays within 16 MiB, whatever the vocabulary.
const MAX_PREFIX_BITS: u32 = 22;

/// Sort the positions of `corpus` by the next `order` words, 1 to 255.
pub fn sort(corpus: &Corpus, order: u8, cancel: &Cancel) -> Result<Sorted> {
    sort_counted(corpus, corpus.remaining(order), order, cancel)
}

/// As [`sort`], with `remaining` words at each position instead of those up to the end of its sentence.
pub(crate) fn sort_counted(
    corpus: &Corpus,
    remaining: Vec<u8>,
    order: u8,
    cancel: &Cancel,
) -> Result<Sorted> {
    let keys = Keys { tokens: &corpus.tokens, remaining, bits: width(corpus.bound), order };
    let (mut positions, ends) = deal(&keys, cancel)?;
    let mut shared: Vec<u8> = zeroed(positions.len());
    let mut lengths: Vec<u8> = zeroed(positions.len());
    let sizes: Vec<usize> = [0].iter().chain(&ends).zip(&ends).map(|(start, end)| end - start).collect();
    let buckets = split(&mut positions, &sizes)
        .into_par_iter()
        .zip(split(&mut shared, &sizes))
        .zip(split(&mut lengths, &sizes));
    buckets.try_for_each(|((positions, shared), lengths)| -> Result<()> {
        keys.sort(positions, shared, 0, cancel)?;
        for (length, &position) in lengths.iter_mut().zip(&*positions) {
            *length = keys.remaining[position as usize];
        }
        Ok(())
    })?;
    for &start in ends.iter().filter(|&&start| start > 0 && start < positions.len()) {
        shared[start] = keys.common(positions[start - 1], positions[start]);
    }
    let chunks = chunks(&ends, &shared);
    Ok(Sorted { positions, shared, lengths, chunks })
}

impl Sorted {
    /// For each item of `range`: the position, whether it belongs to an n-gram of order `k` (false when the sentence
    /// ends before), and whether it is the first of that n-gram's run.
    #[inline]
    pub fn starts(&self, k: u8, range: Range<usize>) -> impl Iterator<Item = (u32, bool, bool)> {
        let items =
            self.positions[range.clone()].iter().zip(&self.shared[range.clone()]).zip(&self.lengths[range]);
        items.map(move |((&position, &shared), &length)| (position, length >= k, shared < k))
    }

    /// The number of distinct n-grams of order `k` in each chunk.
    pub fn distinct(&self, k: u8) -> Vec<usize> {
        let count = |range: &Range<usize>| {
            self.starts(k, range.clone()).filter(|&(_, is, first)| is && first).count()
        };
        self.chunks.par_iter().map(count).collect()
    }
}

struct Keys<'a> {
    tokens: &'a [u32],
    remaining: Vec<u8>,
    /// Bits of a word; a word is stored plus one, zero is the end of the sentence.
    bits: u32,
    order: u8,
}

/// Bits that hold 0 to `bound`.
fn width(bound: u32) -> u32 {
    (u32::BITS - bound.leading_zeros()).max(1)
}

impl Keys<'_> {
    /// How many words fit into a key.
    fn words(&self) -> usize {
        (WORD_BITS / self.bits).min(u32::from(self.order)) as usize
    }

    /// `count` words from `position + offset` on, the first in the highest place.
    #[inline]
    fn pack(&self, position: u32, offset: usize, count: usize) -> u128 {
        let start = position as usize + offset;
        let have = usize::from(self.remaining[position as usize]).saturating_sub(offset).min(count);
        let words = &self.tokens[start.min(self.tokens.len())..(start + have).min(self.tokens.len())];
        let packed = words.iter().fold(0, |key, &word| key << self.bits | u128::from(word + 1));
        packed << (self.bits * (count - have) as u32)
    }

    /// Sort one bucket, whose items share their first `offset` words; the first item's `shared` is left alone.
    fn sort(&self, positions: &mut [u32], shared: &mut [u8], offset: usize, cancel: &Cancel) -> Result<()> {
        cancel.check()?;
        if positions.is_empty() {
            return Ok(());
        }
        let count = self.words().min(usize::from(self.order) - offset);
        let mut keys: Vec<u128> =
            positions.iter().map(|&p| self.pack(p, offset, count) << 32 | u128::from(p)).collect();
        keys.sort_unstable();
        for (position, &key) in positions.iter_mut().zip(&keys) {
            *position = key as u32;
        }
        let unused = u128::BITS - 32 - self.bits * count as u32;
        for (pair, shared) in keys.windows(2).zip(&mut shared[1..]) {
            let differing = ((pair[0] ^ pair[1]) >> 32).leading_zeros() - 32 - unused;
            *shared = (offset as u32 + (differing / self.bits).min(count as u32)) as u8;
        }
        let next = offset + count;
        if next < usize::from(self.order) {
            self.sort_ties(positions, shared, next, cancel)?;
        }
        Ok(())
    }

    /// Sort each run of items that share `offset` words by the words after these.
    fn sort_ties(
        &self,
        positions: &mut [u32],
        shared: &mut [u8],
        offset: usize,
        cancel: &Cancel,
    ) -> Result<()> {
        let mut start = 0;
        while start < positions.len() {
            let end =
                start + 1 + shared[start + 1..].iter().take_while(|&&s| usize::from(s) >= offset).count();
            let run = &mut positions[start..end];
            if run.len() > 1 && run.iter().any(|&p| usize::from(self.remaining[p as usize]) > offset) {
                self.sort(run, &mut shared[start..end], offset, cancel)?;
            }
            start = end;
        }
        Ok(())
    }

    fn common(&self, a: u32, b: u32) -> u8 {
        let words = |p: u32| &self.tokens[p as usize..p as usize + usize::from(self.remaining[p as usize])];
        words(a).iter().zip(words(b)).take_while(|(a, b)| a == b).count() as u8
    }
}

/// Deal the positions into buckets of like size in key order; returns them with the buckets' ends.
fn deal(keys: &Keys<'_>, cancel: &Cancel) -> Result<(Vec<u32>, Vec<usize>)> {
    let total = keys.tokens.len();
    // Small vocabularies need several words to tell enough buckets apart.
    let count = ((20 / keys.bits).max(1) as usize).min(usize::from(keys.order));
    let slices: Vec<Range<usize>> =
        (0..SLICES).map(|i| total * i / SLICES..total * (i + 1) / SLICES).collect();
    let shift = (keys.bits * count as u32).saturating_sub(MAX_PREFIX_BITS);
    let prefix = |position: usize| (keys.pack(position as u32, 0, count) >> shift) as usize;
    let mut histogram = vec![0u32; 1 << (keys.bits * count as u32 - shift)];
    (0..total).for_each(|position| histogram[prefix(position)] += 1);
    let bucket_of = buckets(&histogram, total);
    let last = bucket_of.last().map_or(0, |&bucket| usize::from(bucket));
    cancel.check()?;
    let sizes: Vec<Vec<u32>> = slices
        .par_iter()
        .map(|slice| {
            let mut sizes = vec![0u32; last + 1];
            for position in slice.clone() {
                sizes[usize::from(bucket_of[prefix(position)])] += 1;
            }
            sizes
        })
        .collect();
    let mut next = 0;
    let mut heads = vec![vec![0u32; last + 1]; slices.len()];
    let mut ends = Vec::with_capacity(last + 1);
    for bucket in 0..=last {
        for (head, size) in heads.iter_mut().zip(&sizes) {
            head[bucket] = next;
            next += size[bucket];
        }
        ends.push(next as usize);
    }
    cancel.check()?;
    let dealt = atomics(total);
    slices.into_par_iter().zip(heads).for_each(|(slice, mut heads)| {
        for position in slice {
            let head = &mut heads[usize::from(bucket_of[prefix(position)])];
            dealt[*head as usize].store(position as u32, Ordering::Relaxed);
            *head += 1;
        }
    });
    Ok((dealt.into_iter().map(AtomicU32::into_inner).collect(), ends))
}

/// The bucket of each prefix: consecutive prefixes share one until it holds its part of `total`.
fn buckets(histogram: &[u32], total: usize) -> Vec<u16> {
    let part = (total / BUCKETS).max(1);
    let (mut bucket, mut size) = (0u16, 0);
    let next = |&count: &u32| {
        if size >= part {
            (bucket, size) = (bucket + 1, 0);
        }
        size += count as usize;
        bucket
    };
    histogram.iter().map(next).collect()
}

/// Buckets joined until the next one starts with another first word.
fn chunks(ends: &[usize], shared: &[u8]) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let mut start = 0;
    for &end in ends {
        if end > start && shared.get(end).is_none_or(|&shared| shared == 0) {
            chunks.push(start..end);
            start = end;
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    /// The twin: sort the sequences themselves.
    fn twin(corpus: &Corpus, order: usize) -> Vec<(Vec<u32>, u32)> {
        let mut all = Vec::new();
        for sentence in corpus.sentences() {
            for position in sentence.clone() {
                all.push((
                    corpus.tokens[position..sentence.end.min(position + order)].to_vec(),
                    position as u32,
                ));
            }
        }
        all.sort();
        all
    }

    proptest! {
        #[test]
        fn positions_are_sorted_by_their_words(
            sentences in prop::collection::vec(prop::collection::vec(0u32..6, 0..30), 0..30),
            wide in any::<bool>(),
            order in 1u8..12,
        ) {
            // With 31 bits a word, three fit into a key: ties are sorted again.
            let bound = if wide { 1 << 30 } else { 6 };
            let tokens: Vec<u32> = sentences.concat();
            let mut offsets = vec![0];
            offsets.extend(sentences.iter().scan(0, |end, s| { *end += s.len(); Some(*end) }));
            let corpus = Corpus { tokens, offsets, bound };
            let sorted = sort(&corpus, order, &NEVER).unwrap();
            let twin = twin(&corpus, usize::from(order));
            prop_assert_eq!(&sorted.positions, &twin.iter().map(|(_, p)| *p).collect::<Vec<_>>());
            for (index, pair) in twin.windows(2).enumerate() {
                let common = pair[0].0.iter().zip(&pair[1].0).take_while(|(a, b)| a == b).count();
                let valid = pair[0].0.len().min(pair[1].0.len());
                prop_assert!(usize::from(sorted.shared[index + 1]).min(valid) == common);
                prop_assert_eq!(usize::from(sorted.lengths[index + 1]), pair[1].0.len());
            }
            prop_assert_eq!(sorted.chunks.iter().map(ExactSizeIterator::len).sum::<usize>(), twin.len());
        }
    }
}
