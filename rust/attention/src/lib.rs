//! Attention on the CPU: softmax(scale · Q Kᵀ + mask) V without ever storing the scores.
//!
//! [`attend`] has the shapes and the meaning of `torch.nn.functional.scaled_dot_product_attention`. Keys are
//! visited in blocks with a running maximum and sum per query (Milakov and Gimelshein 2018, "Online normalizer
//! calculation for softmax"; Dao et al. 2022, "`FlashAttention`"), so memory is linear in the length, blocks that
//! are masked whole are skipped, and sums are `f32`.
//!
//! Two shapes of the same sum: many queries per head run register-tiled products with lanes along queries; up to
//! eight (generation, one token at a time) stream each key and value once, with lanes along the head dimension.
//! [`gradients`] goes back the same way, from what [`attend_keeping`] leaves: the scores are computed again.
//! Beside it, [`Matrix`]: products with matrices of weights, also quantized ones, for decoding.
//!
//! [`attend_cached`] reads keys and values from a preallocated or paged cache, also of 8 bits, and
//! [`attend_ragged`] those of packed sequences.
//!
//! Work is split by shape alone, so that results do not depend on the number of threads.

mod arch;
mod attend;
mod backward;
mod cached;
mod element;
mod error;
mod group;
mod linear;
mod mask;
mod options;
mod per_head;
mod ragged;
mod rows;
mod run;
mod scoring;
mod span;

pub use attend::{Call, attend, attend_at, attend_keeping};
pub use backward::{Forward, Gradients, gradients, gradients_at};
pub use cached::{Cache, CachedCall, attend_cached, attend_cached_at};
pub use element::Element;
pub use error::AttentionError;
pub use half::{bf16, f16};
pub use linear::{Format, GROUP, Matrix, Weights};
pub use mask::Mask;
pub use options::{Alignment, Options};
pub use per_head::PerHead;
pub use ragged::{RaggedCall, attend_ragged, attend_ragged_at};
