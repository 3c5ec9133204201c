//! `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.

use super::{Slot, surround};
use crate::encoding::Encoding;

/// Settings of `{"type": "BertProcessing"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bert {
    pub sep: (String, u32),
    pub cls: (String, u32),
}

impl Bert {
    pub(super) fn process(&self, parts: &[Encoding]) -> Vec<Encoding> {
        let special = |(token, id): &(String, u32), type_id| {
            Encoding::special(&[*id], std::slice::from_ref(token), type_id)
        };
        let cls = special(&self.cls, 0);
        let around = |(index, part): (usize, &Encoding)| {
            // Another post-processor can have made more than two parts of the sequences.
            let sequence = index.min(1);
            let sep = special(&self.sep, sequence as u32);
            surround(part, (sequence == 0).then_some(&cls), &sep, sequence)
        };
        parts.iter().enumerate().map(around).collect()
    }

    pub(super) fn layout(&self, pair: bool) -> Vec<Slot> {
        let mut slots =
            vec![Slot::Special(self.cls.1, 0), Slot::Sequence(0, 0), Slot::Special(self.sep.1, 0)];
        if pair {
            slots.extend([Slot::Sequence(1, 1), Slot::Special(self.sep.1, 1)]);
        }
        slots
    }

    pub(super) fn special_texts(&self, pair: bool) -> Vec<&str> {
        let mut texts = vec![self.cls.0.as_str(), &self.sep.0];
        texts.extend(pair.then_some(self.sep.0.as_str()));
        texts
    }
}
