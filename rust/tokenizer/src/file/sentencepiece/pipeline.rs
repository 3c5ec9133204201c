//! The parts of a tokenizer.json that do what a `.model` file says.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{base64, from_json};
use super::{Algorithm, Kind, ModelProto, Piece, Spec};
use crate::error::{Result, TokenizerError};
use crate::model::{Model, Unigram};
use crate::ranks::last_part;
use crate::tokenizer::Tokenizer;

/// What stands for a space in pieces.
const SPACE: &str = "\u{2581}";

pub(super) fn tokenizer(model: &ModelProto, source_name: &str) -> Result<Tokenizer> {
    let document = document(model, SPACE).map_err(|error| error.named(source_name))?;
    let mut tokenizer = from_json(document.to_string().as_bytes(), source_name)?;
    finish(&mut tokenizer, &model.pieces)?;
    Ok(tokenizer)
}

/// What no tokenizer.json can say: symbols that stand for nothing in a text are not found in one.
pub(crate) fn finish(tokenizer: &mut Tokenizer, pieces: &[Piece]) -> Result<()> {
    tokenizer.set_encode_special_tokens(true);
    let stands_for_text = |id: u32| {
        pieces
            .get(id as usize)
            .is_some_and(|piece| matches!(piece.kind, Kind::Normal | Kind::Unused | Kind::UserDefined))
    };
    if let Model::Unigram(unigram) = tokenizer.model() {
        let hidden = Unigram::clone(unigram).with_hidden(|id| !stands_for_text(id))?;
        tokenizer.set_model(Model::Unigram(Arc::new(hidden)));
    }
    Ok(())
}

/// The tokenizer.json of a model whose pieces have `space` for spaces.
pub(crate) fn document(model: &ModelProto, space: &str) -> Result<Value> {
    let ModelProto { pieces, spec } = model;
    let space = if spec.escape_whitespaces { space } else { " " };
    let (section, byte_fallback) = match spec.algorithm {
        Algorithm::Unigram => unigram(pieces, spec)?,
        Algorithm::Bpe => bpe(pieces, spec)?,
        Algorithm::Word | Algorithm::Char => {
            let supported = "Unigram and BPE";
            return Err(TokenizerError::unsupported(
                "trainer_spec.model_type",
                format!("{:?}", spec.algorithm),
                supported,
            ));
        }
    };
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens(pieces),
        "normalizer": normalizer(pieces, spec, space),
        "pre_tokenizer": pre_tokenizer(pieces, spec, space),
        "post_processor": null,
        "decoder": decoder(spec, space, byte_fallback),
        "model": section,
    }))
}

fn unknown(pieces: &[Piece]) -> Result<usize> {
    pieces
        .iter()
        .position(|piece| piece.kind == Kind::Unknown)
        .ok_or_else(|| TokenizerError::at("pieces", "none is the unknown piece"))
}

/// `<0xNN>` pieces of all bytes are there, or none is used.
fn byte_fallback(pieces: &[Piece], spec: &Spec) -> bool {
    spec.byte_fallback && pieces.iter().filter(|piece| piece.kind == Kind::Byte).count() == 256
}

fn unigram(pieces: &[Piece], spec: &Spec) -> Result<(Value, bool)> {
    let vocab: Vec<Value> = pieces.iter().map(|piece| json!([piece.text, f64::from(piece.score)])).collect();
    let byte_fallback = byte_fallback(pieces, spec);
    Ok((
        json!({"type": "Unigram", "unk_id": unknown(pieces)?, "vocab": vocab, "byte_fallback": byte_fallback}),
        byte_fallback,
    ))
}

fn bpe(pieces: &[Piece], spec: &Spec) -> Result<(Value, bool)> {
    let byte_fallback = byte_fallback(pieces, spec);
    let vocab: serde_json::Map<String, Value> =
        pieces.iter().enumerate().map(|(id, piece)| (piece.text.clone(), json!(id))).collect();
    let section = json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": pieces[unknown(pieces)?].text,
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": true,
        "byte_fallback": byte_fallback,
        "ignore_merges": false,
        "vocab": vocab,
        "merges": merges(pieces),
    });
    Ok((section, byte_fallback))
}

/// The merge of each piece that merging reaches, the best score first.
fn merges(pieces: &[Piece]) -> Vec<[&str; 2]> {
    let mut order: Vec<u32> = (0u32..)
        .zip(pieces)
        .filter(|(_, piece)| matches!(piece.kind, Kind::Normal | Kind::Unused))
        .map(|(id, _)| id)
        .collect();
    order.sort_by(|&one, &other| pieces[other as usize].score.total_cmp(&pieces[one as usize].score));
    let ranks: HashMap<&[u8], u32> =
        (0u32..).zip(&order).map(|(rank, &id)| (pieces[id as usize].text.as_bytes(), rank)).collect();
    let merge = |&id: &u32| {
        let text = pieces[id as usize].text.as_str();
        let units = text.chars().map(char::len_utf8);
        let at = last_part(text.as_bytes(), units, |part| ranks.get(part).copied())?;
        let (left, right) = (&text[..at], &text[at..]);
        let known = |part: &str| ranks.contains_key(part.as_bytes());
        (known(left) && known(right)).then_some([left, right])
    };
    order.iter().filter_map(merge).collect()
}

fn added_tokens(pieces: &[Piece]) -> Vec<Value> {
    let token = |(id, piece): (usize, &Piece)| {
        let special = match piece.kind {
            Kind::Control | Kind::Unknown => true,
            Kind::UserDefined => false,
            Kind::Normal | Kind::Unused | Kind::Byte => return None,
        };
        Some(json!({
            "id": id, "content": piece.text, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": special,
        }))
    };
    pieces.iter().enumerate().filter_map(token).collect()
}

fn has_user_defined(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| piece.kind == Kind::UserDefined)
}

fn replace(pattern: Value, content: &str) -> Value {
    json!({"type": "Replace", "pattern": pattern, "content": content})
}

fn normalizer(pieces: &[Piece], spec: &Spec, space: &str) -> Value {
    let mut steps = Vec::new();
    if !spec.precompiled_charsmap.is_empty() {
        let mut text = String::new();
        base64::encode_into(&spec.precompiled_charsmap, &mut text);
        steps.push(json!({"type": "Precompiled", "precompiled_charsmap": text, "longest_match": true}));
    }
    if spec.remove_extra_whitespaces {
        // What stands for a space counts as one at the end of a text, and nowhere else.
        let ends = if spec.escape_whitespaces { format!(r"\A +|[ {SPACE}]+\z") } else { r"\A +| +\z".into() };
        steps.push(replace(json!({"Regex": ends}), ""));
        steps.push(replace(json!({"Regex": " {2,}"}), " "));
    }
    // Not so with symbols of the user's, which are cut out before: it is the whole text that gets one space.
    if spec.add_dummy_prefix && !spec.treat_whitespace_as_suffix && !has_user_defined(pieces) {
        steps.push(json!({"type": "Prepend", "prepend": space}));
    }
    if spec.escape_whitespaces {
        steps.push(replace(json!({"String": " "}), space));
    }
    if spec.add_dummy_prefix && spec.treat_whitespace_as_suffix {
        steps.push(replace(json!({"Regex": r"(?<=.)\z"}), space));
    }
    match steps.len() {
        0 => Value::Null,
        _ => json!({"type": "Sequence", "normalizers": steps}),
    }
}

/// Text is cut before each space where no piece has one inside: nothing changes but speed.
fn pre_tokenizer(pieces: &[Piece], spec: &Spec, space: &str) -> Value {
    let starts_only = |piece: &Piece| {
        piece.kind != Kind::Normal
            || piece.text.strip_prefix(space).unwrap_or(&piece.text).find(space).is_none()
    };
    let has_space = pieces.iter().any(|piece| piece.kind == Kind::Normal && piece.text == space);
    let split = spec.algorithm == Algorithm::Unigram
        && !spec.treat_whitespace_as_suffix
        && has_space
        && space.chars().count() == 1
        && pieces.iter().all(starts_only);
    let first = spec.add_dummy_prefix && !spec.treat_whitespace_as_suffix && has_user_defined(pieces);
    if !split && !first {
        return Value::Null;
    }
    let scheme = if first { "first" } else { "never" };
    json!({"type": "Metaspace", "replacement": space, "prepend_scheme": scheme, "split": split})
}

fn decoder(spec: &Spec, space: &str, byte_fallback: bool) -> Value {
    let mut steps = vec![replace(json!({"String": space}), " ")];
    if byte_fallback {
        steps.push(json!({"type": "ByteFallback"}));
    }
    steps.push(json!({"type": "Fuse"}));
    if spec.add_dummy_prefix {
        let (start, stop) = if spec.treat_whitespace_as_suffix { (0, 1) } else { (1, 0) };
        steps.push(json!({"type": "Strip", "content": " ", "start": start, "stop": stop}));
    }
    json!({"type": "Sequence", "decoders": steps})
}
