//! The truncation and padding sections.

use serde::Serialize;

use super::Json;
use crate::encoding::Direction;
use crate::error::Result;
use crate::padding::Padding;
use crate::truncation::{Strategy, Truncation};

fn read_direction(json: &Json<'_>) -> Result<Direction> {
    match json.string()? {
        "Left" => Ok(Direction::Left),
        "Right" => Ok(Direction::Right),
        other => Err(json.error(format!("found {other:?}, expected \"Left\" or \"Right\""))),
    }
}

fn write_direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Left => "Left",
        Direction::Right => "Right",
    }
}

pub(super) fn read_truncation(json: &Json<'_>) -> Result<Truncation> {
    let strategy = json.field("strategy")?;
    Ok(Truncation {
        direction: json.optional("direction")?.map_or(Ok(Direction::Right), |json| read_direction(&json))?,
        max_length: json.field("max_length")?.size()?,
        stride: json.field("stride")?.size()?,
        strategy: match strategy.string()? {
            "LongestFirst" => Strategy::LongestFirst,
            "OnlyFirst" => Strategy::OnlyFirst,
            "OnlySecond" => Strategy::OnlySecond,
            other => {
                let expected = "\"LongestFirst\", \"OnlyFirst\" or \"OnlySecond\"";
                return Err(strategy.error(format!("found {other:?}, expected {expected}")));
            }
        },
    })
}

pub(super) fn read_padding(json: &Json<'_>) -> Result<Padding> {
    let strategy = json.field("strategy")?;
    let length = match strategy.string() {
        Ok("BatchLongest") => None,
        Ok(other) => {
            return Err(
                strategy.error(format!("found {other:?}, expected \"BatchLongest\" or {{\"Fixed\": n}}"))
            );
        }
        Err(_) => Some(strategy.field("Fixed")?.size()?),
    };
    Ok(Padding {
        length,
        direction: read_direction(&json.field("direction")?)?,
        pad_to_multiple_of: json.optional("pad_to_multiple_of")?.map(|json| json.size()).transpose()?,
        pad_id: json.field("pad_id")?.id()?,
        pad_type_id: json.field("pad_type_id")?.id()?,
        pad_token: json.field("pad_token")?.string()?.to_owned(),
    })
}

#[derive(Serialize)]
pub(super) struct TruncationWrite {
    direction: &'static str,
    max_length: usize,
    strategy: &'static str,
    stride: usize,
}

pub(super) fn write_truncation(truncation: &Truncation) -> TruncationWrite {
    TruncationWrite {
        direction: write_direction(truncation.direction),
        max_length: truncation.max_length,
        strategy: match truncation.strategy {
            Strategy::LongestFirst => "LongestFirst",
            Strategy::OnlyFirst => "OnlyFirst",
            Strategy::OnlySecond => "OnlySecond",
        },
        stride: truncation.stride,
    }
}

#[derive(Serialize)]
pub(super) enum LengthWrite {
    BatchLongest,
    Fixed(usize),
}

#[derive(Serialize)]
pub(super) struct PaddingWrite<'a> {
    strategy: LengthWrite,
    direction: &'static str,
    pad_to_multiple_of: Option<usize>,
    pad_id: u32,
    pad_type_id: u32,
    pad_token: &'a str,
}

pub(super) fn write_padding(padding: &Padding) -> PaddingWrite<'_> {
    PaddingWrite {
        strategy: padding.length.map_or(LengthWrite::BatchLongest, LengthWrite::Fixed),
        direction: write_direction(padding.direction),
        pad_to_multiple_of: padding.pad_to_multiple_of,
        pad_id: padding.pad_id,
        pad_type_id: padding.pad_type_id,
        pad_token: &padding.pad_token,
    }
}
