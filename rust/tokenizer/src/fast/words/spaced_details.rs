//! Places of BPE over text whose spaces became `▁`: a token has the characters of the text in their order.

use super::spaced_bpe::SpacedBpe;
use crate::encoding::Placer;

/// Stands for the length of the token of a byte.
const BYTE: u32 = u32::MAX;

/// Text that tokens spell one after the other.
struct Spelled<'a> {
    text: &'a str,
    is_ascii: bool,
    /// Bytes whose characters have had their token.
    at: usize,
}

impl Spelled<'_> {
    fn next(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    /// Go on by `count` characters; false if there are fewer.
    #[inline]
    fn skip(&mut self, count: usize) -> bool {
        if self.is_ascii {
            self.at += count;
            return self.at <= self.text.len();
        }
        for _ in 0..count {
            self.at += match self.text.as_bytes().get(self.at) {
                Some(0..0x80) => 1,
                Some(0x80..0xE0) => 2,
                Some(0xE0..0xF0) => 3,
                Some(_) => 4,
                None => return false,
            };
        }
        true
    }
}

impl SpacedBpe {
    /// Place the tokens of a piece that starts no other word than at its start; false where those are not plain to see.
    pub(super) fn place_piece(&self, piece: &str, base: u32, placer: &mut Placer<'_>) -> bool {
        let starts_word = |character| character == ' ' || character == self.space;
        if self.split && piece.chars().skip(1).any(starts_word) {
            return false;
        }
        let mark = placer.mark();
        let placed = self.place(piece, false, base, placer);
        if !placed {
            placer.back_to(&mark);
        }
        placed
    }

    /// Place the tokens of `text`, perhaps with a space in front, after `base` characters; false if a token is not
    /// spelled as the text. Some may have been placed then.
    pub(super) fn place(&self, text: &str, space: bool, base: u32, placer: &mut Placer<'_>) -> bool {
        let lengths = self.lengths();
        let added = u32::from(space);
        let mut rest = Spelled { text, is_ascii: text.is_ascii(), at: 0 };
        // How many characters have had their token, the space in front too, and how many bytes of the next one.
        let (mut start, mut spelled) = (0u32, 0);
        while rest.at < text.len() || start < added {
            let Some(id) = placer.id() else { return placer.is_cut_off() };
            let mut end = start;
            let last = match lengths.get(id as usize) {
                Some(&BYTE) => {
                    let next = if start < added { Some(' ') } else { rest.next() };
                    let Some(character) = next else { return false };
                    spelled += 1;
                    if spelled == (if character == ' ' { self.space } else { character }).len_utf8() {
                        (end, spelled) = (start + 1, 0);
                    }
                    start + 1
                }
                Some(&length) if length > 0 && spelled == 0 => {
                    end += length;
                    end
                }
                _ => return false,
            };
            // The space in front counts as part of the first character.
            let new = end.saturating_sub(added) - start.saturating_sub(added);
            if !rest.skip(new as usize) {
                return false;
            }
            placer.place((base + start.saturating_sub(added), base + (last - added).max(1)), 0);
            start = end;
        }
        spelled == 0
    }

    /// Whether a stretch is one word.
    pub(super) fn is_one_word(&self) -> bool {
        !self.split
    }

    /// How many characters each token stands for, by its id; [`BYTE`] for those of bytes, 0 for those that are not
    /// spelled as the text.
    fn lengths(&self) -> &[u32] {
        self.lengths.get_or_init(|| {
            let vocabulary = self.bpe.vocabulary();
            let mut lengths = vocabulary.lengths();
            if let Some(id) = self.bpe.options().unk_token.as_deref().and_then(|token| vocabulary.id(token)) {
                lengths[id as usize] = 0;
            }
            for &id in self.bytes.iter().flat_map(|bytes| bytes.iter()) {
                lengths[id as usize] = BYTE;
            }
            lengths.into()
        })
    }
}
