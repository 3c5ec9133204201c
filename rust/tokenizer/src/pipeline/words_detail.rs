//! Tokens with offsets and words from the engine of words.

use super::words::Words;
use crate::added::Segment;
use crate::encoding::{Characters, Encoding, Token, TokenText};
use crate::error::Result;
use crate::tokenizer::Tokenizer;

impl Words {
    /// Whether [`push_detail`](Self::push_detail) can do it.
    pub(super) fn has_details(&self) -> bool {
        !self.normalized && self.engine.has_details()
    }

    /// Append the tokens of `text`; words are counted unless `word` is given.
    pub(super) fn push_detail(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        word: Option<u32>,
        type_id: u32,
        encoding: &mut Encoding,
    ) -> Result<()> {
        let Some(at_start) = self.at_start(tokenizer, text) else {
            return tokenizer.push_general_tokens(text, word, type_id, encoding);
        };
        let mut state =
            State { characters: Characters::new(text), at_start, words: 0, word, type_id, encoding };
        let added = tokenizer.added_vocabulary();
        let mut result = Ok(());
        added.segments(text, |Segment { range, added: id }| match id {
            Some(id) => state.added(text, range.start, range.end, id),
            None => added.normalized_segments(&text[range.clone()], |inner| {
                let (start, end) = (range.start + inner.range.start, range.start + inner.range.end);
                match inner.added {
                    Some(id) => state.added(text, start, end, id),
                    None if result.is_ok() => result = state.stretch(self, text, start, end),
                    None => {}
                }
            }),
        });
        result
    }
}

/// A text on its way into an encoding.
struct State<'a> {
    characters: Characters<'a>,
    /// Text at the start of what was given is at the start also when it is normalized.
    at_start: bool,
    words: u32,
    word: Option<u32>,
    type_id: u32,
    encoding: &'a mut Encoding,
}

impl State<'_> {
    fn added(&mut self, text: &str, start: usize, end: usize, id: u32) {
        let offsets = self.characters.convert(start..end);
        let (text, word) = (TokenText::Own(text[start..end].into()), self.word.or(Some(self.words)));
        self.encoding.push(Token { id, text, offsets, word }, self.type_id);
        self.words += 1;
    }

    /// The tokens of `text[start..end]`, in which there are no added ones.
    fn stretch(&mut self, words: &Words, text: &str, start: usize, end: usize) -> Result<()> {
        let Self { characters, at_start, encoding, .. } = self;
        let (first, fixed, type_id) = (self.words, self.word, self.type_id);
        let count =
            words.engine.each_detail(&text[start..end], start == 0 && *at_start, |at, before, tokens| {
                let base = characters.index(start + at);
                for Token { id, text, offsets, word } in tokens {
                    let word = fixed.or(word.map(|word| first + before + word));
                    let offsets = (base + offsets.0, base + offsets.1);
                    encoding.push(Token { id: *id, text: text.clone(), offsets, word }, type_id);
                }
            })?;
        self.words += count;
        Ok(())
    }
}
