//! Offsets without the white space at the ends of tokens.

use crate::encoding::Encoding;
use crate::pre_tokenizer::ByteLevel;

pub(super) fn process(parts: &mut [Encoding], settings: ByteLevel) {
    for (sequence, encoding) in parts.iter_mut().enumerate() {
        if settings.trim_offsets {
            trim_offsets(encoding, settings.add_prefix_space);
        }
        encoding.set_sequence_id(sequence);
    }
}

/// Move the offsets of each token past its leading and before its trailing white space.
pub(super) fn trim_offsets(encoding: &mut Encoding, add_prefix_space: bool) {
    for index in 0..encoding.len() {
        let (token, offsets) = (encoding.token(index), encoding.offsets[index]);
        encoding.offsets[index] = trimmed(token, offsets, index == 0, add_prefix_space);
    }
    for overflow in &mut encoding.overflowing {
        trim_offsets(overflow, add_prefix_space);
    }
}

/// The offsets of `token` past its leading and before its trailing white space, except for the one space that
/// `add_prefix_space` put in front of the text.
pub(crate) fn trimmed(
    token: &str,
    (mut start, mut end): (usize, usize),
    is_first: bool,
    add_prefix_space: bool,
) -> (usize, usize) {
    let is_space = |character: &char| *character == 'Ġ' || character.is_whitespace();
    let mut leading = token.chars().take_while(is_space).count();
    let trailing = token.chars().rev().take_while(is_space).count();
    if leading > 0 {
        // With several leading spaces the first one was in the text.
        if add_prefix_space && leading == 1 && (is_first || start == 0) {
            leading = 0;
        }
        start = (start + leading).min(end);
    }
    if trailing > 0 && end >= trailing {
        end = (end - trailing).max(start);
    }
    (start, end)
}
