//! Text that two texts share: test examples in training data, and passages that a corpus has more than once.
//!
//! - [`Contamination`]: what training documents of any number share with test examples
//! - [`repeated_spans`]: passages of a corpus that occurred before

mod automaton;
mod contamination;
mod repeats;
mod words;

pub use contamination::{Contamination, Overlap};
pub use repeats::{RepeatedSpan, repeated_spans};
pub use words::{Words, read};
