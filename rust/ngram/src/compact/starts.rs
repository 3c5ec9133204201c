//! Where the continuations of each context begin, in about ten bits.
//!
//! Contexts are in blocks: a block notes where its first context's continuations begin, a record how much later its own
//! do. Blocks with more continuations than a record can say, which are few, are in a list of whole numbers.

use super::bits::width_of;
use crate::unsafe_array::Array;
use crate::unsafe_memory::prefetch;

const BLOCK: usize = 16;
/// Marks a block in the list; the rest of the note is its place there.
const LISTED: u32 = 1 << 31;

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Starts {
    /// By block, and one more for the end.
    pub notes: Array<u32>,
    pub listed: Array<u32>,
}

/// How many notes there are for so many contexts.
pub(super) fn notes(contexts: u64) -> u64 {
    contexts.div_ceil(BLOCK as u64) + 1
}

/// `starts` has one number more than there are contexts, none above 2^31. Also gives what the records of the contexts keep.
pub(super) fn split(starts: &[u32]) -> (Starts, Vec<u32>) {
    let contexts = starts.len() - 1;
    let most = best_width(&starts[..contexts]);
    let (mut notes, mut listed) = (Vec::with_capacity(contexts / BLOCK + 2), Vec::new());
    let mut kept = Vec::with_capacity(contexts);
    for block in starts[..contexts].chunks(BLOCK) {
        if width(block) <= most {
            notes.push(block[0]);
            kept.extend(block.iter().map(|start| start - block[0]));
        } else {
            notes.push(LISTED | (listed.len() / BLOCK) as u32);
            listed.extend((0..BLOCK).map(|index| block.get(index).copied().unwrap_or(starts[contexts])));
            kept.extend(block.iter().map(|_| 0));
        }
    }
    notes.push(starts[contexts]);
    (Starts { notes: notes.into(), listed: listed.into() }, kept)
}

/// The bits of the largest number that records of a block would keep.
fn width(block: &[u32]) -> u32 {
    width_of(u64::from(block[block.len() - 1] - block[0]))
}

/// The number of bits for which records and list are smallest together.
fn best_width(starts: &[u32]) -> u32 {
    let mut blocks = [0u64; u32::BITS as usize + 1];
    for block in starts.chunks(BLOCK) {
        blocks[width(block) as usize] += 1;
    }
    let size = |width: usize| {
        let listed: u64 = blocks[width + 1..].iter().sum();
        (starts.len() * width) as u64 + listed * BLOCK as u64 * u64::from(u32::BITS)
    };
    (0..blocks.len()).min_by_key(|&width| size(width)).unwrap_or(0) as u32
}

impl Starts {
    /// Where the continuations of the context `index` of `contexts` begin and end. `kept` gives what a record keeps.
    #[inline(always)]
    pub fn pair(&self, index: usize, contexts: usize, kept: impl Fn(usize) -> u32) -> (usize, usize) {
        let next = index + 1;
        let end = if next == contexts {
            self.note(next.div_ceil(BLOCK))
        } else if next.is_multiple_of(BLOCK) {
            self.first(next / BLOCK)
        } else {
            self.get(next, &kept)
        };
        (self.get(index, &kept) as usize, end as usize)
    }

    #[inline(always)]
    pub fn get(&self, index: usize, kept: impl Fn(usize) -> u32) -> u32 {
        let note = self.note(index / BLOCK);
        if note & LISTED == 0 { note.wrapping_add(kept(index)) } else { self.in_list(note, index % BLOCK) }
    }

    fn first(&self, block: usize) -> u32 {
        let note = self.note(block);
        if note & LISTED == 0 { note } else { self.in_list(note, 0) }
    }

    #[inline(always)]
    fn note(&self, block: usize) -> u32 {
        self.notes.get(block).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn in_list(&self, note: u32, index: usize) -> u32 {
        self.listed.get((note & !LISTED) as usize * BLOCK + index).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub fn prefetch(&self, index: usize) {
        prefetch(&self.notes, index / BLOCK);
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&*self.notes) + size_of_val(&*self.listed)
    }

    /// Whether the continuations of all contexts follow each other without a gap, up to `end`.
    pub fn are_sound(&self, contexts: usize, end: usize, kept: impl Fn(usize) -> u32) -> bool {
        let mut before = 0;
        (0..contexts).all(|index| {
            let (start, end) = self.pair(index, contexts, &kept);
            start == std::mem::replace(&mut before, end) && start <= end
        }) && before == end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn starts_are_what_was_given(
            sizes in prop::collection::vec(prop_oneof![8 => 0u32..4, 1 => 0u32..5000], 1..300),
        ) {
            let starts: Vec<u32> = [0].into_iter().chain(sizes.iter().scan(0, |sum, size| {
                *sum += size;
                Some(*sum)
            })).collect();
            let (split, kept) = split(&starts);
            prop_assert_eq!(kept.len(), sizes.len());
            prop_assert_eq!(split.notes.len() as u64, notes(kept.len() as u64));
            for (index, pair) in starts.windows(2).enumerate() {
                let found = split.pair(index, kept.len(), |index| kept[index]);
                prop_assert_eq!(found, (pair[0] as usize, pair[1] as usize));
                prop_assert_eq!(split.get(index, |index| kept[index]), pair[0]);
            }
            let end = starts[kept.len()] as usize;
            prop_assert!(split.are_sound(kept.len(), end, |index| kept[index]));
            prop_assert!(!split.are_sound(kept.len(), end + 1, |index| kept[index]));
        }
    }

    #[test]
    fn even_sizes_need_few_bits() {
        let starts: Vec<u32> = (0..=1000).map(|index| index * 2).collect();
        let (split, kept) = split(&starts);
        assert_eq!(width_of(kept.iter().copied().max().unwrap_or(0).into()), 5);
        assert!(split.listed.is_empty());
    }
}
