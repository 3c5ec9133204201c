//! The general path: what the parts of a tokenizer say, each byte knowing where in the text it comes from.

use crate::added::Segment;
use crate::encoding::Encoding;
use crate::error::Result;
use crate::model::PieceToken;
use crate::normalized::NormalizedString;
use crate::pre_tokenized::{OffsetType, PreTokenizedString, Split, SplitToken};
use crate::tokenizer::Tokenizer;

impl Tokenizer {
    /// A text cut into pieces: its added tokens, and what normalizer and pre-tokenizer make of the rest.
    pub(crate) fn pre_tokenized(&self, text: &str) -> Result<PreTokenizedString> {
        let whole = NormalizedString::new(text);
        let (mut splits, mut result) = (Vec::new(), Ok(()));
        self.added_vocabulary().segments(text, |Segment { range, added }| {
            let part = whole.slice(range);
            match added {
                Some(id) => splits.push(added_token(part, id)),
                None if result.is_ok() => result = self.push_normalized(part, &mut splits),
                None => {}
            }
        });
        result?;
        let mut pieces = PreTokenizedString::from(splits);
        if let Some(pre_tokenizer) = self.pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        Ok(pieces)
    }

    /// Normalize a part without added tokens, and find those that are matched only then.
    fn push_normalized(&self, mut part: NormalizedString, splits: &mut Vec<Split>) -> Result<()> {
        if let Some(normalizer) = self.normalizer() {
            normalizer.normalize(&mut part)?;
        }
        self.added_vocabulary().normalized_segments(part.get(), |Segment { range, added }| {
            let text = part.slice(range);
            splits.push(match added {
                Some(id) => added_token(text, id),
                None => Split { text, tokens: None },
            });
        });
        Ok(())
    }

    /// The pieces of a text with their tokens.
    pub(super) fn tokenized(&self, text: &str) -> Result<PreTokenizedString> {
        let mut pieces = self.pre_tokenized(text)?;
        pieces.tokenize_by(self.model())?;
        Ok(pieces)
    }

    /// Append the tokens of a text; words are counted unless `word` is given.
    pub(super) fn push_general_tokens(
        &self,
        text: &str,
        word: Option<u32>,
        type_id: u32,
        encoding: &mut Encoding,
    ) -> Result<()> {
        self.tokenized(text)?.push_tokens(word, type_id, OffsetType::Character, encoding)
    }

    /// Append the ids of a text.
    pub(super) fn push_general_ids(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        for split in self.tokenized(text)?.splits() {
            ids.extend(split.tokens.iter().flatten().map(|token| token.token.id));
        }
        Ok(())
    }
}

/// An added token is a piece that has its token already, called what stands in the text.
fn added_token(text: NormalizedString, id: u32) -> Split {
    let token = PieceToken { id, start: 0, end: text.len() as u32, verbatim: true };
    let own = Some(Box::from(text.get()));
    Split { text, tokens: Some(vec![SplitToken { token, text: own }]) }
}
