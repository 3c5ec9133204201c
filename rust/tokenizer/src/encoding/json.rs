//! The state of an encoding as JSON, in the form that the `tokenizers` package pickles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Encoding, TokenText};
use crate::error::{Result, TokenizerError};

#[derive(Serialize, Deserialize)]
struct Span {
    start: usize,
    end: usize,
}

#[derive(Serialize, Deserialize)]
struct State {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
    tokens: Vec<String>,
    words: Vec<Option<u32>>,
    offsets: Vec<(usize, usize)>,
    special_tokens_mask: Vec<u32>,
    attention_mask: Vec<u32>,
    overflowing: Vec<State>,
    sequence_ranges: BTreeMap<usize, Span>,
}

impl Encoding {
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(&State::of(self))
            .map_err(|error| TokenizerError::at("encoding", error.to_string()))
    }

    /// # Errors
    /// Text that is not such a state, or one whose vectors differ in length.
    pub fn from_json(json: &str) -> Result<Self> {
        let state: State = serde_json::from_str(json)
            .map_err(|error| TokenizerError::at("state", error.to_string()).named("encoding"))?;
        state.into_encoding()
    }
}

impl State {
    fn of(encoding: &Encoding) -> Self {
        let span = |range: &std::ops::Range<usize>| Span { start: range.start, end: range.end };
        Self {
            ids: encoding.ids.clone(),
            type_ids: encoding.type_ids.clone(),
            tokens: encoding.tokens().map(str::to_owned).collect(),
            words: encoding.words.clone(),
            offsets: encoding.offsets.clone(),
            special_tokens_mask: encoding.special_tokens_mask.clone(),
            attention_mask: encoding.attention_mask.clone(),
            overflowing: encoding.overflowing.iter().map(Self::of).collect(),
            sequence_ranges: encoding.sequence_ranges.iter().map(|(&id, range)| (id, span(range))).collect(),
        }
    }

    fn into_encoding(self) -> Result<Encoding> {
        let len = self.ids.len();
        let lengths = [
            self.type_ids.len(),
            self.tokens.len(),
            self.words.len(),
            self.offsets.len(),
            self.special_tokens_mask.len(),
            self.attention_mask.len(),
        ];
        let inside = |span: &Span| span.start <= span.end && span.end <= len;
        if lengths.iter().any(|&found| found != len) || !self.sequence_ranges.values().all(inside) {
            let message = format!("fields do not fit {len} ids");
            return Err(TokenizerError::at("state", message).named("encoding"));
        }
        Ok(Encoding {
            ids: self.ids,
            type_ids: self.type_ids,
            texts: self.tokens.into_iter().map(|token| TokenText::Own(token.into())).collect(),
            words: self.words,
            offsets: self.offsets,
            special_tokens_mask: self.special_tokens_mask,
            attention_mask: self.attention_mask,
            overflowing: self.overflowing.into_iter().map(Self::into_encoding).collect::<Result<_>>()?,
            sequence_ranges: self
                .sequence_ranges
                .into_iter()
                .map(|(id, span)| (id, span.start..span.end))
                .collect(),
            model: None,
        })
    }
}
