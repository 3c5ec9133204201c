//! Tokens of pieces that took the way of the definition, kept for when the pieces come again.

use super::super::cache::{SHORT, hash_long, hash_of, key_at};
use crate::encoding::{Columns, Placer};
use crate::error::Result;

/// Places of pieces that are kept.
const SLOTS_LOG2: u32 = 16;
/// Longer pieces are worked out anew each time.
const LONGEST: usize = 1 << 11;
/// Bytes that kept pieces take, at most; then keeping begins anew.
const MOST_BYTES: usize = 1 << 24;

/// The tokens of a piece. Their offsets count its characters, their words start at 0.
#[derive(Debug, Default)]
pub(super) struct PieceTokens {
    pub(super) ids: Box<[u32]>,
    pub(super) columns: Columns,
    pub(super) words: u32,
}

impl PieceTokens {
    /// Place them, after `base` characters; false if the ids are other ones.
    pub(super) fn place(&self, base: u32, placer: &mut Placer<'_>) -> bool {
        let mut own = self.columns.own_texts().peekable();
        let columns = self.columns.offsets.iter().zip(&self.columns.words);
        for (index, (&id, (&(start, end), &word))) in self.ids.iter().zip(columns).enumerate() {
            if placer.id() != Some(id) {
                return placer.is_cut_off();
            }
            if let Some((_, text)) = own.next_if(|&(at, _)| at == index) {
                placer.own_text(text);
            }
            placer.place((base + start, base + end), word);
        }
        true
    }
}

/// Pieces whose tokens have been worked out.
pub(super) struct KeptPieces {
    slots: Box<[Option<Box<Known>>]>,
    bytes: usize,
    /// Those of a piece that is not kept.
    long: PieceTokens,
}

struct Known {
    piece: Box<str>,
    tokens: PieceTokens,
}

impl Known {
    /// Memory that it takes.
    fn bytes(&self) -> usize {
        let token = size_of::<(u32, u32, u32, u32)>();
        // A text of its own takes two positions besides.
        let own = |(_, text): (usize, &str)| size_of::<(usize, usize)>() + text.len();
        let own: usize = self.tokens.columns.own_texts().map(own).sum();
        size_of::<Self>() + self.piece.len() + token * self.tokens.ids.len() + own
    }
}

/// The first of the two slots that a piece may be in; the other one is next to it.
fn slot_of(piece: &str) -> usize {
    let bytes = piece.as_bytes();
    let hash = match bytes.len() {
        length if length <= SHORT => u64::from(hash_of(key_at(bytes, 0, length))) << 32,
        _ => hash_long(bytes),
    };
    (hash >> (64 - SLOTS_LOG2)) as usize
}

impl KeptPieces {
    pub(super) fn new() -> Self {
        let slots = std::iter::repeat_with(|| None).take(1 << SLOTS_LOG2).collect();
        Self { slots, bytes: 0, long: PieceTokens::default() }
    }

    /// The tokens of `piece`, which `make` works out unless it is known.
    pub(super) fn get(
        &mut self,
        piece: &str,
        make: impl FnOnce() -> Result<PieceTokens>,
    ) -> Result<&PieceTokens> {
        if piece.len() > LONGEST {
            self.long = make()?;
            return Ok(&self.long);
        }
        let first = slot_of(piece);
        let has = |slots: &[Option<Box<Known>>], at: usize| {
            slots[at].as_ref().is_some_and(|known| *known.piece == *piece)
        };
        let at = if has(&self.slots, first ^ 1) { first ^ 1 } else { first };
        if !has(&self.slots, at) {
            let tokens = make()?;
            let known = Known { piece: piece.into(), tokens };
            if self.bytes + known.bytes() > MOST_BYTES {
                self.slots.fill_with(|| None);
                self.bytes = 0;
            }
            self.bytes += known.bytes();
            self.slots.swap(first, first ^ 1);
            if let Some(old) = self.slots[first].replace(Box::new(known)) {
                self.bytes -= old.bytes();
            }
        }
        Ok(self.slots[at].as_ref().map_or(&self.long, |known| &known.tokens))
    }
}
