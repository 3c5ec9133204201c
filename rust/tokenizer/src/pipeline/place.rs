//! Where the tokens of a text stand in it, found from the text and their ids without encoding it again.

use std::ops::Range;

use super::byte_level::known_parts;
use super::encode::Input;
use super::words::Words;
use crate::added::Segment;
use crate::encoding::{Characters, Columns, Placer};
use crate::error::Result;
use crate::fast::ByteEngine;
use crate::tokenizer::Tokenizer;

impl Tokenizer {
    /// Append to `columns` what belongs to `ids`, those of `input` without special tokens, or the first of them if
    /// `truncated`; false where only the general path can tell. Some may have been appended then.
    pub(super) fn push_columns(
        &self,
        input: &Input<'_>,
        ids: &[u32],
        truncated: bool,
        columns: &mut Columns,
    ) -> Result<bool> {
        let mut placer = Placer::new(ids, truncated, columns);
        match input {
            Input::Text(text) => {
                if !self.place(text, &mut placer)? {
                    return Ok(false);
                }
            }
            Input::Words(words) => {
                for (word, text) in (0u32..).zip(words) {
                    placer.start_text(Some(word));
                    if !self.place(text, &mut placer)? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(placer.is_done())
    }

    /// Whether there are texts for which [`push_columns`](Self::push_columns) can tell.
    pub(super) fn has_places(&self) -> bool {
        let plan = self.plan();
        plan.engine.is_some()
            || plan.words.as_ref().is_some_and(|words| !words.normalized && words.engine.has_places())
    }

    fn place(&self, text: &str, placer: &mut Placer<'_>) -> Result<bool> {
        let plan = self.plan();
        // Positions have 32 bits.
        if u32::try_from(text.len()).is_err() {
            return Ok(false);
        }
        match (&plan.engine, &plan.words) {
            (Some(engine), _) if self.is_normal(text) => Ok(self.place_bytes(engine, text, placer)),
            (None, Some(words)) => self.place_words(words, text, placer),
            _ => Ok(false),
        }
    }

    /// The added tokens of the text, each a word, and what `stretch` does about the bytes between them.
    fn place_segments<'a>(
        &self,
        text: &'a str,
        characters: &mut Characters<'a>,
        placer: &mut Placer<'_>,
        mut stretch: impl FnMut(Range<usize>, &mut Characters<'a>, &mut Placer<'_>) -> Result<bool>,
    ) -> Result<bool> {
        let mut result = Ok(true);
        self.added_vocabulary().all_segments(text, |Segment { range, added }| {
            if !matches!(result, Ok(true)) || placer.is_cut_off() {
                return;
            }
            let Some(id) = added else {
                result = stretch(range, characters, placer);
                return;
            };
            if placer.id() != Some(id) {
                result = Ok(false);
                return;
            }
            let (start, end) = characters.convert(range.clone());
            placer.own_text(&text[range]);
            placer.place((start as u32, end as u32), 0);
            placer.end_words(1);
        });
        result
    }

    fn place_words(&self, words: &Words, text: &str, placer: &mut Placer<'_>) -> Result<bool> {
        if words.normalized || !words.engine.has_places() {
            return Ok(false);
        }
        let Some(at_start) = words.at_start(self, text) else { return Ok(false) };
        self.place_segments(text, &mut Characters::new(text), placer, |range, characters, placer| {
            let is_first = range.start == 0 && at_start;
            words.engine.place(text, range, is_first, characters, placer)
        })
    }

    /// A token of byte-level BPE has as many characters as it stands for bytes.
    fn place_bytes(&self, engine: &ByteEngine, text: &str, placer: &mut Placer<'_>) -> bool {
        let lengths = engine.lengths();
        let indices = (!text.is_ascii()).then(|| indices(text));
        let characters = |start: usize, end: usize| match &indices {
            Some(indices) => (indices[start], indices[end - 1] + 1),
            None => (start as u32, end as u32),
        };
        let stretch = |range: Range<usize>, _: &mut _, placer: &mut Placer<'_>| {
            let (base, stretch) = (range.start, &text[range]);
            let space = usize::from(self.adds_space(stretch));
            let spaced = (space == 1).then(|| [" ", stretch].concat());
            let (mut at, mut fits) = (0, true);
            let pieces = spaced.as_deref().unwrap_or(stretch);
            for part in known_parts(pieces, engine.family()) {
                engine.bounds(&pieces[part.clone()], |bounds| {
                    for &bound in &bounds[1..] {
                        let end = part.start + bound as usize;
                        while at < end
                            && let Some(id) = placer.id()
                        {
                            let to = at + lengths.get(id as usize).map_or(0, |&length| length as usize);
                            if to == at || to > end {
                                fits = false;
                                return;
                            }
                            // The added space has no bytes in the text: it counts as part of the first character.
                            let last = if to > space { to - space } else { 1 };
                            placer.place(characters(base + at.saturating_sub(space), base + last), 0);
                            at = to;
                        }
                        placer.end_words(1);
                    }
                });
            }
            Ok(fits && (at == stretch.len() + space || placer.is_cut_off()))
        };
        self.place_segments(text, &mut Characters::new(text), placer, stretch).unwrap_or(false)
    }
}

/// The index of the character that each byte is part of.
fn indices(text: &str) -> Vec<u32> {
    let mut next = 0;
    let index = |&byte: &u8| {
        next += u32::from(byte & 0xC0 != 0x80);
        next - 1
    };
    text.as_bytes().iter().map(index).collect()
}
