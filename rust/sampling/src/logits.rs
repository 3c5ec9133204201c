//! A batch of logits, borrowed as it lies in memory.

use crate::error::SamplingError;

/// One row; float16 and bfloat16 are given as their 16 bits.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    Float32(&'a [f32]),
    Float16(&'a [u16]),
    BFloat16(&'a [u16]),
}

impl Values<'_> {
    pub fn len(&self) -> usize {
        match self {
            Self::Float32(values) => values.len(),
            Self::Float16(bits) | Self::BFloat16(bits) => bits.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The logit of a token in float32; the token must exist.
    #[inline]
    pub(crate) fn get(&self, token: usize) -> f32 {
        match self {
            Self::Float32(values) => values[token],
            Self::Float16(bits) => float16(bits[token]),
            Self::BFloat16(bits) => bfloat16(bits[token]),
        }
    }
}

/// IEEE half precision to float32, exact, without branches so that loops over it vectorise.
#[inline(always)]
pub(crate) fn float16(bits: u16) -> f32 {
    let magnitude = u32::from(bits & 0x7fff);
    // The multiplication corrects the exponent's bias and makes subnormals normal.
    let finite = f32::from_bits(magnitude << 13) * f32::from_bits(0x7780_0000);
    let special = if magnitude >= 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(finite.to_bits() | special | (u32::from(bits & 0x8000) << 16))
}

#[inline(always)]
pub(crate) fn bfloat16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Rows of equal length, which need not follow each other in memory.
#[derive(Debug)]
pub struct Logits<'a> {
    rows: Vec<Values<'a>>,
    vocab: usize,
}

impl<'a> Logits<'a> {
    /// `vocab` is given too because an empty batch has a vocabulary as well.
    pub fn new(rows: Vec<Values<'a>>, vocab: usize) -> Result<Self, SamplingError> {
        if vocab == 0 {
            return Err(SamplingError::EmptyVocabulary);
        }
        if u32::try_from(vocab).is_err() {
            return Err(SamplingError::VocabularyTooLarge { found: vocab });
        }
        if let Some((row, values)) = rows.iter().enumerate().find(|(_, values)| values.len() != vocab) {
            return Err(SamplingError::RaggedLogits { row, found: values.len(), expected: vocab });
        }
        Ok(Self { rows, vocab })
    }

    pub fn rows(&self) -> &[Values<'a>] {
        &self.rows
    }

    pub fn batch(&self) -> usize {
        self.rows.len()
    }

    pub fn vocab(&self) -> usize {
        self.vocab
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_float_is_converted_exactly() {
        for bits in 0..=u16::MAX {
            let (sign, exponent, mantissa) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let magnitude = match exponent {
                0 => mantissa * 2f64.powi(-24),
                31 if mantissa == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1024.0 + mantissa) * 2f64.powi(exponent - 25),
            };
            let expected = if sign == 1 { -magnitude } else { magnitude };
            let found = f64::from(float16(bits));
            assert!(
                found == expected || (found.is_nan() && expected.is_nan()),
                "{bits:#x}: {found} != {expected}"
            );
        }
    }
}
