//! Sentencepiece's way: spaces become a visible character, which starts pieces. The decoder has the same settings.

use std::ops::Range;

pub use crate::decoder::{Metaspace, PrependScheme};
use crate::error::Result;
use crate::normalized::{NormalizedString, SplitBehavior};
use crate::pre_tokenized::PreTokenizedString;

impl Metaspace {
    pub(super) fn pre_tokenize(&self, text: &mut PreTokenizedString) -> Result<()> {
        text.split(|_, mut text| {
            self.replace(&mut text);
            let mut pieces = Vec::new();
            self.pieces(text.get(), &mut |range| pieces.push(text.slice(range)));
            Ok(pieces)
        })
    }

    /// Replace spaces and put the replacement in front where it belongs.
    pub fn replace(&self, text: &mut NormalizedString) {
        let mut buffer = [0; 4];
        let replacement: &str = self.replacement.encode_utf8(&mut buffer);
        let mut matches = Vec::new();
        super::characters::cut(
            text.get(),
            |character| character == ' ',
            SplitBehavior::Isolated,
            &mut |range| matches.push((range.clone(), text.get().get(range) == Some(" "))),
        );
        text.replace(&matches, replacement);
        let prepends = match self.prepend_scheme {
            PrependScheme::Always => true,
            PrependScheme::First => text.original_range().start == 0,
            PrependScheme::Never => false,
        };
        if prepends && !text.get().starts_with(self.replacement) {
            text.prepend(replacement);
        }
    }

    /// The byte ranges of the pieces of a text whose spaces are replaced.
    pub fn pieces(&self, text: &str, emit: &mut dyn FnMut(Range<usize>)) {
        let mut start = 0;
        if self.split {
            for (at, _) in text.match_indices(self.replacement) {
                if start < at {
                    emit(start..at);
                }
                start = at;
            }
        }
        if start < text.len() {
            emit(start..text.len());
        }
    }
}
