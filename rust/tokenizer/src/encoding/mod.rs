//! What encoding a text gives besides ids: tokens, offsets, words, masks, sequences.

mod characters;
mod columns;
mod json;
mod lookup;
mod overflow;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{Result, TokenizerError};
use crate::model::Model;
use crate::padding::Padding;

pub(crate) use characters::Characters;
pub use columns::Columns;
pub(crate) use columns::Placer;
pub use overflow::Direction;

/// The text of a token; most are those of the model's vocabulary and are looked up when asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenText {
    /// The model's token of this id.
    Model(u32),
    Own(Box<str>),
    /// Not computed (`encode_batch_fast`).
    Absent,
}

/// Parallel vectors, one entry per token.
///
/// Offsets count characters of the text that the token comes from. Special and padding tokens have no word and
/// the offsets (0, 0).
#[derive(Debug, Clone, Default)]
pub struct Encoding {
    pub ids: Vec<u32>,
    pub type_ids: Vec<u32>,
    pub texts: Vec<TokenText>,
    pub words: Vec<Option<u32>>,
    pub offsets: Vec<(usize, usize)>,
    pub special_tokens_mask: Vec<u32>,
    pub attention_mask: Vec<u32>,
    /// What truncation cut off, in windows of the same length.
    pub overflowing: Vec<Encoding>,
    /// The tokens that each input sequence covers; empty means one sequence that covers all.
    pub sequence_ranges: BTreeMap<usize, Range<usize>>,
    /// Where [`TokenText::Model`] is looked up.
    pub model: Option<Model>,
}

/// One token before post-processing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: u32,
    pub text: TokenText,
    pub offsets: (usize, usize),
    pub word: Option<u32>,
}

impl Encoding {
    pub fn new(model: Model) -> Self {
        Self { model: Some(model), ..Self::default() }
    }

    /// Make room for `count` more tokens.
    pub fn reserve(&mut self, count: usize) {
        self.ids.reserve(count);
        self.type_ids.reserve(count);
        self.texts.reserve(count);
        self.words.reserve(count);
        self.offsets.reserve(count);
        self.special_tokens_mask.reserve(count);
        self.attention_mask.reserve(count);
    }

    /// Special tokens, as post-processors add them.
    pub fn special(ids: &[u32], tokens: &[String], type_id: u32) -> Self {
        let mut encoding = Self::default();
        for (&id, token) in ids.iter().zip(tokens) {
            let text = TokenText::Own(token.as_str().into());
            encoding.push(Token { id, text, offsets: (0, 0), word: None }, type_id);
        }
        encoding.special_tokens_mask.fill(1);
        encoding
    }

    pub fn push(&mut self, token: Token, type_id: u32) {
        self.ids.push(token.id);
        self.type_ids.push(type_id);
        self.texts.push(token.text);
        self.words.push(token.word);
        self.offsets.push(token.offsets);
        self.special_tokens_mask.push(0);
        self.attention_mask.push(1);
    }

    /// Append tokens of one sequence, known by their columns.
    pub(crate) fn push_columns(&mut self, ids: Vec<u32>, columns: &Columns, type_id: u32) {
        let (before, count) = (self.len(), ids.len());
        self.texts.extend(ids.iter().map(|&id| TokenText::Model(id)));
        for (index, text) in columns.own_texts() {
            self.texts[before + index] = TokenText::Own(text.into());
        }
        self.ids.extend(ids);
        self.type_ids.extend(std::iter::repeat_n(type_id, count));
        let word = |&word: &u32| (word != Columns::NO_WORD).then_some(word);
        self.words.extend(columns.words.iter().map(word));
        self.offsets.extend(columns.offsets.iter().map(|&(start, end)| (start as usize, end as usize)));
        self.special_tokens_mask.extend(std::iter::repeat_n(0, count));
        self.attention_mask.extend(std::iter::repeat_n(1, count));
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The text of token `index`.
    pub fn token(&self, index: usize) -> &str {
        match self.texts.get(index) {
            Some(TokenText::Own(text)) => text,
            Some(TokenText::Model(id)) => {
                self.model.as_ref().and_then(|model| model.id_to_token(*id)).unwrap_or("")
            }
            Some(TokenText::Absent) | None => "",
        }
    }

    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.token(index))
    }

    pub fn set_sequence_id(&mut self, sequence: usize) {
        self.sequence_ranges.insert(sequence, 0..self.len());
    }

    pub fn set_type_ids(&mut self, type_id: u32) {
        self.type_ids.fill(type_id);
    }

    /// Append `other`; every overflowing part of one is combined with the other and its overflowing parts.
    ///
    /// With `growing_offsets`, offsets of `other` count from the end of the last token here. As in the reference,
    /// combinations have overflowing parts of their own where both sides were truncated.
    pub fn merge_with(&mut self, other: &Self, growing_offsets: bool) {
        let combine = |mine: &Self, theirs: &Self| {
            let mut combined = mine.clone();
            combined.merge_with(theirs, growing_offsets);
            combined
        };
        let mut overflowing = Vec::new();
        for mine in &self.overflowing {
            overflowing.push(combine(mine, other));
            overflowing.extend(other.overflowing.iter().map(|theirs| combine(mine, theirs)));
        }
        overflowing.extend(other.overflowing.iter().map(|theirs| combine(self, theirs)));
        self.append(other, growing_offsets);
        self.overflowing = overflowing;
    }

    fn append(&mut self, other: &Self, growing_offsets: bool) {
        let (len, base) = (self.len(), self.offsets.last().map_or(0, |last| last.1));
        let base = if growing_offsets { base } else { 0 };
        let shifted = |(&id, range): (&usize, &Range<usize>)| (id, range.start + len..range.end + len);
        self.sequence_ranges.extend(other.sequence_ranges.iter().map(shifted));
        self.ids.extend(&other.ids);
        self.type_ids.extend(&other.type_ids);
        self.append_texts(other);
        self.words.extend(&other.words);
        self.offsets.extend(other.offsets.iter().map(|&(start, end)| (start + base, end + base)));
        self.special_tokens_mask.extend(&other.special_tokens_mask);
        self.attention_mask.extend(&other.attention_mask);
    }

    fn append_texts(&mut self, other: &Self) {
        let same = match (&self.model, &other.model) {
            (Some(mine), Some(theirs)) => mine.is_same(theirs),
            (None, theirs) => {
                self.model.clone_from(theirs);
                true
            }
            (Some(_), None) => true,
        };
        if same {
            self.texts.extend_from_slice(&other.texts);
        } else {
            self.texts.extend(other.tokens().map(|token| TokenText::Own(token.into())));
        }
    }

    /// Extend to `length` with padding tokens, overflowing parts too.
    ///
    /// # Errors
    /// A length beyond [`Padding::MAX_LENGTH`].
    pub fn pad(&mut self, length: usize, padding: &Padding) -> Result<()> {
        if length > Padding::MAX_LENGTH {
            let limit = Padding::MAX_LENGTH;
            return Err(TokenizerError::Limit { what: "padding length", found: length, limit });
        }
        for overflow in &mut self.overflowing {
            overflow.pad(length, padding)?;
        }
        let missing = length.saturating_sub(self.len());
        if missing == 0 {
            return Ok(());
        }
        let at = if padding.direction == Direction::Left { 0 } else { self.len() };
        insert(&mut self.ids, at, missing, padding.pad_id);
        insert(&mut self.type_ids, at, missing, padding.pad_type_id);
        insert(&mut self.texts, at, missing, TokenText::Own(padding.pad_token.as_str().into()));
        insert(&mut self.words, at, missing, None);
        insert(&mut self.offsets, at, missing, (0, 0));
        insert(&mut self.special_tokens_mask, at, missing, 1);
        insert(&mut self.attention_mask, at, missing, 0);
        if padding.direction == Direction::Left {
            for range in self.sequence_ranges.values_mut() {
                *range = range.start + missing..range.end + missing;
            }
        }
        Ok(())
    }

    /// The tokens of `range` alone; the sequences are forgotten.
    fn slice(&self, range: Range<usize>) -> Self {
        Self {
            ids: self.ids[range.clone()].to_vec(),
            type_ids: self.type_ids[range.clone()].to_vec(),
            texts: self.texts[range.clone()].to_vec(),
            words: self.words[range.clone()].to_vec(),
            offsets: self.offsets[range.clone()].to_vec(),
            special_tokens_mask: self.special_tokens_mask[range.clone()].to_vec(),
            attention_mask: self.attention_mask[range].to_vec(),
            model: self.model.clone(),
            ..Self::default()
        }
    }
}

fn insert<T: Clone>(values: &mut Vec<T>, at: usize, count: usize, value: T) {
    values.splice(at..at, std::iter::repeat_n(value, count));
}
