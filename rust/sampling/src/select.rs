//! Finding thresholds without sorting the vocabulary.

use crate::kernels::{BUCKETS, FIRST_BUCKET, Kernels};

/// Candidates from which a histogram is used instead of a sort.
const SORT_UP_TO: usize = 96;
/// Halvings of the interval in which the bound of the nucleus is sought; each costs one look at the block sums.
const BOUND_STEPS: usize = 9;
/// Share of the mass that the bound leaves to rounding, so that it stays below the true threshold.
const BOUND_MARGIN: f64 = 1e-4;

/// The k-th largest of the values (1-based; the smallest if there are fewer than k).
pub fn kth_largest(values: &[f32], k: usize, order: &mut Vec<f32>) -> Option<f32> {
    order.clear();
    order.extend_from_slice(values);
    let at = k.min(order.len()).checked_sub(1)?;
    Some(*order.select_nth_unstable_by(at, |a, b| b.total_cmp(a)).1)
}

/// An exponent t such that all tokens below 2^t (relative to the largest) have at most `removable` mass together.
///
/// Each block has its largest weight (`tops`) and the mass of its others (`rests`). A block whose top is below 2^t
/// loses all of it, any other block at most its rest, and at most 2^t for each token.
pub fn nucleus_bound(tops: &[f32], rests: &[f32], block: usize, removable: f64) -> f32 {
    let allowed = (removable * (1.0 - BOUND_MARGIN)) as f32;
    let (mut low, mut high) = ((allowed / (rests.len() * block) as f32).log2().clamp(-125.0, 0.0), 0.0f32);
    for _ in 0..BOUND_STEPS {
        let middle = low.midpoint(high);
        let power = middle.exp2();
        if removed_at_most(tops, rests, power, power * block as f32) <= allowed {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// Upper bound of the mass of tokens below `power`; the lanes let the loop vectorise.
fn removed_at_most(tops: &[f32], rests: &[f32], power: f32, most: f32) -> f32 {
    const LANES: usize = 8;
    let mut lanes = [0.0f32; LANES];
    let one = |top: f32, rest: f32| if top < power { top + rest } else { rest.min(most) };
    let ((tops, last_tops), (rests, last_rests)) = (tops.as_chunks::<LANES>(), rests.as_chunks::<LANES>());
    for (tops, rests) in tops.iter().zip(rests) {
        for lane in 0..LANES {
            lanes[lane] += one(tops[lane], rests[lane]);
        }
    }
    let last: f32 = last_tops.iter().zip(last_rests).map(|(top, rest)| one(*top, *rest)).sum();
    lanes.iter().sum::<f32>() + last
}

/// What a filter keeps: values above `value`, and the first `ties` that equal it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    pub value: f32,
    pub ties: usize,
}

/// What is kept when rounding leaves the target out of reach.
const EVERYTHING: Cut = Cut { value: f32::NEG_INFINITY, ties: usize::MAX };

/// Memory that [`nucleus`] uses again.
#[derive(Default)]
pub struct NucleusScratch {
    numbers: Vec<f32>,
    masses: Vec<[f64; 2]>,
    bucket: Vec<(f32, u32)>,
}

/// The smallest set of largest values whose weights sum to `target` at least; of equal values the first ones.
/// At least one value is kept. `low <= values <= high`.
pub fn nucleus(
    kernels: &Kernels,
    values: &[f32],
    weights: &[f32],
    target: f64,
    (low, high): (f32, f32),
    scratch: &mut NucleusScratch,
) -> Cut {
    scratch.bucket.clear();
    if values.len() <= SORT_UP_TO || low >= high {
        scratch.bucket.extend(values.iter().zip(0..).map(|(value, at)| (*value, at)));
        return walk(&mut scratch.bucket, weights, 0.0, target);
    }
    // Rounding is monotonic: a larger value never has a later bucket.
    scratch.numbers.resize(values.len(), 0.0);
    (kernels.buckets)(values, high, (BUCKETS - 1) as f32 / (high - low), &mut scratch.numbers);
    let bucket_of = |number: f32| FIRST_BUCKET.wrapping_sub(number.to_bits()) as usize % BUCKETS;
    scratch.masses.clear();
    scratch.masses.resize(BUCKETS, [0.0; 2]);
    // Neighbours often share a bucket; two sums each spare the second from waiting for the first.
    let (pairs, last) = scratch.numbers.as_chunks::<2>();
    let (pair_weights, last_weight) = weights.as_chunks::<2>();
    for (number, weight) in pairs.iter().zip(pair_weights) {
        scratch.masses[bucket_of(number[0])][0] += f64::from(weight[0]);
        scratch.masses[bucket_of(number[1])][1] += f64::from(weight[1]);
    }
    for (number, weight) in last.iter().zip(last_weight) {
        scratch.masses[bucket_of(*number)][0] += f64::from(*weight);
    }
    let mut above = 0.0;
    let reaches = |mass: f64| {
        let reached = above + mass >= target && mass > 0.0;
        above += if reached { 0.0 } else { mass };
        reached
    };
    let Some(cut) = scratch.masses.iter().map(|[a, b]| a + b).position(reaches) else {
        return EVERYTHING;
    };
    for (at, number) in scratch.numbers.iter().enumerate() {
        if bucket_of(*number) == cut {
            scratch.bucket.push((values[at], at as u32));
        }
    }
    walk(&mut scratch.bucket, weights, above, target)
}

/// Go down from the largest value until the target is reached.
fn walk(entries: &mut [(f32, u32)], weights: &[f32], mut mass: f64, target: f64) -> Cut {
    entries.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut cut: Option<Cut> = None;
    for &(value, at) in entries.iter() {
        // Zeros of both signs are equal values.
        let ties = cut.filter(|cut| cut.value == value).map_or(1, |cut| cut.ties + 1);
        cut = Some(Cut { value, ties });
        mass += f64::from(weights[at as usize]);
        if mass >= target {
            break;
        }
    }
    cut.unwrap_or(EVERYTHING)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_that_are_infinitely_low_are_equals_too() {
        let (portable, low) = (crate::arch::kernels(ferrolm_base::simd::Level::Portable), f32::NEG_INFINITY);
        let mut scratch = NucleusScratch::default();
        let cut = nucleus(&portable, &[low; 3], &[0.25; 3], 0.5, (low, low), &mut scratch);
        assert_eq!(cut, Cut { value: low, ties: 2 });
        assert_eq!(nucleus(&portable, &[], &[], 0.5, (low, low), &mut scratch), EVERYTHING);
    }

    proptest! {
        #[test]
        fn the_nucleus_is_that_of_a_full_sort(
            values in prop::collection::vec((-60i32..1).prop_map(|x| x as f32 / 8.0), 1..2000), p in 0.0f64..1.0,
        ) {
            let weights: Vec<f32> = values.iter().map(|x| x.exp()).collect();
            let target = p * weights.iter().map(|w| f64::from(*w)).sum::<f64>();
            let portable = crate::arch::kernels(ferrolm_base::simd::Level::Portable);
            let mut order: Vec<(f32, u32)> = values.iter().zip(0..).map(|(value, at)| (*value, at)).collect();
            let expected = walk(&mut order, &weights, 0.0, target);
            let found = nucleus(&portable, &values, &weights, target, (-7.5, 0.0), &mut NucleusScratch::default());
            // Sums in another order may put a set with mass p exactly on either side.
            prop_assert!(found == expected || (found.value - expected.value).abs() <= 0.125);
            let kept = |cut: Cut| {
                let mut ties = cut.ties;
                order.iter().filter(|(value, _)| *value > cut.value || (*value == cut.value && { ties = ties.wrapping_sub(1); ties != usize::MAX })).count()
            };
            prop_assert!(kept(found).abs_diff(kept(expected)) <= 1);
        }

        #[test]
        fn nothing_below_the_bound_is_missed(
            values in prop::collection::vec(-40.0f32..0.0, 1..3000), p in 0.0f64..0.999,
        ) {
            let weights: Vec<f32> = values.iter().map(|x| x.exp2()).collect();
            let tops: Vec<f32> = weights.chunks(16).map(|block| block.iter().fold(0.0, |a, b| b.max(a))).collect();
            let sums = weights.chunks(16).map(|block| block.iter().sum::<f32>());
            let rests: Vec<f32> = sums.zip(&tops).map(|(sum, top)| sum - top).collect();
            let removable = (1.0 - p) * weights.iter().map(|w| f64::from(*w)).sum::<f64>();
            let bound = nucleus_bound(&tops, &rests, 16, removable);
            let below: f64 = values.iter().filter(|x| **x < bound).map(|x| f64::from(x.exp2())).sum();
            prop_assert!(below <= removable);
        }
    }

    #[test]
    fn a_target_out_of_reach_keeps_everything() {
        let (values, weights) = (vec![-4.0; 2 * SORT_UP_TO], vec![0.125; 2 * SORT_UP_TO]);
        let portable = crate::arch::kernels(ferrolm_base::simd::Level::Portable);
        let target = 0.125 * values.len() as f64 + 1e-6;
        let found =
            nucleus(&portable, &values, &weights, target, (-4.0, 0.0), &mut NucleusScratch::default());
        assert_eq!(found, EVERYTHING);
    }

    #[test]
    fn the_kth_largest_counts_ties() {
        let values = [1.0, 3.0, 3.0, 2.0];
        let found: Vec<_> = (1..=5).map(|k| kth_largest(&values, k, &mut Vec::new())).collect();
        assert_eq!(found, [Some(3.0), Some(3.0), Some(2.0), Some(1.0), Some(1.0)]);
    }
}
