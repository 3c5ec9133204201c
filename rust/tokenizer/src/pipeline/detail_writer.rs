//! A text on its way into an encoding: tokens by the bytes that they stand for, words as they are counted.

use std::ops::Range;

use crate::added::{AddedVocabulary, Segment};
use crate::encoding::{Characters, Encoding, Token, TokenText};
use crate::error::Result;

pub(super) struct DetailWriter<'a> {
    text: &'a str,
    characters: Characters<'a>,
    /// Words so far.
    words: u32,
    /// The word that all tokens belong to, if they are not counted.
    word: Option<u32>,
    type_id: u32,
    encoding: &'a mut Encoding,
}

impl<'a> DetailWriter<'a> {
    /// Words are counted unless `word` is given.
    pub(super) fn new(text: &'a str, word: Option<u32>, type_id: u32, encoding: &'a mut Encoding) -> Self {
        Self { text, characters: Characters::new(text), words: 0, word, type_id, encoding }
    }

    /// Write the added tokens of the text, each a word, and what `stretch` writes for the bytes between them.
    pub(super) fn write(
        mut self,
        added: &AddedVocabulary,
        mut stretch: impl FnMut(&mut Self, Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let mut result = Ok(());
        added.all_segments(self.text, |Segment { range, added }| match added {
            Some(id) => {
                self.push(id, TokenText::Own(self.text[range.clone()].into()), range);
                self.end_word();
            }
            None if result.is_ok() => result = stretch(&mut self, range),
            None => {}
        });
        result
    }

    /// A token of the present word.
    pub(super) fn push(&mut self, id: u32, text: TokenText, bytes: Range<usize>) {
        let offsets = self.characters.convert(bytes);
        let word = self.word.or(Some(self.words));
        self.encoding.push(Token { id, text, offsets, word }, self.type_id);
    }

    /// Tokens whose offsets count characters from byte `start`, and whose words count from `words` beyond the present.
    pub(super) fn push_tokens(&mut self, start: usize, words: u32, tokens: &[Token]) {
        let (base, first) = (self.characters.index(start), self.words + words);
        for Token { id, text, offsets, word } in tokens {
            let word = self.word.or(word.map(|word| first + word));
            let offsets = (base + offsets.0, base + offsets.1);
            self.encoding.push(Token { id: *id, text: text.clone(), offsets, word }, self.type_id);
        }
    }

    pub(super) fn end_word(&mut self) {
        self.end_words(1);
    }

    pub(super) fn end_words(&mut self, count: u32) {
        self.words += count;
    }
}
