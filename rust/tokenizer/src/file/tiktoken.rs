//! `.tiktoken` files: a line for each token, its bytes in base64 and its rank.

use std::path::Path;
use std::sync::Arc;

use ferrolm_base::{atomic_file, read};

use super::{MAX_FILE_BYTES, base64, part, patterns};
use crate::added::AddedToken;
use crate::byte_level::{bytes_of, spell};
use crate::error::{Result, TokenizerError};
use crate::model::Model;
use crate::model::bpe::{Bpe, BpeOptions, Merges, Vocabulary};
use crate::ranks::{Ranks, derive, rank_limit};
use crate::tokenizer::Tokenizer;

/// The ranks of a `.tiktoken` file; errors name `source_name`.
pub fn ranks_from_tiktoken(content: &[u8], source_name: &str) -> Result<Ranks> {
    parse(content).map_err(|error| error.named(source_name))
}

fn parse(content: &[u8]) -> Result<Ranks> {
    let count = memchr::memchr_iter(b'\n', content).count() + 1;
    let limit = rank_limit(count);
    let mut ranks = Ranks::with_capacity(count, content.len() / 2);
    for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let place = || format!("line {}", index + 1);
        let wrong = || {
            let shown = String::from_utf8_lossy(&line[..line.len().min(60)]);
            TokenizerError::at(
                place(),
                format!("found {shown:?}, expected a token in base64, a space and its rank"),
            )
        };
        let space = line.iter().position(u8::is_ascii_whitespace).ok_or_else(wrong)?;
        let (token, rank) = (&line[..space], line[space..].trim_ascii_start());
        let rank = std::str::from_utf8(rank).ok().and_then(|rank| rank.parse().ok()).ok_or_else(wrong)?;
        let start = ranks.buffer().len();
        base64::decode_into(token, ranks.buffer(), place)?;
        ranks.name(start, rank, limit)?;
    }
    if ranks.is_empty() {
        return Err(TokenizerError::at("the file", "has no tokens"));
    }
    Ok(ranks)
}

/// The ranks of a `.tiktoken` file.
pub fn read_tiktoken(path: &Path) -> Result<Ranks> {
    ranks_from_tiktoken(&read::bytes(path, MAX_FILE_BYTES)?, &path.display().to_string())
}

/// The model of `ranks`, with those special tokens in its vocabulary that would not get their ids as added tokens.
pub(crate) fn bpe_of_ranks(ranks: &Ranks, special_tokens: &[(String, u32)]) -> Result<Bpe> {
    let (text, ends) = ranks.spelled();
    let starts = std::iter::once(&0).chain(&ends);
    let spelled = starts.zip(&ends).map(|(&start, &end)| &text[start..end]);
    let mut entries: Vec<(&str, u32)> =
        spelled.zip(ranks.iter()).map(|(token, (rank, _))| (token, rank)).collect();
    // Added tokens get the ids that come next; any other id has to come from the vocabulary.
    let next = ranks.bound() as u32;
    let is_next =
        (next..).zip(special_tokens).all(|(id, special)| special.1 == id) && ranks.len() == ranks.bound();
    if !is_next {
        entries.extend(special_tokens.iter().map(|(content, id)| (content.as_str(), *id)));
    }
    let count = entries.len();
    let vocabulary = Vocabulary::new(entries.into_iter())?;
    if vocabulary.len() < count {
        return Err(TokenizerError::at("tokens", "one of them occurs twice, perhaps as a special token"));
    }
    for (content, id) in special_tokens {
        if vocabulary.id(content).is_some_and(|known| known != *id) || ranks.token(*id).is_some() {
            let message =
                format!("{content:?} is also a token with another id, or its id {id} that of a token");
            return Err(TokenizerError::argument("special_tokens", message));
        }
    }
    let merges =
        Merges::from_ids(&derive(ranks, |bytes| vocabulary.id(&spell(bytes))), vocabulary.id_bound())?;
    let options = BpeOptions { ignore_merges: true, ..BpeOptions::default() };
    Bpe::from_parts(vocabulary, merges, options)
}

/// Byte-level BPE of `ranks`, with its pieces cut by `pattern` (a name or a regular expression) and special tokens.
///
/// A piece that is a token is that token. Merges are those that the ranks imply; tokens that merging does not reach
/// stay in the vocabulary.
///
/// # Errors
/// A token that occurs twice; special tokens that are tokens too, with another id.
pub fn from_ranks(ranks: &Ranks, pattern: &str, special_tokens: &[(String, u32)]) -> Result<Tokenizer> {
    let bpe = bpe_of_ranks(ranks, special_tokens)?;
    let mut tokenizer = Tokenizer::new(Model::Bpe(Arc::new(bpe)));
    let pre_tokenizer =
        patterns::pre_tokenizer(pattern, |token| ranks.iter().any(|(_, bytes)| token(bytes)))?;
    tokenizer.set_pre_tokenizer(Some(part::pre_tokenizer_from_json(&pre_tokenizer.to_string())?));
    tokenizer.set_decoder(Some(part::decoder_from_json(patterns::BYTE_LEVEL)?));
    tokenizer.set_post_processor(Some(part::post_processor_from_json(patterns::BYTE_LEVEL)?));
    tokenizer.add_tokens(special_tokens.iter().map(|(content, _)| AddedToken::new(content, true)))?;
    Ok(tokenizer)
}

/// The tokenizer of a `.tiktoken` file.
pub fn from_tiktoken(path: &Path, pattern: &str, special_tokens: &[(String, u32)]) -> Result<Tokenizer> {
    let name = path.display().to_string();
    let tokenizer =
        from_ranks(&read_tiktoken(path)?, pattern, special_tokens).map_err(|error| error.named(&name))?;
    tokenizer.plan().prepare();
    Ok(tokenizer)
}

/// Write the tokens of a byte-level vocabulary, but those of `skip`, by rank; whole or not at all.
///
/// # Errors
/// Tokens that are not spelled in byte characters.
pub fn save_tiktoken(model: &Model, skip: impl Fn(u32) -> bool, path: &Path) -> Result<()> {
    let mut lines = String::new();
    for id in (0..model.id_bound() as u32).filter(|&id| !skip(id)) {
        let Some(token) = model.id_to_token(id) else { continue };
        let bytes = bytes_of(token).ok_or_else(|| {
            TokenizerError::argument("model", format!("token {token:?} is not spelled in byte characters"))
        })?;
        base64::encode_into(&bytes, &mut lines);
        lines.extend([" ", &id.to_string(), "\n"]);
    }
    Ok(atomic_file::write(path, lines.as_bytes())?)
}
