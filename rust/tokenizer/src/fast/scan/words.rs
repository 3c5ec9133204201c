//! The formulas of cl100k, Llama 3, Qwen, o200k and tekken; see [`crate::split::Words`] for what they differ in.
//!
//! A piece starts
//! - where a run of letters starts, unless it takes the character before: white space but line breaks, which then is
//!   the last of its run and starts the piece, or punctuation that is alone and has no blank before it;
//! - where a run of punctuation starts, unless a blank stands before it;
//! - at every third number of a run, or at each;
//! - where a run of white space starts, after the last line break of one, and at the last character of one, if that is
//!   no line break and the text goes on after it.
//!
//! Line breaks after punctuation are no part of any run: the punctuation takes them. What depends on case or on marks
//! is in `cased`.

use super::classify::{Ascii, Beyond, ByLength, CONTROL, LETTER, MARK, NUMBER, OTHER, SPACE, UNCASED, UPPER};
use super::numbers::Numbers;
use super::{Pattern, Place, after, flood};
use crate::split::{Contractions, Words, contraction};
use crate::unicode::{Categories, Category};

/// `CASED` is known to the compiler because it is much work.
#[derive(Clone, Copy)]
pub(in crate::fast) struct ByWords<const CASED: bool>(pub(in crate::fast) Words);

#[derive(Clone, Copy, Default)]
pub(in crate::fast) struct Masks {
    /// Letters, without those below; a pattern without case has no others.
    letter: u64,
    upper: u64,
    uncased: u64,
    mark: u64,
    number: u64,
    space: u64,
    blank: u64,
    line: u64,
    quote: u64,
    slash: u64,
    /// Bytes of characters but their first.
    rest: u64,
    /// White space but line breaks.
    spaces: ByLength,
}

/// Classes of the last byte before the block, in bit 0, and the like.
#[derive(Clone, Copy, Default)]
pub(in crate::fast) struct Carry {
    word: u64,
    other: u64,
    space: u64,
    blank: u64,
    /// White space but line breaks.
    plain: u64,
    line: u64,
    /// What follows punctuation took the last byte.
    taken: u64,
    /// The block starts after, or within, punctuation that is alone.
    alone: u64,
    /// Starts that a contraction adds, and letters that one takes.
    set: u64,
    suffix: u64,
    numbers: Numbers,
    case: Case,
}

/// Of the last byte before the block: lower case or uncased after it in the same word; uncased otherwise.
#[derive(Clone, Copy, Default)]
struct Case {
    second: u64,
    first: u64,
}

static PLAIN: [u8; 16] = {
    let mut classes = [OTHER; 16];
    (classes[1], classes[2], classes[3], classes[11]) = (LETTER, LETTER, LETTER, LETTER);
    (classes[5], classes[9]) = (NUMBER, SPACE);
    classes
};

static WITH_MARKS: [u8; 16] = {
    let mut classes = PLAIN;
    (classes[4], classes[12]) = (LETTER, LETTER);
    classes
};

static WITH_CASE: [u8; 16] = {
    let mut classes = PLAIN;
    (classes[2], classes[3], classes[11]) = (UPPER, UNCASED, UNCASED);
    (classes[4], classes[12]) = (MARK, MARK);
    classes
};

const _: () = assert!(CONTROL == 7, "classes fit into three bits");

/// The masks of a block as they change while it is worked on.
struct Block {
    word: u64,
    other: u64,
    line: u64,
    taken: u64,
}

impl<const CASED: bool> Pattern for ByWords<CASED> {
    type Masks = Masks;
    type Carry = Carry;

    #[inline(always)]
    fn classes(&self) -> &'static [u8; 16] {
        match () {
            () if CASED => &WITH_CASE,
            () if self.0.marks => &WITH_MARKS,
            () => &PLAIN,
        }
    }

    #[inline(always)]
    fn masks(ascii: &Ascii, beyond: &Beyond) -> Masks {
        let space = ascii.space | beyond.get(SPACE);
        let mut masks = Masks {
            letter: ascii.letter | beyond.get(LETTER),
            number: ascii.number | beyond.get(NUMBER),
            space,
            blank: ascii.blank,
            line: ascii.line,
            quote: ascii.quote,
            rest: beyond.leads.rest,
            spaces: ByLength::new(space & !ascii.line, beyond),
            ..Masks::default()
        };
        if CASED {
            masks.letter &= !ascii.upper;
            masks.upper = ascii.upper | beyond.get(UPPER);
            masks.uncased = beyond.get(UNCASED);
            masks.mark = beyond.get(MARK);
            masks.slash = ascii.slash;
        }
        masks
    }

    #[inline(always)]
    fn starts(&self, place: Place<'_>, now: &Masks, next: &Masks, carry: &mut Carry) -> u64 {
        let letter = now.letter | now.upper | now.uncased;
        let mut block = Block {
            word: letter | now.mark,
            other: !(letter | now.mark | now.number | now.space),
            line: now.line,
            taken: 0,
        };
        if CASED {
            self.take_cased(now, carry, &mut block);
            self.suffixes(place, now, carry, &mut block);
        } else {
            let seeds = block.line & after(block.other, carry.other | carry.taken);
            if seeds != 0 {
                block.taken = flood(block.line, seeds);
                block.line &= !block.taken;
            }
        }
        let Block { word, other, line, taken } = block;
        let space = now.space & !taken;
        let plain = now.space & !now.line;

        let others = other & !after(other, carry.other);
        let blanks = after(now.blank, carry.blank);
        let mut starts = others & !blanks;
        let (alone, carried) = after_first(other & now.rest, starts, carry.alone);
        starts |= word & !after(word, carry.word) & !alone & !after(plain, carry.plain);
        starts |= space & !after(space, carry.space);
        starts |= now.spaces.before(!now.space, !next.space);
        let indents = plain & after(line, carry.line);
        if indents != 0 {
            starts |= self.indents(place, indents, plain, now.line);
        }
        starts |= carry.numbers.starts(now.number, now.rest, self.0.digits);
        if CASED {
            starts |= cases(place, now, word, &mut carry.case);
        }
        starts |= std::mem::take(&mut carry.set);
        *carry = Carry {
            word: word >> 63,
            other: other >> 63,
            space: space >> 63,
            blank: now.blank >> 63,
            plain: plain >> 63,
            line: line >> 63,
            taken: taken >> 63,
            alone: carried,
            ..*carry
        };
        if !CASED && starts & other & now.quote != 0 {
            starts = contractions(place, starts & other & now.quote, starts, carry);
        }
        starts
    }
}

/// The positions after the characters that start at `firsts`, where `rest` has the other bytes of such characters;
/// whether the last one reaches the next block comes second.
#[inline(always)]
fn after_first(rest: u64, firsts: u64, carried: u64) -> (u64, u64) {
    let (sum, overflow) = rest.overflowing_add(firsts << 1 | carried);
    (sum & !rest, u64::from(overflow) | firsts >> 63)
}

impl<const CASED: bool> ByWords<CASED> {
    /// White space after a line break starts a piece unless another line break comes in the same run.
    #[inline(always)]
    fn indents(&self, place: Place<'_>, indents: u64, plain: u64, line: u64) -> u64 {
        let (sum, overflow) = plain.overflowing_add(indents);
        if !overflow && sum & !plain & line == 0 { indents } else { self.indents_apart(place, indents) }
    }

    #[inline(never)]
    fn indents_apart(&self, place: Place<'_>, mut indents: u64) -> u64 {
        let mut starts = 0;
        while indents != 0 {
            let bit = indents & indents.wrapping_neg();
            indents &= indents - 1;
            let ends = match end_of_spaces(place.from(bit.trailing_zeros())) {
                Some(byte) => !matches!(byte, b'\r' | b'\n'),
                None => !self.0.whole_end,
            };
            if ends {
                starts |= bit;
            }
        }
        starts
    }

    /// Decide which marks belong to punctuation, and what follows punctuation and belongs to it.
    #[inline(always)]
    fn take_cased(&self, now: &Masks, carry: &Carry, block: &mut Block) {
        let behind = after(block.other, carry.other);
        // A slash after line breaks that were taken is taken too.
        let chain = block.line & (behind | carry.taken) | now.slash & carry.taken & 1;
        let slashes = now.slash & (after(now.line, 0) | carry.taken & 1);
        if chain | now.mark & behind == 0 {
            return;
        }
        if now.mark & behind == 0 && slashes == 0 {
            block.taken = flood(block.line, chain);
            block.line &= !block.taken;
        } else {
            self.take_one_by_one(now, carry, block);
        }
    }

    #[inline(never)]
    fn take_one_by_one(&self, now: &Masks, carry: &Carry, block: &mut Block) {
        let takers = if self.0.slashes { now.line | now.slash } else { now.line };
        let mut open = u64::MAX;
        let mut marks = now.mark;
        if carry.taken & takers & 1 != 0 {
            take(block, flood(takers, 1));
        }
        loop {
            let behind = after(block.other, carry.other);
            let events = (block.line & !block.taken | marks) & behind & open;
            if events == 0 {
                return;
            }
            let event = events & events.wrapping_neg();
            open = !(event | (event - 1));
            if now.line & event != 0 {
                take(block, flood(takers & !(event - 1), event));
                continue;
            }
            let firsts = block.other & !behind & !after(now.blank, carry.blank);
            let (alone, _) = after_first(block.other & now.rest, firsts, carry.alone);
            let run = flood(marks & !(event - 1), event);
            marks &= !run;
            if alone & event == 0 {
                block.other |= run;
                block.word &= !run;
            }
        }
    }

    /// Contractions that end words.
    #[inline(always)]
    fn suffixes(&self, place: Place<'_>, now: &Masks, carry: &mut Carry, block: &mut Block) {
        block.word &= !std::mem::take(&mut carry.suffix);
        if self.0.contractions == Contractions::Suffix
            && now.quote & block.other & after(block.word, carry.word) != 0
        {
            suffixes_apart(place, now.quote, carry, block);
        }
    }
}

fn take(block: &mut Block, bits: u64) {
    block.taken |= bits;
    block.other &= !bits;
    block.line &= !bits;
}

#[inline(never)]
fn suffixes_apart(place: Place<'_>, mut quotes: u64, carry: &mut Carry, block: &mut Block) {
    loop {
        let bit = quotes & block.other & after(block.word, carry.word);
        if bit == 0 {
            return;
        }
        let at = bit.trailing_zeros();
        quotes &= !(1 << at);
        let length = contraction(place.from(at));
        if length > 0 {
            let span = ((1u128 << length) - 1) << at;
            block.other &= !(span as u64);
            block.word &= !(span as u64);
            carry.suffix = (span >> 64) as u64;
        }
    }
}

/// Where words end at a change of case.
#[inline(always)]
fn cases(place: Place<'_>, now: &Masks, word: u64, carry: &mut Case) -> u64 {
    let (lower, upper, uncased) = (now.letter & word, now.upper & word, (now.uncased | now.mark) & word);
    let second = lower | flood(uncased, uncased & after(lower, carry.second));
    let first = uncased & !second;
    let mut starts = upper & after(second, carry.second);
    // Upper case after uncased letters starts a word if no lower case comes: then the word before gave back.
    let mut open = upper & after(first, carry.first);
    *carry = Case { second: second >> 63, first: first >> 63 };
    while open != 0 {
        let bit = open & open.wrapping_neg();
        open &= open - 1;
        if !goes_on_after_upper(place.from(bit.trailing_zeros())) {
            starts |= bit;
        }
    }
    starts
}

/// Whether a letter without upper case, or a mark, follows the upper case that `text` starts with.
#[inline(never)]
fn goes_on_after_upper(text: &[u8]) -> bool {
    characters(text)
        .map(Category::of)
        .find(|&category| category != Category::Upper)
        .is_some_and(|category| category.is(Categories::LOWER))
}

/// The byte that follows the white space but line breaks that `text` starts with.
pub(super) fn end_of_spaces(text: &[u8]) -> Option<u8> {
    let mut length = 0;
    for character in characters(text) {
        if Category::of(character) != Category::Space || matches!(character, '\r' | '\n') {
            break;
        }
        length += character.len_utf8();
    }
    text.get(length).copied()
}

/// The characters of a part of a text that starts at a boundary.
fn characters(text: &[u8]) -> impl Iterator<Item = char> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let lead = *rest.first()?;
        let length = match lead {
            0..0xC0 => 1,
            0xC0..0xE0 => 2,
            0xE0..0xF0 => 3,
            _ => 4,
        };
        let (one, others) = rest.split_at_checked(length)?;
        rest = others;
        std::str::from_utf8(one).ok()?.chars().next()
    })
}

/// Contractions at apostrophes that start a piece: what follows one starts a piece.
#[inline(never)]
fn contractions(place: Place<'_>, mut quotes: u64, mut starts: u64, carry: &mut Carry) -> u64 {
    while quotes != 0 {
        let at = quotes.trailing_zeros();
        quotes &= quotes - 1;
        let length = contraction(place.from(at));
        if length > 0 {
            let set = 1u128 << (at as usize + length);
            starts |= set as u64;
            carry.set |= (set >> 64) as u64;
        }
    }
    starts
}
