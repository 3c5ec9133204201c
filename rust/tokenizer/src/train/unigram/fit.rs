//! Expectation maximization of the pieces' probabilities.

use ferrolm_base::{Cancel, Cancelled};
use rayon::prelude::*;

use super::lattice::Lattice;
use super::model::{Model, UNKNOWN};
use super::text::Text;

/// Sums are taken in so many stretches of the words, whatever the number of threads.
pub(super) const PARTS: usize = 16;
/// Words between two looks at the cancel flag.
pub(super) const POLL: usize = 1024;

/// Pieces that are expected less often are dropped.
const LEAST_EXPECTED: f64 = 0.5;

/// How often each piece is to be expected in the text.
pub(super) fn expected(model: &Model, text: &Text, cancel: &Cancel) -> Result<Vec<f64>, Cancelled> {
    let probabilities = probabilities(model);
    let parts: Vec<_> = text.parts(PARTS);
    let sums = parts.into_par_iter().map(|part| {
        let mut lattice = Lattice::default();
        let mut expected = vec![0.0; model.len()];
        for word in part {
            if word % POLL == 0 {
                cancel.check()?;
            }
            lattice.fill(text.word(word), model);
            lattice.expect(model, &probabilities, text.count(word), &mut expected);
        }
        Ok(expected)
    });
    let mut total = vec![0.0; model.len()];
    for sum in sums.collect::<Result<Vec<_>, Cancelled>>()? {
        for (total, part) in total.iter_mut().zip(sum) {
            *total += part;
        }
    }
    Ok(total)
}

pub(super) fn probabilities(model: &Model) -> Vec<f64> {
    let mut probabilities: Vec<f64> = model.scores.iter().map(|score| score.exp()).collect();
    probabilities[UNKNOWN as usize] = model.unknown_score().exp();
    probabilities
}

/// The pieces with the scores that fit best, less those that are hardly expected.
///
/// Not the plain maximum, but the variational one of a Dirichlet prior, which favours few pieces (Liang and Klein,
/// "Structured Bayesian Nonparametric Models with Variational Inference", 2007).
pub(super) fn maximized(
    model: &Model,
    expected: &[f64],
    text: &Text,
    cancel: &Cancel,
) -> Result<Model, Cancelled> {
    let pieces = (0u32..).zip(expected).skip(1);
    let kept: Vec<(u32, f64)> =
        pieces.filter(|(_, expected)| **expected >= LEAST_EXPECTED).map(|(id, &sum)| (id, sum)).collect();
    let sum: f64 = kept.iter().map(|(_, expected)| expected).sum();
    let log_of_sum = digamma(sum);
    model.keep(kept.into_iter().map(|(id, expected)| (id, digamma(expected) - log_of_sum)), text, cancel)
}

/// The logarithmic derivative of the gamma function, by its asymptotic series beyond 7.
fn digamma(mut x: f64) -> f64 {
    let mut result = 0.0;
    while x < 7.0 {
        result -= 1.0 / x;
        x += 1.0;
    }
    x -= 0.5;
    let square = (1.0 / x) * (1.0 / x);
    let fourth = square * square;
    result += x.ln() + (1.0 / 24.0) * square - 7.0 / 960.0 * fourth + (31.0 / 8064.0) * fourth * square
        - (127.0 / 30720.0) * fourth * fourth;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digamma_has_its_known_values() {
        // Minus Euler's constant; less two logarithms of two at one half; and by recurrence.
        assert!((digamma(1.0) - -0.577_215_664_901_532_9).abs() < 1e-9);
        assert!((digamma(0.5) - -1.963_510_026_021_423_5).abs() < 1e-9);
        assert!((digamma(11.0) - digamma(10.0) - 0.1).abs() < 1e-9);
    }
}
