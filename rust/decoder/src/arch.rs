//! The instruction sets that the loops over values are compiled for; all `unsafe` code of this crate.
//!
//! The loops are plain Rust that compilers make vector code of: `FMA` says whether a fused multiplication is one
//! instruction, or a call of a function.

use ferrolm_base::simd::Level;

/// A loop over values.
pub(crate) trait Loop {
    fn run<const FMA: bool>(self);
}

pub(crate) fn run(level: Level, work: impl Loop) {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level is one that this machine has.
        Level::Avx2 | Level::Avx512 => unsafe { run_avx2(work) },
        _ => work.run::<false>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2(work: impl Loop) {
    work.run::<true>();
}

/// `a * b + c`
#[inline(always)]
pub(crate) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}
