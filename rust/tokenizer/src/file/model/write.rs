//! From a model to the section, its fields in the order of the reference.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::model::bpe::{Merges, Vocabulary};
use crate::model::{Model, Unigram};

#[derive(Serialize)]
#[serde(tag = "type")]
pub(in crate::file) enum ModelWrite<'a> {
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
    WordPiece {
        unk_token: &'a str,
        continuing_subword_prefix: &'a str,
        max_input_chars_per_word: usize,
        vocab: VocabWrite<'a>,
    },
    WordLevel {
        vocab: VocabWrite<'a>,
        unk_token: &'a str,
    },
    Unigram {
        unk_id: Option<usize>,
        vocab: PiecesWrite<'a>,
        byte_fallback: bool,
    },
}

/// Ids by token, ordered by id.
pub(in crate::file) struct VocabWrite<'a>(pub(in crate::file) &'a Vocabulary);

impl Serialize for VocabWrite<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        // Not of its length: of tokens that share an id one is written.
        let mut map = serializer.serialize_map(None)?;
        for (id, token) in self.0.iter() {
            map.serialize_entry(token, &id)?;
        }
        map.end()
    }
}

/// Pieces and scores, ordered by id.
pub(in crate::file) struct PiecesWrite<'a>(&'a Unigram);

impl Serialize for PiecesWrite<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let entries = self.0.entries();
        let mut sequence = serializer.serialize_seq(Some(entries.len()))?;
        for entry in entries {
            sequence.serialize_element(&entry)?;
        }
        sequence.end()
    }
}

pub(in crate::file) fn write(model: &Model) -> ModelWrite<'_> {
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
        Model::WordPiece(model) => ModelWrite::WordPiece {
            unk_token: &model.options().unk_token,
            continuing_subword_prefix: &model.options().continuing_subword_prefix,
            max_input_chars_per_word: model.options().max_input_chars_per_word,
            vocab: VocabWrite(model.vocabulary()),
        },
        Model::WordLevel(model) => {
            ModelWrite::WordLevel { vocab: VocabWrite(model.vocabulary()), unk_token: model.unk_token() }
        }
        Model::Unigram(model) => ModelWrite::Unigram {
            unk_id: model.options().unk_id,
            vocab: PiecesWrite(model),
            byte_fallback: model.options().byte_fallback,
        },
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
