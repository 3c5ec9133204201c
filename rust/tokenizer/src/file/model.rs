//! The model section: the one large part, read straight from the text without values in between.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Result, TokenizerError};
use crate::model::Model;
use crate::model::bpe::{Bpe, BpeOptions, Merges, Vocabulary};

/// The fields of any model; which of them count depends on its type.
#[derive(Deserialize)]
pub(super) struct ModelRead<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    dropout: Option<f32>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    fuse_unk: Option<bool>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
    #[serde(borrow)]
    vocab: Option<Vocab<'a>>,
    #[serde(borrow)]
    merges: Option<MergeList<'a>>,
}

impl ModelRead<'_> {
    pub(super) fn into_model(self) -> Result<Model> {
        // Old files leave the type out; only BPE has merges.
        match self.kind.as_deref() {
            Some("BPE") => {}
            None if self.merges.is_some() => {}
            Some(other) => return Err(TokenizerError::unsupported("model", other, "BPE")),
            None => return Err(TokenizerError::at("model", "has neither a type nor merges")),
        }
        let missing = |name: &str| TokenizerError::at("model", format!("field {name:?} is missing"));
        let Vocab::Map(vocab) = self.vocab.ok_or_else(|| missing("vocab"))? else {
            return Err(TokenizerError::at("model.vocab", "found an array, expected an object"));
        };
        let merges = self.merges.ok_or_else(|| missing("merges"))?.0;
        let options = BpeOptions {
            dropout: self.dropout,
            unk_token: self.unk_token,
            continuing_subword_prefix: self.continuing_subword_prefix,
            end_of_word_suffix: self.end_of_word_suffix,
            fuse_unk: self.fuse_unk.unwrap_or(false),
            byte_fallback: self.byte_fallback.unwrap_or(false),
            ignore_merges: self.ignore_merges.unwrap_or(false),
        };
        let entries = vocab.iter().map(|(token, id)| (&**token, *id));
        let pairs = merges.iter().map(|(left, right)| (&**left, &**right));
        Ok(Model::Bpe(Arc::new(Bpe::new(entries, pairs, options)?)))
    }
}

/// A string borrowed from the file unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

enum Vocab<'a> {
    Map(Vec<(Cow<'a, str>, u32)>),
    /// Of another model type.
    Array,
}

impl<'de: 'a, 'a> Deserialize<'de> for Vocab<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct VocabVisitor;

        impl<'de> Visitor<'de> for VocabVisitor {
            type Value = Vocab<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object from tokens to ids (model.vocab)")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Text(token)) = map.next_key()? {
                    let id = map.next_value().map_err(|error| {
                        A::Error::custom(format_args!("model.vocab: id of {token:?}: {error}"))
                    })?;
                    entries.push((token, id));
                }
                Ok(Vocab::Map(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Vocab::Array)
            }
        }

        deserializer.deserialize_any(VocabVisitor)
    }
}

/// Merges as pairs, or as strings with a space between in older files.
struct MergeList<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for MergeList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = MergeList<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of merges (model.merges)")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(merge) = seq.next_element()? {
                    match merge {
                        MergeRead::Pair(left, right) => pairs.push((left, right)),
                        // Lines of a merges.txt that were put in whole.
                        MergeRead::Line(line) if line.starts_with("#version") => {}
                        MergeRead::Line(line) => pairs.push(split_line(line).map_err(|line| {
                            let at = pairs.len();
                            A::Error::custom(format_args!(
                                "model.merges[{at}]: found {line:?}, expected two tokens with a space between"
                            ))
                        })?),
                    }
                }
                Ok(MergeList(pairs))
            }
        }

        deserializer.deserialize_seq(ListVisitor)
    }
}

enum MergeRead<'a> {
    Pair(Cow<'a, str>, Cow<'a, str>),
    Line(Cow<'a, str>),
}

impl<'de> Deserialize<'de> for MergeRead<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct MergeVisitor;

        impl<'de> Visitor<'de> for MergeVisitor {
            type Value = MergeRead<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a merge: [\"a\", \"b\"] or \"a b\" (model.merges)")
            }

            fn visit_borrowed_str<E>(self, line: &'de str) -> std::result::Result<Self::Value, E> {
                Ok(MergeRead::Line(Cow::Borrowed(line)))
            }

            fn visit_str<E>(self, line: &str) -> std::result::Result<Self::Value, E> {
                Ok(MergeRead::Line(Cow::Owned(line.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
                let length = |found| A::Error::invalid_length(found, &self);
                let Text(left) = seq.next_element()?.ok_or_else(|| length(0))?;
                let Text(right) = seq.next_element()?.ok_or_else(|| length(1))?;
                match seq.next_element::<IgnoredAny>()? {
                    None => Ok(MergeRead::Pair(left, right)),
                    Some(_) => Err(length(3)),
                }
            }
        }

        deserializer.deserialize_any(MergeVisitor)
    }
}

fn split_line(line: Cow<'_, str>) -> std::result::Result<(Cow<'_, str>, Cow<'_, str>), Cow<'_, str>> {
    let parts = |line: &str| match line.split_once(' ') {
        Some((left, right)) if !right.contains(' ') => Some(left.len()),
        _ => None,
    };
    match (parts(&line), line) {
        (Some(at), Cow::Borrowed(line)) => Ok((line[..at].into(), line[at + 1..].into())),
        (Some(at), Cow::Owned(line)) => Ok((line[..at].to_owned().into(), line[at + 1..].to_owned().into())),
        (None, line) => Err(line),
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum ModelWrite<'a> {
    #[serde(rename = "BPE")]
    Bpe {
        dropout: Option<f32>,
        unk_token: Option<&'a str>,
        continuing_subword_prefix: Option<&'a str>,
        end_of_word_suffix: Option<&'a str>,
        fuse_unk: bool,
        byte_fallback: bool,
        ignore_merges: bool,
        vocab: VocabWrite<'a>,
        merges: Vec<(&'a str, &'a str)>,
    },
}

pub(super) struct VocabWrite<'a>(pub(super) &'a Vocabulary);

impl Serialize for VocabWrite<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, token) in self.0.iter() {
            map.serialize_entry(token, &id)?;
        }
        map.end()
    }
}

pub(super) fn write(model: &Model) -> ModelWrite<'_> {
    match model {
        Model::Bpe(bpe) => {
            let options = bpe.options();
            ModelWrite::Bpe {
                dropout: options.dropout,
                unk_token: options.unk_token.as_deref(),
                continuing_subword_prefix: options.continuing_subword_prefix.as_deref(),
                end_of_word_suffix: options.end_of_word_suffix.as_deref(),
                fuse_unk: options.fuse_unk,
                byte_fallback: options.byte_fallback,
                ignore_merges: options.ignore_merges,
                vocab: VocabWrite(bpe.vocabulary()),
                merges: merge_texts(bpe.vocabulary(), bpe.merges()),
            }
        }
    }
}

/// The merges in order of rank; of one that was given twice, the last, which is the one in force.
pub fn merge_texts<'a>(vocabulary: &'a Vocabulary, merges: &Merges) -> Vec<(&'a str, &'a str)> {
    let in_force = |(rank, (left, right)): (u32, &(u32, u32))| {
        merges.get(*left, *right).is_some_and(|merge| merge.rank == rank)
    };
    (0u32..)
        .zip(merges.pairs())
        .filter(|&entry| in_force(entry))
        .filter_map(|(_, &(left, right))| Some((vocabulary.token(left)?, vocabulary.token(right)?)))
        .collect()
}
