//! A text on its way through pre-tokenizers: the pieces so far, each knowing where in the text it comes from.

use std::cmp::Ordering;
use std::ops::Range;

use crate::encoding::{Characters, Encoding, Token, TokenText};
use crate::error::{Result, TokenizerError};
use crate::model::{Model, PieceToken};
use crate::normalized::NormalizedString;

/// A token of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitToken {
    pub token: PieceToken,
    /// Its text where that is not the vocabulary's.
    pub text: Option<Box<str>>,
}

impl From<PieceToken> for SplitToken {
    fn from(token: PieceToken) -> Self {
        Self { token, text: None }
    }
}

/// A piece, and its tokens once it has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub text: NormalizedString,
    pub tokens: Option<Vec<SplitToken>>,
}

/// What offsets count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetType {
    Byte,
    Character,
}

/// Which text offsets are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReferential {
    Original,
    /// The normalized forms of all pieces, one after the other.
    Normalized,
}

/// Pieces of a text. Those that have tokens are not cut or changed any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreTokenizedString {
    splits: Vec<Split>,
}

impl PreTokenizedString {
    pub fn new(text: &str) -> Self {
        NormalizedString::new(text).into()
    }

    pub fn splits(&self) -> &[Split] {
        &self.splits
    }

    pub fn into_splits(self) -> Vec<Split> {
        self.splits
    }

    /// Replace each piece by those that `cut` makes of it, given the index of the piece; empty ones are dropped.
    pub fn split<Pieces>(
        &mut self,
        mut cut: impl FnMut(usize, NormalizedString) -> Result<Pieces>,
    ) -> Result<()>
    where
        Pieces: IntoIterator<Item = NormalizedString>,
    {
        let mut splits = Vec::with_capacity(self.splits.len());
        for (index, split) in std::mem::take(&mut self.splits).into_iter().enumerate() {
            if split.tokens.is_some() {
                splits.push(split);
                continue;
            }
            let pieces = cut(index, split.text)?.into_iter().filter(|text| !text.is_empty());
            splits.extend(pieces.map(|text| Split { text, tokens: None }));
        }
        self.splits = splits;
        Ok(())
    }

    /// Change each piece.
    pub fn normalize(&mut self, mut change: impl FnMut(&mut NormalizedString) -> Result<()>) -> Result<()> {
        self.splits
            .iter_mut()
            .filter(|split| split.tokens.is_none())
            .try_for_each(|split| change(&mut split.text))
    }

    /// Give each piece its tokens.
    pub fn tokenize(
        &mut self,
        mut tokenize: impl FnMut(&NormalizedString) -> Result<Vec<SplitToken>>,
    ) -> Result<()> {
        for split in self.splits.iter_mut().filter(|split| split.tokens.is_none()) {
            split.tokens = Some(tokenize(&split.text)?);
        }
        Ok(())
    }

    /// Give each piece the tokens that `model` makes of it.
    pub(crate) fn tokenize_by(&mut self, model: &Model) -> Result<()> {
        let mut tokens = Vec::new();
        self.tokenize(|piece| {
            tokens.clear();
            model.tokenize(piece.get(), &mut tokens)?;
            let with_text = |&token: &PieceToken| {
                let own =
                    piece.get().get(token.start as usize..token.end as usize).filter(|_| token.verbatim);
                SplitToken { token, text: own.map(Box::from) }
            };
            Ok(tokens.iter().map(with_text).collect())
        })
    }

    /// The offsets of each piece.
    pub fn offsets(&self, referential: OffsetReferential, unit: OffsetType) -> Vec<(usize, usize)> {
        let whole = self.splits.first().map(|split| split.text.whole().clone());
        let mut characters = Characters::new(whole.as_deref().unwrap_or_default());
        let mut end = 0;
        let offsets = |split: &Split| {
            let bytes = match referential {
                OffsetReferential::Original => split.text.original_range(),
                OffsetReferential::Normalized => {
                    end += split.text.len();
                    end - split.text.len()..end
                }
            };
            match unit {
                OffsetType::Byte => (bytes.start, bytes.end),
                OffsetType::Character => {
                    convert(&mut characters, whole.as_deref().unwrap_or_default(), bytes)
                }
            }
        };
        self.splits.iter().map(offsets).collect()
    }

    /// The tokens of all pieces, with offsets in the original text; each piece is a word unless `word` is given.
    ///
    /// # Errors
    /// Pieces without tokens.
    pub fn to_encoding(&self, word: Option<u32>, type_id: u32, unit: OffsetType) -> Result<Encoding> {
        let mut encoding = Encoding::default();
        self.push_tokens(word, type_id, unit, &mut encoding)?;
        Ok(encoding)
    }

    /// [`to_encoding`](Self::to_encoding), appended to what is there.
    pub(crate) fn push_tokens(
        &self,
        word: Option<u32>,
        type_id: u32,
        unit: OffsetType,
        encoding: &mut Encoding,
    ) -> Result<()> {
        let Some(first) = self.splits.first() else { return Ok(()) };
        let whole = first.text.whole().clone();
        let mut characters = Characters::new(&whole);
        for (index, split) in (0u32..).zip(&self.splits) {
            let Some(tokens) = &split.tokens else {
                let message = format!("the piece {:?} has no tokens; call tokenize first", split.text.get());
                return Err(TokenizerError::argument("pre_tokenized", message));
            };
            for SplitToken { token, text } in tokens {
                let bytes = split.text.to_original(token.start as usize..token.end as usize);
                let offsets = match unit {
                    OffsetType::Byte => (bytes.start, bytes.end),
                    OffsetType::Character => convert(&mut characters, &whole, bytes),
                };
                let text = text.clone().map_or(TokenText::Model(token.id), TokenText::Own);
                encoding.push(Token { id: token.id, text, offsets, word: word.or(Some(index)) }, type_id);
            }
        }
        Ok(())
    }
}

impl From<Vec<Split>> for PreTokenizedString {
    /// Pieces of one text, in order.
    fn from(splits: Vec<Split>) -> Self {
        Self { splits }
    }
}

impl From<NormalizedString> for PreTokenizedString {
    fn from(text: NormalizedString) -> Self {
        Self { splits: vec![Split { text, tokens: None }] }
    }
}

/// Bytes to characters as the reference does: offsets that start beyond the text stay as they are.
fn convert(characters: &mut Characters<'_>, text: &str, bytes: Range<usize>) -> (usize, usize) {
    if bytes.start >= text.len() || bytes.end < bytes.start {
        return (bytes.start, bytes.end);
    }
    let (start, _) = characters.convert(bytes.start..bytes.start + 1);
    let end = match bytes.end.cmp(&text.len()) {
        // Inside of a character it counts as the start of it.
        Ordering::Less => characters.convert(bytes.end..bytes.end + 1).0,
        Ordering::Equal => characters.convert(bytes.end - 1..bytes.end).1,
        Ordering::Greater => start + 2,
    };
    (start, end)
}
