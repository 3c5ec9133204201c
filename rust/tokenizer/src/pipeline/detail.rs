//! Encodings with everything: tokens, offsets, words.

use super::encode::Input;
use crate::encoding::{Encoding, Token, TokenText};
use crate::error::Result;
use crate::post_processor::merge;
use crate::tokenizer::Tokenizer;

/// Bytes of a text beyond which its vectors grow by themselves.
const LONG: usize = 1 << 16;

impl Tokenizer {
    /// Everything about the tokens of `input`, and of `pair` after it, truncated and post-processed.
    ///
    /// With `offsets` off, tokens, offsets and words are not computed.
    pub(super) fn encode_unpadded(
        &self,
        input: &Input<'_>,
        pair: Option<&Input<'_>>,
        add_special_tokens: bool,
        offsets: bool,
    ) -> Result<Encoding> {
        let first = self.encode_sequence(input, 0, offsets)?;
        let second = pair.map(|pair| self.encode_sequence(pair, 1, offsets)).transpose()?;
        self.post_process_unpadded(first, second, add_special_tokens)
    }

    /// Truncate, add special tokens, pad: what encoding does last.
    pub fn post_process(
        &self,
        first: Encoding,
        second: Option<Encoding>,
        add_special_tokens: bool,
    ) -> Result<Encoding> {
        let mut encoding = self.post_process_unpadded(first, second, add_special_tokens)?;
        if let Some(padding) = self.padding() {
            encoding.pad(padding.target(encoding.len()), padding)?;
        }
        Ok(encoding)
    }

    fn post_process_unpadded(
        &self,
        mut first: Encoding,
        mut second: Option<Encoding>,
        add_special_tokens: bool,
    ) -> Result<Encoding> {
        if let Some(truncation) = self.effective_truncation(second.is_some(), add_special_tokens)? {
            truncation.apply(&mut first, second.as_mut())?;
        }
        match (self.post_processor(), second) {
            (Some(processor), None) => processor.process(vec![first], add_special_tokens),
            (Some(processor), Some(second)) => processor.process(vec![first, second], add_special_tokens),
            (None, None) => Ok(first),
            (None, Some(mut second)) => {
                first.set_sequence_id(0);
                second.set_sequence_id(1);
                Ok(merge(&[first, second]))
            }
        }
    }

    fn encode_sequence(&self, input: &Input<'_>, type_id: u32, offsets: bool) -> Result<Encoding> {
        let mut encoding = Encoding::new(self.model().clone());
        let bytes: usize = match input {
            Input::Text(text) => text.len(),
            Input::Words(words) => words.iter().map(|word| word.len()).sum(),
        };
        // A token has three to five bytes of text; of a long text a few may have most.
        encoding.reserve(bytes.min(LONG) / 3);
        match input {
            Input::Text(text) => self.push_tokens(text, None, type_id, offsets, &mut encoding)?,
            Input::Words(words) => {
                for (word, text) in (0u32..).zip(words) {
                    self.push_tokens(text, Some(word), type_id, offsets, &mut encoding)?;
                }
            }
        }
        Ok(encoding)
    }

    /// Append the tokens of `text`; words are counted unless `word` is given.
    fn push_tokens(
        &self,
        text: &str,
        word: Option<u32>,
        type_id: u32,
        offsets: bool,
        encoding: &mut Encoding,
    ) -> Result<()> {
        if !offsets {
            let mut ids = Vec::new();
            self.push_ids(text, &mut ids)?;
            for id in ids {
                encoding.push(Token { id, text: TokenText::Absent, offsets: (0, 0), word: None }, type_id);
            }
            // Without offsets the reference does not know the type of the sequence yet either.
            encoding.set_type_ids(0);
            return Ok(());
        }
        if self.has_fast_detail(text) {
            return self.push_fast_detail(text, word, type_id, encoding);
        }
        if let Some(words) = self.plan().words.as_ref().filter(|words| words.has_details()) {
            return words.push_detail(self, text, word, type_id, encoding);
        }
        self.push_general_tokens(text, word, type_id, encoding)
    }
}
