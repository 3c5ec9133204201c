//! What one merge does to the pairs around it, summed up by neighbour before the table of pairs is touched.

/// Changes of the pairs of one symbol with the merged ones, on one side of it.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    /// Change of the pair of the symbol and the nearer part.
    lost: i64,
    /// Change of the pair of the symbol and the merged token.
    gained: i64,
    /// Words in which the latter was gained, and one past the last of them.
    words: u32,
    last: u32,
}

/// The symbols left and right of the merged pairs.
#[derive(Default)]
pub(super) struct Neighbours {
    sides: Vec<[Side; 2]>,
    /// Symbols with changes, and on which side of the pair they stand.
    touched: Vec<(u32, usize)>,
    /// Which word gained a pair with which of `touched`.
    gains: Vec<(u32, u32)>,
}

pub(super) const BEFORE: usize = 0;
pub(super) const AFTER: usize = 1;

/// What happened around one symbol.
pub(super) struct Change {
    pub(super) symbol: u32,
    pub(super) side: usize,
    pub(super) lost: i64,
    pub(super) gained: i64,
    pub(super) words: u32,
}

impl Neighbours {
    /// Make room for symbols below `bound`.
    pub(super) fn reserve(&mut self, bound: usize) {
        if self.sides.len() < bound {
            self.sides.resize((bound * 2).max(1024), [Side::default(); 2]);
        }
    }

    /// `symbol` stands on `side` of a pair that merges in `word`, which occurs `count` times; the pair it makes with
    /// the merged token counts if it `fits`.
    #[inline]
    pub(super) fn record(&mut self, symbol: u32, side: usize, word: u32, count: i64, fits: bool) {
        let changes = &mut self.sides[symbol as usize][side];
        if changes.lost == 0 {
            self.touched.push((symbol, side));
            changes.last = u32::MAX;
        }
        changes.lost += count;
        if fits {
            changes.gained += count;
            if changes.last != word {
                changes.last = word;
                changes.words += 1;
                self.gains.push((symbol << 1 | side as u32, word));
            }
        }
    }

    /// Emit the changes, by symbol as they came.
    pub(super) fn for_each(&self, mut emit: impl FnMut(Change)) {
        for &(symbol, side) in &self.touched {
            let Side { lost, gained, words, .. } = self.sides[symbol as usize][side];
            emit(Change { symbol, side, lost, gained, words });
        }
    }

    /// Number of words in which the pair of `symbol` on `side` and the merged token was gained.
    pub(super) fn words(&self, symbol: u32, side: usize) -> u32 {
        self.sides[symbol as usize][side].words
    }

    /// Where the words of a change go, from now on: `None` for nowhere.
    pub(super) fn place(&mut self, symbol: u32, side: usize, start: Option<u32>) {
        self.sides[symbol as usize][side].last = start.unwrap_or(u32::MAX);
    }

    /// Write the words of the changes where they go, and forget all.
    pub(super) fn drain(&mut self, mut write: impl FnMut(u32, u32)) {
        for (code, word) in self.gains.drain(..) {
            let last = &mut self.sides[(code >> 1) as usize][(code & 1) as usize].last;
            if *last != u32::MAX {
                write(*last, word);
                *last += 1;
            }
        }
        for (symbol, side) in self.touched.drain(..) {
            self.sides[symbol as usize][side] = Side::default();
        }
    }
}
