//! Encodings with everything: tokens, offsets, words.

use super::encode::Input;
use crate::encoding::{Columns, Encoding, Token, TokenText};
use crate::error::Result;
use crate::post_processor::merge;
use crate::tokenizer::Tokenizer;

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
        if offsets && !self.has_places() {
            self.push_general_input(input, type_id, &mut encoding)?;
            return Ok(encoding);
        }
        let mut ids = Vec::new();
        self.push_input_ids(input, &mut ids)?;
        if !offsets {
            // The reference does not know the type of the sequence yet either.
            encoding.reserve(ids.len());
            for id in ids {
                encoding.push(Token { id, text: TokenText::Absent, offsets: (0, 0), word: None }, 0);
            }
            return Ok(encoding);
        }
        let mut columns = Columns::with_capacity(ids.len());
        if self.push_columns(input, &ids, false, &mut columns)? {
            encoding.push_columns(ids, &columns, type_id);
        } else {
            self.push_general_input(input, type_id, &mut encoding)?;
        }
        Ok(encoding)
    }

    fn push_general_input(&self, input: &Input<'_>, type_id: u32, encoding: &mut Encoding) -> Result<()> {
        match input {
            Input::Text(text) => self.push_general_tokens(text, None, type_id, encoding),
            Input::Words(words) => (0u32..)
                .zip(words)
                .try_for_each(|(word, text)| self.push_general_tokens(text, Some(word), type_id, encoding)),
        }
    }

    /// Append the ids of a sequence, without what post-processing adds.
    pub(super) fn push_input_ids(&self, input: &Input<'_>, ids: &mut Vec<u32>) -> Result<()> {
        match input {
            Input::Text(text) => self.push_ids(text, ids),
            Input::Words(words) => words.iter().try_for_each(|word| self.push_ids(word, ids)),
        }
    }
}
