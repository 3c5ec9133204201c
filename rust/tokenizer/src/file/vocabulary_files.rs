//! The files that a model alone is saved in: `vocab.txt` or `vocab.json` of a vocabulary of words,
//! `unigram.json`, and the two of BPE.

use std::path::{Path, PathBuf};

use ferrolm_base::{atomic_file, read};
use serde::Serialize;

use super::model::{VocabWrite, write};
use super::vocab_merges::save_vocab_and_merges;
use super::{MAX_FILE_BYTES, text_of};
use crate::error::{Result, TokenizerError};
use crate::model::Model;

/// Tokens and ids of a `vocab.txt`: one token a line, its id the number of the line, white space after it left out.
pub fn read_vocab_txt(file: &Path) -> Result<Vec<(String, u32)>> {
    let text = text_of(read::bytes(file, MAX_FILE_BYTES)?, file)?;
    Ok(text.lines().map(|line| line.trim_end().to_owned()).zip(0..).collect())
}

/// Write the files of a model into `folder`, their names preceded by `prefix` and a dash.
pub fn save_model(model: &Model, folder: &Path, prefix: Option<&str>) -> Result<Vec<PathBuf>> {
    let named = |name: &str| folder.join(prefix.map_or(name.to_owned(), |prefix| format!("{prefix}-{name}")));
    let (path, content) = match model {
        Model::Bpe(bpe) => return save_vocab_and_merges(bpe, folder, prefix),
        Model::WordPiece(model) => {
            let mut lines = String::new();
            model.vocabulary().entries().for_each(|(token, _)| lines.extend([token, "\n"]));
            (named("vocab.txt"), lines)
        }
        Model::WordLevel(model) => (named("vocab.json"), json(&VocabWrite(model.vocabulary()), false)?),
        Model::Unigram(_) => (named("unigram.json"), json(&write(model), true)?),
    };
    atomic_file::write(&path, content.as_bytes())?;
    Ok(vec![path])
}

fn json(written: &impl Serialize, pretty: bool) -> Result<String> {
    let text = if pretty { serde_json::to_string_pretty(written) } else { serde_json::to_string(written) };
    text.map_err(|error| TokenizerError::at("model", error.to_string()))
}
