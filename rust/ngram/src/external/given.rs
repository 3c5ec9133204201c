//! Counts that are there already as the runs that estimation starts from.

use std::ops::Range;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use super::merge::halves;
use super::rows::{RowWriter, Section};
use super::store::Store;
use crate::count::{Counts, OrderCounts};
use crate::error::{NgramError, Result};
use crate::vocabulary::{BOS, EOS, UNK, Vocabulary};

/// Fewer rows at once cost more files than they save memory.
const LEAST: usize = if cfg!(test) { 1 << 3 } else { 1 << 16 };

/// The vocabulary of the counts' numbers.
pub(super) fn vocabulary(counts: &Counts, vocab_size: Option<u32>) -> Result<Vocabulary> {
    let complain = |message: &str| Err(NgramError::InvalidArgument(message.to_owned()));
    match (&counts.words, vocab_size) {
        (Some(_), Some(_)) => complain("vocab_size is for counts of ids, but words were counted"),
        (None, None) => complain("vocab_size is missing: the numbers of <s> and </s> come after the ids"),
        (None, Some(size)) => Vocabulary::of_ids(size),
        (Some(words), None) => {
            if [BOS, EOS].iter().any(|marker| words.get(marker).is_none()) {
                return complain("the counts have no <s> and </s>: count with markers=True");
            }
            let mut words = words.clone();
            words.insert(UNK);
            Vocabulary::of_words(words)
        }
    }
}

/// All orders up to the model's must have been counted, of numbers in the vocabulary.
pub(super) fn check(counts: &Counts, vocabulary: &Vocabulary, order: usize) -> Result<()> {
    if let Some(k) = (1..=order).find(|&k| counts.order(k).is_none()) {
        let message = format!("the counts lack order {k}; a model of order {order} needs all from 1 on");
        return Err(NgramError::InvalidArgument(message));
    }
    let size = vocabulary.size();
    let unigrams = counts.order(1).map(|order| &order.keys[..]).unwrap_or_default();
    if let Some(number) = unigrams.iter().find(|&&number| number >= size) {
        let message = format!(
            "the counts have the id {number}, but the largest marker of the vocabulary is {}",
            size - 1
        );
        return Err(NgramError::InvalidArgument(message));
    }
    if !unigrams.contains(&vocabulary.bos()) {
        let message = "the counts have no sentence with <s>: count with markers=True".to_owned();
        return Err(NgramError::InvalidArgument(message));
    }
    Ok(())
}

/// Whether a run was made by [`runs`].
pub(super) fn is_given(run: &Section) -> bool {
    run.name.starts_with("runs-given-")
}

/// Sorted runs of each order, by the inner numbers of the vocabulary.
pub(super) fn runs(
    store: &Store,
    counts: &Counts,
    vocabulary: &Vocabulary,
    order: usize,
    memory: usize,
    cancel: &Cancel,
) -> Result<Vec<Vec<Section>>> {
    let mut all = Vec::new();
    for counted in (1..=order).filter_map(|k| counts.order(k)) {
        let k = usize::from(counted.order);
        let most = (memory / (8 * k + 16)).max(LEAST);
        let starts = (0..counted.len()).step_by(most);
        let pieces = starts.enumerate().map(|(i, start)| {
            cancel.check()?;
            let name = format!("runs-given-{k}-{i}");
            write(store, &name, counted, start..(start + most).min(counted.len()), vocabulary)
        });
        all.push(pieces.collect::<Result<Vec<_>>>()?);
    }
    Ok(all)
}

fn write(
    store: &Store,
    name: &str,
    counted: &OrderCounts,
    range: Range<usize>,
    vocabulary: &Vocabulary,
) -> Result<Section> {
    let k = usize::from(counted.order);
    let numbers = &counted.keys[range.start * k..range.end * k];
    let keys: Vec<u32> = numbers.par_iter().map(|&number| vocabulary.inner(number)).collect();
    let key = |place: u32| &keys[place as usize * k..(place as usize + 1) * k];
    let mut places: Vec<u32> = (0..range.len() as u32).collect();
    places.par_sort_unstable_by(|&a, &b| key(a).cmp(key(b)));
    let mut writer = RowWriter::create(store, name)?;
    for &place in &places {
        writer.push(key(place))?;
        writer.push(&halves(counted.counts[range.start + place as usize]))?;
    }
    writer.finish()?;
    Ok(Section { name: name.to_owned(), start: 0, rows: range.len() as u64, width: k + 2 })
}
