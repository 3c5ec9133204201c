//! GPT-2's formula.
//!
//! With `X` any of the classes letter, number and other, a piece starts
//! - where a run of `X` starts, unless a space stands before it: then the space starts the piece;
//! - where a run of white space starts;
//! - at the last character of a run of white space, if the text goes on after it.
//!
//! Contractions are handled apart, at apostrophes that start a piece.
//!
//! Where numbers are cut out first, each is a piece, and for what is before it the text ends there.

use super::classify::{Ascii, Beyond, ByLength, LETTER, NUMBER, OTHER, SPACE};
use super::{Pattern, Place, after};

/// With `DIGITS`, numbers are cut out first.
#[derive(Clone, Copy)]
pub(in crate::fast) struct Gpt2<const DIGITS: bool>;

#[derive(Clone, Copy, Default)]
pub(in crate::fast) struct Masks {
    letter: u64,
    number: u64,
    space: u64,
    blank: u64,
    quote: u64,
    /// Bytes of characters but their first.
    rest: u64,
    spaces: ByLength,
}

/// Classes of the last byte before the block, in bit 0, and what a contraction reaches over.
#[derive(Clone, Copy, Default)]
pub(in crate::fast) struct Carry {
    letter: u64,
    number: u64,
    other: u64,
    space: u64,
    blank: u64,
    /// Starts that a contraction takes away and adds.
    clear: u64,
    set: u64,
}

static CLASSES: [u8; 16] = {
    let mut classes = [OTHER; 16];
    (classes[1], classes[2], classes[3], classes[11]) = (LETTER, LETTER, LETTER, LETTER);
    (classes[5], classes[9]) = (NUMBER, SPACE);
    classes
};

impl<const DIGITS: bool> Pattern for Gpt2<DIGITS> {
    type Masks = Masks;
    type Carry = Carry;

    #[inline(always)]
    fn classes(&self) -> &'static [u8; 16] {
        &CLASSES
    }

    #[inline(always)]
    fn masks(ascii: &Ascii, beyond: &Beyond) -> Masks {
        let space = ascii.space | beyond.get(SPACE);
        Masks {
            letter: ascii.letter | beyond.get(LETTER),
            number: ascii.number | beyond.get(NUMBER),
            space,
            blank: ascii.blank,
            quote: ascii.quote,
            rest: beyond.leads.rest,
            spaces: ByLength::new(space, beyond),
        }
    }

    #[inline(always)]
    fn starts(&self, place: Place<'_>, now: &Masks, next: &Masks, carry: &mut Carry) -> u64 {
        let other = !(now.letter | now.number | now.space);
        let same = now.letter & after(now.letter, carry.letter)
            | now.number & after(now.number, carry.number)
            | other & after(other, carry.other);
        let run_starts = !now.space & !same & !after(now.blank, carry.blank);
        let space_starts = now.space & !after(now.space, carry.space);
        let goes_on = |masks: &Masks| if DIGITS { !(masks.space | masks.number) } else { !masks.space };
        let last = now.spaces.before(goes_on(now), goes_on(next));
        let mut starts = run_starts | space_starts | last;
        if DIGITS {
            starts = starts & !now.number | now.number & !now.rest;
        }
        starts = starts & !carry.clear | carry.set;
        *carry = Carry {
            letter: now.letter >> 63,
            number: now.number >> 63,
            other: other >> 63,
            space: now.space >> 63,
            blank: now.blank >> 63,
            clear: 0,
            set: 0,
        };
        if starts & now.quote != 0 {
            starts = contractions(place, starts & now.quote, starts, carry);
        }
        starts
    }
}

/// Contractions at apostrophes that start a piece: the letters after one are not a piece of their own, and what
/// follows the contraction is.
#[inline(never)]
fn contractions(place: Place<'_>, mut quotes: u64, mut starts: u64, carry: &mut Carry) -> u64 {
    while quotes != 0 {
        let at = quotes.trailing_zeros();
        quotes &= quotes - 1;
        let length = match place.from(at + 1) {
            [b's' | b't' | b'm' | b'd', ..] => 2,
            [b'r' | b'v', b'e', ..] | [b'l', b'l', ..] => 3,
            _ => continue,
        };
        let (clear, set) = (1u128 << (at + 1), 1u128 << (at + length));
        starts = starts & !(clear as u64) | set as u64;
        carry.clear |= (clear >> 64) as u64;
        carry.set |= (set >> 64) as u64;
    }
    starts
}
