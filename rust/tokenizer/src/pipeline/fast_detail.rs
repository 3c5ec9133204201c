//! Tokens with offsets and words from the ids of the fast path: a byte-level token has as many bytes as characters.

use crate::added::Segment;
use crate::encoding::{Characters, Encoding, Token, TokenText};
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
        let mut state =
            State { tokenizer: self, characters: Characters::new(text), words: 0, word, type_id, encoding };
        let added = self.added_vocabulary();
        let mut result = Ok(());
        added.segments(text, |Segment { range, added: id }| match id {
            Some(id) => state.added(text, range.start, range.end, id),
            None => added.normalized_segments(&text[range.clone()], |inner| {
                let (start, end) = (range.start + inner.range.start, range.start + inner.range.end);
                match inner.added {
                    Some(id) => state.added(text, start, end, id),
                    None if result.is_ok() => result = state.stretch(text, start, end),
                    None => {}
                }
            }),
        });
        result
    }
}

/// A text on its way into an encoding.
struct State<'a> {
    tokenizer: &'a Tokenizer,
    characters: Characters<'a>,
    words: u32,
    word: Option<u32>,
    type_id: u32,
    encoding: &'a mut Encoding,
}

impl State<'_> {
    fn push(&mut self, id: u32, text: TokenText, start: usize, end: usize) {
        let offsets = self.characters.convert(start..end);
        let word = self.word.or(Some(self.words));
        self.encoding.push(Token { id, text, offsets, word }, self.type_id);
    }

    fn added(&mut self, text: &str, start: usize, end: usize, id: u32) {
        self.push(id, TokenText::Own(text[start..end].into()), start, end);
        self.words += 1;
    }

    /// The tokens of `text[start..end]`, in which there are no added ones.
    fn stretch(&mut self, text: &str, start: usize, end: usize) -> Result<()> {
        let stretch = &text[start..end];
        let space = usize::from(self.tokenizer.adds_space(stretch));
        let spaced;
        let input = if space == 1 {
            spaced = [" ", stretch].concat();
            &spaced
        } else {
            stretch
        };
        let Some(engine) = &self.tokenizer.plan().engine else { return Ok(()) };
        let lengths = engine.lengths();
        self.tokenizer.each_piece(input, |piece, ids| {
            let mut at = piece.start;
            for &id in ids {
                let to = at + lengths.get(id as usize).map_or(0, |&length| length as usize);
                // The added space has no bytes in the text: it counts as part of the first character.
                let last = if to > space { to - space } else { 1 };
                self.push(id, TokenText::Model(id), start + at.saturating_sub(space), start + last);
                at = to;
            }
            self.words += 1;
        })
    }
}
