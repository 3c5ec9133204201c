//! Weights that are learnt: few for each feature, with the sums that averages need.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys are hashes already.
#[derive(Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, key: u32) {
        self.0 = (self.0 ^ u64::from(key)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Debug, Clone, Copy)]
struct Weight {
    tag: u16,
    value: i32,
    /// When `sum` was last brought up to date.
    updated: u32,
    /// Of `value` after each sentence so far.
    sum: i64,
}

impl Weight {
    fn sum_at(&self, now: u32) -> i64 {
        self.sum + i64::from(self.value) * i64::from(now - self.updated)
    }
}

/// A feature that has no weights and never gets any.
pub(crate) const DROPPED: u32 = u32::MAX;

/// Features in the order in which they are met, each with weights of some tags.
#[derive(Default)]
pub(crate) struct Weights {
    numbers: HashMap<u32, u32, BuildHasherDefault<KeyHasher>>,
    rows: Vec<Vec<Weight>>,
}

impl Weights {
    /// The number of a feature, which is new if it was not met before.
    pub(crate) fn number(&mut self, key: u32) -> u32 {
        let next = self.rows.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.rows.push(Vec::new());
        }
        number
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn add_to(&self, feature: u32, scores: &mut [i32]) {
        for weight in self.rows.get(feature as usize).into_iter().flatten() {
            scores[usize::from(weight.tag)] += weight.value;
        }
    }

    /// Change a weight in the sentence that is number `now`, from 0.
    pub(crate) fn change(&mut self, feature: u32, tag: u16, by: i32, now: u32) {
        let Some(row) = self.rows.get_mut(feature as usize) else { return };
        if let Some(weight) = row.iter_mut().find(|weight| weight.tag == tag) {
            weight.sum = weight.sum_at(now);
            weight.updated = now;
            weight.value += by;
        } else {
            row.push(Weight { tag, value: by, updated: now, sum: 0 });
        }
    }

    /// Means over `now` sentences: (key, [(tag, mean)]) by key; those not above `least` are left out.
    pub(crate) fn averages(&self, now: u32, least: f64) -> Vec<(u32, Vec<(u16, f64)>)> {
        let mean = |weight: &Weight| (weight.tag, weight.sum_at(now) as f64 / f64::from(now.max(1)));
        let kept = |&(_, mean): &(u16, f64)| mean.abs() > least;
        let mut averages: Vec<_> = self
            .numbers
            .iter()
            .map(|(&key, &number)| (key, self.rows[number as usize].iter().map(mean).filter(kept).collect()))
            .filter(|(_, row): &(u32, Vec<_>)| !row.is_empty())
            .collect();
        averages.sort_unstable_by_key(|&(key, _)| key);
        for (_, row) in &mut averages {
            row.sort_unstable_by_key(|&(tag, _)| tag);
        }
        averages
    }
}
