//! Stretches of raw text to ids.

use std::fmt;
#[cfg(test)]
use std::ops::Range;

use super::super::cache::Seed;
use super::super::caches::Caches;
use super::batch::{Memory, Resolve};
use super::cutter::{Cutter, Walk};
use super::spaced_bpe::{self, SpacedBpe};
use crate::error::{Result, TokenizerError};

/// The engine counts bytes in 32 bits.
const MAX_STRETCH: usize = u32::MAX as usize - 64;

/// A tokenizer whose text falls apart into words.
pub(crate) struct WordEngine {
    cutter: Cutter,
    head: Head,
    way: Way,
    seed: Seed,
    caches: Caches<Memory>,
}

/// What a piece becomes.
#[derive(Debug)]
pub(super) enum Way {
    SpacedBpe(SpacedBpe),
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
        formatter.debug_struct("WordEngine").field("head", &self.head).finish_non_exhaustive()
    }
}

impl WordEngine {
    pub(super) fn of(cutter: Cutter, head: Head, way: Way) -> Self {
        Self { cutter, head, way, seed: Seed::empty(), caches: Caches::new() }
    }

    /// Append the ids of `stretch`, raw text between added tokens; `at_start`: the text starts with it.
    pub(crate) fn encode(&self, stretch: &str, at_start: bool, ids: &mut Vec<u32>) -> Result<()> {
        self.encode_part(stretch, self.head.adds_space(stretch, at_start), ids)
    }

    /// Append the ids of a part of a stretch, one that [`cut`](Self::cut) made, but not the first.
    pub(crate) fn encode_rest(&self, part: &str, ids: &mut Vec<u32>) -> Result<()> {
        self.encode_part(part, false, ids)
    }

    fn encode_part(&self, text: &str, space: bool, ids: &mut Vec<u32>) -> Result<()> {
        if text.len() >= MAX_STRETCH {
            let (what, found) = ("bytes of text between added tokens", text.len());
            return Err(TokenizerError::Limit { what, found, limit: MAX_STRETCH });
        }
        self.caches.with(
            || Memory::new(&self.seed),
            |memory| match &self.way {
                Way::SpacedBpe(model) => {
                    let resolver = spaced_bpe::Resolver { model, tokens: Vec::new() };
                    self.run(memory, text, space, resolver, ids)
                }
            },
        )
    }

    fn run(
        &self,
        memory: &mut Memory,
        text: &str,
        mut space: bool,
        mut resolver: impl Resolve,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        let mut walk = Walk::new(&self.cutter, text);
        memory.spans.clear();
        loop {
            walk.fill(&mut memory.spans);
            let count = memory.spans.count();
            if count == 0 {
                return Ok(());
            }
            let first = usize::from(space);
            if std::mem::take(&mut space) {
                let head = [" ", &text[memory.spans.get(0)]].concat();
                memory.push_one(&head, &self.seed, &mut resolver, ids)?;
            }
            memory.push_ids(text, first..count, &self.seed, &mut resolver, ids)?;
        }
    }

    /// `stretch` in parts of `size` bytes or more whose ids, one after the other, are those of the whole.
    pub(crate) fn cut<'a>(&self, stretch: &'a str, size: usize) -> impl Iterator<Item = &'a str> {
        let mut rest = stretch;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let at = self.cutter.next_cut(rest, size.max(1)).unwrap_or(rest.len());
            let (part, after) = rest.split_at(at);
            rest = after;
            Some(part)
        })
    }
}

/// For tests and the detail of encodings: where the pieces of `text` are.
#[cfg(test)]
pub(super) fn pieces(cutter: &Cutter, text: &str) -> Vec<Range<usize>> {
    let mut spans = super::batch::Spans::new();
    let mut walk = Walk::new(cutter, text);
    let mut pieces = Vec::new();
    loop {
        walk.fill(&mut spans);
        if spans.count() == 0 {
            return pieces;
        }
        pieces.extend((0..spans.count()).map(|index| spans.get(index)));
    }
}
