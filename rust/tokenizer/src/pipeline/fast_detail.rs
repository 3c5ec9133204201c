//! Tokens with offsets and words from the ids of the fast path: a byte-level token has as many bytes as characters.

use std::ops::Range;

use super::detail_writer::DetailWriter;
use crate::encoding::{Encoding, TokenText};
use crate::error::Result;
use crate::tokenizer::Tokenizer;

impl Tokenizer {
    /// Whether [`push_fast_detail`](Self::push_fast_detail) can do it: offsets are those of the text as it is.
    pub(super) fn has_fast_detail(&self, text: &str) -> bool {
        self.plan().engine.is_some() && self.is_normal(text)
    }

    /// Append the tokens of `text`; words are counted unless `word` is given.
    pub(super) fn push_fast_detail(
        &self,
        text: &str,
        word: Option<u32>,
        type_id: u32,
        encoding: &mut Encoding,
    ) -> Result<()> {
        let Some(engine) = &self.plan().engine else { return Ok(()) };
        let lengths = engine.lengths();
        let writer = DetailWriter::new(text, word, type_id, encoding);
        writer
            .write(self.added_vocabulary(), |writer, range| self.write_stretch(text, range, lengths, writer))
    }

    /// The tokens of the bytes `range` of `text`, in which there are no added ones.
    fn write_stretch(
        &self,
        text: &str,
        range: Range<usize>,
        lengths: &[u32],
        writer: &mut DetailWriter<'_>,
    ) -> Result<()> {
        let start = range.start;
        let stretch = &text[range];
        let space = usize::from(self.adds_space(stretch));
        let spaced;
        let input = if space == 1 {
            spaced = [" ", stretch].concat();
            &spaced
        } else {
            stretch
        };
        self.each_piece(input, |piece, ids| {
            let mut at = piece.start;
            for &id in ids {
                let to = at + lengths.get(id as usize).map_or(0, |&length| length as usize);
                // The added space has no bytes in the text: it counts as part of the first character.
                let last = if to > space { to - space } else { 1 };
                writer.push(id, TokenText::Model(id), start + at.saturating_sub(space)..start + last);
                at = to;
            }
            writer.end_word();
        })
    }
}
