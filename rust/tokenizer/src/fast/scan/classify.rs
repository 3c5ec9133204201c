//! The classes of 64 bytes.

use super::Place;
use crate::unicode::category_bits;

/// Bytes of a block.
pub(in crate::fast) const BLOCK: usize = 64;

/// Which of 64 bytes are what; those beyond ASCII are nothing but `high` yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::fast) struct Ascii {
    pub(in crate::fast) letter: u64,
    pub(in crate::fast) upper: u64,
    pub(in crate::fast) number: u64,
    pub(in crate::fast) space: u64,
    /// The space character itself.
    pub(in crate::fast) blank: u64,
    /// Line feeds and carriage returns.
    pub(in crate::fast) line: u64,
    pub(in crate::fast) quote: u64,
    pub(in crate::fast) slash: u64,
    /// Control characters, white space among them.
    pub(in crate::fast) control: u64,
    /// Bytes beyond ASCII.
    pub(in crate::fast) high: u64,
}

/// The bytes of characters beyond ASCII by their place and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::fast) struct Leads {
    /// All but the first bytes.
    pub(in crate::fast) rest: u64,
    /// First bytes of characters of three or four bytes.
    pub(in crate::fast) long: u64,
    pub(in crate::fast) four: u64,
}

pub(in crate::fast) trait Classify {
    fn classify(block: &[u8; BLOCK]) -> Ascii;

    fn leads(block: &[u8; BLOCK]) -> Leads;
}

/// Byte by byte: the oracle of the others, and the path of other machines.
pub(in crate::fast) struct Portable;

impl Classify for Portable {
    #[inline(always)]
    fn classify(block: &[u8; BLOCK]) -> Ascii {
        let mut masks = Ascii::default();
        for (index, &byte) in block.iter().enumerate() {
            let bit = |is: bool| u64::from(is) << index;
            masks.letter |= bit(byte.is_ascii_alphabetic());
            masks.upper |= bit(byte.is_ascii_uppercase());
            masks.number |= bit(byte.is_ascii_digit());
            masks.space |= bit(byte == b' ' || byte.wrapping_sub(9) < 5);
            masks.blank |= bit(byte == b' ');
            masks.line |= bit(byte == b'\n' || byte == b'\r');
            masks.quote |= bit(byte == b'\'');
            masks.slash |= bit(byte == b'/');
            masks.control |= bit(byte.is_ascii_control());
            masks.high |= bit(byte >= 128);
        }
        masks
    }

    #[inline(always)]
    fn leads(block: &[u8; BLOCK]) -> Leads {
        let mut leads = Leads::default();
        for (index, &byte) in block.iter().enumerate() {
            leads.rest |= u64::from(byte & 0xC0 == 0x80) << index;
            leads.long |= u64::from(byte >= 0xE0) << index;
            leads.four |= u64::from(byte >= 0xF0) << index;
        }
        leads
    }
}

/// Classes of characters beyond ASCII; each pattern has its use for some of them.
pub(super) const OTHER: u8 = 0;
pub(super) const LETTER: u8 = 1;
pub(super) const NUMBER: u8 = 2;
pub(super) const SPACE: u8 = 3;
pub(super) const UPPER: u8 = 4;
pub(super) const UNCASED: u8 = 5;
pub(super) const MARK: u8 = 6;
pub(super) const CONTROL: u8 = 7;
/// Beside one of the above.
pub(super) const HAN: u8 = 8;

/// The characters beyond ASCII of a block.
#[derive(Clone, Copy, Default)]
pub(in crate::fast) struct Beyond {
    /// By class, all bytes of characters.
    bits: [u64; 8],
    pub(super) han: u64,
    pub(super) high: u64,
    pub(super) leads: Leads,
}

/// The bytes in the next block of the last character of a block, and its class.
#[derive(Clone, Copy, Default)]
pub(in crate::fast) struct Reach {
    mask: u64,
    class: u8,
}

impl Beyond {
    #[inline(always)]
    pub(super) fn new(
        place: Place<'_>,
        high: u64,
        leads: Leads,
        classes: &[u8; 16],
        reach: &mut Reach,
    ) -> Self {
        let mut this = Self { bits: [0; 8], han: 0, high, leads };
        this.add(reach.class, reach.mask);
        *reach = Reach::default();
        let mut rest = high & !leads.rest;
        while rest != 0 {
            let at = rest.trailing_zeros();
            rest &= rest - 1;
            let (code, length) = character(place.from(at));
            let class = classes[usize::from(category_bits(code))];
            let span = (1u64 << length) - 1;
            this.add(class, span << at);
            if at + length > 64 {
                *reach = Reach { mask: span >> (64 - at), class };
            }
        }
        this
    }

    #[inline(always)]
    fn add(&mut self, class: u8, bits: u64) {
        self.bits[usize::from(class & 7)] |= bits;
        if class & HAN != 0 {
            self.han |= bits;
        }
    }

    #[inline(always)]
    pub(super) fn get(&self, class: u8) -> u64 {
        self.bits[usize::from(class & 7)]
    }
}

/// Code point and length of the character beyond ASCII at the start of `text`.
#[inline(always)]
fn character(text: &[u8]) -> (u32, u32) {
    let byte = |offset: usize| text.get(offset).map_or(0, |byte| u32::from(byte & 0x3F));
    let lead = text.first().map_or(0, |&byte| u32::from(byte));
    match lead {
        0..0xE0 => ((lead & 0x1F) << 6 | byte(1), 2),
        0xE0..0xF0 => ((lead & 0x0F) << 12 | byte(1) << 6 | byte(2), 3),
        _ => ((lead & 0x07) << 18 | byte(1) << 12 | byte(2) << 6 | byte(3), 4),
    }
}

/// Characters of a class by their first byte, apart by length, to look at what follows them.
#[derive(Clone, Copy, Default)]
pub(super) struct ByLength {
    one: u64,
    two: u64,
    three: u64,
    four: u64,
}

impl ByLength {
    #[inline(always)]
    pub(super) fn new(mask: u64, beyond: &Beyond) -> Self {
        let Leads { rest, long, four } = beyond.leads;
        let first = mask & !rest;
        Self {
            one: first & !beyond.high,
            two: first & beyond.high & !long,
            three: first & long & !four,
            four: first & four,
        }
    }

    /// Those which a character of `now`, or in the next block of `next`, follows.
    #[inline(always)]
    pub(super) fn before(&self, now: u64, next: u64) -> u64 {
        let ahead = |distance: u32| now >> distance | next << (64 - distance);
        self.one & ahead(1) | self.two & ahead(2) | self.three & ahead(3) | self.four & ahead(4)
    }
}
