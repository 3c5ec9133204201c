//! Stretches of raw text to ids.

use std::fmt;
use std::ops::Range;

use super::super::caches::Caches;
use super::super::scan::BATCH;
use super::batch::{Memory, Resolve};
use super::cutter::{Cutter, Walk};
use super::definition::{self, Definition};
use super::details::Details;
use super::spaced_bpe::{self, SpacedBpe};
use crate::encoding::{Characters, Placer};
use crate::error::{Result, TokenizerError};

/// The engine counts bytes in 32 bits.
const MAX_STRETCH: usize = u32::MAX as usize - 64;

/// Pieces of a pre-tokenizer are looked up when so many bytes of them are there.
const MAX_WAITING: usize = 1 << 16;

/// A tokenizer of any kind, which keeps what pieces of text became.
pub(crate) struct WordEngine {
    way: Way,
    caches: Caches<Memory>,
    /// None where only the general path knows offsets.
    details: Option<Details>,
}

/// How text becomes pieces, and pieces ids.
#[derive(Debug)]
pub(super) enum Way {
    /// Raw text is cut; BPE of what is between.
    SpacedBpe { cutter: Cutter, model: SpacedBpe, head: Head },
    /// Raw text is cut; what is between takes the way of the definition.
    Cut { cutter: Cutter, parts: Definition },
    /// The pieces are those that the pre-tokenizer makes of normalized text.
    Pieces(Definition),
}

/// What is special about the first piece of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// Nothing.
    Plain,
    /// A space is put before it.
    Space,
    /// A space is put before it unless it starts with one, or with this character.
    SpaceUnless(char),
    /// The same, but only where the text starts.
    SpaceAtStartUnless(char),
}

impl Head {
    fn adds_space(self, stretch: &str, at_start: bool) -> bool {
        match self {
            Self::Plain => false,
            Self::Space => true,
            Self::SpaceUnless(space) => !stretch.starts_with([' ', space]),
            Self::SpaceAtStartUnless(space) => at_start && !stretch.starts_with([' ', space]),
        }
    }
}

impl fmt::Debug for WordEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WordEngine").finish_non_exhaustive()
    }
}

impl WordEngine {
    pub(super) fn of(way: Way, details: Option<Details>) -> Self {
        Self { way, caches: Caches::new(), details }
    }

    /// Whether it makes a difference that a stretch is the start of the text.
    pub(crate) fn knows_start(&self) -> bool {
        match &self.way {
            Way::SpacedBpe { head, .. } => matches!(head, Head::SpaceAtStartUnless(_)),
            Way::Cut { parts, .. } | Way::Pieces(parts) => parts.knows_start,
        }
    }

    #[cfg(test)]
    pub(super) fn way(&self) -> &Way {
        &self.way
    }

    /// Whether [`place`](Self::place) knows about tokens.
    pub(crate) fn has_places(&self) -> bool {
        self.details.is_some()
    }

    /// Place the tokens of bytes `range` of `text`, a stretch between added tokens; false where only the general path
    /// knows their places.
    pub(crate) fn place<'a>(
        &self,
        text: &'a str,
        range: Range<usize>,
        at_start: bool,
        characters: &mut Characters<'a>,
        placer: &mut Placer<'_>,
    ) -> Result<bool> {
        let stretch = &text[range.clone()];
        check_length(stretch)?;
        if let Way::SpacedBpe { model, head, .. } = &self.way
            && model.is_one_word()
        {
            let (mark, base) = (placer.mark(), characters.index(range.start) as u32);
            if model.place(stretch, head.adds_space(stretch, at_start), base, placer) {
                placer.end_words(1);
                return Ok(true);
            }
            placer.back_to(&mark);
        }
        let Some(details) = &self.details else { return Ok(false) };
        let parts = match &self.way {
            Way::SpacedBpe { cutter, model, .. } => (cutter, Some(model)),
            Way::Cut { cutter, .. } => (cutter, None),
            Way::Pieces(_) => return Ok(false),
        };
        details.place(parts, (text, range), at_start, characters, placer)
    }

    /// Append the ids of `stretch`, raw text between added tokens; `at_start`: the text starts with it.
    pub(crate) fn encode(&self, stretch: &str, at_start: bool, ids: &mut Vec<u32>) -> Result<()> {
        self.encode_part(stretch, Some(at_start), ids)
    }

    /// Append the ids of a part of a stretch, one that [`cut`](Self::cut) made, but not the first.
    pub(crate) fn encode_rest(&self, part: &str, ids: &mut Vec<u32>) -> Result<()> {
        self.encode_part(part, None, ids)
    }

    /// `head`: whether the text starts with this, for the first part of a stretch.
    fn encode_part(&self, text: &str, head: Option<bool>, ids: &mut Vec<u32>) -> Result<()> {
        check_length(text)?;
        if text.is_empty() {
            return Ok(());
        }
        self.caches.with(Memory::new, |memory| match &self.way {
            Way::SpacedBpe { cutter, model, head: kind } => {
                let mut resolver = spaced_bpe::Resolver { model, tokens: Vec::new() };
                let space = head.is_some_and(|at_start| kind.adds_space(text, at_start));
                let first = |memory: &mut Memory, piece: &str, resolver: &mut _, ids: &mut _| {
                    memory.push_one(&[" ", piece].concat(), resolver, ids)
                };
                Self::run(memory, cutter, text, &mut resolver, space.then_some(first), ids)
            }
            Way::Cut { cutter, parts } => {
                let mut resolver = definition::Resolver::new(parts, false);
                let at_start = head == Some(true) && parts.knows_start;
                let first =
                    |_: &mut Memory, piece: &str, resolver: &mut definition::Resolver<'_>, ids: &mut _| {
                        resolver.at_start = piece.as_ptr() == text.as_ptr();
                        let result = resolver.resolve(piece, ids);
                        resolver.at_start = false;
                        result
                    };
                Self::run(memory, cutter, text, &mut resolver, at_start.then_some(first), ids)
            }
            Way::Pieces(parts) => Self::run_pieces(memory, parts, text, head == Some(true), ids),
        })
    }

    /// Append the ids of the pieces between cuts, the first one by other means if there are any.
    fn run<R: Resolve>(
        memory: &mut Memory,
        cutter: &Cutter,
        text: &str,
        resolver: &mut R,
        mut first: Option<impl FnOnce(&mut Memory, &str, &mut R, &mut Vec<u32>) -> Result<()>>,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        let mut walk = Walk::new(cutter, text);
        memory.spans.clear();
        loop {
            walk.fill(&mut memory.spans);
            let count = memory.spans.count();
            if count == 0 {
                return Ok(());
            }
            let mut done = 0;
            if let Some(first) = first.take() {
                done = 1;
                let piece = memory.spans.get(0);
                first(memory, &text[piece], resolver, ids)?;
            }
            memory.push_ids(text, done..count, resolver, ids)?;
        }
    }

    /// Append the ids of the pieces that the pre-tokenizer makes of the normalized text.
    fn run_pieces(
        memory: &mut Memory,
        parts: &Definition,
        text: &str,
        at_start: bool,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        let mut resolver = definition::PieceResolver::new(parts);
        let mut waiting = String::new();
        memory.spans.clear();
        parts.pieces(text, at_start, &mut |piece| {
            memory.spans.push(waiting.len()..waiting.len() + piece.len());
            waiting.push_str(piece);
            if memory.spans.count() == BATCH || waiting.len() >= MAX_WAITING {
                memory.push_ids(&waiting, 0..memory.spans.count(), &mut resolver, ids)?;
                memory.spans.clear();
                waiting.clear();
            }
            Ok(())
        })?;
        memory.push_ids(&waiting, 0..memory.spans.count(), &mut resolver, ids)
    }

    /// `stretch` in parts of `size` bytes or more whose ids, one after the other, are those of the whole.
    pub(crate) fn cut<'a>(&self, stretch: &'a str, size: usize) -> impl Iterator<Item = &'a str> {
        let mut rest = stretch;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let at = match &self.way {
                Way::SpacedBpe { cutter, .. } | Way::Cut { cutter, .. } => cutter.next_cut(rest, size.max(1)),
                Way::Pieces(_) => None,
            };
            let (part, after) = rest.split_at(at.unwrap_or(rest.len()));
            rest = after;
            Some(part)
        })
    }
}

fn check_length(text: &str) -> Result<()> {
    if text.len() >= MAX_STRETCH {
        let (what, found) = ("bytes of text between added tokens", text.len());
        return Err(TokenizerError::Limit { what, found, limit: MAX_STRETCH });
    }
    Ok(())
}
