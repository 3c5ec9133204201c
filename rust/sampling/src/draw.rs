//! A draw from a distribution: the first token, in order of tokens, at which the cumulative weight exceeds u times
//! the total. Tokens without weight are never drawn.

use crate::kernels::BLOCK;
use crate::row::{Distribution, Support, Work};
use crate::scan::Row;
use crate::select::kth_largest;

/// The token for a uniform number `u` in [0, 1).
pub fn draw(row: &Row<'_>, distribution: &Distribution, work: &mut Work, u: f64) -> u32 {
    let target = u * distribution.total;
    match distribution.support {
        Support::One(token) => token,
        Support::Listed => {
            let (block, before) = invert(work.sums.iter().map(|sum| f64::from(*sum)), target);
            let weights = work.weights.iter().skip(block * BLOCK).take(BLOCK);
            let at = invert(weights.map(|weight| f64::from(*weight)), target - before).0;
            work.tokens.get(block * BLOCK + at).copied().unwrap_or_default()
        }
        Support::Whole => {
            let masses = work.tops.iter().zip(&work.sums).map(|(top, sum)| f64::from(*top) * f64::from(*sum));
            let (block, before) = invert(masses, target);
            let within = (target - before) / f64::from(work.tops[block]);
            let mut weights = [0.0; BLOCK];
            let values = row.block(block, &mut work.buffer);
            let weights = &mut weights[..values.len()];
            (row.kernels.exponentials)(values, work.maxima[block], distribution.scale, weights);
            let at = invert(weights.iter().map(|weight| f64::from(*weight)), within).0;
            (block * BLOCK + at) as u32
        }
    }
}

/// The first index where the cumulative weight exceeds `target`, and the weight before it. If rounding keeps the
/// sum from exceeding it, the last index with a weight.
fn invert(weights: impl Iterator<Item = f64>, target: f64) -> (usize, f64) {
    let (mut sum, mut last) = (0.0, (0, 0.0));
    for (at, weight) in weights.enumerate() {
        if weight > 0.0 {
            last = (at, sum);
            sum += weight;
            if sum > target {
                break;
            }
        }
    }
    last
}

/// Natural logarithm of the probability of a token of the support.
pub fn log_probability(row: &Row<'_>, distribution: &Distribution, work: &Work, token: u32) -> f64 {
    match distribution.support {
        Support::One(_) => 0.0,
        Support::Whole => distribution.logarithm(row.get(token)),
        // A step may have changed the logit.
        Support::Listed => match work.tokens.binary_search(&token) {
            Ok(at) => distribution.logarithm(work.values[at]),
            Err(_) => f64::NEG_INFINITY,
        },
    }
}

impl Distribution {
    /// Natural logarithm of the probability that a logit stands for.
    fn logarithm(&self, value: f32) -> f64 {
        let exponent = (f64::from(value) - f64::from(self.maximum)) * f64::from(self.scale);
        exponent * std::f64::consts::LN_2 - self.total.ln()
    }
}

/// The `count` most probable tokens, of equals the first, with the natural logarithms of their probabilities.
pub fn most_probable(
    row: &Row<'_>,
    distribution: &Distribution,
    work: &mut Work,
    count: usize,
) -> Vec<(u32, f64)> {
    match distribution.support {
        Support::One(token) => return [(token, 0.0)].into_iter().take(count).collect(),
        Support::Listed => {}
        Support::Whole => {
            // So many blocks have a logit from this bound on.
            let bound = if count <= work.maxima.len() {
                kth_largest(&work.maxima, count, &mut work.order)
            } else {
                None
            };
            work.list(row, bound.unwrap_or(f32::MIN));
        }
    }
    let places = work.places_of_largest(count).into_iter().take(count);
    places.map(|at| (work.tokens[at], distribution.logarithm(work.values[at]))).collect()
}

/// The distribution as probabilities over the vocabulary.
pub fn write_probabilities(row: &Row<'_>, distribution: &Distribution, work: &mut Work, out: &mut [f32]) {
    let norm = 1.0 / distribution.total;
    let normalized = |weight: f32| (f64::from(weight) * norm) as f32;
    match distribution.support {
        Support::One(token) => {
            out.fill(0.0);
            out[token as usize] = 1.0;
        }
        Support::Listed => {
            out.fill(0.0);
            for (token, weight) in work.tokens.iter().zip(&work.weights) {
                out[*token as usize] = normalized(*weight);
            }
        }
        Support::Whole => {
            for (block, out) in out.chunks_mut(BLOCK).enumerate() {
                let values = row.block(block, &mut work.buffer);
                (row.kernels.exponentials)(values, distribution.maximum, distribution.scale, out);
                for weight in out.iter_mut() {
                    *weight = normalized(*weight);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_without_weight_are_skipped_at_both_ends() {
        let weights = [0.0, 1.0, 0.0, 2.0, 0.0];
        let found = |target| invert(weights.into_iter(), target).0;
        assert_eq!(
            [found(0.0), found(0.99), found(1.0), found(2.9), found(3.0), found(9.0)],
            [1, 1, 3, 3, 3, 3]
        );
    }
}
