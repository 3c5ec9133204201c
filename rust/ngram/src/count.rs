//! Counts of n-grams as sorted arrays.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::{NgramError, Result};
use crate::levels::split;
use crate::sort::{Sorted, sort};
use crate::unsafe_array::Array;
use crate::unsafe_memory::zeroed;
use crate::words::WordTable;

/// Longer n-grams than this are mistakes.
pub const MAX_COUNT_ORDER: u8 = 64;

/// The distinct n-grams of one order, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderCounts {
    /// Words per n-gram.
    pub order: u8,
    /// `order` numbers each, one n-gram after the other.
    pub keys: Array<u32>,
    pub counts: Array<u64>,
}

/// The distinct n-grams of some orders. Numbers are ids, or numbers of `words` in the order of first appearance.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// One per order, rising.
    pub orders: Vec<OrderCounts>,
    /// `None` for ids.
    pub words: Option<WordTable>,
    /// How many tokens were counted.
    pub tokens: u64,
}

/// Check and sort a list of orders.
pub fn check_orders(orders: &[usize]) -> Result<Vec<u8>> {
    let invalid = |order: &&usize| **order == 0 || **order > usize::from(MAX_COUNT_ORDER);
    if let Some(order) = orders.iter().find(invalid) {
        let message = format!("orders has {order}, but orders are 1 to {MAX_COUNT_ORDER}");
        return Err(NgramError::InvalidArgument(message));
    }
    let mut orders: Vec<u8> = orders.iter().map(|&order| order as u8).collect();
    orders.sort_unstable();
    orders.dedup();
    if orders.is_empty() {
        return Err(NgramError::InvalidArgument("orders is empty".to_owned()));
    }
    Ok(orders)
}

impl Counts {
    /// Count the n-grams of `orders` within the sentences of `corpus`.
    pub fn of(corpus: &Corpus, words: Option<WordTable>, orders: &[usize], cancel: &Cancel) -> Result<Self> {
        let orders = check_orders(orders)?;
        let highest = orders.last().copied().unwrap_or(1);
        let sorted = sort(corpus, highest, cancel)?;
        let mut counts = Self { orders: Vec::new(), words, tokens: corpus.tokens.len() as u64 };
        for order in orders {
            cancel.check()?;
            counts.orders.push(OrderCounts::of(corpus, &sorted, order));
        }
        Ok(counts)
    }

    pub fn order(&self, order: usize) -> Option<&OrderCounts> {
        self.orders.iter().find(|counts| usize::from(counts.order) == order)
    }

    /// Without the n-grams that occur less often than `least` times; words keep their numbers.
    #[must_use]
    pub fn at_least(&self, least: u64) -> Self {
        let orders = self.orders.par_iter().map(|order| order.at_least(least)).collect();
        Self { orders, words: self.words.clone(), tokens: self.tokens }
    }

    /// The counts of both; words are numbered as if `other` had been counted after `self`.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        let complain = |message: &str| Err(NgramError::InvalidArgument(message.to_owned()));
        let orders = |counts: &Self| counts.orders.iter().map(|order| order.order).collect::<Vec<_>>();
        if orders(self) != orders(other) {
            return complain(&format!("the orders differ: {:?} and {:?}", orders(self), orders(other)));
        }
        let (words, map) = match (&self.words, &other.words) {
            (Some(ours), Some(theirs)) => {
                let mut words = ours.clone();
                let map: Vec<u32> = theirs.iter().map(|word| words.insert(word)).collect();
                (Some(words), Some(map))
            }
            (None, None) => (None, None),
            _ => return complain("one side counts words, the other ids"),
        };
        let pairs: Vec<_> = self.orders.iter().zip(&other.orders).collect();
        let orders = pairs.into_par_iter().map(|(a, b)| a.merge(&b.renumbered(map.as_deref()))).collect();
        Ok(Self { orders, words, tokens: self.tokens.saturating_add(other.tokens) })
    }
}

impl OrderCounts {
    fn of(corpus: &Corpus, sorted: &Sorted, order: u8) -> Self {
        let k = usize::from(order);
        let sizes = sorted.distinct(order);
        let total: usize = sizes.iter().sum();
        let mut keys = zeroed(total * k);
        let mut counts: Vec<u64> = zeroed(total);
        let key_sizes: Vec<usize> = sizes.iter().map(|size| size * k).collect();
        split(&mut keys, &key_sizes)
            .into_par_iter()
            .zip(split(&mut counts, &sizes))
            .zip(&sorted.chunks)
            .for_each(|((keys, counts), chunk)| {
                let mut next = 0;
                for (position, _, first) in sorted.starts(order, chunk.clone()).filter(|&(_, is, _)| is) {
                    if first {
                        let position = position as usize;
                        keys[next * k..(next + 1) * k]
                            .copy_from_slice(&corpus.tokens[position..position + k]);
                        next += 1;
                    }
                    counts[next - 1] += 1;
                }
            });
        Self { order, keys: keys.into(), counts: counts.into() }
    }

    pub fn len(&self) -> usize {
        self.counts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The numbers of the n-gram at `index`.
    pub fn key(&self, index: usize) -> &[u32] {
        let k = usize::from(self.order);
        &self.keys[index * k..(index + 1) * k]
    }

    /// The n-grams that occur at least `least` times.
    #[must_use]
    pub fn at_least(&self, least: u64) -> Self {
        let places = (0..self.len()).filter(|&place| self.counts[place] >= least);
        let keys = places.clone().flat_map(|place| self.key(place).iter().copied()).collect();
        Self { order: self.order, keys, counts: places.map(|place| self.counts[place]).collect() }
    }

    /// How often `key` occurs.
    pub fn get(&self, key: &[u32]) -> u64 {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.key(middle) < key { low = middle + 1 } else { high = middle }
        }
        if low < self.len() && self.key(low) == key { self.counts[low] } else { 0 }
    }

    /// The places of the `number` most frequent n-grams, the most frequent first; ties in the order of their numbers.
    pub fn most_common(&self, number: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.len()).collect();
        let rank = |&place: &usize| (std::cmp::Reverse(self.counts[place]), place);
        if number < places.len() {
            places.select_nth_unstable_by_key(number, rank);
            places.truncate(number);
        }
        places.sort_unstable_by_key(rank);
        places
    }

    /// The same n-grams with numbers replaced by those in `map`.
    fn renumbered(&self, map: Option<&[u32]>) -> Self {
        let Some(map) = map else { return self.clone() };
        let keys: Vec<u32> = self.keys.iter().map(|&number| map[number as usize]).collect();
        let k = usize::from(self.order);
        let mut places: Vec<u32> = (0..self.len() as u32).collect();
        places.par_sort_unstable_by_key(|&place| &keys[place as usize * k..(place as usize + 1) * k]);
        let counts = places.iter().map(|&place| self.counts[place as usize]).collect();
        let keys = places
            .iter()
            .flat_map(|&place| keys[place as usize * k..(place as usize + 1) * k].iter().copied());
        Self { order: self.order, keys: keys.collect(), counts }
    }

    fn merge(&self, other: &Self) -> Self {
        let (mut keys, mut counts) = (Vec::new(), Vec::new());
        let (mut a, mut b) = (0, 0);
        while a < self.len() || b < other.len() {
            let ours = (a < self.len()).then(|| self.key(a));
            let theirs = (b < other.len()).then(|| other.key(b));
            let take_ours = ours.is_some_and(|ours| theirs.is_none_or(|theirs| ours <= theirs));
            let take_theirs = theirs.is_some_and(|theirs| ours.is_none_or(|ours| theirs <= ours));
            keys.extend_from_slice(if take_ours { ours } else { theirs }.unwrap_or_default());
            let count = |taken: bool, counts: &[u64], place: usize| if taken { counts[place] } else { 0 };
            // A file may say any count: the largest one stays, it does not begin anew.
            let sum = count(take_ours, &self.counts, a).saturating_add(count(take_theirs, &other.counts, b));
            counts.push(sum);
            a += usize::from(take_ours);
            b += usize::from(take_theirs);
        }
        Self { order: self.order, keys: keys.into(), counts: counts.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    fn corpus(sentences: &[Vec<u32>]) -> Corpus {
        let mut offsets = vec![0];
        offsets.extend(sentences.iter().scan(0, |end, s| {
            *end += s.len();
            Some(*end)
        }));
        Corpus { tokens: sentences.concat(), offsets, bound: 5 }
    }

    fn twin(sentences: &[Vec<u32>], k: usize) -> BTreeMap<Vec<u32>, u64> {
        let mut counts = BTreeMap::new();
        for window in sentences.iter().flat_map(|sentence| sentence.windows(k)) {
            *counts.entry(window.to_vec()).or_default() += 1;
        }
        counts
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_map_and_shards_merge(
            sentences in prop::collection::vec(prop::collection::vec(0u32..5, 0..20), 0..20),
            cut in 0usize..20,
        ) {
            let counts = Counts::of(&corpus(&sentences), None, &[4, 1, 2], &NEVER).unwrap();
            for (order, counted) in [1usize, 2, 4].into_iter().zip(&counts.orders) {
                let twin = twin(&sentences, order);
                prop_assert_eq!(&*counted.keys, &twin.keys().flatten().copied().collect::<Vec<_>>());
                prop_assert_eq!(&*counted.counts, &twin.values().copied().collect::<Vec<_>>());
                for (key, count) in &twin {
                    prop_assert_eq!(counted.get(key), *count);
                }
                prop_assert_eq!(counted.get(&vec![9; order]), 0);
            }
            let (front, back) = sentences.split_at(cut.min(sentences.len()));
            let part = |sentences| Counts::of(&corpus(sentences), None, &[1, 2, 4], &NEVER).unwrap();
            prop_assert_eq!(part(front).merge(&part(back)).unwrap().orders, counts.orders);
        }
    }

    #[test]
    fn most_common_breaks_ties_by_number() {
        let counts = OrderCounts { order: 1, keys: vec![3, 5, 7, 9].into(), counts: vec![2, 4, 2, 1].into() };
        assert_eq!(counts.most_common(3), [1, 0, 2]);
        assert_eq!(counts.most_common(100), [1, 0, 2, 3]);
        assert!(counts.most_common(0).is_empty());
    }

    #[test]
    fn merged_counts_stay_at_the_largest() {
        let counts = |count| OrderCounts { order: 1, keys: vec![3].into(), counts: vec![count].into() };
        assert_eq!(*counts(u64::MAX - 1).merge(&counts(2)).counts, [u64::MAX]);
    }

    #[test]
    fn orders_are_checked() {
        assert!(check_orders(&[0]).is_err() && check_orders(&[]).is_err() && check_orders(&[65]).is_err());
        assert_eq!(check_orders(&[3, 1, 3]).unwrap(), [1, 3]);
    }
}
