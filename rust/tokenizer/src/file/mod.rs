//! Tokenizer files: `tokenizer.json`, `vocab.json` with `merges.txt`, `.tiktoken`.

mod added;
mod base64;
mod decoder;
mod gguf;
mod model;
mod normalizer;
mod path;
mod patterns;
mod pre_tokenizer;
mod processor;
mod protobuf;
mod sentencepiece;
mod settings;
mod tekken;
mod tiktoken;
mod vocab_folder;
mod vocab_merges;
mod vocabulary_files;

use std::path::Path;

use ferrolm_base::read;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Result, TokenizerError};
use crate::tokenizer::Tokenizer;

pub use gguf::{from_gguf, gguf_from_reader};
pub use model::merge_texts;
use path::Json;
pub use sentencepiece::{from_sentencepiece, is_sentencepiece, sentencepiece_from_bytes};
pub use tekken::{from_tekken, tekken_from_bytes};
pub(crate) use tiktoken::bpe_of_ranks;
pub use tiktoken::{from_ranks, from_tiktoken, ranks_from_tiktoken, read_tiktoken, save_tiktoken};
pub use vocab_folder::{from_vocab_and_merges, from_vocab_txt};
pub use vocab_merges::{ranks_from_vocab, read_merges, read_vocab};
pub use vocabulary_files::{read_vocab_txt, save_model};

/// No tokenizer file may be larger; the largest that are published have some 40 MB.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// The top level of tokenizer.json; all but the model is small and read as values first.
#[derive(Deserialize)]
struct Document<'a> {
    version: Option<Value>,
    truncation: Option<Value>,
    padding: Option<Value>,
    added_tokens: Option<Value>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    post_processor: Option<Value>,
    decoder: Option<Value>,
    #[serde(borrow)]
    model: Option<model::ModelRead<'a>>,
}

/// The tokenizer that the bytes of a tokenizer.json describe; errors name `source_name`.
pub fn from_json(bytes: &[u8], source_name: &str) -> Result<Tokenizer> {
    parse(bytes).map_err(|error| error.named(source_name))
}

/// The tokenizer of a tokenizer.json file.
pub fn from_file(path: &Path) -> Result<Tokenizer> {
    from_json(&read::bytes(path, MAX_FILE_BYTES)?, &path.display().to_string())
}

fn parse(bytes: &[u8]) -> Result<Tokenizer> {
    // One check of the whole file lets the parser borrow strings without checking each.
    let text = std::str::from_utf8(bytes).map_err(|error| {
        TokenizerError::at(format!("byte {}", error.valid_up_to()), "the file is not UTF-8 text")
    })?;
    let document: Document<'_> = serde_json::from_str(text).map_err(|error| path::syntax(&error))?;
    if let Some(version) = document.version.filter(|version| version != "1.0") {
        return Err(TokenizerError::at("version", format!("found {version}, expected \"1.0\"")));
    }
    let model = document.model.ok_or_else(|| TokenizerError::at("model", "is missing"))?;
    let mut tokenizer = Tokenizer::new(model.into_model()?);
    if let Some(json) = some(document.normalizer.as_ref(), "normalizer") {
        tokenizer.set_normalizer(Some(normalizer::read(&json)?))?;
    }
    if let Some(json) = some(document.pre_tokenizer.as_ref(), "pre_tokenizer") {
        tokenizer.set_pre_tokenizer(Some(pre_tokenizer::read(&json)?));
    }
    if let Some(json) = some(document.post_processor.as_ref(), "post_processor") {
        tokenizer.set_post_processor(Some(processor::read(&json)?));
    }
    if let Some(json) = some(document.decoder.as_ref(), "decoder") {
        tokenizer.set_decoder(Some(decoder::read(&json)?));
    }
    if let Some(json) = some(document.truncation.as_ref(), "truncation") {
        tokenizer.set_truncation_unchecked(Some(settings::read_truncation(&json)?));
    }
    if let Some(json) = some(document.padding.as_ref(), "padding") {
        let padding = settings::read_padding(&json)?;
        padding.check().map_err(|error| TokenizerError::at("padding", error.to_string()))?;
        tokenizer.set_padding(Some(padding))?;
    }
    if let Some(json) = some(document.added_tokens.as_ref(), "added_tokens") {
        tokenizer.add_tokens(added::read(&json)?)?;
    }
    tokenizer.plan().prepare();
    Ok(tokenizer)
}

/// The text of a file, `name` for errors.
fn text_of(bytes: Vec<u8>, name: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let place = format!("byte {}", error.utf8_error().valid_up_to());
        TokenizerError::at(place, "the file is not UTF-8 text").named(&name.display().to_string())
    })
}

/// A section that is there and not null.
fn some<'a>(value: Option<&'a Value>, path: &str) -> Option<Json<'a>> {
    value.filter(|value| !value.is_null()).map(|value| Json::new(value, path))
}

/// The top level, in the order of the reference.
#[derive(Serialize)]
struct Written<'a> {
    version: &'static str,
    truncation: Option<settings::TruncationWrite>,
    padding: Option<settings::PaddingWrite<'a>>,
    added_tokens: Vec<added::AddedTokenWrite<'a>>,
    normalizer: Option<normalizer::NormalizerWrite<'a>>,
    pre_tokenizer: Option<pre_tokenizer::PreTokenizerWrite<'a>>,
    post_processor: Option<processor::ProcessorWrite<'a>>,
    decoder: Option<decoder::DecoderWrite<'a>>,
    model: model::ModelWrite<'a>,
}

/// The tokenizer.json of a tokenizer.
pub fn to_json(tokenizer: &Tokenizer, pretty: bool) -> Result<String> {
    let written = Written {
        version: "1.0",
        truncation: tokenizer.truncation().map(settings::write_truncation),
        padding: tokenizer.padding().map(settings::write_padding),
        added_tokens: added::write(tokenizer.added_vocabulary()),
        normalizer: tokenizer.normalizer().map(normalizer::write).transpose()?,
        pre_tokenizer: tokenizer.pre_tokenizer().map(pre_tokenizer::write).transpose()?,
        post_processor: tokenizer.post_processor().map(processor::write),
        decoder: tokenizer.decoder().map(decoder::write).transpose()?,
        model: model::write(tokenizer.model()),
    };
    let text = if pretty { serde_json::to_string_pretty(&written) } else { serde_json::to_string(&written) };
    text.map_err(|error| TokenizerError::at("tokenizer", error.to_string()))
}

/// One part alone, for its Python object: its JSON, and from its JSON.
pub mod part {
    use super::model;
    use super::{Json, Result, TokenizerError, Value, decoder, normalizer, pre_tokenizer, processor};
    use crate::decoder::Decoder;
    use crate::model::Model;
    use crate::normalizer::Normalizer;
    use crate::post_processor::PostProcessor;
    use crate::pre_tokenizer::PreTokenizer;

    /// Settings come from arguments, not from a file.
    fn read<T>(text: &str, path: &str, read: impl FnOnce(&Json<'_>) -> Result<T>) -> Result<T> {
        let value: Value = serde_json::from_str(text).map_err(|error| super::path::syntax(&error))?;
        read(&Json::new(&value, path)).map_err(|error| match error {
            TokenizerError::InvalidFile { place, message, .. } => {
                TokenizerError::argument("settings", format!("{place}: {message}"))
            }
            other => other,
        })
    }

    fn text(written: &impl serde::Serialize) -> Result<String> {
        serde_json::to_string(written).map_err(|error| TokenizerError::at("part", error.to_string()))
    }

    pub fn normalizer_from_json(json: &str) -> Result<Normalizer> {
        read(json, "normalizer", normalizer::read)
    }

    pub fn normalizer_to_json(part: &Normalizer) -> Result<String> {
        text(&normalizer::write(part)?)
    }

    pub fn pre_tokenizer_from_json(json: &str) -> Result<PreTokenizer> {
        read(json, "pre_tokenizer", pre_tokenizer::read)
    }

    pub fn pre_tokenizer_to_json(part: &PreTokenizer) -> Result<String> {
        text(&pre_tokenizer::write(part)?)
    }

    pub fn post_processor_from_json(json: &str) -> Result<PostProcessor> {
        read(json, "post_processor", processor::read)
    }

    pub fn post_processor_to_json(part: &PostProcessor) -> Result<String> {
        text(&processor::write(part))
    }

    pub fn decoder_from_json(json: &str) -> Result<Decoder> {
        read(json, "decoder", decoder::read)
    }

    /// The error of a model that was made from arguments: there is no file.
    pub fn of_arguments(error: TokenizerError) -> TokenizerError {
        match error {
            TokenizerError::InvalidFile { place, message, .. } => {
                let place = place.strip_prefix("model.").unwrap_or(&place);
                TokenizerError::argument("model", format!("{place}: {message}"))
            }
            other => other,
        }
    }

    pub fn model_from_json(json: &str) -> Result<Model> {
        let read: model::ModelRead<'_> =
            serde_json::from_str(json).map_err(|error| of_arguments(super::path::syntax(&error)))?;
        read.into_model().map_err(of_arguments)
    }

    pub fn model_to_json(part: &Model) -> Result<String> {
        text(&model::write(part))
    }

    pub fn decoder_to_json(part: &Decoder) -> Result<String> {
        text(&decoder::write(part)?)
    }
}

/// Write the tokenizer.json of `tokenizer`, whole or not at all.
pub fn save(tokenizer: &Tokenizer, path: &Path, pretty: bool) -> Result<()> {
    Ok(ferrolm_base::atomic_file::write(path, to_json(tokenizer, pretty)?.as_bytes())?)
}
