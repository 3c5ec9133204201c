//! GPT-2's piece boundaries by bit algebra, 64 bytes at a time.
//!
//! A block of 64 bytes becomes one bit mask per character class; characters beyond ASCII are looked up one by one and
//! set the bits of all their bytes. Where pieces start is then a formula over the masks, the bits carried from the
//! block before and the bits of the block after. Equal to [`crate::split::gpt2`], which is the definition, by test.
//!
//! With `X` any of the classes letter, number and other, a piece starts
//! - where a run of `X` starts, unless a space stands before it: then the space starts the piece;
//! - where a run of white space starts;
//! - at the last character of a run of white space, if the text goes on after it.
//!
//! Contractions are handled apart, at apostrophes that start a piece.

use ferrolm_base::simd::{self, Level};

use super::arch;
use crate::unicode::Class;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// Starts that one call of [`Scanner::fill`] returns at most.
pub(crate) const BATCH: usize = 512;

/// Which of 64 bytes are what; only ASCII has letters, numbers and spaces yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ascii {
    pub(super) letter: u64,
    pub(super) number: u64,
    pub(super) space: u64,
    /// The space character itself.
    pub(super) blank: u64,
    pub(super) quote: u64,
    /// Bytes beyond ASCII.
    pub(super) high: u64,
}

pub(super) trait Classify {
    fn classify(block: &[u8; BLOCK]) -> Ascii;
}

/// Byte by byte: the oracle of the others, and the path of other machines.
pub(super) struct Portable;

impl Classify for Portable {
    #[inline(always)]
    fn classify(block: &[u8; BLOCK]) -> Ascii {
        let mut masks = Ascii::default();
        for (index, &byte) in block.iter().enumerate() {
            let bit = |is: bool| u64::from(is) << index;
            masks.letter |= bit(byte.is_ascii_alphabetic());
            masks.number |= bit(byte.is_ascii_digit());
            masks.space |= bit(byte == b' ' || byte.wrapping_sub(9) < 5);
            masks.blank |= bit(byte == b' ');
            masks.quote |= bit(byte == b'\'');
            masks.high |= bit(byte >= 128);
        }
        masks
    }
}

/// The classes of a block's bytes.
#[derive(Clone, Copy, Default)]
struct Masks {
    letter: u64,
    number: u64,
    space: u64,
    blank: u64,
    quote: u64,
    /// White space of one byte, first bytes of white space of two and of three bytes.
    space1: u64,
    space2: u64,
    space3: u64,
}

/// Walks over a text and hands out the starts of its pieces.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    /// Start of the block whose masks are `current`.
    base: usize,
    started: bool,
    current: Masks,
    /// Bits of characters that reach into the block after `current`.
    reach: [u64; 4],
    /// Classes of the last byte before `current`, in bit 0: letter, number, other, space, blank.
    before: [u64; 5],
    /// Starts that a contraction takes away from and adds to the block after.
    clear: u64,
    set: u64,
    level: Level,
}

impl<'a> Scanner<'a> {
    /// `text` must be shorter than 4 GiB.
    pub(super) fn new(text: &'a str, level: Level) -> Self {
        Self {
            text: text.as_bytes(),
            base: 0,
            started: false,
            current: Masks::default(),
            reach: [0; 4],
            before: [0; 5],
            clear: 0,
            set: 0,
            level,
        }
    }

    pub(crate) fn with_best(text: &'a str) -> Self {
        Self::new(text, simd::level())
    }

    /// Write the next starts, ascending; 0 of them at the end of the text.
    pub(crate) fn fill(&mut self, starts: &mut [u32; BATCH]) -> usize {
        arch::fill(self.level, self, starts)
    }

    /// Classify the block at `base`; beyond the text there is white space.
    #[inline(always)]
    fn masks<C: Classify>(&mut self, base: usize) -> Masks {
        let ascii = match self.text.get(base..base + BLOCK).and_then(|block| block.try_into().ok()) {
            Some(block) => C::classify(block),
            None => C::classify(&padded(self.text.get(base..).unwrap_or_default())),
        };
        let mut masks = Masks {
            letter: ascii.letter,
            number: ascii.number,
            space: ascii.space,
            blank: ascii.blank,
            quote: ascii.quote,
            space1: ascii.space,
            ..Masks::default()
        };
        if ascii.high != 0 {
            self.beyond_ascii(base, ascii.high, &mut masks);
        }
        masks
    }

    /// Set the bits of the characters beyond ASCII that start in this block or reach into it.
    #[inline(always)]
    fn beyond_ascii(&mut self, base: usize, high: u64, masks: &mut Masks) {
        let [letter, number, space, any] = std::mem::take(&mut self.reach);
        // Per class: bits of this block below, of the next one above.
        let mut bits = [0u128, u128::from(letter), u128::from(number), u128::from(space)];
        let mut rest = high & !any;
        let mut covered = 0u128;
        while rest != 0 {
            let at = rest.trailing_zeros() as usize;
            let (class, length) = class_at(self.text, base + at);
            let span = ((1u128 << length) - 1) << at;
            bits[class as usize] |= span;
            covered = span;
            rest &= !(span as u64);
            if class == Class::Space {
                masks.space2 |= u64::from(length == 2) << at;
                masks.space3 |= u64::from(length == 3) << at;
            }
        }
        masks.letter |= bits[1] as u64;
        masks.number |= bits[2] as u64;
        masks.space |= bits[3] as u64;
        let above = |bits: u128| (bits >> 64) as u64;
        self.reach = [above(bits[1]), above(bits[2]), above(bits[3]), above(covered)];
    }

    /// Contractions at apostrophes that start a piece: the letters after one are not a piece of their own, and what
    /// follows the contraction is.
    #[inline(never)]
    fn contractions(&mut self, mut quotes: u64, starts: &mut u64) {
        while quotes != 0 {
            let at = quotes.trailing_zeros() as usize;
            quotes &= quotes - 1;
            let length = match self.text.get(self.base + at + 1..).unwrap_or_default() {
                [b's' | b't' | b'm' | b'd', ..] => 2,
                [b'r' | b'v', b'e', ..] | [b'l', b'l', ..] => 3,
                _ => continue,
            };
            let (clear, set) = (1u128 << (at + 1), 1u128 << (at + length));
            *starts = *starts & !(clear as u64) | set as u64;
            self.clear |= (clear >> 64) as u64;
            self.set |= (set >> 64) as u64;
        }
    }
}

/// The body of [`Scanner::fill`], compiled once per instruction set.
#[inline(always)]
pub(super) fn fill<C: Classify>(scanner: &mut Scanner<'_>, out: &mut [u32; BATCH]) -> usize {
    if !scanner.started {
        scanner.started = true;
        scanner.current = scanner.masks::<C>(0);
    }
    let mut count = 0;
    while scanner.base < scanner.text.len() && count + BLOCK <= BATCH {
        let mut starts = step::<C>(scanner);
        let base = scanner.base as u32;
        while starts != 0 {
            out[count] = base + starts.trailing_zeros();
            count += 1;
            starts &= starts - 1;
        }
        scanner.base += BLOCK;
    }
    count
}

/// Where pieces start in the current block; the next one becomes current.
#[inline(always)]
fn step<C: Classify>(scanner: &mut Scanner<'_>) -> u64 {
    let now = scanner.current;
    let next = scanner.masks::<C>(scanner.base + BLOCK);
    let other = !(now.letter | now.number | now.space);
    let [letter, number, others, space, blank] = scanner.before;
    let same = now.letter & (now.letter << 1 | letter)
        | now.number & (now.number << 1 | number)
        | other & (other << 1 | others);
    let run_starts = !now.space & !same & !(now.blank << 1 | blank);
    let space_starts = now.space & !(now.space << 1 | space);
    let after = |distance: u32| now.space >> distance | next.space << (64 - distance);
    let last = now.space1 & !after(1) | now.space2 & !after(2) | now.space3 & !after(3);
    let mut starts = run_starts | space_starts | last;
    starts = starts & !std::mem::take(&mut scanner.clear) | std::mem::take(&mut scanner.set);
    if starts & now.quote != 0 {
        scanner.contractions(starts & now.quote, &mut starts);
    }
    scanner.before = [now.letter >> 63, now.number >> 63, other >> 63, now.space >> 63, now.blank >> 63];
    scanner.current = next;
    let left = scanner.text.len() - scanner.base;
    if left < BLOCK { starts & ((1 << left) - 1) } else { starts }
}

/// The last bytes of a text, white space after them.
#[cold]
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// Class and length of the character beyond ASCII that starts at `at`, a boundary of a valid text.
#[inline(always)]
fn class_at(text: &[u8], at: usize) -> (Class, usize) {
    let byte = |offset: usize| text.get(at + offset).map_or(0, |byte| u32::from(byte & 0x3F));
    let lead = text.get(at).map_or(0, |&byte| u32::from(byte));
    let (code, length) = match lead {
        0..0xE0 => ((lead & 0x1F) << 6 | byte(1), 2),
        0xE0..0xF0 => ((lead & 0x0F) << 12 | byte(1) << 6 | byte(2), 3),
        _ => ((lead & 0x07) << 18 | byte(1) << 12 | byte(2) << 6 | byte(3), 4),
    };
    (Class::of_code(code), length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::split::gpt2;

    fn starts(text: &str, level: Level) -> Vec<usize> {
        let mut scanner = Scanner::new(text, level);
        let (mut buffer, mut starts) = ([0; BATCH], Vec::new());
        loop {
            match scanner.fill(&mut buffer) {
                0 => return starts,
                count => starts.extend(buffer[..count].iter().map(|&start| start as usize)),
            }
        }
    }

    fn check(text: &str) {
        let mut expected = Vec::new();
        gpt2::split(text, |range| expected.push(range.start));
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            if level <= simd::detected() {
                assert_eq!(starts(text, level), expected, "{level:?} {text:?}");
            }
        }
    }

    #[test]
    fn every_character_at_every_place_of_a_block() {
        for character in ('\u{0}'..=char::MAX).step_by(7).chain('\u{0}'..'\u{3100}') {
            let place = character as usize % 70;
            check(&format!("{}{character}s {character} 1{character}", "a".repeat(place)));
        }
    }

    #[test]
    fn contractions_and_white_space_across_blocks() {
        for middle in
            ["'s", "'re", "'ll'd", " 's", "\u{3000}\u{3000}x", "\u{a0} x", "  \u{2003}", "\n\n ", "''ve"]
        {
            for before in 55..70 {
                for after in ["", "x", " ", " x", "  ", "\u{e9}", "1"] {
                    check(&format!("{}{middle}{after}", "b".repeat(before)));
                    check(&format!("{}{middle}{after}{}", ".".repeat(before), "c".repeat(80)));
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn equal_to_the_definition(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    " ", "  ", "\n", "\u{a0}", "\u{3000}", "\u{2003} ", "'", "'s", "'re", "'ll", "a", "Zq", "word", "9",
                    "12", "!", "?!", "\u{e9}", "\u{6f22}\u{5b57}", "\u{1f44d}", "\u{301}", "\u{bd}", "\u{10ffff}", "\0", "_",
                ]),
                0..120,
            ),
        ) {
            check(&parts.concat());
        }
    }
}
