//! The best path: for each character, the best way to end there.
//!
//! An automaton gives the pieces that end at a character, longest first, which is the order of their starts; so of
//! equal sums the one that a search from the start would find first is kept.

use super::{Step, Unigram, missing_unk};
use crate::error::Result;
use crate::model::automaton::NO_VALUE;

/// Buffers that are used for text after text.
#[derive(Debug, Default)]
pub struct Scratch {
    /// By byte, for those between characters.
    paths: Vec<Path>,
    /// The steps of the path that was chosen, last first.
    pub(super) steps: Vec<Step>,
}

/// The best path that ends at some byte.
#[derive(Debug, Clone, Copy, Default)]
struct Path {
    score: f64,
    /// The last piece, and its bytes.
    id: u32,
    length: u32,
}

impl Path {
    /// Take `other` if it is better, or the first.
    #[inline(always)]
    fn improve(&mut self, other: Self) -> bool {
        let better = self.length == 0 || other.score > self.score;
        if better {
            *self = other;
        }
        better
    }
}

impl Unigram {
    /// The best path of a text, in `scratch.steps`.
    #[inline]
    pub(super) fn best_path(&self, text: &str, scratch: &mut Scratch) -> Result<()> {
        let Scratch { paths, steps } = scratch;
        if paths.len() <= text.len() {
            paths.resize(text.len() + 1, Path::default());
        }
        paths[0] = Path::default();
        let bytes = text.as_bytes();
        let mut state = self.automaton.start();
        let mut end = 0;
        while end < bytes.len() {
            let start = end;
            state = self.automaton.next(state, bytes[end]);
            end += 1;
            while end < bytes.len() && bytes[end] & 0xC0 == 0x80 {
                state = self.automaton.next(state, bytes[end]);
                end += 1;
            }
            paths[end] = self.best_end(&paths[..end], start, state.value())?;
        }
        steps.clear();
        let mut end = text.len();
        while end > 0 {
            let Path { id, length, .. } = paths[end];
            let start = end - length as usize;
            steps.push(Step { id, start: start as u32, end: end as u32 });
            end = start;
        }
        Ok(())
    }

    /// The best path that ends with one of the pieces from `value` on, or with the character from `start` on.
    #[inline(always)]
    fn best_end(&self, paths: &[Path], start: usize, mut value: u32) -> Result<Path> {
        let end = paths.len();
        let mut best = Path::default();
        let mut shortest = 0;
        while value != NO_VALUE {
            let piece = self.pieces[value as usize];
            shortest = piece.length as usize;
            let score = piece.score + paths[end - shortest].score;
            best.improve(Path { score, id: value, length: piece.length });
            value = piece.shorter;
        }
        if shortest != end - start {
            let score = self.unk_score + paths[start].score;
            let unknown = Path { score, id: 0, length: (end - start) as u32 };
            if best.improve(unknown) {
                best.id = self.options.unk_id.ok_or_else(missing_unk)? as u32;
            }
        }
        Ok(best)
    }
}
