//! The `normalizer` section.

use serde::Serialize;

use super::Json;
use crate::error::{Result, TokenizerError};
use crate::normalizer::Normalizer;

pub(super) fn read(json: &Json<'_>) -> Result<Normalizer> {
    match json.type_name()? {
        "Sequence" => {
            let parts = json.field("normalizers")?.elements()?.iter().map(read).collect::<Result<_>>()?;
            Ok(Normalizer::Sequence(parts))
        }
        other => Err(TokenizerError::unsupported(json.path(), other, "Sequence")),
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum NormalizerWrite {
    Sequence { normalizers: Vec<NormalizerWrite> },
}

pub(super) fn write(part: &Normalizer) -> NormalizerWrite {
    match part {
        Normalizer::Sequence(parts) => {
            NormalizerWrite::Sequence { normalizers: parts.iter().map(write).collect() }
        }
    }
}
