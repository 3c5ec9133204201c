//! Which instruction set the kernels use, decided once per process.
//!
//! Wheels are built for the baseline CPU; each kernel asks [`level`] once per call, above its loop.
//! `FERROLM_SIMD=portable|avx2|avx512` lowers the choice (never above what the machine has), for tests.

use std::sync::OnceLock;

/// What a kernel may use; a higher level includes the lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The target's baseline, whatever the compiler makes of plain code.
    Portable,
    /// x86-64 with AVX2, FMA, F16C, BMI1, BMI2, LZCNT and POPCNT (Haswell, 2013; Zen, 2017).
    Avx2,
    /// The above with AVX-512 F, BW, CD, DQ and VL (Skylake-SP, 2017; Zen 4, 2022).
    Avx512,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512].into_iter().find(|level| level.name() == name)
    }
}

/// The level in force: the machine's, or a lower one asked for by `FERROLM_SIMD`.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let asked = std::env::var("FERROLM_SIMD").ok();
        let asked = asked.and_then(|name| Level::from_name(name.trim()));
        asked.map_or_else(detected, |asked| asked.min(detected()))
    })
}

/// The highest level that this machine has.
pub fn detected() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! has {
            ($($feature:tt),*) => { $(std::arch::is_x86_feature_detected!($feature))&&* };
        }
        if has!("avx2", "fma", "f16c", "bmi1", "bmi2", "lzcnt", "popcnt") {
            if has!("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl") {
                return Level::Avx512;
            }
            return Level::Avx2;
        }
    }
    Level::Portable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_are_ignored() {
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            assert_eq!(Level::from_name(level.name()), Some(level));
        }
        assert_eq!(Level::from_name("sse9"), None);
    }

    #[test]
    fn the_level_in_force_is_never_above_the_machine() {
        assert!(level() <= detected());
    }
}
