//! From the fields of the section to a model.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::vocab::{MergeList, Vocab};
use crate::error::{Result, TokenizerError};
use crate::file::path::Json;
use crate::model::bpe::{Bpe, BpeOptions, Vocabulary};
use crate::model::{Model, Unigram, UnigramOptions, WordLevel, WordPiece, WordPieceOptions};

/// The fields of any model; which of them count, and what they may be, depends on its type.
#[derive(Deserialize)]
pub(in crate::file) struct ModelRead<'a> {
    #[serde(rename = "type", default, deserialize_with = "present")]
    kind: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    dropout: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    unk_token: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    continuing_subword_prefix: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    end_of_word_suffix: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    fuse_unk: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    byte_fallback: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    ignore_merges: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    max_input_chars_per_word: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    unk_id: Option<Value>,
    #[serde(borrow)]
    vocab: Option<Vocab<'a>>,
    #[serde(borrow)]
    merges: Option<MergeList<'a>>,
}

/// A field that is there, be it null: some fields may be missing but not null.
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn missing(name: &str) -> TokenizerError {
    TokenizerError::at("model", format!("field {name:?} is missing"))
}

/// A field that must be there and may not be null.
fn required<'a>(field: Option<&'a Value>, name: &str) -> Result<Json<'a>> {
    let value = field.ok_or_else(|| missing(name))?;
    Ok(Json::new(value, &format!("model.{name}")))
}

/// A field that may be missing or null.
fn optional<'a>(field: Option<&'a Value>, name: &str) -> Option<Json<'a>> {
    let value = field.filter(|value| !value.is_null())?;
    Some(Json::new(value, &format!("model.{name}")))
}

fn text_or_none(field: Option<&Value>, name: &str) -> Result<Option<String>> {
    optional(field, name).map(|json| json.string().map(str::to_owned)).transpose()
}

fn flag(field: Option<&Value>, name: &str) -> Result<bool> {
    optional(field, name).map_or(Ok(false), |json| json.boolean())
}

impl ModelRead<'_> {
    pub(in crate::file) fn into_model(self) -> Result<Model> {
        let Some(kind) = &self.kind else { return self.untagged() };
        match kind.as_str() {
            Some("BPE") => self.bpe(),
            Some("WordPiece") => self.word_piece(),
            Some("WordLevel") => self.word_level(),
            Some("Unigram") => self.unigram(),
            _ => {
                let found = kind.as_str().map_or_else(|| kind.to_string(), str::to_owned);
                Err(TokenizerError::unsupported("model", found, "BPE, WordPiece, WordLevel, Unigram"))
            }
        }
    }

    /// Old files leave the type out: the first that the fields suit, in the order of the reference.
    fn untagged(&self) -> Result<Model> {
        let kinds = [Self::bpe, Self::word_piece, Self::word_level, Self::unigram];
        let mut errors = Vec::new();
        for kind in kinds {
            match kind(self) {
                Ok(model) => return Ok(model),
                Err(error) => errors.push(error),
            }
        }
        // The error of the kind that was most likely meant.
        let meant = match (&self.vocab, &self.merges) {
            (Some(Vocab::List(_)), _) => 3,
            (_, Some(_)) => 0,
            _ if self.max_input_chars_per_word.is_some() => 1,
            _ if self.unk_token.is_some() => 2,
            _ => return Err(TokenizerError::at("model", "has no type, and fields of no model")),
        };
        Err(errors.swap_remove(meant))
    }

    /// The vocabulary of all models but Unigram.
    fn vocab(&self) -> Result<impl ExactSizeIterator<Item = (&str, u32)> + Clone> {
        match self.vocab.as_ref().ok_or_else(|| missing("vocab"))? {
            Vocab::Map(entries) => Ok(entries.iter().map(|(token, id)| (&**token, *id))),
            Vocab::List(_) => Err(TokenizerError::at("model.vocab", "found an array, expected an object")),
        }
    }

    fn bpe(&self) -> Result<Model> {
        let dropout = optional(self.dropout.as_ref(), "dropout").map(|json| json.number()).transpose()?;
        let options = BpeOptions {
            dropout: dropout.map(|dropout| dropout as f32),
            unk_token: text_or_none(self.unk_token.as_ref(), "unk_token")?,
            continuing_subword_prefix: text_or_none(
                self.continuing_subword_prefix.as_ref(),
                "continuing_subword_prefix",
            )?,
            end_of_word_suffix: text_or_none(self.end_of_word_suffix.as_ref(), "end_of_word_suffix")?,
            fuse_unk: flag(self.fuse_unk.as_ref(), "fuse_unk")?,
            byte_fallback: flag(self.byte_fallback.as_ref(), "byte_fallback")?,
            ignore_merges: flag(self.ignore_merges.as_ref(), "ignore_merges")?,
        };
        let entries = self.vocab()?;
        let merges = match self.merges.as_ref().ok_or_else(|| missing("merges"))? {
            MergeList::List(merges) => merges,
            MergeList::Wrong { at, message } => return Err(TokenizerError::at(at, message)),
        };
        let pairs = merges.iter().map(|(left, right)| (&**left, &**right));
        Ok(Model::Bpe(Arc::new(Bpe::new(entries, pairs, options)?)))
    }

    fn word_piece(&self) -> Result<Model> {
        let prefix = required(self.continuing_subword_prefix.as_ref(), "continuing_subword_prefix")?;
        let most = required(self.max_input_chars_per_word.as_ref(), "max_input_chars_per_word")?;
        let options = WordPieceOptions {
            unk_token: required(self.unk_token.as_ref(), "unk_token")?.string()?.to_owned(),
            continuing_subword_prefix: prefix.string()?.to_owned(),
            max_input_chars_per_word: most.size()?,
        };
        let vocabulary = Vocabulary::new(self.vocab()?)?;
        Ok(Model::WordPiece(Arc::new(WordPiece::new(vocabulary, options)?)))
    }

    fn word_level(&self) -> Result<Model> {
        let unk_token = required(self.unk_token.as_ref(), "unk_token")?.string()?.to_owned();
        let vocabulary = Vocabulary::new(self.vocab()?)?;
        Ok(Model::WordLevel(Arc::new(WordLevel::new(vocabulary, unk_token))))
    }

    fn unigram(&self) -> Result<Model> {
        let byte_fallback = match &self.byte_fallback {
            Some(_) => required(self.byte_fallback.as_ref(), "byte_fallback")?.boolean()?,
            None => false,
        };
        let unk_id = optional(self.unk_id.as_ref(), "unk_id").map(|json| json.size()).transpose()?;
        let options = UnigramOptions { unk_id, byte_fallback, ..UnigramOptions::default() };
        let entries = match self.vocab.as_ref().ok_or_else(|| missing("vocab"))? {
            Vocab::List(entries) => entries.iter().map(|(piece, score)| (&**piece, *score)),
            Vocab::Map(_) => {
                return Err(TokenizerError::at("model.vocab", "found an object, expected an array"));
            }
        };
        Ok(Model::Unigram(Arc::new(Unigram::new(entries, options)?)))
    }
}
