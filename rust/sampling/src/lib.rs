//! From logits to the next token ids: penalties, temperature, filters and a draw, in about one pass.
//!
//! A full sort of the vocabulary is never needed. One pass over a row keeps the maximum (and, when the mass of the
//! whole row matters, the sum of exponentials) of each block of 256 logits; these bound the threshold that a filter
//! will find, so that only the few blocks that can hold survivors are read again.
//!
//! - [`Params`]: what to do with a row, validated
//! - [`Logits`]: a batch of rows in float32, float16 or bfloat16, borrowed
//! - [`Step`]: temperature and filters, and the order in which they are taken; [`Rules`]: what the past forbids or demands
//! - [`Mirostat`], [`Watermark`]: steps that look at the text so far; [`guided`]: logits of two prompts in one
//! - [`History`]: the tokens a row has seen, counted
//! - [`sample`], [`filtered_probabilities`]: a batch, without state
//! - [`Sampler`]: the same with parameters, history and step kept for each row
//! - [`beam_candidates`]: the best continuations of beams
//! - [`speculation`]: the tokens of a draft that are kept
//!
//! A row's draw depends on its own logits, parameters, history, seed and step alone: not on the batch, not on the
//! number of threads, and not on the instruction set (all levels compute the same bits).

#![allow(clippy::float_cmp, reason = "equal logits are ties, and ties have rules here")]

mod arch;
mod batch;
mod beam;
mod chain;
mod draw;
mod error;
mod guidance;
mod history;
mod kernels;
mod logits;
mod mirostat;
mod order;
mod params;
pub mod philox;
mod race;
mod row;
mod rules;
mod sampler;
mod scan;
mod select;
pub mod speculation;
mod spread;
mod state;
mod watermark;

pub use batch::{Drawn, LogProbs, RowInput, filtered_probabilities, sample, top_log_probabilities};
pub use beam::{Beams, Candidate, beam_candidates};
pub use error::SamplingError;
pub use guidance::guided;
pub use history::History;
pub use logits::{Logits, Values};
pub use mirostat::{Mirostat, MirostatVersion};
pub use order::Step;
pub use params::{Draw, GREEDY_BELOW, LogitBias, Params};
pub use rules::{Change, Dry, Rules};
pub use sampler::{Sampler, entropy};
pub use watermark::{Seeding, Table, Watermark};
