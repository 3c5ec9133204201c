//! Piece boundaries by bit algebra, 64 bytes at a time.
//!
//! A block of 64 bytes becomes one bit mask per character class; characters beyond ASCII set the bits of all their
//! bytes. Where pieces start is then a formula over the masks, the bits carried from the block before and the bits
//! of the block after. Each family of patterns has its formula, a [`Pattern`]; equal to [`crate::split`], which has
//! the definitions, by test.

mod classify;
mod deepseek;
mod gpt2;
mod numbers;
mod starts;
mod words;

#[cfg(test)]
mod tests;

use ferrolm_base::simd::{self, Level};

use super::arch;
pub(super) use classify::{Ascii, BLOCK, Beyond, Classify, Leads, Portable, Reach};
pub(super) use deepseek::DeepSeek;
pub(super) use gpt2::Gpt2;
pub(crate) use starts::starts;
pub(super) use words::ByWords;

/// Starts that one call of [`Scanner::fill`] returns at most.
pub(super) const BATCH: usize = 512;

/// How a family finds its starts.
pub(super) trait Pattern: Copy {
    /// What it needs to know of a block.
    type Masks: Copy + Default;
    /// What it needs to know of the blocks before.
    type Carry: Copy + Default;

    /// For each [`Category`](crate::unicode::Category) the class of characters beyond ASCII, one of [`classify`].
    fn classes(&self) -> &'static [u8; 16];

    fn masks(ascii: &Ascii, beyond: &Beyond) -> Self::Masks;

    /// Where pieces start in the block at `base`; bits beyond the text are ignored.
    fn starts(&self, place: Place<'_>, now: &Self::Masks, next: &Self::Masks, carry: &mut Self::Carry)
    -> u64;
}

/// A block in its text.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) text: &'a [u8],
    pub(super) base: usize,
}

impl<'a> Place<'a> {
    /// The text from a bit of the block on.
    #[inline(always)]
    pub(super) fn from(self, bit: u32) -> &'a [u8] {
        self.text.get(self.base + bit as usize..).unwrap_or_default()
    }
}

/// Walks over a text and hands out the starts of its pieces.
pub(super) struct Scanner<'a, P: Pattern> {
    text: &'a [u8],
    pattern: P,
    state: State<P>,
    level: Level,
}

#[derive(Clone, Copy)]
struct State<P: Pattern> {
    /// Start of the block whose masks are `current`.
    base: usize,
    started: bool,
    current: P::Masks,
    reach: Reach,
    carry: P::Carry,
}

impl<'a, P: Pattern> Scanner<'a, P> {
    /// `text` must be shorter than 4 GiB.
    pub(super) fn new(text: &'a str, pattern: P, level: Level) -> Self {
        let state = State {
            base: 0,
            started: false,
            current: P::Masks::default(),
            reach: Reach::default(),
            carry: P::Carry::default(),
        };
        Self { text: text.as_bytes(), pattern, state, level }
    }

    pub(super) fn with_best(text: &'a str, pattern: P) -> Self {
        Self::new(text, pattern, simd::level())
    }

    /// Write the next starts, ascending; 0 of them at the end of the text.
    pub(super) fn fill(&mut self, starts: &mut [u32; BATCH]) -> usize {
        arch::fill(self.level, self, starts)
    }

    /// Classify the block at `base`; beyond the text there are blanks.
    #[inline(always)]
    fn masks<C: Classify>(&self, base: usize, reach: &mut Reach) -> P::Masks {
        match self.text.get(base..base + BLOCK).and_then(|block| block.try_into().ok()) {
            Some(block) => self.masks_of::<C>(block, base, reach),
            None => self.masks_of::<C>(&padded(self.text.get(base..).unwrap_or_default()), base, reach),
        }
    }

    #[inline(always)]
    fn masks_of<C: Classify>(&self, block: &[u8; BLOCK], base: usize, reach: &mut Reach) -> P::Masks {
        let ascii = C::classify(block);
        if ascii.high == 0 {
            return P::masks(&ascii, &Beyond::default());
        }
        let place = Place { text: self.text, base };
        P::masks(&ascii, &Beyond::new(place, ascii.high, C::leads(block), self.pattern.classes(), reach))
    }
}

/// The body of [`Scanner::fill`], compiled once per instruction set.
#[inline(always)]
pub(super) fn fill<C: Classify, P: Pattern>(scanner: &mut Scanner<'_, P>, out: &mut [u32; BATCH]) -> usize {
    let mut state = scanner.state;
    if !state.started {
        state.started = true;
        state.current = scanner.masks::<C>(0, &mut state.reach);
    }
    let mut count = 0;
    while state.base < scanner.text.len() && count + BLOCK <= BATCH {
        let next = scanner.masks::<C>(state.base + BLOCK, &mut state.reach);
        let place = Place { text: scanner.text, base: state.base };
        let mut starts = scanner.pattern.starts(place, &state.current, &next, &mut state.carry);
        state.current = next;
        let left = scanner.text.len() - state.base;
        if left < BLOCK {
            starts &= (1 << left) - 1;
        }
        let base = state.base as u32;
        while starts != 0 {
            out[count] = base + starts.trailing_zeros();
            count += 1;
            starts &= starts - 1;
        }
        state.base += BLOCK;
    }
    scanner.state = state;
    count
}

/// The last bytes of a text, blanks after them.
#[cold]
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// The bits after those of `mask`, the first of them from the block before.
#[inline(always)]
pub(super) fn after(mask: u64, carried: u64) -> u64 {
    mask << 1 | carried
}

/// Of the runs of ones in `mask`, those bits at and after a bit of `seeds`, which has one bit in a run at most.
#[inline(always)]
pub(super) fn flood(mask: u64, seeds: u64) -> u64 {
    mask & !mask.wrapping_add(mask & seeds)
}
