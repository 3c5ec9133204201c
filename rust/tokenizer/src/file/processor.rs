//! The `post_processor` section.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Json;
use super::pre_tokenizer::{ByteLevelWrite, read_byte_level};
use crate::error::{Result, TokenizerError};
use crate::post_processor::{Bert, Piece, PostProcessor, Roberta, Sequence, SpecialToken, Template};

const SUPPORTED: &str = "ByteLevel, BertProcessing, RobertaProcessing, TemplateProcessing, Sequence";

pub(super) fn read(json: &Json<'_>) -> Result<PostProcessor> {
    let name = json.optional("type")?.and_then(|name| name.string().ok());
    match name {
        Some("ByteLevel") => Ok(PostProcessor::ByteLevel(read_byte_level(json)?)),
        Some("BertProcessing" | "RobertaProcessing") => read_sep_and_cls(json),
        Some("TemplateProcessing") => read_template(json).map(PostProcessor::Template),
        Some("Sequence") => {
            let processors = json.field("processors")?.elements()?.iter().map(read).collect::<Result<_>>()?;
            Ok(PostProcessor::Sequence(processors))
        }
        _ => read_untagged(json, name),
    }
}

/// Old files have no type: what it is follows from the settings.
fn read_untagged(json: &Json<'_>, name: Option<&str>) -> Result<PostProcessor> {
    if let Ok(processor) = read_sep_and_cls(json) {
        return Ok(processor);
    }
    match (read_template(json), name) {
        (Ok(template), _) => Ok(PostProcessor::Template(template)),
        (Err(_), Some(name)) => Err(TokenizerError::unsupported(json.path(), name, SUPPORTED)),
        (Err(_), None) => Err(json.error("field \"type\" is missing")),
    }
}

/// BERT's and RoBERTa's differ in that the latter has settings for offsets, whatever their type says.
fn read_sep_and_cls(json: &Json<'_>) -> Result<PostProcessor> {
    let (sep, cls) = (read_token(&json.field("sep")?)?, read_token(&json.field("cls")?)?);
    let flag = |name| json.field(name)?.boolean();
    Ok(match (flag("trim_offsets"), flag("add_prefix_space")) {
        (Ok(trim_offsets), Ok(add_prefix_space)) => {
            PostProcessor::Roberta(Roberta { sep, cls, trim_offsets, add_prefix_space })
        }
        _ => PostProcessor::Bert(Bert { sep, cls }),
    })
}

/// `["</s>", 2]`
fn read_token(json: &Json<'_>) -> Result<(String, u32)> {
    match json.elements()?.as_slice() {
        [token, id] => Ok((token.string()?.to_owned(), id.id()?)),
        other => Err(json.error(format!("found {} elements, expected a token and its id", other.len()))),
    }
}

fn read_template(json: &Json<'_>) -> Result<Template> {
    let pieces =
        |name| -> Result<Vec<Piece>> { json.field(name)?.elements()?.iter().map(read_piece).collect() };
    let mut special_tokens = BTreeMap::new();
    for (name, token) in json.field("special_tokens")?.entries()? {
        token.field("id")?.string()?;
        let ids = token.field("ids")?.elements()?.iter().map(Json::id).collect::<Result<_>>()?;
        let texts = token.field("tokens")?;
        let tokens =
            texts.elements()?.iter().map(|text| Ok(text.string()?.to_owned())).collect::<Result<_>>()?;
        special_tokens.insert(name.to_owned(), SpecialToken { ids, tokens });
    }
    Template::new(pieces("single")?, pieces("pair")?, special_tokens)
        .map_err(|error| json.error(error.to_string()))
}

fn read_piece(json: &Json<'_>) -> Result<Piece> {
    if let Some(sequence) = json.optional("Sequence")? {
        let id = sequence.field("id")?;
        return Ok(Piece::Sequence {
            id: match id.string()? {
                "A" => Sequence::A,
                "B" => Sequence::B,
                other => return Err(id.error(format!("found {other:?}, expected \"A\" or \"B\""))),
            },
            type_id: sequence.field("type_id")?.id()?,
        });
    }
    let token = json.field("SpecialToken")?;
    let type_id = token.field("type_id")?.id()?;
    Ok(Piece::SpecialToken { id: token.field("id")?.string()?.to_owned(), type_id })
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum ProcessorWrite<'a> {
    ByteLevel(ByteLevelWrite),
    BertProcessing {
        sep: (&'a str, u32),
        cls: (&'a str, u32),
    },
    RobertaProcessing {
        sep: (&'a str, u32),
        cls: (&'a str, u32),
        trim_offsets: bool,
        add_prefix_space: bool,
    },
    TemplateProcessing {
        single: Vec<PieceWrite<'a>>,
        pair: Vec<PieceWrite<'a>>,
        special_tokens: BTreeMap<&'a str, SpecialTokenWrite<'a>>,
    },
    Sequence {
        processors: Vec<ProcessorWrite<'a>>,
    },
}

#[derive(Serialize)]
pub(super) enum PieceWrite<'a> {
    Sequence { id: &'static str, type_id: u32 },
    SpecialToken { id: &'a str, type_id: u32 },
}

#[derive(Serialize)]
pub(super) struct SpecialTokenWrite<'a> {
    id: &'a str,
    ids: &'a [u32],
    tokens: &'a [String],
}

fn write_token((token, id): &(String, u32)) -> (&str, u32) {
    (token, *id)
}

pub(super) fn write(part: &PostProcessor) -> ProcessorWrite<'_> {
    match part {
        PostProcessor::ByteLevel(settings) => ProcessorWrite::ByteLevel((*settings).into()),
        PostProcessor::Bert(bert) => {
            ProcessorWrite::BertProcessing { sep: write_token(&bert.sep), cls: write_token(&bert.cls) }
        }
        PostProcessor::Roberta(roberta) => ProcessorWrite::RobertaProcessing {
            sep: write_token(&roberta.sep),
            cls: write_token(&roberta.cls),
            trim_offsets: roberta.trim_offsets,
            add_prefix_space: roberta.add_prefix_space,
        },
        PostProcessor::Template(template) => ProcessorWrite::TemplateProcessing {
            single: template.single().iter().map(write_piece).collect(),
            pair: template.pair().iter().map(write_piece).collect(),
            special_tokens: template
                .special_tokens()
                .iter()
                .map(|(id, token)| {
                    (id.as_str(), SpecialTokenWrite { id, ids: &token.ids, tokens: &token.tokens })
                })
                .collect(),
        },
        PostProcessor::Sequence(processors) => {
            ProcessorWrite::Sequence { processors: processors.iter().map(write).collect() }
        }
    }
}

fn write_piece(piece: &Piece) -> PieceWrite<'_> {
    match piece {
        Piece::Sequence { id, type_id } => {
            let id = if *id == Sequence::A { "A" } else { "B" };
            PieceWrite::Sequence { id, type_id: *type_id }
        }
        Piece::SpecialToken { id, type_id } => PieceWrite::SpecialToken { id, type_id: *type_id },
    }
}
