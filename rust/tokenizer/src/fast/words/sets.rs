//! Which of 64 bytes are in which sets of ASCII characters: the classes that a cutter tells apart.
//!
//! Any set of ASCII characters is a matrix of 8 rows (the upper half of the byte) by 16 columns (the lower half). A
//! column is a byte with a bit per row, so that two shuffles of a vector and an `and` say for each byte whether the
//! set has it.

use super::super::scan::BLOCK;

/// Sets that are told apart at once.
pub(in crate::fast) const SETS: usize = 4;

/// Up to [`SETS`] sets of ASCII characters.
#[derive(Debug, Clone)]
pub(in crate::fast) struct Sets {
    /// For each byte, a bit per set.
    of: [u8; 256],
    /// For each set and column, a bit per row.
    pub(in crate::fast) columns: [[u8; 16]; SETS],
}

/// Bit masks of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::fast) struct Found {
    pub(in crate::fast) sets: [u64; SETS],
    /// Bytes beyond ASCII.
    pub(in crate::fast) high: u64,
    /// First bytes of characters of two bytes or more.
    pub(in crate::fast) lead: u64,
    /// First bytes of characters of three bytes or more.
    pub(in crate::fast) wide: u64,
}

impl Sets {
    pub(super) fn new(sets: [&dyn Fn(u8) -> bool; SETS]) -> Self {
        let mut this = Self { of: [0; 256], columns: [[0; 16]; SETS] };
        for (index, has) in sets.into_iter().enumerate() {
            for byte in (0u8..128).filter(|&byte| has(byte)) {
                this.of[usize::from(byte)] |= 1 << index;
                this.columns[index][usize::from(byte & 15)] |= 1 << (byte >> 4);
            }
        }
        this
    }

    /// Whether a set has a byte.
    pub(super) fn has(&self, set: usize, byte: u8) -> bool {
        self.of[usize::from(byte)] >> set & 1 == 1
    }
}

pub(in crate::fast) trait Find {
    fn find(sets: &Sets, block: &[u8; BLOCK]) -> Found;
}

/// Byte by byte: the oracle of the others, and the path of other machines.
pub(in crate::fast) struct Portable;

impl Find for Portable {
    #[inline(always)]
    fn find(sets: &Sets, block: &[u8; BLOCK]) -> Found {
        let mut found = Found::default();
        for (index, &byte) in block.iter().enumerate() {
            let of = u64::from(sets.of[usize::from(byte)]);
            for (set, mask) in found.sets.iter_mut().enumerate() {
                *mask |= (of >> set & 1) << index;
            }
            found.high |= u64::from(byte >= 0x80) << index;
            found.lead |= u64::from(byte >= 0xC0) << index;
            found.wide |= u64::from(byte >= 0xE0) << index;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::simd::{self, Level};
    use proptest::prelude::*;

    use super::*;
    use crate::fast::arch;

    proptest! {
        #[test]
        fn vectors_find_what_the_table_says(
            block in proptest::collection::vec(any::<u8>(), BLOCK),
            members in proptest::collection::vec(any::<u8>(), 128),
        ) {
            let block: [u8; BLOCK] = block.try_into().unwrap();
            let has = |set: u8| { let members = members.clone(); move |byte: u8| members[usize::from(byte)] >> set & 1 == 1 };
            let sets = Sets::new([&has(0), &has(1), &has(2), &has(3)]);
            let expected = Portable::find(&sets, &block);
            for level in [Level::Avx2, Level::Avx512] {
                if level <= simd::detected() {
                    prop_assert_eq!(arch::find(level, &sets, &block), expected);
                }
            }
        }
    }
}
