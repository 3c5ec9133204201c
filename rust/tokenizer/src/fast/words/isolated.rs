//! Characters beyond ASCII that a pre-tokenizer always makes a piece of their own.

use std::sync::Arc;

/// A set of characters beyond ASCII; those beyond the first plane by range.
#[derive(Debug, Clone)]
pub(super) struct Isolated {
    /// Whether any character with this first byte is in the set.
    leads: [bool; 256],
    /// A bit per character of the first plane.
    plane: Arc<[u64]>,
    beyond: Option<fn(char) -> bool>,
}

impl Isolated {
    /// `has` says which of the first plane are in the set, `beyond` which of the others, if any are.
    pub(super) fn new(has: impl Fn(char) -> bool, beyond: Option<fn(char) -> bool>) -> Self {
        let mut leads = [false; 256];
        let mut plane = vec![0u64; 0x1_0000 / 64];
        for character in ('\u{80}'..='\u{FFFF}').filter(|&character| has(character)) {
            let code = character as usize;
            plane[code / 64] |= 1 << (code % 64);
            let mut bytes = [0; 4];
            leads[usize::from(character.encode_utf8(&mut bytes).as_bytes()[0])] = true;
        }
        leads[0xF0..0xF5].fill(beyond.is_some());
        Self { leads, plane: plane.into(), beyond }
    }

    /// Of the characters whose first bytes are the bits of `lead`, in the block at `base`: where those of the set
    /// start, and where they end.
    #[inline(always)]
    pub(super) fn find(&self, text: &[u8], base: usize, mut lead: u64) -> (u64, u128) {
        let (mut first, mut next) = (0, 0);
        while lead != 0 {
            let at = lead.trailing_zeros();
            lead &= lead - 1;
            let start = base + at as usize;
            if !text.get(start).is_some_and(|&byte| self.leads[usize::from(byte)]) {
                continue;
            }
            let (code, length) = decode(text, start);
            let has = match self.plane.get(code as usize / 64) {
                Some(word) => word >> (code % 64) & 1 == 1,
                None => char::from_u32(code).zip(self.beyond).is_some_and(|(character, has)| has(character)),
            };
            first |= u64::from(has) << at;
            next |= u128::from(has) << (at + length);
        }
        (first, next)
    }
}

/// Code and length of the character beyond ASCII that starts at `at`, a boundary of a valid text.
#[inline(always)]
fn decode(text: &[u8], at: usize) -> (u32, u32) {
    let byte = |offset: usize| text.get(at + offset).map_or(0, |byte| u32::from(byte & 0x3F));
    let lead = text.get(at).map_or(0, |&byte| u32::from(byte));
    match lead {
        0..0xE0 => ((lead & 0x1F) << 6 | byte(1), 2),
        0xE0..0xF0 => ((lead & 0x0F) << 12 | byte(1) << 6 | byte(2), 3),
        _ => ((lead & 0x07) << 18 | byte(1) << 12 | byte(2) << 6 | byte(3), 4),
    }
}
