//! `<s> A </s>` and `<s> A </s> </s> B </s>`, every token of type 0, offsets trimmed as by byte level.

use super::byte_level::trim_offsets;
use super::{Slot, surround};
use crate::encoding::Encoding;

/// Settings of `{"type": "RobertaProcessing"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roberta {
    pub sep: (String, u32),
    pub cls: (String, u32),
    pub trim_offsets: bool,
    pub add_prefix_space: bool,
}

impl Roberta {
    pub(super) fn process(&self, mut parts: Vec<Encoding>, add_special_tokens: bool) -> Vec<Encoding> {
        for encoding in &mut parts {
            if self.trim_offsets {
                trim_offsets(encoding, self.add_prefix_space);
            }
            encoding.set_type_ids(0);
        }
        if !add_special_tokens {
            return parts;
        }
        let special = |(token, id): &(String, u32)| Encoding::special(&[*id], std::slice::from_ref(token), 0);
        let (cls, sep) = (special(&self.cls), special(&self.sep));
        let around = |(sequence, part): (usize, &mut Encoding)| {
            for overflow in &mut part.overflowing {
                overflow.set_type_ids(0);
            }
            // Another post-processor can have made more than two parts of the sequences.
            surround(part, Some(if sequence == 0 { &cls } else { &sep }), &sep, sequence.min(1))
        };
        parts.iter_mut().enumerate().map(around).collect()
    }

    pub(super) fn layout(&self, pair: bool, add_special_tokens: bool) -> Vec<Slot> {
        let mut slots = Vec::new();
        for sequence in 0..=usize::from(pair) {
            let before = if sequence == 0 { self.cls.1 } else { self.sep.1 };
            let special = |id| add_special_tokens.then_some(Slot::Special(id, 0));
            slots.extend(special(before));
            slots.push(Slot::Sequence(sequence, 0));
            slots.extend(special(self.sep.1));
        }
        slots
    }

    pub(super) fn special_texts(&self, pair: bool) -> Vec<&str> {
        let (cls, sep) = (self.cls.0.as_str(), self.sep.0.as_str());
        if pair { vec![cls, sep, sep, sep] } else { vec![cls, sep] }
    }
}
