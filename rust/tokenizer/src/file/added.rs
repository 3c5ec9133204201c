use serde::Serialize;

use super::Json;
use crate::added::{AddedToken, AddedVocabulary};
use crate::error::Result;

/// The added tokens in file order. Their ids are not read: the reference hands them out anew.
pub(super) fn read(json: &Json<'_>) -> Result<Vec<AddedToken>> {
    json.elements()?.iter().map(read_one).collect()
}

fn read_one(json: &Json<'_>) -> Result<AddedToken> {
    json.field("id")?.id()?;
    Ok(AddedToken {
        content: json.field("content")?.string()?.to_owned(),
        single_word: json.field("single_word")?.boolean()?,
        lstrip: json.field("lstrip")?.boolean()?,
        rstrip: json.field("rstrip")?.boolean()?,
        normalized: json.field("normalized")?.boolean()?,
        special: json.field("special")?.boolean()?,
    })
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the format")]
pub(super) struct AddedTokenWrite<'a> {
    id: u32,
    content: &'a str,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

pub(super) fn write(vocabulary: &AddedVocabulary) -> Vec<AddedTokenWrite<'_>> {
    vocabulary
        .tokens()
        .iter()
        .map(|(&id, token)| AddedTokenWrite {
            id,
            content: &token.content,
            single_word: token.single_word,
            lstrip: token.lstrip,
            rstrip: token.rstrip,
            normalized: token.normalized,
            special: token.special,
        })
        .collect()
}
