//! What a `.model` file says (`sentencepiece_model.proto`).

use super::super::protobuf::{Fields, Value};
use crate::error::{Result, TokenizerError};

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

impl Kind {
    pub(crate) fn of(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub text: String,
    pub score: f32,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Unigram,
    Bpe,
    /// Pieces are words or characters.
    Word,
    Char,
}

/// How text is changed before it is cut, and how pieces are cut off it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec {
    pub algorithm: Algorithm,
    pub byte_fallback: bool,
    pub treat_whitespace_as_suffix: bool,
    pub precompiled_charsmap: Vec<u8>,
    pub add_dummy_prefix: bool,
    pub remove_extra_whitespaces: bool,
    pub escape_whitespaces: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Unigram,
            byte_fallback: false,
            treat_whitespace_as_suffix: false,
            precompiled_charsmap: Vec::new(),
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
            escape_whitespaces: true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ModelProto {
    pub pieces: Vec<Piece>,
    pub spec: Spec,
}

impl ModelProto {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut model = Self::default();
        let mut fields = Fields::new(bytes, 0);
        while let Some((field, value)) = fields.next()? {
            let Value::Bytes(message) = value else { continue };
            let inner = Fields::new(message, fields.position() - message.len());
            match field {
                1 => model.pieces.push(piece(inner, model.pieces.len())?),
                2 => trainer(inner, &mut model.spec)?,
                3 => normalizer(inner, &mut model.spec)?,
                _ => {}
            }
        }
        if model.pieces.is_empty() {
            return Err(TokenizerError::at("the file", "has no pieces: it is no SentencePiece model"));
        }
        Ok(model)
    }
}

fn piece(mut fields: Fields<'_>, index: usize) -> Result<Piece> {
    let place = || format!("pieces[{index}]");
    let (mut text, mut score, mut kind) = (None, 0.0, Kind::Normal);
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (1, Value::Bytes(bytes)) => {
                let utf8 = std::str::from_utf8(bytes);
                text = Some(utf8.map_err(|_| TokenizerError::at(place(), "the piece is not UTF-8 text"))?);
            }
            (2, Value::Fixed(bits)) => score = f32::from_bits(bits),
            (3, Value::Number(number)) => {
                let message = || format!("found type {number}, expected 1 to 6");
                kind = Kind::of(number).ok_or_else(|| TokenizerError::at(place(), message()))?;
            }
            _ => {}
        }
    }
    let text = text.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| TokenizerError::at(place(), "the piece is empty"))?;
    if !score.is_finite() {
        return Err(TokenizerError::at(place(), format!("the score is {score}, expected a finite number")));
    }
    Ok(Piece { text: text.to_owned(), score, kind })
}

fn trainer(mut fields: Fields<'_>, spec: &mut Spec) -> Result<()> {
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (3, Value::Number(number)) => {
                spec.algorithm = match number {
                    1 => Algorithm::Unigram,
                    2 => Algorithm::Bpe,
                    3 => Algorithm::Word,
                    4 => Algorithm::Char,
                    other => {
                        let message = format!("found {other}, expected 1 to 4");
                        return Err(TokenizerError::at("trainer_spec.model_type", message));
                    }
                }
            }
            (24, Value::Number(number)) => spec.treat_whitespace_as_suffix = number != 0,
            (35, Value::Number(number)) => spec.byte_fallback = number != 0,
            _ => {}
        }
    }
    Ok(())
}

fn normalizer(mut fields: Fields<'_>, spec: &mut Spec) -> Result<()> {
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (2, Value::Bytes(bytes)) => spec.precompiled_charsmap = bytes.to_vec(),
            (3, Value::Number(number)) => spec.add_dummy_prefix = number != 0,
            (4, Value::Number(number)) => spec.remove_extra_whitespaces = number != 0,
            (5, Value::Number(number)) => spec.escape_whitespaces = number != 0,
            _ => {}
        }
    }
    Ok(())
}
