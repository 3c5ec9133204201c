//! Features hashed into columns (Weinberger et al. 2009), as scikit-learn's `FeatureHasher` does it.

use crate::error::{NgramError, Result};

/// How the values of a row are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    None,
    /// To a sum of absolute values of one.
    L1,
    /// To a sum of squares of one.
    L2,
}

/// Settings of hashing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashing {
    /// Columns of the matrix.
    pub features: u32,
    /// Half of the features, by their hash, count negatively, so that collisions cancel on average.
    pub alternate_sign: bool,
    /// Every value is one.
    pub binary: bool,
    pub norm: Norm,
}

/// A sparse matrix of real values by rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hashed {
    pub starts: Vec<i64>,
    pub columns: Vec<u32>,
    pub values: Vec<f64>,
}

impl Hashing {
    pub fn check(&self) -> Result<()> {
        if self.features == 0 || self.features > i32::MAX as u32 {
            let message = format!("n_features is {}, expected 1 to {}", self.features, i32::MAX);
            return Err(NgramError::InvalidArgument(message));
        }
        Ok(())
    }

    /// The column of a feature and what it adds to it.
    #[inline]
    pub(super) fn place(self, feature: &str) -> (u32, i64) {
        let hash = murmur3(feature.as_bytes(), 0) as i32;
        let sign = if self.alternate_sign && hash < 0 { -1 } else { 1 };
        // scikit-learn has a rule of its own for the hash that has no absolute value.
        let column = match hash.checked_abs() {
            Some(hash) => hash as u32 % self.features,
            None => (i32::MAX as u32 - (self.features - 1)) % self.features,
        };
        (column, sign)
    }

    /// Sum up the places of a row by column, appending them to `columns` and `values`.
    pub(super) fn finish(self, places: &mut [(u32, i64)], columns: &mut Vec<u32>, values: &mut Vec<f64>) {
        places.sort_unstable_by_key(|&(column, _)| column);
        let start = values.len();
        for run in places.chunk_by(|a, b| a.0 == b.0) {
            let sum: i64 = run.iter().map(|&(_, value)| value).sum();
            columns.push(run[0].0);
            values.push(if self.binary { 1.0 } else { sum as f64 });
        }
        let row = &mut values[start..];
        let norm = match self.norm {
            Norm::None => return,
            Norm::L1 => row.iter().map(|value| value.abs()).sum(),
            Norm::L2 => row.iter().map(|value| value * value).sum::<f64>().sqrt(),
        };
        if norm > 0.0 {
            for value in row {
                *value /= norm;
            }
        }
    }
}

/// `MurmurHash3` `x86_32` of Austin Appleby.
pub(crate) fn murmur3(bytes: &[u8], seed: u32) -> u32 {
    const FIRST: u32 = 0xCC9E_2D51;
    const SECOND: u32 = 0x1B87_3593;
    let scramble = |block: u32| block.wrapping_mul(FIRST).rotate_left(15).wrapping_mul(SECOND);
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mut hash = seed;
    for &block in blocks {
        hash ^= scramble(u32::from_le_bytes(block));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xE654_6B64);
    }
    let rest = tail.iter().rev().fold(0, |rest, &byte| rest << 8 | u32::from(byte));
    if !tail.is_empty() {
        hash ^= scramble(rest);
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85EB_CA6B);
    hash = (hash ^ hash >> 13).wrapping_mul(0xC2B2_AE35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_reference() {
        // From the reference implementation and its users' test vectors.
        for (text, seed, hash) in [
            ("", 0, 0),
            ("", 1, 0x514E_28B7),
            ("a", 0x9747_B28C, 0x7FA0_9EA6),
            ("aaaa", 0x9747_B28C, 0x5A97_808A),
            ("abc", 0, 0xB3DD_93FA),
            ("Hello, world!", 0x9747_B28C, 0x2488_4CBA),
            ("The quick brown fox jumps over the lazy dog", 0x9747_B28C, 0x2FA8_26CD),
        ] {
            assert_eq!(murmur3(text.as_bytes(), seed), hash, "{text:?}");
        }
    }

    #[test]
    fn rows_are_summed_and_scaled() {
        let hashing = |binary, norm| Hashing { features: 8, alternate_sign: true, binary, norm };
        let finish = |hashing: Hashing| {
            let (mut columns, mut values) = (Vec::new(), Vec::new());
            hashing.finish(&mut [(5, 1), (2, -3), (5, -1), (7, 4)], &mut columns, &mut values);
            assert_eq!(columns, [2, 5, 7]);
            values
        };
        assert_eq!(finish(hashing(false, Norm::None)), [-3.0, 0.0, 4.0]);
        assert_eq!(finish(hashing(false, Norm::L2)), [-0.6, 0.0, 0.8]);
        assert_eq!(finish(hashing(true, Norm::L1)), [1.0 / 3.0; 3]);
    }
}
