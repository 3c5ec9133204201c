//! DeepSeek's formula; see `split/deepseek.rs` for its patterns.
//!
//! Numbers, Chinese and kana, and the rest are zones: a piece starts where the zone changes, and nothing within one sees
//! across. Within a zone a piece starts
//! - where a run of letters and marks starts, unless it takes the character before: white space but line breaks, or one
//!   that is neither letter nor punctuation; or unless it is ASCII after an ASCII punctuation mark that is alone, when
//!   a piece starts after the ASCII letters;
//! - where a run of punctuation and symbols starts, unless a blank stands before it;
//! - where a run of other characters starts, and at the last of one that a letter or mark follows;
//! - at white space as in [`super::words`].

use super::classify::{Ascii, Beyond, ByLength, CONTROL, HAN, LETTER, NUMBER, OTHER, SPACE};
use super::numbers::Numbers;
use super::words::end_of_spaces;
use super::{Pattern, Place, after, flood};

#[derive(Clone, Copy)]
pub(in crate::fast) struct DeepSeek;

#[derive(Clone, Copy, Default)]
pub(in crate::fast) struct Masks {
    /// Letters and marks.
    word: u64,
    graphic: u64,
    number: u64,
    control: u64,
    space: u64,
    blank: u64,
    line: u64,
    han: u64,
    high: u64,
    rest: u64,
    spaces: ByLength,
    controls: ByLength,
}

/// Classes of the last byte before the block, in bit 0, and the like.
#[derive(Clone, Copy, Default)]
pub(in crate::fast) struct Carry {
    word: u64,
    graphic: u64,
    control: u64,
    space: u64,
    blank: u64,
    plain: u64,
    line: u64,
    taken: u64,
    han: u64,
    number: u64,
    /// ASCII punctuation that is alone; ASCII letters after such.
    alone: u64,
    joined: u64,
    numbers: Numbers,
}

static CLASSES: [u8; 16] = {
    let mut classes = [OTHER; 16];
    (classes[0], classes[8]) = (CONTROL, CONTROL | HAN);
    (classes[1], classes[2], classes[3], classes[4]) = (LETTER, LETTER, LETTER, LETTER);
    (classes[11], classes[12]) = (LETTER | HAN, LETTER | HAN);
    (classes[14], classes[15]) = (OTHER | HAN, OTHER | HAN);
    (classes[5], classes[9]) = (NUMBER, SPACE);
    classes
};

impl Masks {
    /// Where the zone is not that of the byte before.
    #[inline(always)]
    fn zones(&self, han: u64, number: u64) -> u64 {
        self.han ^ after(self.han, han) | self.number ^ after(self.number, number)
    }
}

impl Pattern for DeepSeek {
    type Masks = Masks;
    type Carry = Carry;

    #[inline(always)]
    fn classes(&self) -> &'static [u8; 16] {
        &CLASSES
    }

    #[inline(always)]
    fn masks(ascii: &Ascii, beyond: &Beyond) -> Masks {
        let word = ascii.letter | beyond.get(LETTER);
        let number = ascii.number | beyond.get(NUMBER);
        let space = ascii.space | beyond.get(SPACE);
        let control = ascii.control & !ascii.space | beyond.get(CONTROL);
        Masks {
            word,
            graphic: !(word | number | space | control),
            number,
            control,
            space,
            blank: ascii.blank,
            line: ascii.line,
            han: beyond.han,
            high: beyond.high,
            rest: beyond.leads.rest,
            spaces: ByLength::new(space & !ascii.line, beyond),
            controls: ByLength::new(control, beyond),
        }
    }

    #[inline(always)]
    fn starts(&self, place: Place<'_>, now: &Masks, next: &Masks, carry: &mut Carry) -> u64 {
        let zones = now.zones(carry.han, carry.number);
        let next_zones = next.zones(now.han >> 63, now.number >> 63);
        let behind = |mask: u64, carried: u64| after(mask, carried) & !zones;
        let taken = flood(now.line, now.line & (behind(now.graphic, carry.graphic) | carry.taken & 1));
        let line = now.line & !taken;
        let space = now.space & !taken;
        let plain = now.space & !now.line;

        let graphic = now.graphic & !behind(now.graphic, carry.graphic) & !behind(now.blank, carry.blank);
        let ascii = now.word & !now.high;
        let alone = graphic & !now.high;
        let words = now.word & !behind(now.word, carry.word);
        let joined = words & ascii & after(alone, carry.alone);
        let run = flood(ascii, joined | carry.joined & 1);
        let takes = behind(plain, carry.plain) | behind(now.control, carry.control);
        let mut starts = zones | graphic | words & !joined & !takes;
        starts |= now.word & now.high & after(run, carry.joined);
        starts |= now.control & !behind(now.control, carry.control);
        starts |= now.controls.before(now.word & !zones, next.word & !next_zones);
        starts |= space & !behind(space, carry.space);
        starts |= now.spaces.before(!now.space & !zones, !next.space & !next_zones);
        let indents = plain & behind(line, carry.line);
        if indents != 0 {
            starts |= indent_starts(place, indents, plain, now.line);
        }
        starts |= carry.numbers.starts(now.number, now.rest, 3);
        *carry = Carry {
            word: now.word >> 63,
            graphic: now.graphic >> 63,
            control: now.control >> 63,
            space: space >> 63,
            blank: now.blank >> 63,
            plain: plain >> 63,
            line: line >> 63,
            taken: taken >> 63,
            han: now.han >> 63,
            number: now.number >> 63,
            alone: alone >> 63,
            joined: run >> 63,
            numbers: carry.numbers,
        };
        starts
    }
}

/// White space after a line break starts a piece unless another line break comes in the same run.
#[inline(always)]
fn indent_starts(place: Place<'_>, mut indents: u64, plain: u64, line: u64) -> u64 {
    let (sum, overflow) = plain.overflowing_add(indents);
    if !overflow && sum & !plain & line == 0 {
        return indents;
    }
    let mut starts = 0;
    while indents != 0 {
        let bit = indents & indents.wrapping_neg();
        indents &= indents - 1;
        if !matches!(end_of_spaces(place.from(bit.trailing_zeros())), Some(b'\r' | b'\n')) {
            starts |= bit;
        }
    }
    starts
}
