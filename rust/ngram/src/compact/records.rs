//! The n-grams of one order as records of bits.

use super::bits::{BitWriter, Bits, units, width_of};
use super::book::Book;

#[derive(Debug, Clone)]
pub(super) struct Records {
    pub count: usize,
    pub widths: Widths,
    pub log10: Book,
    /// Of no values and no bits at the top order.
    pub backoff: Book,
    pub bits: Bits,
}

/// Bits of the fields of a record, in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Widths {
    pub word: u32,
    pub log10: u32,
    pub backoff: u32,
    pub suffix: u32,
    pub start: u32,
    /// Their sum.
    pub record: u32,
}

impl Widths {
    pub fn new([word, log10, backoff, suffix, start]: [u32; 5]) -> Self {
        Self { word, log10, backoff, suffix, start, record: word + log10 + backoff + suffix + start }
    }

    /// The first bit of the record at `place`.
    #[inline(always)]
    fn bit(self, place: usize) -> usize {
        place * self.record as usize
    }

    /// The units for so many records.
    pub fn units(self, count: u64) -> u64 {
        units(count * u64::from(self.record))
    }
}

/// The columns of an order's n-grams.
pub(super) struct Columns<'a> {
    pub words: &'a [u32],
    pub log10: &'a [u32],
    /// Empty at the top order.
    pub backoffs: &'a [u32],
    /// Empty for bigrams and at the top order.
    pub suffixes: &'a [u32],
    /// What [`super::starts::split`] keeps here; empty at the top order.
    pub starts: &'a [u32],
}

impl Records {
    pub fn of(columns: &Columns<'_>, log10: Book, backoff: Book) -> Self {
        let largest = |numbers: &[u32]| width_of(numbers.iter().copied().max().unwrap_or(0).into());
        let widths = Widths::new([
            // No record is without bits: a file is then as long as its n-grams are many.
            largest(columns.words).max(1),
            log10.width,
            if columns.backoffs.is_empty() { 0 } else { backoff.width },
            largest(columns.suffixes),
            largest(columns.starts),
        ]);
        let count = columns.words.len();
        let mut bits = BitWriter::new(widths.units(count as u64));
        let field = |column: &[u32], index: usize| column.get(index).copied().unwrap_or(0).into();
        for index in 0..count {
            bits.push(field(columns.words, index), widths.word);
            bits.push(field(columns.log10, index), widths.log10);
            bits.push(field(columns.backoffs, index), widths.backoff);
            bits.push(field(columns.suffixes, index), widths.suffix);
            bits.push(field(columns.starts, index), widths.start);
        }
        Self { count, widths, log10, backoff, bits: bits.finish() }
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&*self.bits.0) + self.log10.bytes() + self.backoff.bytes()
    }

    #[inline(always)]
    pub fn word(&self, place: usize) -> u32 {
        self.bits.get(self.widths.bit(place), self.widths.word) as u32
    }

    #[inline(always)]
    pub fn log10(&self, place: usize) -> f32 {
        self.log10.decode(self.log10_code(place))
    }

    #[inline(always)]
    pub fn log10_code(&self, place: usize) -> u64 {
        let Widths { word, log10, .. } = self.widths;
        self.bits.get(self.widths.bit(place) + word as usize, log10)
    }

    #[inline(always)]
    pub fn backoff(&self, place: usize) -> f32 {
        self.backoff.decode(self.backoff_code(place))
    }

    #[inline(always)]
    pub fn backoff_code(&self, place: usize) -> u64 {
        let Widths { word, log10, backoff, .. } = self.widths;
        self.bits.get(self.widths.bit(place) + (word + log10) as usize, backoff)
    }

    #[inline(always)]
    pub fn suffix(&self, place: usize) -> u32 {
        let Widths { suffix, start, .. } = self.widths;
        self.bits.get(self.widths.bit(place + 1) - (suffix + start) as usize, suffix) as u32
    }

    #[inline(always)]
    pub fn start(&self, place: usize) -> u32 {
        let Widths { start, .. } = self.widths;
        self.bits.get(self.widths.bit(place + 1) - start as usize, start) as u32
    }

    #[inline(always)]
    pub fn prefetch(&self, place: usize) {
        self.bits.prefetch(self.widths.bit(place));
    }
}
