//! GPT-2's own files: `vocab.json` and `merges.txt`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ferrolm_base::{atomic_file, read};
use serde_json::Value;

use super::model::{VocabWrite, merge_texts};
use super::{Json, MAX_FILE_BYTES, path, text_of};
use crate::byte_level::{BYTE_TO_CHAR, bytes_of};
use crate::error::{Result, TokenizerError};
use crate::model::Bpe;
use crate::ranks::Ranks;

fn text(file: &Path) -> Result<String> {
    text_of(read::bytes(file, MAX_FILE_BYTES)?, file)
}

/// Tokens and ids of a `vocab.json`, as in the file; values that are no numbers are left out, as in the reference.
pub fn read_vocab(file: &Path) -> Result<Vec<(String, u32)>> {
    let name = |error: TokenizerError| error.named(&file.display().to_string());
    let value: Value = serde_json::from_str(&text(file)?).map_err(|error| name(path::syntax(&error)))?;
    let read = |(token, id): (&str, Json<'_>)| Ok((token.to_owned(), id.id()?));
    Json::new(&value, "vocab")
        .entries()
        .and_then(|entries| entries.into_iter().filter(|(_, id)| id.is_number()).map(read).collect())
        .map_err(name)
}

/// Pairs of a `merges.txt`: one a line, two tokens with a space between; lines that start with `#version` are
/// comments.
pub fn read_merges(file: &Path) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for (line, content) in text(file)?.lines().enumerate().filter(|(_, line)| !line.starts_with("#version")) {
        match content.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => pairs.push((left.to_owned(), right.to_owned())),
            _ => {
                let message = format!("found {content:?}, expected two tokens with a space between");
                let error = TokenizerError::at(format!("line {}", line + 1), message);
                return Err(error.named(&file.display().to_string()));
            }
        }
    }
    Ok(pairs)
}

/// The ranks of a byte-level `vocab.json`, which have to be in the order of its `merges.txt`; tokens that are neither
/// a byte nor the result of a merge, the special ones, have none.
pub fn ranks_from_vocab(vocab: &[u8], merges: &[u8], source_name: &str) -> Result<Ranks> {
    let utf8 = |bytes| {
        std::str::from_utf8(bytes).map_err(|error| {
            TokenizerError::at(format!("byte {}", error.valid_up_to()), "the file is not UTF-8 text")
        })
    };
    let read = || {
        let vocab: BTreeMap<String, u32> =
            serde_json::from_str(utf8(vocab)?).map_err(|error| path::syntax(&error))?;
        let find = |token: &str, place: String| {
            let rank = vocab.get(token).copied();
            rank.ok_or_else(|| TokenizerError::at(place, format!("token {token:?} is not in the vocabulary")))
        };
        let mut tokens = Vec::new();
        for character in BYTE_TO_CHAR {
            let token = character.to_string();
            tokens.push((bytes_of(&token).unwrap_or_default(), find(&token, "byte tokens".into())?));
        }
        let mut last = None;
        let lines = utf8(merges)?.lines().enumerate();
        for (line, content) in lines.filter(|(_, line)| !line.starts_with("#version") && !line.is_empty()) {
            let place = format!("line {} of the merges", line + 1);
            let token = content.replacen(' ', "", 1);
            let rank = find(&token, place.clone())?;
            let bytes = bytes_of(&token).filter(|_| last.is_none_or(|last| last < rank));
            let bytes = bytes.ok_or_else(|| {
                let message =
                    format!("token {token:?} is not in byte characters, or its id not in order of merging");
                TokenizerError::at(place, message)
            })?;
            tokens.push((bytes, rank));
            last = Some(rank);
        }
        Ranks::new(tokens.iter().map(|(token, rank)| (token.as_slice(), *rank)))
    };
    read().map_err(|error| error.named(source_name))
}

/// Write `vocab.json` and `merges.txt` into `folder`, their names preceded by `prefix` and a dash.
pub fn save_vocab_and_merges(bpe: &Bpe, folder: &Path, prefix: Option<&str>) -> Result<Vec<PathBuf>> {
    let named = |name: &str| folder.join(prefix.map_or(name.to_owned(), |prefix| format!("{prefix}-{name}")));
    let (vocab, merges) = (named("vocab.json"), named("merges.txt"));
    let json = serde_json::to_string(&VocabWrite(bpe.vocabulary()))
        .map_err(|error| TokenizerError::at("vocab", error.to_string()))?;
    atomic_file::write(&vocab, json.as_bytes())?;
    let mut lines = String::from("#version: 0.2\n");
    for (left, right) in merge_texts(bpe.vocabulary(), bpe.merges()) {
        lines.extend([left, " ", right, "\n"]);
    }
    atomic_file::write(&merges, lines.as_bytes())?;
    Ok(vec![vocab, merges])
}
