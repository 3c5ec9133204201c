//! What every crate of the workspace needs, and nothing that only one needs.
//!
//! - [`pool`]: the one thread pool, safe to use after `fork`
//! - [`cancel`]: the flag that long calls poll so that Ctrl-C is answered
//! - [`simd`]: which instruction set the kernels use, decided once at run time
//! - [`atomic_file`]: files that are either written whole or not at all
//! - [`HugeBox`]: large tables on huge pages
//! - [`read`]: reading files within a limit, with errors that name the path

pub mod atomic_file;
pub mod cancel;
mod error;
pub mod pool;
pub mod read;
pub mod simd;
mod unsafe_huge_box;
mod unsafe_list;

// What the list is made of; rust/loom has it made of loom's.
use std::sync::atomic;

pub use cancel::{Cancel, Cancelled};
pub use error::FileError;
pub use unsafe_huge_box::HugeBox;
