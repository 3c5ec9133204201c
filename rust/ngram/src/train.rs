//! From text or ids to a model.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::{Corpus, Markers};
use crate::error::Result;
use crate::estimate;
use crate::model::Model;
use crate::options::{Options, OrderReport};
use crate::text::{self, Reserved, Text};
use crate::vocabulary::Vocabulary;

/// A model over the words of `text`; `skip_symbols` skips `<s>`, `</s>` and `<unk>` in it, which are refused otherwise.
pub fn from_text(
    text: Text<'_>,
    skip_symbols: bool,
    options: &Options,
    cancel: &Cancel,
) -> Result<(Model, Vec<OrderReport>)> {
    let mut words = Vocabulary::special_words();
    let reserved = if skip_symbols { Reserved::Skip } else { Reserved::Refuse };
    let corpus = text::read(text, &mut words, Some(Markers { begin: 1, end: 2 }), reserved, cancel)?;
    from_corpus(corpus, Vocabulary::of_words(words)?, options, cancel)
}

/// A model over ids below `vocab_size`; sequence `i` is `ids[offsets[i]..offsets[i + 1]]`.
pub fn from_ids(
    ids: &[u32],
    offsets: &[i64],
    vocab_size: u32,
    options: &Options,
    cancel: &Cancel,
) -> Result<(Model, Vec<OrderReport>)> {
    let vocabulary = Vocabulary::of_ids(vocab_size)?;
    let markers = Markers { begin: vocabulary.bos(), end: vocabulary.eos() };
    let corpus = Corpus::from_ids(ids, offsets, vocab_size, Some(markers))?;
    from_corpus(corpus, vocabulary, options, cancel)
}

/// The words of a text, for [`Options::vocabulary`].
pub fn words(text: Text<'_>) -> Vec<String> {
    text::sentences(text).into_iter().flat_map(text::split).map(str::to_owned).collect()
}

fn from_corpus(
    mut corpus: Corpus,
    vocabulary: Vocabulary,
    options: &Options,
    cancel: &Cancel,
) -> Result<(Model, Vec<OrderReport>)> {
    corpus.bound = vocabulary.size();
    corpus.tokens.par_iter_mut().for_each(|token| *token = vocabulary.inner(*token));
    estimate::train(&corpus, vocabulary, options, cancel)
}
