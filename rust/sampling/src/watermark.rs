//! A watermark: a share of the vocabulary, which follows from the tokens before, is favoured, so that a test of how often
//! such tokens come tells the text from others (Kirchenbauer et al., 2023, "A Watermark for Large Language Models").
//!
//! The favoured tokens are those of transformers, whose `WatermarkDetector` finds them: the beginning of the
//! permutation that torch makes with its Mersenne Twister.

use std::sync::{Arc, OnceLock};

use crate::error::SamplingError;

/// What the favoured tokens follow from.
#[derive(Debug, Clone, PartialEq)]
pub enum Seeding {
    /// The last token.
    LeftHash,
    /// The tokens of the context and the candidate itself.
    SelfHash(Table),
}

/// A permutation that follows from the hashing key: 4 MB, made when it is first needed.
#[derive(Debug, Clone, Default)]
pub struct Table(Arc<OnceLock<Vec<u32>>>);

impl PartialEq for Table {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Table {
    fn of(&self, hashing_key: i64) -> &[u32] {
        self.0.get_or_init(|| {
            let mut table = Vec::new();
            begin_permutation(hashing_key as u64, TABLE, TABLE, &mut table);
            table
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Watermark {
    /// Share of the vocabulary that is favoured.
    pub greenlist_ratio: f64,
    /// Added to their logits.
    pub bias: f64,
    pub hashing_key: i64,
    pub seeding: Seeding,
    /// Tokens before the next one that are looked at; without so many nothing is favoured.
    pub context_width: usize,
}

/// Candidates that [`Seeding::SelfHash`] tries, as in transformers.
pub const CANDIDATES: usize = 40;
const TABLE: usize = 1_000_003;

impl Watermark {
    pub(crate) fn validate(&self) -> Result<(), SamplingError> {
        let error = |field, range, found| Err(SamplingError::Parameter { field, range, found });
        if !(self.greenlist_ratio > 0.0 && self.greenlist_ratio < 1.0) {
            return error("greenlist_ratio", "above 0 and below 1", format!("{:?}", self.greenlist_ratio));
        }
        if !self.bias.is_finite() {
            return error("bias of the watermark", "finite", format!("{:?}", self.bias));
        }
        if self.context_width == 0 {
            return error("context_width", "at least 1", "0".to_owned());
        }
        Ok(())
    }

    /// Set the bits of the favoured tokens, 32 in a word; `largest` gives the most probable tokens, the first first.
    /// False if the context is too short.
    pub(crate) fn mark(
        &self,
        past: &[u32],
        vocab: usize,
        largest: impl FnOnce() -> Vec<u32>,
        scratch: &mut Scratch,
    ) -> bool {
        let (Some(context), Some(last)) = (past.len().checked_sub(self.context_width), past.last()) else {
            return false;
        };
        let Scratch { permutation, green } = scratch;
        let size = (vocab as f64 * self.greenlist_ratio) as usize;
        green.clear();
        green.resize(vocab.div_ceil(32), 0);
        match &self.seeding {
            Seeding::LeftHash => {
                begin_permutation(
                    seed(self.hashing_key.wrapping_mul(i64::from(*last))),
                    vocab,
                    size,
                    permutation,
                );
                for token in &*permutation {
                    set(green, *token);
                }
            }
            Seeding::SelfHash(table) => {
                // The candidate is the last token of the context then.
                let (context, table) = (&past[context + 1..], table.of(self.hashing_key));
                for token in largest().into_iter().take(CANDIDATES) {
                    let entry = |token: u32| i64::from(table[token as usize % TABLE]) + 1;
                    let hash =
                        |other: u32| self.hashing_key.wrapping_mul(entry(other)).wrapping_mul(entry(token));
                    let hashes = context.iter().copied().chain([token]).map(hash);
                    begin_permutation(seed(hashes.min().unwrap_or_default()), vocab, size, permutation);
                    if permutation.contains(&token) {
                        set(green, token);
                    }
                }
            }
        }
        true
    }
}

/// Memory for one mark after the other.
#[derive(Default)]
pub struct Scratch {
    permutation: Vec<u32>,
    pub green: Vec<u32>,
}

impl Scratch {
    pub fn is_green(&self, token: u32) -> bool {
        self.green.get(token as usize / 32).is_some_and(|word| word >> (token % 32) & 1 == 1)
    }
}

fn set(bits: &mut [u32], token: u32) {
    if let Some(word) = bits.get_mut(token as usize / 32) {
        *word |= 1 << (token % 32);
    }
}

/// The seed of a hash, modulo 2^64 - 1 as Python has it.
fn seed(hash: i64) -> u64 {
    if hash < 0 { (hash as u64).wrapping_sub(1) } else { hash as u64 }
}

/// The first `size` of the numbers below `count`, in the order of `torch.randperm` on the CPU.
fn begin_permutation(seed: u64, count: usize, size: usize, out: &mut Vec<u32>) {
    let mut random = MersenneTwister::new(seed as u32);
    out.clear();
    out.extend(0..count as u32);
    for at in 0..size.min(count.saturating_sub(1)) {
        let other = random.next() as usize % (count - at);
        out.swap(at, at + other);
    }
    out.truncate(size);
}

const STATE: usize = 624;
const SHIFT: usize = 397;

/// MT19937 (Matsumoto and Nishimura, 1998), seeded as there.
struct MersenneTwister {
    state: [u32; STATE],
    at: usize,
}

impl MersenneTwister {
    fn new(seed: u32) -> Self {
        let mut state = [seed; STATE];
        for at in 1..STATE {
            let before = state[at - 1];
            state[at] = (before ^ before >> 30).wrapping_mul(1_812_433_253).wrapping_add(at as u32);
        }
        Self { state, at: STATE }
    }

    fn next(&mut self) -> u32 {
        if self.at == STATE {
            self.twist();
        }
        let mut word = self.state[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    fn twist(&mut self) {
        for at in 0..STATE {
            let mixed = self.state[at] & 0x8000_0000 | self.state[(at + 1) % STATE] & 0x7fff_ffff;
            let odd = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[at] = self.state[(at + SHIFT) % STATE] ^ mixed >> 1 ^ odd;
        }
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers, and the ten thousandth, of the seed that C++ takes for its `mt19937` by default.
    #[test]
    fn numbers_are_those_of_the_twister() {
        let mut random = MersenneTwister::new(5489);
        let numbers: Vec<u32> = (0..10_000).map(|_| random.next()).collect();
        assert_eq!(numbers[..2], [3_499_211_612, 581_869_302]);
        assert_eq!(numbers[9_999], 4_123_659_995);
    }

    #[test]
    fn a_context_that_is_too_short_favours_nothing() {
        let watermark = Watermark {
            greenlist_ratio: 0.25,
            bias: 2.0,
            hashing_key: 15_485_863,
            seeding: Seeding::LeftHash,
            context_width: 2,
        };
        let mut scratch = Scratch::default();
        assert!(!watermark.mark(&[7], 100, Vec::new, &mut scratch));
        assert!(watermark.mark(&[7, 8], 100, Vec::new, &mut scratch));
        assert_eq!((0..100).filter(|token| scratch.is_green(*token)).count(), 25);
    }
}
