//! The kernels for each instruction set, chosen once per call.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use ferrolm_base::simd::Level;

use crate::kernels::Kernels;

/// The functions for `level`, or for the machine's highest level if that is lower.
pub fn kernels(level: Level) -> Kernels {
    #[cfg(target_arch = "x86_64")]
    match level.min(detected()) {
        Level::Avx512 => return x86::avx512(),
        Level::Avx2 => return x86::avx2(),
        Level::Portable => {}
    }
    let _ = level;
    portable::kernels()
}

/// The machine's level, asked for once.
#[cfg(target_arch = "x86_64")]
fn detected() -> Level {
    static DETECTED: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
    *DETECTED.get_or_init(ferrolm_base::simd::detected)
}

#[cfg(test)]
pub(crate) fn available() -> impl Iterator<Item = Level> {
    let machine = ferrolm_base::simd::detected();
    [Level::Portable, Level::Avx2, Level::Avx512].into_iter().filter(move |level| *level <= machine)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::{BLOCK, LANES};

    fn logit() -> impl Strategy<Value = f32> {
        prop_oneof![8 => -40f32..40.0, 1 => Just(f32::NEG_INFINITY), 1 => -1e30f32..1e30, 1 => Just(-0.0)]
    }

    /// Everything that a level computes from a row, as bits.
    fn fingerprint(kernels: Kernels, row: &[f32], scale: f32, bound: f32) -> Vec<u32> {
        let blocks = row.len().div_ceil(BLOCK);
        let (mut maxima, mut again, mut sums) = (vec![0.0; blocks], vec![0.0; blocks], vec![0.0; blocks]);
        let mut bits = vec![u32::from((kernels.maxima)(row, &mut maxima))];
        bits.push(u32::from((kernels.maxima_and_sums)(row, scale, &mut again, &mut sums)));
        let (mut values, mut tokens, mut weights) = (Vec::new(), Vec::new(), vec![0.0; row.len()]);
        (kernels.gather)(row, 7, bound, &mut values, &mut tokens);
        (kernels.exponentials)(row, maxima.iter().fold(bound, |a, b| a.max(*b)), scale, &mut weights);
        bits.extend(tokens);
        let mut numbers = vec![0.0; row.len()];
        (kernels.buckets)(row, maxima[0], scale, &mut numbers);
        let (mut lanes, mut totals) = (vec![[0.0; LANES]; blocks], vec![0.0; blocks]);
        (kernels.lane_maxima)(row, &mut lanes);
        (kernels.sums)(&weights, &mut totals);
        for part in [maxima, again, sums, values, weights, lanes.concat(), totals, numbers] {
            bits.extend(part.iter().map(|value| value.to_bits()));
        }
        bits
    }

    proptest! {
        #[test]
        fn every_level_gives_the_same_bits(
            row in prop::collection::vec(logit(), 1..700), scale in 0.01f32..1e5, bound in -50f32..50.0,
        ) {
            let expected = fingerprint(portable::kernels(), &row, scale, bound);
            for level in available() {
                prop_assert_eq!(&fingerprint(kernels(level), &row, scale, bound), &expected, "{:?}", level);
            }
        }
    }

    #[test]
    fn exponentials_are_within_the_stated_error() {
        let exponents: Vec<f32> = (0..100_000).map(|i| i as f32 * -1.27e-3).collect();
        let mut found = vec![0.0; exponents.len()];
        for level in available() {
            (kernels(level).exponentials)(&exponents, 0.0, 1.0, &mut found);
            for (t, found) in exponents.iter().zip(&found) {
                let expected = if *t >= -126.0 { f64::from(*t).exp2() } else { 0.0 };
                assert!(
                    (f64::from(*found) - expected).abs() <= 2e-7 * expected + 2e-38,
                    "2^{t} is {expected}, found {found}"
                );
            }
            assert_eq!(found[0], 1.0);
        }
    }

    #[test]
    fn half_precision_is_widened_alike_and_exactly() {
        let bits: Vec<u16> = (0..=u16::MAX).collect();
        let mut out = vec![0.0; bits.len()];
        let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        for level in available() {
            (kernels(level).widen_float16)(&bits, &mut out);
            assert!(
                bits.iter().zip(&out).all(|(bits, out)| same(crate::logits::float16(*bits), *out)),
                "{level:?}"
            );
            // Formats read in place have the maxima of the widened numbers, and the same eye for NaN.
            let numbers: Vec<u16> = (0..0x7c00u16).chain(0x8000..=0xfc00).rev().collect();
            for (numbers, nan) in [(&numbers[..], false), (&bits[..], true)] {
                let (mut wide, mut expected, mut found) =
                    (vec![0.0; numbers.len()], vec![0.0; 256], vec![0.0; 256]);
                for narrow in [true, false] {
                    let kernels = kernels(level);
                    if narrow {
                        (kernels.widen_float16)(numbers, &mut wide);
                    } else {
                        (kernels.widen_bfloat16)(numbers, &mut wide);
                    }
                    let in_place = if narrow { kernels.maxima_float16 } else { kernels.maxima_bfloat16 };
                    assert_eq!(in_place(numbers, &mut found), nan);
                    assert_eq!((kernels.maxima)(&wide, &mut expected), nan);
                    assert!(nan || found == expected, "{level:?}");
                }
            }
            (kernels(level).widen_bfloat16)(&bits, &mut out);
            assert!(
                bits.iter().zip(&out).all(|(bits, out)| same(crate::logits::bfloat16(*bits), *out)),
                "{level:?}"
            );
        }
    }

    #[test]
    fn not_a_number_is_seen_wherever_it_stands() {
        for level in available() {
            for at in [0, 15, 16, 255, 256, 299] {
                let mut row = vec![f32::NEG_INFINITY; 300];
                row[at] = -f32::NAN;
                let (mut maxima, mut sums) = ([0.0; 2], [0.0; 2]);
                assert!((kernels(level).maxima)(&row, &mut maxima));
                assert!((kernels(level).maxima_and_sums)(&row, 1.0, &mut maxima, &mut sums));
            }
        }
    }
}
