//! Which words are trained on, and which stand in for wrong ones.

use crate::random::Random;

/// Draws words by `count ^ exponent` in constant time (Walker's alias method, Vose 1991).
#[derive(Debug)]
pub(crate) struct NegativeTable {
    /// Of each slot: the probability of keeping it, in 1/2^32, and the word that is drawn otherwise.
    slots: Vec<(u32, u32)>,
}

impl NegativeTable {
    pub(crate) fn new(counts: &[u64], exponent: f64) -> Self {
        let weights: Vec<f64> = counts.iter().map(|&count| (count as f64).powf(exponent)).collect();
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let mut rest: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut slots: Vec<(u32, u32)> = (0..counts.len() as u32).map(|word| (u32::MAX, word)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..rest.len()).partition(|&word| rest[word] < 1.0);
        while let (Some(&low), Some(&high)) = (small.last(), large.last()) {
            small.pop();
            slots[low] = ((rest[low] * 4_294_967_296.0) as u32, high as u32);
            rest[high] -= 1.0 - rest[low];
            if rest[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        Self { slots }
    }

    #[inline]
    pub(crate) fn draw(&self, random: &mut Random) -> u32 {
        let bits = random.next();
        let slot = (((bits >> 32) * self.slots.len() as u64) >> 32) as u32;
        let (keep, other) = self.slots[slot as usize];
        if bits as u32 <= keep { slot } else { other }
    }
}

/// The probability that each word is kept where it occurs: frequent ones are thinned out.
///
/// As word2vec does it: `√(t/f) + t/f` of the frequency `f` and the threshold `t`; a threshold of 0 keeps all.
pub(crate) fn keep_probabilities(counts: &[u64], threshold: f64) -> Vec<f32> {
    let total: u64 = counts.iter().sum();
    let keep = |&count: &u64| {
        let ratio = threshold * total as f64 / count as f64;
        if threshold == 0.0 { 1.0 } else { (ratio.sqrt() + ratio).min(1.0) as f32 }
    };
    counts.iter().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_drawn_as_often_as_their_weights_say() {
        let counts = [1000, 300, 300, 10, 1];
        let table = NegativeTable::new(&counts, 0.75);
        let mut random = Random::new(1, 2, 3);
        let mut drawn = [0.0; 5];
        for _ in 0..200_000 {
            drawn[table.draw(&mut random) as usize] += 1.0 / 200_000.0;
        }
        let total: f64 = counts.iter().map(|&count| f64::from(count as u32).powf(0.75)).sum();
        for (&count, drawn) in counts.iter().zip(drawn) {
            let expected = f64::from(count as u32).powf(0.75) / total;
            assert!((drawn - expected).abs() < 0.005, "{drawn} {expected}");
        }
    }

    #[test]
    fn only_frequent_words_are_thinned_out() {
        let keep = keep_probabilities(&[900, 99, 1], 1e-2);
        assert!((keep[0] - (0.01f32 / 0.9).sqrt() - 0.01 / 0.9).abs() < 1e-6);
        assert!((keep[2] - 1.0).abs() < 1e-9);
        assert!(keep_probabilities(&[5, 1], 0.0).iter().all(|&keep| (keep - 1.0).abs() < 1e-9));
    }
}
