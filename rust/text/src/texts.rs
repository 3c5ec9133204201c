//! The same work on many texts.

use std::borrow::Cow;

use rayon::prelude::*;

/// What `work` makes of each text, in their order; in parallel, on the pool that the caller is on.
pub fn each<T: Send, E: Send>(
    texts: &[Cow<'_, str>],
    work: impl Fn(&str) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    texts.par_iter().map(|text| work(text)).collect()
}
