//! Offsets of BPE over text whose spaces became `▁`: a token has the characters of the text in their order.

use super::details::PieceTokens;
use super::spaced_bpe::SpacedBpe;
use crate::encoding::Token;
use crate::error::Result;

/// Stands for the length of the token of a byte.
const BYTE: u32 = u32::MAX;

impl SpacedBpe {
    /// Append the tokens of a piece with their offsets in it; false where those are not plain to see.
    pub(super) fn push_tokens(&self, piece: &str, found: &mut Vec<Token>) -> Result<bool> {
        let starts_word = |character| character == ' ' || character == self.space;
        let (mut tokens, mut ids) = (Vec::new(), Vec::new());
        if self.split && piece.chars().skip(1).any(starts_word) {
            return Ok(false);
        }
        self.push_ids(piece, &mut tokens, &mut ids)?;
        Ok(self.push_known(piece, false, &ids, found))
    }

    /// Append the tokens of `ids`, which are those of `text`, perhaps with a space in front; false if a token is not
    /// spelled as the text.
    pub(super) fn push_known(&self, text: &str, space: bool, ids: &[u32], found: &mut Vec<Token>) -> bool {
        let lengths = self.lengths();
        let added = usize::from(space);
        let mut characters = text.chars();
        // How many characters have had their token, the space in front too, and how many bytes of the next one.
        let (mut at, mut spelled) = (0, 0);
        for &id in ids {
            let start = at;
            match lengths.get(id as usize) {
                Some(&BYTE) => {
                    let next = if at < added { Some(' ') } else { characters.clone().next() };
                    let Some(character) = next else { return false };
                    spelled += 1;
                    if spelled < (if character == ' ' { self.space } else { character }).len_utf8() {
                        found.push(PieceTokens::token(
                            id,
                            start.saturating_sub(added),
                            (start + 1 - added).max(1),
                        ));
                        continue;
                    }
                    (at, spelled) = (at + 1, 0);
                }
                Some(&length) if length > 0 && spelled == 0 => at += length as usize,
                _ => return false,
            }
            // The space in front counts as part of the first character.
            let new = at.saturating_sub(added) - start.saturating_sub(added);
            if new > 0 && characters.nth(new - 1).is_none() {
                return false;
            }
            found.push(PieceTokens::token(id, start.saturating_sub(added), (at - added).max(1)));
        }
        spelled == 0 && characters.next().is_none()
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
