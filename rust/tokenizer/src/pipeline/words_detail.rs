//! Tokens with offsets and words from the engine of words.

use super::detail_writer::DetailWriter;
use super::words::Words;
use crate::encoding::Encoding;
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
        let writer = DetailWriter::new(text, word, type_id, encoding);
        writer.write(tokenizer.added_vocabulary(), |writer, range| {
            let start = range.start;
            let is_first = start == 0 && at_start;
            let write = |at: usize, words: u32, tokens: &[_]| writer.push_tokens(start + at, words, tokens);
            let words = self.engine.each_detail(&text[range], is_first, write)?;
            writer.end_words(words);
            Ok(())
        })
    }
}
