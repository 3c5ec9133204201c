//! The merges that ranks imply.
//!
//! Merging by ranks of bytes knows no pairs: any two neighbours merge whose bytes together are a token. Yet each token
//! has at most one pair that ever becomes it. Inside a text, what happens between the ends of a token until the token is
//! there depends on nothing outside (no merge crosses them, and the best pair of all is also the best inside). So it is
//! what happens to the bytes of the token alone: if merging those ends in the token, the last pair is its merge; if
//! not, no text reaches the token by merging.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Ranks;

const NONE: u32 = u32::MAX;

/// A merge: left, right and what they make.
pub(crate) type Triple = (u32, u32, u32);

/// The merge of every token that has one, by ascending rank.
pub(crate) fn derive(ranks: &Ranks, find: impl Fn(&[u8]) -> Option<u32>) -> Vec<Triple> {
    let mut bytes = [NONE; 256];
    for (rank, token) in ranks.iter() {
        if let &[byte] = token {
            bytes[usize::from(byte)] = rank;
        }
    }
    let mut pairs = Pairs::new(ranks.len());
    let mut merges = Vec::with_capacity(ranks.len());
    let mut unreached = Vec::new();
    let mut parts = Vec::new();
    for (rank, token) in ranks.iter().filter(|(_, token)| token.len() >= 2) {
        // With the merges of lower ranks alone, which is all there is to it in any vocabulary that was trained.
        parts.clear();
        parts.extend(token.iter().map(|&byte| bytes[usize::from(byte)]));
        if token.len() <= SHORT && !parts.contains(&NONE) {
            merge_short(&mut parts, &pairs);
        }
        if let &[left, right] = parts.as_slice()
            && left != NONE
            && right != NONE
        {
            pairs.insert(left, right, rank);
            merges.push((left, right, rank));
        } else {
            unreached.push(rank);
        }
    }
    // Unreached tokens that merging reaches after all have parts of higher ranks than their own. No training makes such
    // a vocabulary, and what was found above need not hold in it.
    let by_definition = |&rank: &u32| {
        let token = ranks.token(rank)?;
        let left = last_part(token, std::iter::repeat_n(1, token.len()), &find)?;
        Some((find(&token[..left])?, find(&token[left..])?, rank))
    };
    if unreached.iter().any(|rank| by_definition(rank).is_some()) {
        let all: Vec<u32> = ranks.iter().map(|(rank, _)| rank).collect();
        return all.iter().filter_map(by_definition).collect();
    }
    merges
}

/// Bytes of a token that is merged by looking at all pairs for each merge.
const SHORT: usize = 128;

fn merge_short(parts: &mut Vec<u32>, pairs: &Pairs) {
    let mut candidates = [NONE; SHORT];
    let mut count = parts.len() - 1;
    for (candidate, pair) in candidates.iter_mut().zip(parts.windows(2)) {
        *candidate = pairs.get(pair[0], pair[1]);
    }
    while count > 0 {
        let mut best = (NONE, 0);
        for (at, &candidate) in candidates[..count].iter().enumerate() {
            if candidate < best.0 {
                best = (candidate, at);
            }
        }
        let (rank, at) = best;
        if rank == NONE {
            return;
        }
        parts[at] = rank;
        parts.remove(at + 1);
        candidates.copy_within(at + 1..count, at);
        count -= 1;
        if at < count {
            candidates[at] = pairs.get(parts[at], parts[at + 1]);
        }
        if at > 0 {
            candidates[at - 1] = pairs.get(parts[at - 1], parts[at]);
        }
    }
}

/// What pairs make, while they become known: open addressing, keys of both ids.
struct Pairs {
    slots: Vec<(u64, u32)>,
}

impl Pairs {
    fn new(count: usize) -> Self {
        Self { slots: vec![(u64::MAX, NONE); (count * 2).next_power_of_two().max(4)] }
    }

    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut slot = (hash >> 32 ^ hash) as usize & mask;
        while self.slots[slot].0 != key && self.slots[slot].0 != u64::MAX {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn get(&self, left: u32, right: u32) -> u32 {
        self.slots[self.slot(u64::from(left) << 32 | u64::from(right))].1
    }

    fn insert(&mut self, left: u32, right: u32, rank: u32) {
        let key = u64::from(left) << 32 | u64::from(right);
        let slot = self.slot(key);
        self.slots[slot] = (key, rank);
    }
}

/// The parts, as lengths, that merging by ranks of bytes makes of `piece`: the definition, in n log n lookups.
pub(super) fn merge_bytes(piece: &[u8], find: impl Fn(&[u8]) -> Option<u32>) -> Vec<usize> {
    let mut word = Word::new(piece, std::iter::repeat_n(1, piece.len()), &find);
    while word.step(&find).is_some() {}
    let mut lengths = Vec::new();
    let mut at = 0;
    while at < piece.len() {
        lengths.push(word.ends[at] - at);
        at = word.ends[at];
    }
    lengths
}

/// Where the last two parts of `token` meet, if merging ends in it as a whole; `units` are the lengths of what is there
/// at first, bytes or characters.
pub(crate) fn last_part(
    token: &[u8],
    units: impl Iterator<Item = usize>,
    find: impl Fn(&[u8]) -> Option<u32>,
) -> Option<usize> {
    let mut word = Word::new(token, units, &find);
    let mut last = None;
    while let Some(lengths) = word.step(&find) {
        last = Some(lengths);
    }
    last.filter(|(left, right)| left + right == token.len()).map(|(left, _)| left)
}

/// A piece in the making.
struct Word<'a> {
    piece: &'a [u8],
    /// For each start of a part, its end, and the start of the part before.
    ends: Vec<usize>,
    before: Vec<usize>,
    /// (rank, start), lowest first; an entry whose parts have changed meanwhile is passed over.
    queue: BinaryHeap<Reverse<(u32, usize, usize)>>,
}

impl<'a> Word<'a> {
    fn new(piece: &'a [u8], units: impl Iterator<Item = usize>, find: impl Fn(&[u8]) -> Option<u32>) -> Self {
        let mut word = Self {
            piece,
            ends: vec![MERGED; piece.len()],
            before: vec![0; piece.len()],
            queue: BinaryHeap::new(),
        };
        let (mut before, mut at) = (None, 0);
        let mut candidates = Vec::new();
        for length in units {
            let end = at + length;
            word.ends[at] = end;
            if let Some(before) = before {
                word.before[at] = before;
                candidates.extend(find(&piece[before..end]).map(|rank| Reverse((rank, before, end))));
            }
            before = Some(at);
            at = end;
        }
        word.queue = candidates.into();
        word
    }

    /// Do the best merge; returns the lengths of its parts.
    fn step(&mut self, find: impl Fn(&[u8]) -> Option<u32>) -> Option<(usize, usize)> {
        loop {
            let Reverse((_, start, end)) = self.queue.pop()?;
            let middle = self.ends[start];
            // A start that was merged into the part before it has no end.
            if middle == MERGED || middle >= self.piece.len() || self.ends[middle] != end {
                continue;
            }
            self.ends[start] = end;
            self.ends[middle] = MERGED;
            if end < self.piece.len() {
                self.before[end] = start;
                self.offer(start, self.ends[end], &find);
            }
            if start > 0 {
                self.offer(self.before[start], end, &find);
            }
            return Some((middle - start, end - middle));
        }
    }

    fn offer(&mut self, start: usize, end: usize, find: impl Fn(&[u8]) -> Option<u32>) {
        self.queue.extend(find(&self.piece[start..end]).map(|rank| Reverse((rank, start, end))));
    }
}

const MERGED: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// The definition: merge the leftmost neighbours whose bytes together have the lowest rank.
    fn slow(piece: &[u8], ranks: &HashMap<Vec<u8>, u32>) -> Vec<Vec<u8>> {
        let mut parts: Vec<Vec<u8>> = piece.iter().map(|&byte| vec![byte]).collect();
        loop {
            let found = parts.windows(2).enumerate();
            let found = found.filter_map(|(at, pair)| Some((*ranks.get(&pair.concat())?, at)));
            let Some((_, at)) = found.min() else { return parts };
            let right = parts.remove(at + 1);
            parts[at].extend(right);
        }
    }

    /// The leftmost pair of the lowest rank, by pairs of ids.
    fn by_pairs(piece: &[u8], singles: &HashMap<Vec<u8>, u32>, merges: &[Triple]) -> Vec<u32> {
        let mut ids: Vec<u32> = piece.iter().map(|&byte| singles[&vec![byte]]).collect();
        loop {
            let find =
                |pair: &[u32]| merges.iter().find(|merge| [merge.0, merge.1] == *pair).map(|merge| merge.2);
            let found = ids.windows(2).enumerate().filter_map(|(at, pair)| Some((find(pair)?, at)));
            let Some((rank, at)) = found.min() else { return ids };
            ids[at] = rank;
            ids.remove(at + 1);
        }
    }

    proptest! {
        /// Any vocabulary whatever, trained or not: ranks at random, parts that are missing or come later.
        #[test]
        fn one_merge_for_each_token_is_enough(
            tokens in proptest::collection::hash_set("[abc]{2,6}", 0..30),
            order in any::<u64>(),
            texts in proptest::collection::vec("[abc]{1,14}", 8),
        ) {
            let mut tokens: Vec<Vec<u8>> = tokens.into_iter().map(String::into_bytes).collect();
            tokens.extend([b"a", b"b", b"c"].map(|byte| byte.to_vec()));
            tokens.sort_by_key(|token| {
                token.iter().fold(order | 1, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)) >> 7
            });
            let map: HashMap<Vec<u8>, u32> = tokens.iter().cloned().zip(0..).collect();
            let ranks = Ranks::new(tokens.iter().map(Vec::as_slice).zip(0u32..).collect::<Vec<_>>().into_iter()).unwrap();
            let merges = derive(&ranks, |bytes| map.get(bytes).copied());
            for text in &texts {
                let expected = slow(text.as_bytes(), &map);
                let ids: Vec<u32> = expected.iter().map(|part| map[part]).collect();
                prop_assert_eq!(by_pairs(text.as_bytes(), &map, &merges), ids);
                let lengths: Vec<usize> = expected.iter().map(Vec::len).collect();
                prop_assert_eq!(merge_bytes(text.as_bytes(), |bytes| map.get(bytes).copied()), lengths);
            }
        }
    }
}
