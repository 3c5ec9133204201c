//! The parts of a tokenizer.json that do what the keys of a GGUF file say.

use serde_json::{Value, json};

use super::super::sentencepiece::{Algorithm, Kind, ModelProto, Piece, Spec, document, finish};
use super::super::{from_json, patterns};
use super::metadata::Metadata;
use crate::error::{Result, TokenizerError};
use crate::tokenizer::Tokenizer;

const SPACE: &str = "\u{2581}";

/// The tokens, and what is said of each.
#[derive(Clone)]
struct Vocabulary {
    tokens: Vec<String>,
    kinds: Vec<Kind>,
    scores: Vec<f32>,
}

pub(super) fn tokenizer(metadata: &Metadata, source_name: &str) -> Result<Tokenizer> {
    let (document, pieces) = document_of(metadata).map_err(|error| error.named(source_name))?;
    let mut tokenizer = from_json(document.to_string().as_bytes(), source_name)?;
    if let Some(pieces) = pieces {
        finish(&mut tokenizer, &pieces)?;
    }
    Ok(tokenizer)
}

/// The tokenizer.json, and the pieces if they are SentencePiece's.
fn document_of(metadata: &Metadata) -> Result<(Value, Option<Vec<Piece>>)> {
    let missing = || TokenizerError::at("tokenizer.ggml.model", "is missing: the file has no tokenizer");
    let model = metadata.text("model")?.ok_or_else(missing)?;
    let vocabulary = Vocabulary::new(metadata)?;
    let sentencepiece = |algorithm| {
        let (document, pieces) = sentencepiece(metadata, vocabulary.clone(), algorithm)?;
        Ok((document, Some(pieces)))
    };
    match model.as_str() {
        "gpt2" => Ok((byte_level(metadata, &vocabulary)?, None)),
        "llama" => sentencepiece(Algorithm::Bpe),
        "t5" => sentencepiece(Algorithm::Unigram),
        "bert" => Ok((word_piece(metadata, &vocabulary)?, None)),
        other => Err(TokenizerError::unsupported("tokenizer.ggml.model", other, "gpt2, llama, t5, bert")),
    }
}

impl Vocabulary {
    fn new(metadata: &Metadata) -> Result<Self> {
        let missing = || TokenizerError::at("tokenizer.ggml.tokens", "is missing or empty");
        let tokens = metadata.texts("tokens")?.filter(|tokens| !tokens.is_empty()).ok_or_else(missing)?;
        let fitting = |name: &str, found: usize| {
            if found == tokens.len() {
                return Ok(());
            }
            let message = format!("has {found} elements, expected {}, one for each token", tokens.len());
            Err(TokenizerError::at(format!("tokenizer.ggml.{name}"), message))
        };
        let kind = |number: i64| {
            let kind = u64::try_from(number).ok().and_then(Kind::of);
            // Files of old have 0 for tokens that fill up the vocabulary.
            kind.or((number == 0).then_some(Kind::Unused)).ok_or_else(|| {
                let message = format!("found {number}, expected 1 to 6");
                TokenizerError::at("tokenizer.ggml.token_type", message)
            })
        };
        let kinds = match metadata.integers("token_type")? {
            Some(numbers) => numbers.into_iter().map(kind).collect::<Result<_>>()?,
            None => vec![Kind::Normal; tokens.len()],
        };
        fitting("token_type", kinds.len())?;
        let scores = metadata.floats("scores")?.unwrap_or_else(|| vec![0.0; tokens.len()]);
        fitting("scores", scores.len())?;
        Ok(Self { tokens, kinds, scores })
    }

    /// The token of an id that a key names, if it does.
    fn special(&self, metadata: &Metadata, name: &str) -> Result<Option<(usize, &str)>> {
        let Some(id) = metadata.id(name)? else { return Ok(None) };
        let token = self.tokens.get(id).ok_or_else(|| {
            let message = format!("id {id} is beyond the vocabulary of {} tokens", self.tokens.len());
            TokenizerError::at(format!("tokenizer.ggml.{name}"), message)
        })?;
        Ok(Some((id, token)))
    }

    fn added_tokens(&self) -> Vec<Value> {
        let token = |(id, (token, kind)): (usize, (&String, &Kind))| {
            let special = match kind {
                Kind::Control | Kind::Unknown => true,
                Kind::UserDefined => false,
                Kind::Normal | Kind::Unused | Kind::Byte => return None,
            };
            Some(json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": special,
            }))
        };
        self.tokens.iter().zip(&self.kinds).enumerate().filter_map(token).collect()
    }

    /// Ids by token; of one that occurs twice the first, as in llama.cpp.
    fn ids(&self) -> serde_json::Map<String, Value> {
        self.tokens.iter().enumerate().rev().map(|(id, token)| (token.clone(), json!(id))).collect()
    }
}

/// What is put around a text: the first token, the last, both or none.
fn around(metadata: &Metadata, vocabulary: &Vocabulary, first: bool, last: bool) -> Result<Value> {
    let first = metadata.boolean("add_bos_token")?.unwrap_or(first);
    let last = metadata.boolean("add_eos_token")?.unwrap_or(last);
    let first = if first { vocabulary.special(metadata, "bos_token_id")? } else { None };
    let last = if last { vocabulary.special(metadata, "eos_token_id")? } else { None };
    Ok(template(first, last))
}

fn template(first: Option<(usize, &str)>, last: Option<(usize, &str)>) -> Value {
    if first.is_none() && last.is_none() {
        return Value::Null;
    }
    let special = |token: Option<(usize, &str)>, kind: u32| {
        token.map(|(_, token)| json!({"SpecialToken": {"id": token, "type_id": kind}}))
    };
    let sequence = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
    let single: Vec<Value> =
        special(first, 0).into_iter().chain([sequence("A", 0)]).chain(special(last, 0)).collect();
    let second = [sequence("B", 1)].into_iter().chain(special(last, 1));
    let pair: Vec<Value> = single.iter().cloned().chain(second).collect();
    let tokens: serde_json::Map<String, Value> = first
        .into_iter()
        .chain(last)
        .map(|(id, token)| (token.to_owned(), json!({"id": token, "ids": [id], "tokens": [token]})))
        .collect();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens})
}

fn byte_level(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Value> {
    let merges = metadata.texts("merges")?;
    let merges = merges.ok_or_else(|| TokenizerError::at("tokenizer.ggml.merges", "is missing"))?;
    let name = metadata.text("pre")?.unwrap_or_else(|| "gpt-2".into());
    let (pre_tokenizer, ignore_merges) = patterns::of_ggml(&name)
        .ok_or_else(|| TokenizerError::unsupported("tokenizer.ggml.pre", &name, patterns::GGML_NAMES))?;
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": vocabulary.added_tokens(),
        "normalizer": null,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": around(metadata, vocabulary, false, false)?,
        "decoder": patterns::byte_level(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": ignore_merges,
            "vocab": vocabulary.ids(), "merges": merges,
        },
    }))
}

fn sentencepiece(
    metadata: &Metadata,
    vocabulary: Vocabulary,
    algorithm: Algorithm,
) -> Result<(Value, Vec<Piece>)> {
    let is_unigram = algorithm == Algorithm::Unigram;
    let post_processor = around(metadata, &vocabulary, !is_unigram, is_unigram)?;
    let spec = Spec {
        algorithm,
        byte_fallback: vocabulary.kinds.contains(&Kind::Byte),
        treat_whitespace_as_suffix: false,
        precompiled_charsmap: metadata.bytes("precompiled_charsmap")?.unwrap_or_default(),
        add_dummy_prefix: metadata.boolean("add_space_prefix")?.unwrap_or(true),
        remove_extra_whitespaces: metadata.boolean("remove_extra_whitespaces")?.unwrap_or(false),
        escape_whitespaces: true,
    };
    let Vocabulary { tokens, kinds, scores } = vocabulary;
    let piece = |((text, kind), score)| Piece { text, score, kind };
    let pieces = tokens.into_iter().zip(kinds).zip(scores).map(piece).collect();
    let model = ModelProto { pieces, spec };
    let mut document = document(&model, SPACE)?;
    document["post_processor"] = post_processor;
    Ok((document, model.pieces))
}

/// llama.cpp marks the first piece of a word where BERT marks the others.
fn word_piece(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Value> {
    let spelled = |(token, kind): (&String, &Kind)| match (token.strip_prefix(SPACE), kind) {
        (Some(word), _) => word.to_owned(),
        (None, Kind::Normal | Kind::Unused) if !(token.starts_with('[') && token.ends_with(']')) => {
            format!("##{token}")
        }
        (None, _) => token.clone(),
    };
    let tokens: Vec<String> = vocabulary.tokens.iter().zip(&vocabulary.kinds).map(spelled).collect();
    let vocab: serde_json::Map<String, Value> =
        tokens.iter().enumerate().rev().map(|(id, token)| (token.clone(), json!(id))).collect();
    let special = |names: &[&str]| {
        let mut found = names.iter().map(|name| vocabulary.special(metadata, name));
        found.find_map(Result::transpose).transpose()
    };
    let first = special(&["cls_token_id", "bos_token_id"])?;
    let last = special(&["seperator_token_id", "separator_token_id", "eos_token_id"])?;
    let unknown = special(&["unknown_token_id"])?.map_or("[UNK]", |(_, token)| token);
    let mut added = vocabulary.added_tokens();
    // Only the special tokens that the file names, where it says nothing of each token.
    for (id, token) in
        [first, last, special(&["padding_token_id"])?, special(&["mask_token_id"])?].into_iter().flatten()
    {
        if added.iter().all(|known| known["content"] != token) {
            added.push(json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            }));
        }
    }
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": true,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": template(first, last),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab,
        },
    }))
}
