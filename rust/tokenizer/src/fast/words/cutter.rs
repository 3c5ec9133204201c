//! Where raw text is cut into pieces whose ids do not depend on what is around them, 64 bytes at a time.
//!
//! A cutter cuts less than the pre-tokenizer may: a piece that no cache knows takes the whole way of the definition
//! (normalizer, pre-tokenizer, model) by itself, so that only the cuts need a proof. There are two kinds.
//! - [`Apart`]: some bytes are dropped (white space), some characters stand alone (punctuation), and what is between
//!   is a piece.
//! - [`Joints`]: pieces cover the text; a cut may be between two characters whose bytes a table lets part.

use ferrolm_base::simd::{self, Level};

use super::super::arch;
use super::super::scan::{BATCH, BLOCK};
use super::batch::Spans;
use super::isolated::Isolated;
use super::local::Ends;
use super::sets::{Find, Found, Sets};
use crate::unicode::graphemes::cluster;

/// How the raw text of a pipeline is cut.
#[derive(Debug)]
pub(super) enum Cutter {
    Apart(Box<Apart>),
    Joints(Box<Joints>),
}

/// White space is dropped, characters stand alone.
#[derive(Debug)]
pub(super) struct Apart {
    /// Dropped bytes; bytes that stand alone.
    sets: Sets,
    /// Characters beyond ASCII that stand alone.
    isolated: Option<Isolated>,
    /// A space that is one grapheme cluster with what follows is not dropped.
    clusters: bool,
}

/// Pieces cover the text.
#[derive(Debug)]
pub(super) struct Joints {
    /// The space; line ends; letters and digits.
    sets: Sets,
    parting: Box<Parting>,
    /// Characters beyond ASCII before which the bytes are not enough to know.
    ends: Option<Box<Ends>>,
}

/// For the last byte of a character and the first of the next, whether a cut may be between them.
#[derive(Debug)]
pub(super) struct Parting([[u64; 4]; 256]);

impl Parting {
    pub(super) fn new(may_part: bool) -> Self {
        Self([[if may_part { u64::MAX } else { 0 }; 4]; 256])
    }

    pub(super) fn set(&mut self, last: u8, first: u8, may_part: bool) {
        let word = &mut self.0[usize::from(last)][usize::from(first >> 6)];
        *word = *word & !(1 << (first & 63)) | u64::from(may_part) << (first & 63);
    }

    #[inline(always)]
    pub(super) fn get(&self, last: u8, first: u8) -> bool {
        self.0[usize::from(last)][usize::from(first >> 6)] >> (first & 63) & 1 == 1
    }
}

impl Cutter {
    /// The first place of a cut at or after byte `from`, which is not 0.
    pub(super) fn next_cut(&self, text: &str, from: usize) -> Option<usize> {
        let bytes = text.as_bytes();
        match self {
            Self::Apart(apart) => (from..bytes.len())
                .find(|&at| apart.sets.has(0, bytes[at]) && !(apart.clusters && begins_cluster(bytes, at))),
            Self::Joints(joints) => {
                (from..bytes.len()).find(|&at| text.is_char_boundary(at) && joints.may_part(bytes, at))
            }
        }
    }
}

impl Apart {
    pub(super) fn new(
        dropped: impl Fn(u8) -> bool,
        alone: impl Fn(u8) -> bool,
        isolated: Option<Isolated>,
        clusters: bool,
    ) -> Self {
        Self { sets: Sets::new([&dropped, &alone, &|_| false, &|_| false]), isolated, clusters }
    }

    /// Of dropped bytes, those that are not one grapheme cluster with what follows.
    #[inline(never)]
    fn without_marks(text: &[u8], base: usize, mut dropped: u64, lead: u64) -> u64 {
        let next_is_high = text.get(base + BLOCK).is_some_and(|byte| !byte.is_ascii());
        let mut places = dropped & (lead >> 1 | u64::from(next_is_high) << 63);
        while places != 0 {
            let at = places.trailing_zeros();
            places &= places - 1;
            if begins_cluster(text, base + at as usize) {
                dropped &= !(1 << at);
            }
        }
        dropped
    }
}

/// Whether the white space at `at` is one grapheme cluster with the character beyond ASCII after it.
fn begins_cluster(text: &[u8], at: usize) -> bool {
    // Most letters need no look at the tables.
    if matches!(text.get(at + 1), Some(0xC3..=0xCB | 0xD0 | 0xD1 | 0xE4..=0xE9)) {
        return false;
    }
    let end = text.len().min(at + 5);
    let valid = match str::from_utf8(&text[at..end]) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&text[at..at + error.valid_up_to()]).unwrap_or_default(),
    };
    cluster(valid) > 1 && !valid.starts_with("\r\n")
}

impl Joints {
    pub(super) fn new(parting: Box<Parting>, ends: Option<Box<Ends>>) -> Self {
        let space = |byte| byte == b' ';
        let line = |byte| byte == b'\n' || byte == b'\r';
        let word = |byte: u8| byte.is_ascii_alphanumeric();
        Self { sets: Sets::new([&space, &line, &word, &|_| false]), parting, ends }
    }
}

impl Joints {
    /// Whether a cut may be at `at`, between two characters.
    #[inline(always)]
    fn may_part(&self, text: &[u8], at: usize) -> bool {
        let (Some(&last), Some(&first)) = (text.get(at - 1), text.get(at)) else { return false };
        if self.parting.get(last, first) {
            return true;
        }
        let Some(ends) = &self.ends else { return false };
        !last.is_ascii()
            && first.is_ascii()
            && self.parting.get(b'a', first)
            && before(text, at).is_some_and(|last| ends.get(last))
    }
}

/// The character that ends at `at`.
fn before(text: &[u8], at: usize) -> Option<char> {
    let start = (at.saturating_sub(4)..at).rev().find(|&start| text[start] & 0xC0 != 0x80)?;
    str::from_utf8(&text[start..at]).ok()?.chars().next()
}

/// Walks over a text and hands out its pieces.
pub(in crate::fast) struct Walk<'a> {
    cutter: &'a Cutter,
    text: &'a [u8],
    base: usize,
    /// Classes of the last byte before `base`, in bit 0.
    before: [u64; 4],
    /// Bits of the block at `base` where a piece begins after a character that stands alone.
    after: u64,
    level: Level,
}

impl<'a> Walk<'a> {
    /// `text` must be shorter than 4 GiB.
    pub(super) fn new(cutter: &'a Cutter, text: &'a str) -> Self {
        Self::with_level(cutter, text, simd::level())
    }

    fn with_level(cutter: &'a Cutter, text: &'a str, level: Level) -> Self {
        Self { cutter, text: text.as_bytes(), base: 0, before: [0; 4], after: 0, level }
    }

    /// Replace the whole pieces of `spans` by the next ones; none are at the end of the text.
    pub(super) fn fill(&mut self, spans: &mut Spans) {
        spans.restart();
        arch::fill_spans(self.level, self, spans);
    }
}

/// The body of [`Walk::fill`], compiled once per instruction set.
#[inline(always)]
pub(in crate::fast) fn fill<F: Find>(walk: &mut Walk<'_>, spans: &mut Spans) {
    match walk.cutter {
        Cutter::Apart(apart) => fill_apart::<F>(walk, apart, spans),
        Cutter::Joints(joints) => fill_joints::<F>(walk, joints, spans),
    }
}

#[inline(always)]
fn find<F: Find>(text: &[u8], base: usize, sets: &Sets) -> Found {
    match text.get(base..base + BLOCK).and_then(|block| block.try_into().ok()) {
        Some(block) => F::find(sets, block),
        None => F::find(sets, &padded(text.get(base..).unwrap_or_default())),
    }
}

/// The last bytes of a text, spaces after them.
#[cold]
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

#[inline(always)]
fn fill_apart<F: Find>(walk: &mut Walk<'_>, apart: &Apart, spans: &mut Spans) {
    let (mut started, mut ended) = (usize::from(spans.open), 0);
    // At the very end one more block, of nothing but padding, ends the last piece.
    while walk.base <= walk.text.len() && started + BLOCK < BATCH {
        let found = find::<F>(walk.text, walk.base, &apart.sets);
        let [dropped, alone, ..] = found.sets;
        let dropped = if apart.clusters && found.high | dropped >> 63 != 0 {
            Apart::without_marks(walk.text, walk.base, dropped, found.lead)
        } else {
            dropped
        };
        let mut single = alone;
        let mut after = alone << 1 | std::mem::take(&mut walk.after);
        walk.after = alone >> 63;
        if found.lead != 0
            && let Some(isolated) = &apart.isolated
        {
            let (first, next) = isolated.find(walk.text, walk.base, found.lead);
            single |= first;
            after |= next as u64;
            walk.after |= (next >> 64) as u64;
        }
        let [inside, ..] = &mut walk.before;
        let kept = !dropped;
        let before = kept << 1 | *inside;
        let mut starts = kept & (single | after | !before);
        let mut ends = before & (dropped | starts);
        *inside = kept >> 63;
        let base = walk.base as u32;
        while starts != 0 {
            spans.starts[started % BATCH] = base + starts.trailing_zeros();
            started += 1;
            starts &= starts - 1;
        }
        while ends != 0 {
            spans.ends[ended % BATCH] = base + ends.trailing_zeros();
            ended += 1;
            ends &= ends - 1;
        }
        walk.base += BLOCK;
    }
    spans.count = ended;
    spans.open = started > ended;
}

#[inline(always)]
fn fill_joints<F: Find>(walk: &mut Walk<'_>, joints: &Joints, spans: &mut Spans) {
    let text = walk.text;
    let mut started = usize::from(spans.open);
    if walk.base == 0 && !text.is_empty() {
        spans.starts[0] = 0;
        started = 1;
    }
    while walk.base < text.len() && started + BLOCK < BATCH {
        let found = find::<F>(text, walk.base, &joints.sets);
        let [space, line, word, _] = found.sets;
        let other = !(space | line | word | found.high);
        let [line_before, word_before, other_before, high_before] = walk.before;
        let (after_line, after_high) = (line << 1 | line_before, found.high << 1 | high_before);
        let mut places = space
            | line ^ after_line
            | word & (other << 1 | other_before)
            | other & (word << 1 | word_before)
            | found.high & (found.wide | !after_high)
            | !found.high & after_high;
        walk.before = [line >> 63, word >> 63, other >> 63, found.high >> 63];
        if walk.base == 0 {
            places &= !1;
        }
        let left = text.len() - walk.base;
        if left < BLOCK {
            places &= (1 << left) - 1;
        }
        while places != 0 {
            let at = walk.base + places.trailing_zeros() as usize;
            places &= places - 1;
            spans.starts[started % BATCH] = at as u32;
            started += usize::from(joints.may_part(text, at));
        }
        walk.base += BLOCK;
    }
    // Each piece ends where the next one starts; the last one waits for more text.
    let whole = if walk.base >= text.len() { started } else { started.saturating_sub(1) };
    spans.ends[..started.saturating_sub(1)].copy_from_slice(&spans.starts[1..started.max(1)]);
    if whole == started && started > 0 {
        spans.ends[started - 1] = text.len() as u32;
    }
    spans.count = whole;
    spans.open = started > whole;
}
