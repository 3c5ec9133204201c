//! Free places of a double array that is being built.
//!
//! Places come in blocks of 256: the children of a node lie in one block, as base XOR byte differs from the base in
//! the lowest eight bits alone. The bases that suit a node are found for a whole block at once, by moving the
//! bits of its free places.

/// Blocks that are searched; older ones keep what they have left vacant.
const OPEN: usize = 12;
/// Searches in vain after which a block that is nearly full is given up.
const PATIENCE: u32 = 64;
const NEARLY_FULL: u32 = 24;

type Bits = [u64; 4];

struct Block {
    first: u32,
    free: Bits,
    /// No two nodes have the same base.
    bases: Bits,
    vain: u32,
}

pub(super) struct Blocks {
    open: Vec<Block>,
    slots: usize,
}

impl Blocks {
    /// One block, whose first place is the root's. Base 0 is that of nodes without children.
    pub(super) fn with_root() -> Self {
        let mut blocks = Self { open: Vec::new(), slots: 0 };
        let root = blocks.add();
        root.free[0] &= !1;
        root.bases[0] &= !1;
        blocks
    }

    /// Number of places in all blocks so far.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    fn add(&mut self) -> &mut Block {
        if self.open.len() == OPEN {
            let fullest = (0..OPEN).min_by_key(|&at| count(self.open[at].free));
            self.open.remove(fullest.unwrap_or(0));
        }
        self.open.push(Block { first: self.slots as u32, free: [!0; 4], bases: [!0; 4], vain: 0 });
        self.slots += 256;
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    /// Take places for children by these bytes; the base.
    pub(super) fn place(&mut self, bytes: &[u8]) -> u32 {
        let found = self.open.iter_mut().enumerate().find_map(|(at, block)| {
            let base = block.suitable(bytes);
            block.vain += u32::from(base.is_none());
            Some((at, base?))
        });
        let (at, base) = found.unwrap_or_else(|| {
            self.add();
            (self.open.len() - 1, 0)
        });
        let block = &mut self.open[at];
        clear(&mut block.bases, base);
        for byte in bytes {
            clear(&mut block.free, base ^ byte);
        }
        let base = block.first + u32::from(base);
        self.open.retain(|block| {
            let free = count(block.free);
            free > NEARLY_FULL || free > 0 && block.vain < PATIENCE
        });
        base
    }
}

impl Block {
    /// A base of this block whose places for these bytes are all free.
    fn suitable(&self, bytes: &[u8]) -> Option<u8> {
        let mut bases = self.bases;
        for &byte in bytes {
            let places = moved(self.free, byte);
            for (bases, places) in bases.iter_mut().zip(places) {
                *bases &= places;
            }
            if bases == [0; 4] {
                return None;
            }
        }
        let word = bases.iter().position(|&word| word != 0)?;
        Some((word as u32 * 64 + bases[word].trailing_zeros()) as u8)
    }
}

/// Bit `i XOR by` of `bits` at `i`.
fn moved(bits: Bits, by: u8) -> Bits {
    const MASKS: [u64; 6] = [
        0x5555_5555_5555_5555,
        0x3333_3333_3333_3333,
        0x0F0F_0F0F_0F0F_0F0F,
        0x00FF_00FF_00FF_00FF,
        0x0000_FFFF_0000_FFFF,
        0x0000_0000_FFFF_FFFF,
    ];
    std::array::from_fn(|word| {
        let from = bits[word ^ usize::from(by >> 6)];
        MASKS.iter().enumerate().filter(|(power, _)| by >> power & 1 == 1).fold(
            from,
            |bits, (power, mask)| {
                let distance = 1 << power;
                (bits & mask) << distance | (bits >> distance) & mask
            },
        )
    })
}

fn clear(bits: &mut Bits, at: u8) {
    bits[usize::from(at >> 6)] &= !(1 << (at & 63));
}

fn count(bits: Bits) -> u32 {
    bits.iter().map(|word| word.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_move_as_their_places_do() {
        let bits = [0x0123_4567_89AB_CDEF, 0xDEAD_BEEF_0000_0001, 0, 0x8000_0000_0000_0000];
        let bit = |bits: Bits, at: u8| bits[usize::from(at >> 6)] >> (at & 63) & 1;
        for by in 0..=255 {
            assert!((0..=255).all(|at| bit(moved(bits, by), at) == bit(bits, at ^ by)));
        }
    }
}
