//! Repeated substrings of the words: the inner nodes of their suffix tree, found by sorting.
//!
//! A substring is one if it occurs with at least two different characters, or the end of the word, behind it. Suffixes
//! are sorted up to the largest length that matters only, several characters at a time packed into one number, and
//! suffixes that begin with different characters apart: O(n l / c + n log n) for n characters, length l, and c
//! characters in 64 bits.

use ferrolm_base::{Cancel, Cancelled};
use rayon::prelude::*;

use super::super::Progress;
use super::super::sorting::sort_by;
use super::text::{BOUNDARY, Text};

/// A substring by one of its places, and how often it occurs in different words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeat {
    pub(super) start: u32,
    pub(super) length: u32,
    pub(super) count: u32,
}

/// Groups between two looks at the cancel flag.
const POLL: usize = 1 << 12;
/// Suffixes that are worked on without a look at it.
const LARGE: usize = 1 << 16;

/// The repeated substrings of 2 to `longest` characters, in the order of a suffix array.
pub(super) fn repeats(
    text: &Text,
    longest: usize,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Vec<Repeat>, Cancelled> {
    let sorter = Sorter { codes: &text.codes, longest, bits: bits(text.alphabet.len()) };
    let found = by_first(text).into_par_iter().map(|mut group| {
        sorter.sort(&mut group, cancel)?;
        progress.advance(group.len() as u64);
        sorter.inner_nodes(&group, cancel)
    });
    Ok(found.collect::<Result<Vec<_>, _>>()?.concat())
}

/// Places by the character there.
fn by_first(text: &Text) -> Vec<Vec<u32>> {
    let mut groups = vec![Vec::new(); text.alphabet.len() + 1];
    for (place, &code) in (0u32..).zip(&text.codes) {
        if code != BOUNDARY {
            groups[code as usize].push(place);
        }
    }
    groups
}

/// Bits that hold the boundary and the codes of `characters`.
fn bits(characters: usize) -> u32 {
    usize::BITS - characters.leading_zeros()
}

/// Keys and places are all different, so that both sorts give the same.
fn sort(keyed: &mut Vec<(u64, u32)>, cancel: &Cancel) -> Result<(), Cancelled> {
    if keyed.len() > LARGE {
        return sort_by(keyed, cancel, Ord::cmp);
    }
    keyed.sort_unstable();
    Ok(())
}

struct Sorter<'a> {
    codes: &'a [u32],
    longest: usize,
    bits: u32,
}

impl Sorter<'_> {
    /// Characters beyond this are not looked at.
    fn depth(&self) -> usize {
        self.longest.saturating_add(1)
    }

    fn packed(&self) -> usize {
        (64 / self.bits.max(1)) as usize
    }

    /// Sort places by what stands there, up to the word's end or the depth.
    fn sort(&self, places: &mut [u32], cancel: &Cancel) -> Result<(), Cancelled> {
        let mut keyed: Vec<(u64, u32)> = Vec::new();
        // The first character is the same.
        let mut waiting = vec![(0..places.len(), 1)];
        let mut done = 0usize;
        while let Some((range, depth)) = waiting.pop() {
            done += 1;
            if done % POLL == 1 || range.len() > POLL {
                cancel.check()?;
            }
            let group = &mut places[range.clone()];
            keyed.clear();
            keyed.extend(group.iter().map(|&place| (self.key(place as usize + depth), place)));
            sort(&mut keyed, cancel)?;
            let (mut start, next) = (range.start, depth + self.packed());
            for equal in keyed.chunk_by(|left, right| left.0 == right.0) {
                let end = start + equal.len();
                for (place, &(_, sorted)) in places[start..end].iter_mut().zip(equal) {
                    *place = sorted;
                }
                let last = equal[0].0 >> (64 % self.bits.max(1)) & ((1 << self.bits) - 1);
                if equal.len() > 1 && last != u64::from(BOUNDARY) && next < self.depth() {
                    waiting.push((start..end, next));
                }
                start = end;
            }
        }
        Ok(())
    }

    /// The next codes as one number, zeros behind a boundary.
    fn key(&self, start: usize) -> u64 {
        let (mut key, mut shift) = (0, 64);
        for &code in self.codes.get(start..).unwrap_or_default() {
            if code == BOUNDARY || shift < self.bits {
                break;
            }
            shift -= self.bits;
            key |= u64::from(code) << shift;
        }
        key
    }

    /// Length of the common beginning, the depth if there is no end to it: the ends of two words are the same.
    fn common(&self, left: u32, right: u32) -> usize {
        let (left, right) = (&self.codes[left as usize..], &self.codes[right as usize..]);
        for (length, pair) in left.iter().zip(right).take(self.depth()).enumerate() {
            match pair {
                (&BOUNDARY, &BOUNDARY) => return self.depth(),
                (left, right) if left != right => return length,
                _ => {}
            }
        }
        self.depth()
    }

    /// The inner nodes of the tree of sorted suffixes, except single characters and those that are too long.
    fn inner_nodes(&self, places: &[u32], cancel: &Cancel) -> Result<Vec<Repeat>, Cancelled> {
        let mut nodes = Vec::new();
        let mut open: Vec<(usize, usize)> = Vec::new();
        for end in 1..=places.len() {
            if end % LARGE == 0 {
                cancel.check()?;
            }
            let common = if end < places.len() { self.common(places[end - 1], places[end]) } else { 0 };
            let mut start = end - 1;
            while let Some((length, first)) = open.pop_if(|(length, _)| *length > common) {
                start = first;
                if (2..=self.longest).contains(&length) {
                    let count = (end - start) as u32;
                    nodes.push(Repeat { start: places[start], length: length as u32, count });
                }
            }
            if open.last().is_none_or(|&(length, _)| length < common) {
                open.push((common, start));
            }
        }
        Ok(nodes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::super::super::Words;
    use super::*;

    /// By the definition: what stands behind every substring.
    fn slow(words: &BTreeSet<String>, longest: usize) -> BTreeMap<String, u32> {
        let mut behind = BTreeMap::<String, (BTreeSet<Option<char>>, u32)>::new();
        for word in words {
            let characters: Vec<char> = word.chars().collect();
            for start in 0..characters.len() {
                for end in start + 2..=characters.len().min(start + longest) {
                    let entry = behind.entry(characters[start..end].iter().collect()).or_default();
                    entry.0.insert(characters.get(end).copied());
                    entry.1 += 1;
                }
            }
        }
        let branching = behind.into_iter().filter(|(_, (next, _))| next.len() > 1);
        branching.map(|(substring, (_, count))| (substring, count)).collect()
    }

    proptest! {
        #[test]
        fn repeats_are_those_of_the_definition(
            words in proptest::collection::btree_set("[ab]{1,40}|[a-zäöü漢]{1,6}", 1..40),
            longest in 1usize..30,
        ) {
            let text = Text::new(&Words::of_text(words.iter().map(|word| (word.as_str(), 1))), &NEVER).unwrap();
            let mut found = BTreeMap::new();
            for Repeat { start, length, count } in repeats(&text, longest, &Progress::default(), &NEVER).unwrap() {
                let substring = text.spell(&text.codes[start as usize..][..length as usize]);
                prop_assert_eq!(found.insert(substring, count), None);
            }
            prop_assert_eq!(found, slow(&words, longest));
        }
    }
}
