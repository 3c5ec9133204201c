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

/// Move the offsets of each token past its leading and before its trailing white space, except for the one space
/// that `add_prefix_space` put in front of the text.
pub(super) fn trim_offsets(encoding: &mut Encoding, add_prefix_space: bool) {
    for index in 0..encoding.len() {
        let token = encoding.token(index);
        let is_space = |character: &char| *character == 'Ġ' || character.is_whitespace();
        let mut leading = token.chars().take_while(is_space).count();
        let trailing = token.chars().rev().take_while(is_space).count();
        let (mut start, mut end) = encoding.offsets[index];
        if leading > 0 {
            // With several leading spaces the first one was in the text.
            if add_prefix_space && leading == 1 && (index == 0 || start == 0) {
                leading = 0;
            }
            start = (start + leading).min(end);
        }
        if trailing > 0 && end >= trailing {
            end = (end - trailing).max(start);
        }
        encoding.offsets[index] = (start, end);
    }
    for overflow in &mut encoding.overflowing {
        trim_offsets(overflow, add_prefix_space);
    }
}
