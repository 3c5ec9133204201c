//! A step of a decoder-only Transformer on the CPU: a few tokens for each sequence in, logits out.
//!
//! Generating a token takes as long as reading the weights once. What comes between the products (norms, rotations,
//! activations, the cache, attention) is little work in many small pieces, which here has no interpreter in between.
//! Weights stay where the caller has them, see [`Matrix`](ferrolm_attention::Matrix); sums are `f32`.
//!
//! One structure serves the GPT-2 and the Llama families, which differ in the kind of [`Norm`], [`Positions`] and
//! [`Activation`], and in whether the activation is gated.

mod activation;
mod arch;
mod decoder;
mod error;
mod norm;
mod parts;
mod positions;
mod workspace;

pub use activation::{Activation, gelu_tanh, gelu_tanh_gradient};
pub use decoder::{Cache, Decoder, Step};
pub use error::DecoderError;
pub use norm::Norm;
pub use parts::{Feed, Heads, Layer, Linear, Project};
pub use positions::Positions;
