//! What makes a smoothing method, and what the methods share.

use std::borrow::Cow;

use crate::levels::{self, Level};
use crate::unsafe_memory::zeroed;

/// Which counts a method smooths. At the highest order these are always occurrences, and `<s>`, which is never predicted,
/// has none at the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountKind {
    Occurrences,
    /// Occurrences of n-grams that begin a sentence, elsewhere the number of different words seen before the n-gram.
    Continuations,
    /// Occurrences of n-grams that begin a sentence, elsewhere none.
    Beginnings,
}

/// What makes a smoothing method.
pub(crate) trait Method: Sync {
    /// Which counts are smoothed.
    fn counts(&self) -> CountKind;

    /// What is subtracted from counts of 1, of 2 and of more at level `k`, from the numbers of n-grams with counts
    /// 1 to 4; or why that cannot be estimated.
    fn discounts(&self, _k: usize, _of_count: &[u64; 5]) -> std::result::Result<[f64; 3], String> {
        Ok([0.0; 3])
    }

    /// The user's discounts for counts of 1, of 2 and of more, where they cannot be estimated.
    fn fallback(&self, given: [f64; 3]) -> [f64; 3] {
        given
    }

    /// The denominator and the share of one context, of whose continuations `seen` tells, in a vocabulary of `words`.
    fn weights(&self, seen: &Seen, discounts: &[f64; 3], words: f64) -> Weights;

    /// For methods that back off instead of interpolating: seen n-grams have the first part of the sum alone, and this
    /// is the back-off weight of all contexts.
    fn backoff(&self) -> Option<f64> {
        None
    }
}

/// What the continuations of one context sum up to.
#[derive(Default)]
pub(crate) struct Seen {
    pub total: u64,
    /// The part of the total that pruned n-grams have.
    pub pruned: u64,
    /// How many different ones there are.
    pub types: u64,
    /// How many that are kept have a count of 1, of 2, and of 3 or more.
    pub of_count: [u64; 3],
}

/// What a context's counts are divided by, and the share of the lower order.
pub(crate) struct Weights {
    pub denominator: f64,
    pub share: f64,
}

impl Seen {
    /// `items` are counts, and whether they are pruned.
    pub fn of(items: impl Iterator<Item = (u32, bool)>) -> Self {
        let mut seen = Self::default();
        for (count, pruned) in items.filter(|&(count, _)| count > 0) {
            seen.total += u64::from(count);
            seen.types += 1;
            if pruned {
                seen.pruned += u64::from(count);
            } else {
                seen.of_count[(count as usize).min(3) - 1] += 1;
            }
        }
        seen
    }

    /// The weights of methods that free for the lower order exactly what they discount.
    pub fn discounted(&self, discounts: &[f64; 3]) -> Weights {
        let freed: f64 = self.of_count.iter().zip(discounts).map(|(&n, d)| n as f64 * d).sum();
        Weights::of(self.total as f64, freed + self.pruned as f64)
    }
}

impl Weights {
    /// `left` of `total` goes to the lower order; all of it where there is no total.
    pub fn of(total: f64, left: f64) -> Self {
        if total > 0.0 {
            Self { denominator: total, share: left / total }
        } else {
            Self { denominator: 1.0, share: 1.0 }
        }
    }

    pub fn own(&self, count: u32, discounts: &[f64; 3]) -> f64 {
        if count == 0 {
            return 0.0;
        }
        (f64::from(count) - discounts[(count as usize).min(3) - 1]) / self.denominator
    }
}

impl CountKind {
    /// The counts of level `k` (order `k + 1`); `begin` is the number of `<s>`.
    pub fn of(self, levels: &[Level], begin: usize, k: usize) -> Cow<'_, [u32]> {
        let level = &levels[k];
        let mut counts = match (self, levels.get(k + 1)) {
            (Self::Occurrences, _) | (_, None) => Cow::Borrowed(level.counts.as_slice()),
            (Self::Beginnings, Some(_)) => Cow::Owned(zeroed(level.len())),
            (Self::Continuations, Some(above)) => {
                let mut counts: Vec<u32> = zeroed(level.len());
                for &suffix in &above.suffixes {
                    counts[suffix as usize] += 1;
                }
                Cow::Owned(counts)
            }
        };
        if k == 0 {
            counts.to_mut()[begin] = 0;
        } else if let Cow::Owned(counts) = &mut counts {
            let range = levels::beginning_with(levels, begin, k);
            counts[range.clone()].copy_from_slice(&level.counts[range]);
        }
        counts
    }

    /// The count of one n-gram below the highest order: `beginning` if it begins with `<s>`.
    pub fn choose(self, occurrences: u32, before: u32, beginning: bool) -> u32 {
        match self {
            Self::Occurrences => occurrences,
            _ if beginning => occurrences,
            Self::Continuations => before,
            Self::Beginnings => 0,
        }
    }
}

/// The estimate of one context's continuations.
pub(crate) struct Estimate<'a> {
    weights: Weights,
    discounts: &'a [f64; 3],
    /// Of the lower order, in the sum.
    share: f64,
    /// The weight of words that were never seen after the context.
    pub backoff: f32,
}

impl<'a> Estimate<'a> {
    pub fn of(method: &dyn Method, seen: &Seen, discounts: &'a [f64; 3], words: f64) -> Self {
        let weights = method.weights(seen, discounts, words);
        let fixed = method.backoff();
        let share = if fixed.is_some() { 0.0 } else { weights.share };
        let backoff = fixed.unwrap_or(weights.share) as f32;
        Self { weights, discounts, share, backoff }
    }

    /// The probability of a continuation that the lower order gives `lower`.
    #[inline]
    pub fn probability(&self, count: u32, lower: f32) -> f32 {
        (self.weights.own(count, self.discounts) + self.share * f64::from(lower)) as f32
    }
}
