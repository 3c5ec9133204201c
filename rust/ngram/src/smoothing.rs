//! What makes a smoothing method, and what the methods share.

use std::borrow::Cow;

use crate::levels::Level;

/// What makes a smoothing method.
pub(crate) trait Method: Sync {
    /// The counts of level `k` (order `k + 1`) that are smoothed; `begin` is the number of `<s>`, which is never
    /// predicted and has none.
    fn counts<'a>(&self, levels: &'a [Level], begin: usize, k: usize) -> Cow<'a, [u32]>;

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

/// How often each n-gram of level `k` occurs, but that `<s>` is never predicted.
pub(crate) fn occurrences(levels: &[Level], begin: usize, k: usize) -> Cow<'_, [u32]> {
    let mut counts = Cow::Borrowed(levels[k].counts.as_slice());
    if k == 0 {
        counts.to_mut()[begin] = 0;
    }
    counts
}
