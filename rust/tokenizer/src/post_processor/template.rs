//! Templates such as `[CLS] $A [SEP] $B:1 [SEP]:1`.

use std::collections::BTreeMap;

use super::Slot;
use crate::encoding::Encoding;
use crate::error::{Result, TokenizerError};

/// One of the two input sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    A,
    B,
}

/// An element of a template, with the type id of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Sequence { id: Sequence, type_id: u32 },
    SpecialToken { id: String, type_id: u32 },
}

impl Piece {
    /// From the short form: `$A`, `$B:1`, `$0`, `[SEP]`, `[SEP]:1`.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            let expected = "expected $A, $B, $0, a special token, or one of them with :TYPE_ID";
            TokenizerError::argument("template", format!("cannot read {text:?}; {expected}"))
        };
        let (name, type_id) = match text.split_once(':') {
            Some((name, type_id)) => (name, Some(type_id.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let Some(sequence) = name.strip_prefix('$') else {
            return Ok(Self::SpecialToken { id: name.to_owned(), type_id: type_id.unwrap_or(0) });
        };
        let (id, default) = match sequence {
            "" | "A" | "a" => (Sequence::A, 0),
            "B" | "b" => (Sequence::B, 0),
            number => (Sequence::A, number.parse().map_err(|_| wrong())?),
        };
        Ok(Self::Sequence { id, type_id: type_id.unwrap_or(default) })
    }
}

/// What a special token of a template stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialToken {
    pub ids: Vec<u32>,
    pub tokens: Vec<String>,
}

/// Settings of `{"type": "TemplateProcessing"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    single: Vec<Piece>,
    pair: Vec<Piece>,
    special_tokens: BTreeMap<String, SpecialToken>,
}

impl Template {
    /// # Errors
    /// Special tokens with as many ids as not tokens. Those that a template lacks are an error where they are needed.
    pub fn new(
        single: Vec<Piece>,
        pair: Vec<Piece>,
        special_tokens: BTreeMap<String, SpecialToken>,
    ) -> Result<Self> {
        for (id, token) in &special_tokens {
            let (ids, tokens) = (token.ids.len(), token.tokens.len());
            if ids != tokens {
                let message = format!("special token {id:?} has {ids} ids but {tokens} tokens");
                return Err(TokenizerError::argument("special_tokens", message));
            }
        }
        Ok(Self { single, pair, special_tokens })
    }

    pub fn single(&self) -> &[Piece] {
        &self.single
    }

    pub fn pair(&self) -> &[Piece] {
        &self.pair
    }

    pub fn special_tokens(&self) -> &BTreeMap<String, SpecialToken> {
        &self.special_tokens
    }

    fn pieces(&self, pair: bool) -> &[Piece] {
        if pair { &self.pair } else { &self.single }
    }

    pub(super) fn added_tokens(&self, pair: bool) -> usize {
        let special = |piece: &Piece| match piece {
            Piece::Sequence { .. } => None,
            Piece::SpecialToken { id, .. } => self.special_tokens.get(id),
        };
        self.pieces(pair).iter().filter_map(special).map(|token| token.ids.len()).sum()
    }

    pub(super) fn keeps_ids(&self, add_special_tokens: bool) -> bool {
        let special = |piece: &&Piece| matches!(piece, Piece::SpecialToken { .. });
        let mut pieces = self.single.iter().filter(|piece| add_special_tokens || !special(piece));
        matches!(pieces.next(), Some(Piece::Sequence { id: Sequence::A, .. })) && pieces.next().is_none()
    }

    pub(super) fn process(
        &self,
        mut parts: Vec<Encoding>,
        add_special_tokens: bool,
    ) -> Result<Vec<Encoding>> {
        if parts.len() > 2 {
            let message = format!("a template takes one or two sequences, not {}", parts.len());
            return Err(TokenizerError::argument("post_processor", message));
        }
        let mut done = Vec::new();
        for piece in self.pieces(parts.len() == 2) {
            match piece {
                Piece::Sequence { id, type_id } => {
                    let sequence = usize::from(*id == Sequence::B);
                    let Some(part) = parts.get_mut(sequence) else {
                        let message = "the template for one sequence has $B";
                        return Err(TokenizerError::argument("post_processor", message));
                    };
                    part.set_type_ids(*type_id);
                    part.set_sequence_id(sequence);
                    done.push(part.clone());
                }
                Piece::SpecialToken { id, type_id } if add_special_tokens => {
                    let Some(token) = self.special_tokens.get(id) else {
                        let message = format!("special token {id:?} of the template has no id");
                        return Err(TokenizerError::argument("post_processor", message));
                    };
                    done.push(Encoding::special(&token.ids, &token.tokens, *type_id));
                }
                Piece::SpecialToken { .. } => {}
            }
        }
        Ok(done)
    }

    pub(super) fn special_texts(&self, pair: bool) -> Vec<&str> {
        let special = |piece: &Piece| match piece {
            Piece::Sequence { .. } => None,
            Piece::SpecialToken { id, .. } => self.special_tokens.get(id),
        };
        let tokens = self.pieces(pair).iter().filter_map(special).flat_map(|token| &token.tokens);
        tokens.map(String::as_str).collect()
    }

    pub(super) fn layout(&self, pair: bool, add_special_tokens: bool) -> Option<Vec<Slot>> {
        Some(self.piece_layouts(pair, add_special_tokens)?.concat())
    }

    /// The slots of each piece: what a post-processor that comes after takes for a sequence.
    pub(super) fn piece_layouts(&self, pair: bool, add_special_tokens: bool) -> Option<Vec<Vec<Slot>>> {
        let mut layouts = Vec::new();
        for piece in self.pieces(pair) {
            match piece {
                Piece::Sequence { id: Sequence::B, .. } if !pair => return None,
                Piece::Sequence { id, type_id } => {
                    layouts.push(vec![Slot::Sequence(usize::from(*id == Sequence::B), *type_id)]);
                }
                Piece::SpecialToken { id, type_id } if add_special_tokens => {
                    let ids = &self.special_tokens.get(id)?.ids;
                    layouts.push(ids.iter().map(|&id| Slot::Special(id, *type_id)).collect());
                }
                Piece::SpecialToken { .. } => {}
            }
        }
        Some(layouts)
    }
}
