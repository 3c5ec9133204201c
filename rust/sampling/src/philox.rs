//! Philox4x32-10, a counter-based random generator: any draw can be computed on its own, without the ones before it.
//!
//! Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, and the test vectors
//! of its Random123 library.

use crate::error::SamplingError;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Four random words for a counter and a key.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k0, mut k1]) = (counter, key);
    for _ in 0..ROUNDS {
        let left = u64::from(MULTIPLIERS[0]) * u64::from(a);
        let right = u64::from(MULTIPLIERS[1]) * u64::from(c);
        (a, b, c, d) =
            ((right >> 32) as u32 ^ b ^ k0, right as u32, (left >> 32) as u32 ^ d ^ k1, left as u32);
        k0 = k0.wrapping_add(KEY_STEPS[0]);
        k1 = k1.wrapping_add(KEY_STEPS[1]);
    }
    [a, b, c, d]
}

/// A number in [0, 1) with 53 random bits for a seed (the key) and a step (the counter).
pub fn uniform(seed: u64, step: u64) -> f64 {
    uniforms(seed, step)[0]
}

/// Two such numbers, independent of each other; the first is that of [`uniform`].
pub fn uniforms(seed: u64, step: u64) -> [f64; 2] {
    let [a, b, c, d] =
        philox4x32([step as u32, (step >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32]);
    [(a, b), (c, d)].map(|(low, high)| {
        let bits = (u64::from(high) << 32 | u64::from(low)) >> 11;
        bits as f64 * (1.0 / (1u64 << 53) as f64)
    })
}

/// Numbers in (0, 1] for the tokens 2 · `pair` and the one after it of a beam; counters that no other draw uses.
/// Small ones are as precise as large ones: of many tokens, those with the smallest numbers are drawn.
pub fn token_uniforms(seed: u64, step: u64, beam: u32, pair: u32) -> [f64; 2] {
    let counter = [step as u32, (step >> 32) as u32, pair, beam | 1 << 31];
    let [a, b, c, d] = philox4x32(counter, [seed as u32, (seed >> 32) as u32]);
    [(a, b), (c, d)].map(|(low, high)| {
        let bits = u64::from(high) << 32 | u64::from(low);
        (bits as f64 + 0.5) * (0.5 / (1u64 << 63) as f64)
    })
}

/// The seed of the `index`-th of several rows that share one seed; a counter that [`uniform`] never uses.
pub fn derived_seed(seed: u64, index: u64) -> u64 {
    let counter = [index as u32, (index >> 32) as u32, 1, 0];
    let [low, high, ..] = philox4x32(counter, [seed as u32, (seed >> 32) as u32]);
    u64::from(high) << 32 | u64::from(low)
}

/// The seeds of `count` rows.
///
/// # Errors
/// If there is no memory for so many.
pub fn derived_seeds(seed: u64, count: u64) -> Result<Vec<u64>, SamplingError> {
    let range = "a number of seeds that there is memory for";
    let failed = || SamplingError::Parameter { field: "count", range, found: count.to_string() };
    let mut seeds = Vec::new();
    seeds.try_reserve_exact(usize::try_from(count).map_err(|_| failed())?).map_err(|_| failed())?;
    seeds.extend((0..count).map(|index| derived_seed(seed, index)));
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_seeds_than_memory_are_an_error() {
        assert_eq!(derived_seeds(3, 2).unwrap(), [derived_seed(3, 0), derived_seed(3, 1)]);
        let message = derived_seeds(3, 1 << 60).unwrap_err().to_string();
        assert!(message.ends_with("found 1152921504606846976"), "{message}");
    }

    /// `kat_vectors` of Random123, lines `philox4x32 10`.
    #[test]
    fn known_answers() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox4x32(counter, key), expected);
        }
    }

    #[test]
    fn uniforms_are_below_one_and_even() {
        let mean = (0..10_000)
            .map(|step| uniform(7, step))
            .inspect(|u| assert!((0.0..1.0).contains(u)))
            .sum::<f64>();
        assert!((mean / 1e4 - 0.5).abs() < 0.01);
    }
}
