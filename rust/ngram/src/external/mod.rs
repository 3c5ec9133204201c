//! Counting and estimation of texts that are larger than memory.
//!
//! Input comes piece by piece; its words are numbered and put aside in chunks that fit ([`tokens`]). Once all of it has
//! been seen, each chunk's n-grams are sorted as one in memory would be ([`runs`]) and the runs are merged ([`levels`]).
//! Everything after that passes over files from front to back: suffixes by an external sort ([`links`]), probabilities
//! by a join with the order below ([`estimate`]). The result is equal to that of the estimation in memory, to the bit.
//! Where all of the input fits, it is counted in memory and no file is written.
//!
//! The vocabulary is always in memory. Heafield, Pouzyrevsky, Clark and Koehn (2013) estimate in streams as well, but
//! sort whole n-grams three times; here records have 12 bytes whatever the order.

mod assemble;
mod collect;
mod counting;
#[cfg(test)]
mod equality;
mod estimate;
mod given;
mod levels;
mod links;
mod merge;
mod plan;
mod rows;
mod runs;
mod scatter;
mod sorter;
mod store;
mod tokens;
mod work;

pub use collect::{Input, Place, Task, Units};
pub use counting::Counting;
pub use plan::Training;
