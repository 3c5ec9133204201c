//! The kernels, and all `unsafe` code of this crate.
//!
//! Each is written once over [`vector::Vector`] and compiled for every instruction set inside a function that
//! enables it. [`portable`] is the fallback and, with the plain definition in the tests, the oracle of the others.

use crate::rows::AnyRows;
use arithmetic::Wide;
use dots::Widened;
use ferrolm_base::simd::Level;
use half::bf16;

mod arithmetic;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_bf16;
pub(crate) mod backward;
pub(crate) mod decode;
mod dots;
pub(crate) mod linear;
pub(crate) mod mask_tile;
mod portable;
pub(crate) mod scratch;
mod source;
pub(crate) mod stream;
mod tile;
mod vector;

pub(crate) use dots::MAX_INTEGER_COLUMNS;
pub(crate) use mask_tile::RowIndex;
use scratch::KernelScratch;

/// Queries that a tile holds at `level`.
pub(crate) fn tile_rows(level: Level) -> usize {
    match level {
        Level::Portable => 12,
        Level::Avx2 => 24,
        Level::Avx512 => 48,
    }
}

/// Attention of many rows; see [`stream::stream`].
pub(crate) fn stream(level: Level, job: &stream::Job, scratch: &mut KernelScratch, results: &mut [f32]) {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instruction set was found.
        Level::Avx512 if job.all_bf16 && avx512_bf16::usable() => unsafe {
            stream_avx512_bf16(job, scratch, results);
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set.
        Level::Avx512 => unsafe { stream_avx512(job, scratch, results) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set.
        Level::Avx2 => unsafe { stream_avx2(job, scratch, results) },
        // SAFETY: needs no instruction set.
        _ => unsafe { stream::stream::<portable::F32x4, Wide, 3>(job, scratch, results) },
    }
}

/// Attention of few rows; see [`decode::decode`].
pub(crate) fn decode(level: Level, job: &decode::Job, scratch: &mut KernelScratch, partial: &mut [f32]) {
    match level {
        #[cfg(target_arch = "x86_64")]
        // With one query there is little to do but to load, and loads of 64 bytes that miss the caches take longer than twice
        // as many of 32 (Zen 4: by 10 to 35 %).
        // SAFETY: a machine with AVX-512 has AVX2.
        Level::Avx512 if job.rows == 1 && !matches!(job.keys, AnyRows::Int8 { .. }) => unsafe {
            decode_avx2(job, scratch, partial);
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instruction set was found.
        Level::Avx512 if job.all_bf16 && avx512_bf16::usable() => unsafe {
            decode_avx512_bf16(job, scratch, partial);
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set.
        Level::Avx512 => unsafe { decode_avx512(job, scratch, partial) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set.
        Level::Avx2 => unsafe { decode_avx2(job, scratch, partial) },
        // SAFETY: needs no instruction set.
        _ => unsafe { decode::decode::<portable::F32x4, Widened<bf16>>(job, scratch, partial) },
    }
}

/// Gradients of many rows; see [`backward::backward`].
pub(crate) fn backward(
    level: Level,
    job: &backward::Job,
    scratch: &mut KernelScratch,
    sums: &mut backward::Sums,
) {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set.
        Level::Avx512 => unsafe { backward_avx512(job, scratch, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `usable` found the instruction set.
        Level::Avx2 => unsafe { backward_avx2(job, scratch, sums) },
        // SAFETY: needs no instruction set.
        _ => unsafe { backward::backward::<portable::F32x4, 3>(job, scratch, sums) },
    }
}

/// `level`, or the highest that this machine has: what the functions above may be called with.
pub(crate) fn usable(level: Level) -> Level {
    level.min(ferrolm_base::simd::detected())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn stream_avx512(job: &stream::Job, scratch: &mut KernelScratch, results: &mut [f32]) {
    // SAFETY: this function enables the instruction set, which its caller found.
    unsafe { stream::stream::<avx512::F32x16, Wide, 8>(job, scratch, results) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn stream_avx512_bf16(job: &stream::Job, scratch: &mut KernelScratch, results: &mut [f32]) {
    // SAFETY: as above.
    unsafe { stream::stream::<avx512::F32x16, arithmetic::Pairs, 8>(job, scratch, results) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn decode_avx512(job: &decode::Job, scratch: &mut KernelScratch, partial: &mut [f32]) {
    // SAFETY: as above.
    unsafe { decode::decode::<avx512::F32x16, Widened<bf16>>(job, scratch, partial) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn decode_avx512_bf16(job: &decode::Job, scratch: &mut KernelScratch, partial: &mut [f32]) {
    // SAFETY: as above.
    unsafe { decode::decode::<avx512::F32x16, dots::Bf16Dots>(job, scratch, partial) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn stream_avx2(job: &stream::Job, scratch: &mut KernelScratch, results: &mut [f32]) {
    // SAFETY: as above.
    unsafe { stream::stream::<avx2::F32x8, Wide, 3>(job, scratch, results) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn decode_avx2(job: &decode::Job, scratch: &mut KernelScratch, partial: &mut [f32]) {
    // SAFETY: as above.
    unsafe { decode::decode::<avx2::F32x8, Widened<bf16>>(job, scratch, partial) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn backward_avx512(job: &backward::Job, scratch: &mut KernelScratch, sums: &mut backward::Sums) {
    // SAFETY: as above.
    unsafe { backward::backward::<avx512::F32x16, 8>(job, scratch, sums) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn backward_avx2(job: &backward::Job, scratch: &mut KernelScratch, sums: &mut backward::Sums) {
    // SAFETY: as above.
    unsafe { backward::backward::<avx2::F32x8, 3>(job, scratch, sums) }
}
