//! Random numbers for models that sample: a generator of its own for each thread, seeded by the operating system.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    /// Process and state: a forked child must not repeat its parent.
    static STATE: Cell<(u32, u64)> = const { Cell::new((0, 0)) };
}

/// `SplitMix64` (Steele, Lea and Flood, 2014).
pub(super) struct Random(u64);

impl Random {
    /// Take this thread's generator for the time of `work`.
    pub(super) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let process = std::process::id();
        let (seeded, state) = STATE.get();
        let mut random =
            Self(if seeded == process { state } else { RandomState::new().hash_one((process, state)) });
        let result = work(&mut random);
        STATE.set((process, random.0));
        result
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An index, each with a probability in proportion to the exponential of its weight; None if there is no
    /// weight that is a number greater than negative infinity.
    pub(super) fn choose(&mut self, log_weights: &[f64]) -> Option<usize> {
        let largest =
            log_weights.iter().copied().filter(|weight| !weight.is_nan()).fold(f64::NEG_INFINITY, f64::max);
        let weight = |at: &f64| if *at >= largest { 1.0 } else { (at - largest).exp() };
        let weights: Vec<f64> =
            log_weights.iter().map(weight).map(|weight| if weight > 0.0 { weight } else { 0.0 }).collect();
        let total: f64 = weights.iter().sum();
        if largest == f64::NEG_INFINITY {
            return None;
        }
        let mut left = self.unit() * total;
        let positive = weights.iter().enumerate().filter(|&(_, &weight)| weight > 0.0);
        let mut last = None;
        for (at, weight) in positive {
            last = Some(at);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_uniform_and_choices_follow_their_weights() {
        Random::with(|random| {
            let mean = (0..10_000).map(|_| random.unit()).sum::<f64>() / 10_000.0;
            assert!((mean - 0.5).abs() < 0.02, "{mean}");
            let weights = [f64::NAN, 0.25f64.ln() - 1000.0, 0.75f64.ln() - 1000.0, f64::NEG_INFINITY];
            let mut counts = [0; 4];
            (0..10_000).for_each(|_| counts[random.choose(&weights).unwrap()] += 1);
            assert!(counts[0] + counts[3] == 0 && (counts[2] - 7500i32).abs() < 300, "{counts:?}");
            assert_eq!(random.choose(&[f64::NAN]), None);
        });
    }
}
