//! Pieces, their scores, and what finds them in words.

use ferrolm_base::{Cancel, Cancelled};

use super::super::sorting::sort_by;
use super::text::Text;
use super::trie::Trie;

/// A piece, by one of its places in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) length: u32,
}

impl Piece {
    pub(super) fn codes(self, text: &Text) -> &[u32] {
        &text.codes[self.start as usize..][..self.length as usize]
    }
}

/// What an unknown character costs more than the rarest piece.
const UNKNOWN_PENALTY: f64 = 10.0;

/// The pieces by id. Id 0 stands for unknown characters: it is no piece, and its score is that of no piece.
pub(super) struct Model {
    pub(super) pieces: Vec<Piece>,
    pub(super) scores: Vec<f64>,
    /// Ids in the order of the pieces' characters.
    order: Vec<u32>,
    pub(super) trie: Trie,
    pub(super) least: f64,
}

pub(super) const UNKNOWN: u32 = 0;

impl Model {
    pub(super) fn new(seeds: Vec<(Piece, f64)>, text: &Text, cancel: &Cancel) -> Result<Self, Cancelled> {
        let unknown = (Piece { start: 0, length: 0 }, f64::NAN);
        let (pieces, scores): (Vec<_>, Vec<_>) = std::iter::once(unknown).chain(seeds).unzip();
        let mut order: Vec<u32> = (1..pieces.len() as u32).collect();
        let codes = |id: &u32| pieces[*id as usize].codes(text);
        sort_by(&mut order, cancel, |left, right| codes(left).cmp(codes(right)))?;
        Self::of(pieces, scores, order, text, cancel)
    }

    fn of(
        pieces: Vec<Piece>,
        scores: Vec<f64>,
        order: Vec<u32>,
        text: &Text,
        cancel: &Cancel,
    ) -> Result<Self, Cancelled> {
        let sorted: Vec<_> = order.iter().map(|&id| (pieces[id as usize].codes(text), id)).collect();
        let trie = Trie::new(&sorted, text.alphabet.len() + 1, cancel)?;
        // Not a number is never less.
        let least =
            scores.iter().fold(f64::INFINITY, |least, &score| if score < least { score } else { least });
        Ok(Self { pieces, scores, order, trie, least })
    }

    /// The model of the pieces `kept`, by their present ids in the order of the new ones, with their new scores;
    /// the unknown one is kept in any case.
    pub(super) fn keep(
        &self,
        kept: impl Iterator<Item = (u32, f64)>,
        text: &Text,
        cancel: &Cancel,
    ) -> Result<Self, Cancelled> {
        let mut pieces = vec![self.pieces[UNKNOWN as usize]];
        let mut scores = vec![f64::NAN];
        let mut ids = vec![UNKNOWN; self.len()];
        for (id, score) in kept {
            ids[id as usize] = pieces.len() as u32;
            pieces.push(self.pieces[id as usize]);
            scores.push(score);
        }
        let order = self.order.iter().map(|&id| ids[id as usize]).filter(|&id| id != UNKNOWN).collect();
        Self::of(pieces, scores, order, text, cancel)
    }

    /// Number of pieces, the unknown one included.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn unknown_score(&self) -> f64 {
        self.least - UNKNOWN_PENALTY
    }
}
