//! Numbers of a few bits each, one after the other.

use crate::unsafe_array::Array;
use crate::unsafe_memory::{prefetch, with_capacity};

/// Bits in units of 64, and more zeros after them, so that a read may always look at two units, even of no bits at the end.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Bits(pub Array<u64>);

/// The number of units for so many bits.
pub(super) fn units(bits: u64) -> u64 {
    bits / 64 + 2
}

/// How many bits the numbers up to `largest` need.
pub(super) fn width_of(largest: u64) -> u32 {
    u64::BITS - largest.leading_zeros()
}

impl Bits {
    /// The `width` bits, less than 64, from bit `at` on.
    #[inline(always)]
    pub fn get(&self, at: usize, width: u32) -> u64 {
        let (unit, shift) = (at / 64, at % 64);
        let (low, high) = (self.0[unit] >> shift, (self.0[unit + 1] << 1) << (63 - shift));
        (low | high) & ((1 << width) - 1)
    }

    #[inline(always)]
    pub fn prefetch(&self, at: usize) {
        prefetch(&self.0, at / 64);
    }
}

/// Appends numbers.
pub(super) struct BitWriter {
    units: Vec<u64>,
    /// The bits of the last unit, which is not in `units` yet.
    last: u64,
    filled: u32,
}

impl BitWriter {
    /// With room for so many units.
    pub fn new(units: u64) -> Self {
        Self { units: with_capacity(units as usize), last: 0, filled: 0 }
    }

    /// Append the `width` bits of `number`, which has no others.
    #[inline(always)]
    pub fn push(&mut self, number: u64, width: u32) {
        self.last |= number << self.filled;
        if self.filled + width >= 64 {
            self.units.push(self.last);
            let written = 64 - self.filled;
            self.last = if written < 64 { number >> written } else { 0 };
            self.filled = width - written;
        } else {
            self.filled += width;
        }
    }

    pub fn finish(mut self) -> Bits {
        self.units.extend([self.last, 0]);
        Bits(self.units.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_written(numbers in prop::collection::vec((any::<u64>(), 0u32..64), 0..200)) {
            let mut writer = BitWriter::new(0);
            let cut = |number: u64, width: u32| number & ((1 << width) - 1);
            for &(number, width) in &numbers {
                writer.push(cut(number, width), width);
            }
            let bits = writer.finish();
            let total: u64 = numbers.iter().map(|&(_, width)| u64::from(width)).sum();
            prop_assert_eq!(bits.0.len() as u64, units(total));
            let mut at = 0;
            for &(number, width) in &numbers {
                prop_assert_eq!(bits.get(at, width), cut(number, width));
                at += width as usize;
            }
        }
    }

    #[test]
    fn widths() {
        assert_eq!([0, 1, 2, 255, 256].map(width_of), [0, 1, 2, 8, 9]);
    }
}
