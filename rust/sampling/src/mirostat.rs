//! Mirostat: text whose tokens carry a wanted amount of information on average (Basu et al., 2021), as in llama.cpp.

/// How the tokens that may be drawn are found from the limit `mu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirostatVersion {
    /// The largest logits, as many as carry at most `mu` bits if the probabilities follow Zipf's law.
    One,
    /// The tokens that carry at most `mu` bits.
    Two,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mirostat {
    pub version: MirostatVersion,
    /// Bits that a token shall carry on average.
    pub tau: f64,
    /// Learning rate of `mu`.
    pub eta: f64,
}

/// Tokens from which Zipf's exponent is estimated.
pub const ZIPF_TOKENS: usize = 100;

/// No text goes beyond; with it, no sum here overflows.
const LARGEST_MU: f64 = 1e9;

impl Mirostat {
    /// The limit that a text begins with, in bits.
    pub fn first_mu(&self) -> f64 {
        2.0 * self.tau
    }

    /// The limit after a token that carried `surprise` bits.
    pub fn next_mu(&self, mu: f64, surprise: f64) -> f64 {
        (mu - self.eta * (surprise - self.tau)).clamp(-LARGEST_MU, LARGEST_MU)
    }
}

/// How many of the most probable tokens to keep, for the natural logarithms of the probabilities of the first
/// [`ZIPF_TOKENS`] of them, the largest first, up to a constant.
pub fn zipf_count(logs: &[f64], vocab: usize, mu: f64) -> usize {
    let (mut products, mut squares) = (0.0, 0.0);
    for (rank, pair) in logs.windows(2).enumerate() {
        let ranks = ((rank + 2) as f64 / (rank + 1) as f64).ln();
        products += ranks * (pair[0] - pair[1]);
        squares += ranks * ranks;
    }
    let exponent = products / squares;
    let over = exponent - 1.0;
    let count = (over * mu.exp2() / (1.0 - (vocab as f64).powf(-over))).powf(1.0 / exponent);
    // One token has no exponent: not a number becomes nothing here.
    (count as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_goes_where_the_surprise_does_not() {
        let mirostat = Mirostat { version: MirostatVersion::Two, tau: 5.0, eta: 0.1 };
        assert_eq!(mirostat.first_mu(), 10.0);
        assert_eq!([mirostat.next_mu(10.0, 7.0), mirostat.next_mu(10.0, 0.0)], [9.8, 10.5]);
        assert_eq!(mirostat.next_mu(10.0, f64::INFINITY), -LARGEST_MU);
    }

    #[test]
    fn counts_follow_from_zipfs_law() {
        // p(rank) ~ rank^-1.5: the exponent is found, and the formula of the paper gives the rest.
        let logs: Vec<f64> = (1..=ZIPF_TOKENS).map(|rank| -1.5 * (rank as f64).ln()).collect();
        let expected = (0.5 * 16.0 / (1.0 - 1000f64.powf(-0.5))).powf(1.0 / 1.5);
        assert_eq!(zipf_count(&logs, 1000, 4.0), expected as usize);
        assert_eq!([zipf_count(&[0.0], 1, 4.0), zipf_count(&[0.0; 3], 3, 0.5)], [1, 1]);
        assert_eq!(zipf_count(&logs, 1000, -1e9), 1);
    }
}
