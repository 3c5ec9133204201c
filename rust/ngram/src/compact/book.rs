//! Logarithms in few bits: numbers in a book of distinct values, or, where these are too many, the bits of the value.
//!
//! With fewer values than there are, each stands for its neighbours: the centres of k-means in one dimension (Lloyd
//! 1982), which start at the means of equally many values each, as KenLM has them.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::bits::width_of;
use crate::error::Result;
use crate::unsafe_array::Array;

/// The bits of a value that is known to have the sign of a logarithm of a probability.
const NEGATIVE: u32 = 31;
/// Rounds of k-means; more change the error by less than a hundredth.
const ROUNDS: usize = 20;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Book {
    /// Bits of a code.
    pub width: u32,
    /// The values in rising order; none if a code is its value's bits.
    pub values: Array<f32>,
}

impl Book {
    /// A book for all of `values`, exactly.
    pub fn exact(values: &[f32], cancel: &Cancel) -> Result<Self> {
        let sorted = sorted(values, cancel)?;
        let raw = if sorted.last().is_none_or(|&last| last <= 0.0) { NEGATIVE } else { u32::BITS };
        let distinct: Vec<f32> = distinct(&sorted).collect();
        let width = width_of(distinct.len().saturating_sub(1) as u64);
        let saved = values.len() as u64 * u64::from(raw.saturating_sub(width));
        if distinct.is_empty() || saved <= 32 * distinct.len() as u64 {
            return Ok(Self { width: raw, values: Array::default() });
        }
        Ok(Self { width, values: distinct.into() })
    }

    /// A book of at most 2^`bits` values. Zero, which as a back-off weight says that there are no continuations, stays
    /// zero, and is not another value's neighbour; impossible words stay impossible.
    pub fn quantized(values: &[f32], bits: u32, cancel: &Cancel) -> Result<Self> {
        let sorted = sorted(values, cancel)?;
        let (fixed, others): (Vec<f32>, Vec<f32>) =
            sorted.into_iter().partition(|&value| value == 0.0 || !value.is_finite());
        let mut values: Vec<f32> = distinct(&fixed).collect();
        values.extend(centres(&others, (1usize << bits).saturating_sub(values.len()).max(1), cancel)?);
        values.sort_unstable_by(f32::total_cmp);
        if values.is_empty() {
            return Ok(Self { width: NEGATIVE, values: Array::default() });
        }
        Ok(Self { width: width_of(values.len() as u64 - 1), values: values.into() })
    }

    /// The codes of values that the book was made for.
    pub fn encode(&self, values: &[f32]) -> Vec<u32> {
        values.par_iter().map(|&value| self.code(value)).collect()
    }

    fn code(&self, value: f32) -> u32 {
        if self.values.is_empty() {
            return value.to_bits() & (u32::MAX >> (u32::BITS - self.width));
        }
        let place = self.values.partition_point(|other| other.total_cmp(&value).is_lt());
        let far = |place: usize| {
            self.values.get(place).map_or(f32::INFINITY, |&near| {
                if zero_unlike(near, value) { f32::INFINITY } else { (near - value).abs() }
            })
        };
        let below = place.wrapping_sub(1);
        (if far(below) < far(place) { below } else { place.min(self.values.len() - 1) }) as u32
    }

    #[inline(always)]
    pub fn decode(&self, code: u64) -> f32 {
        if let Some(&value) = self.values.get(code as usize) {
            value
        } else if self.width == NEGATIVE {
            // Not a negation, which would make zero negative.
            0.0 - f32::from_bits(code as u32)
        } else {
            f32::from_bits(code as u32)
        }
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&*self.values)
    }
}

/// Whether one of two values is zero and the other is not.
fn zero_unlike(one: f32, other: f32) -> bool {
    (one == 0.0) != (other == 0.0)
}

fn distinct(sorted: &[f32]) -> impl Iterator<Item = f32> {
    sorted.chunk_by(|one, other| one.to_bits() == other.to_bits()).map(|same| same[0])
}

fn sorted(values: &[f32], cancel: &Cancel) -> Result<Vec<f32>> {
    let mut sorted = values.to_vec();
    cancel.check()?;
    sorted.par_sort_unstable_by(f32::total_cmp);
    cancel.check()?;
    Ok(sorted)
}

/// At most `most` centres of sorted values.
fn centres(sorted: &[f32], most: usize, cancel: &Cancel) -> Result<Vec<f32>> {
    if sorted.is_empty() {
        return Ok(Vec::new());
    }
    let distinct: Vec<f32> = distinct(sorted).take(most + 1).collect();
    if distinct.len() <= most {
        return Ok(distinct);
    }
    // Sums up to each value give the mean of any range at once.
    let mut sums = Vec::with_capacity(sorted.len() + 1);
    sums.push(0.0);
    sums.extend(sorted.iter().scan(0.0, |sum, &value| {
        *sum += f64::from(value);
        Some(*sum)
    }));
    let mean = |start: usize, end: usize| ((sums[end] - sums[start]) / (end - start) as f64) as f32;
    let mut bounds: Vec<usize> =
        (0..=most).map(|bin| (sorted.len() as u128 * bin as u128 / most as u128) as usize).collect();
    // Equal values go to one bin.
    for bound in &mut bounds[1..most] {
        *bound =
            sorted.get(*bound).map_or(sorted.len(), |value| sorted.partition_point(|other| other < value));
    }
    bounds.dedup();
    let mut centres = Vec::new();
    for _ in 0..ROUNDS {
        cancel.check()?;
        centres = bounds.windows(2).map(|bin| mean(bin[0], bin[1])).collect::<Vec<f32>>();
        let middles = centres.windows(2).map(|pair| f32::midpoint(pair[0], pair[1]));
        let moved: Vec<usize> =
            middles.map(|middle| sorted.partition_point(|&value| value < middle)).collect();
        let mut next = vec![0];
        next.extend(moved);
        next.push(sorted.len());
        next.dedup();
        if next == bounds {
            break;
        }
        bounds = next;
    }
    centres.dedup();
    Ok(centres)
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    fn decoded(book: &Book, values: &[f32]) -> Vec<f32> {
        book.encode(values).into_iter().map(|code| book.decode(u64::from(code))).collect()
    }

    proptest! {
        #[test]
        fn exact_books_give_back_what_they_were_made_for(
            few in prop::collection::vec(-9.0f32..0.5, 1..6),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..300),
            many in prop::collection::vec(-9.0f32..=0.0, 0..60),
        ) {
            let repeated: Vec<f32> = picks.iter().map(|pick| *pick.get(&few)).collect();
            for values in [repeated, many] {
                let book = Book::exact(&values, &NEVER).unwrap();
                prop_assert_eq!(decoded(&book, &values), values);
            }
        }

        #[test]
        fn quantized_values_are_the_nearest_of_the_book(
            values in prop::collection::vec(prop_oneof![Just(0.0), -9.0f32..-0.01], 0..300),
            bits in 1u32..9,
        ) {
            let book = Book::quantized(&values, bits, &NEVER).unwrap();
            prop_assert!(book.values.len() <= 1 << bits);
            for (got, value) in decoded(&book, &values).into_iter().zip(values.iter().copied()) {
                prop_assert_eq!(got == 0.0, value == 0.0);
                let nearest = book.values.iter().filter(|&&other| !zero_unlike(other, value));
                let least = nearest.map(|other| (other - value).abs()).fold(f32::INFINITY, f32::min);
                prop_assert!((got - value).abs() <= least);
            }
        }
    }

    #[test]
    fn impossible_words_stay_impossible() {
        let mut values: Vec<f32> = (1..100i16).map(|i| -f32::from(i) / 7.0).collect();
        values.push(f32::NEG_INFINITY);
        let book = Book::quantized(&values, 3, &NEVER).unwrap();
        let decoded = decoded(&book, &values);
        assert_eq!(decoded.last(), Some(&f32::NEG_INFINITY));
        assert!(
            decoded[..99].iter().zip(&values).all(|(got, value)| (got - value).abs() < 2.0),
            "{decoded:?}"
        );
    }

    #[test]
    fn enough_bits_lose_nothing() {
        let values = [-1.0, -2.0, -0.5, -2.0, 0.0];
        let book = Book::quantized(&values, 2, &NEVER).unwrap();
        assert_eq!(decoded(&book, &values), values);
    }
}
