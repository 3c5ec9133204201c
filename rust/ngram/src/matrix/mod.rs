//! Matrices of documents (rows) and their n-grams (columns), as scikit-learn's vectorizers make them.
//!
//! - [`Analyzer`]: what the features of a document are
//! - [`Analyzer::fit`]: features become columns, sorted by name; the fast way, by numbers
//! - [`Analyzer::transform`], [`Analyzer::hash`]: columns that are known, or given by hashes
//! - [`document_ngrams`]: the same over token ids

mod analyzer;
mod characters;
mod columns;
mod features;
mod hashing;
mod numbering;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use analyzer::Scratch;
pub use analyzer::{Analyzer, Units};
pub use characters::{Characters, Ranges};
use columns::Wanted;
pub use columns::{Counted, Place};
pub use features::Features;
pub use hashing::{Hashed, Hashing, Norm};
use numbering::{Numbered, number, number_features, pieces};

use crate::corpus::Corpus;
use crate::count::check_orders;
use crate::error::Result;
use crate::levels::split;

/// Documents that one worker looks at between two looks at the cancel flag.
const POLL: usize = 64;
/// Names that one worker writes.
const NAMES: usize = 1 << 14;

/// Documents as features of somebody else's making: document `i` has `features[offsets[i]..offsets[i + 1]]`.
#[derive(Debug, Clone, Copy)]
pub struct Prepared<'a> {
    pub features: &'a [&'a str],
    pub offsets: &'a [usize],
}

impl Analyzer {
    /// Count the features of each text; all that occur become columns, in the order of their names.
    pub fn fit(&self, texts: &[&str], cancel: &Cancel) -> Result<(Features, Counted)> {
        let numbered = number(texts, self, cancel)?;
        let border = match (&numbered.names, self.units) {
            (numbering::Names::Characters(characters), Units::CharactersInWords) => {
                characters.iter().position(|&character| character == ' ').map(|place| place as u32)
            }
            _ => None,
        };
        named(&numbered, &Wanted::new(self.smallest..=self.largest, border), cancel)
    }

    /// Count the features of each text that are columns already.
    pub fn transform(&self, texts: &[&str], features: &Features, cancel: &Cancel) -> Result<Counted> {
        let index = features.index();
        let pieces = pieces(texts.iter().map(|text| text.len()));
        let found = pieces.into_par_iter().map(|piece| {
            let (mut scratch, mut columns, mut lengths) = (Scratch::default(), Vec::new(), Vec::new());
            for (at, text) in texts[piece].iter().enumerate() {
                if at.is_multiple_of(POLL) {
                    cancel.check()?;
                }
                let before = columns.len();
                self.each_feature(text, &mut scratch, &mut |feature| {
                    columns.extend(index.get(feature).map(|column| column + 1));
                });
                lengths.push(columns.len() - before);
            }
            Ok((columns, lengths))
        });
        rows_of(found.collect::<Result<_>>()?, features.len(), cancel)
    }

    /// Count the features of each text in columns that their hashes choose.
    pub fn hash(&self, texts: &[&str], hashing: &Hashing, cancel: &Cancel) -> Result<Hashed> {
        hashing.check()?;
        let pieces = pieces(texts.iter().map(|text| text.len()));
        let parts = pieces.into_par_iter().map(|piece| {
            let (mut scratch, mut places, mut part) = (Scratch::default(), Vec::new(), Hashed::default());
            for (at, text) in texts[piece].iter().enumerate() {
                if at.is_multiple_of(POLL) {
                    cancel.check()?;
                }
                places.clear();
                self.each_feature(text, &mut scratch, &mut |feature| places.push(hashing.place(feature)));
                hashing.finish(&mut places, &mut part.columns, &mut part.values);
                part.starts.push(part.columns.len() as i64);
            }
            Ok(part)
        });
        Ok(concatenated(parts.collect::<Result<Vec<_>>>()?))
    }
}

impl Prepared<'_> {
    /// As [`Analyzer::fit`].
    pub fn fit(self, cancel: &Cancel) -> Result<(Features, Counted)> {
        let numbered = number_features(self.features, self.offsets, cancel)?;
        named(&numbered, &Wanted::new(1..=1, None), cancel)
    }

    /// As [`Analyzer::transform`].
    pub fn transform(self, features: &Features, cancel: &Cancel) -> Result<Counted> {
        let index = features.index();
        let rows = self.offsets.par_windows(2).map(|row| {
            let found = self.features[row[0]..row[1]].iter().filter_map(|feature| index.get(feature));
            let columns: Vec<u32> = found.map(|column| column + 1).collect();
            let length = columns.len();
            (columns, vec![length])
        });
        rows_of(rows.collect(), features.len(), cancel)
    }

    /// As [`Analyzer::hash`].
    pub fn hash(self, hashing: &Hashing, cancel: &Cancel) -> Result<Hashed> {
        hashing.check()?;
        let rows = self.offsets.par_windows(2).map(|row| {
            let mut part = Hashed::default();
            let mut places: Vec<_> =
                self.features[row[0]..row[1]].iter().map(|feature| hashing.place(feature)).collect();
            hashing.finish(&mut places, &mut part.columns, &mut part.values);
            part.starts.push(part.columns.len() as i64);
            part
        });
        let parts = rows.collect();
        cancel.check()?;
        Ok(concatenated(parts))
    }
}

/// Count the n-grams of `orders` in each row of ids, `ids[offsets[i]..offsets[i + 1]]`; columns are in the order of the
/// ids, a shorter n-gram before its continuations. Also returns where in `ids` the n-gram of each column is.
pub fn document_ngrams(
    ids: &[u32],
    offsets: &[i64],
    orders: &[usize],
    cancel: &Cancel,
) -> Result<(Counted, Vec<Place>)> {
    let orders = check_orders(orders)?;
    let corpus = Corpus::from_all_ids(ids, offsets)?;
    let wanted = Wanted::new(orders.into_iter().map(usize::from), None);
    columns::count(&corpus, &corpus.offsets, &wanted, cancel)
}

fn named(numbered: &Numbered, wanted: &Wanted, cancel: &Cancel) -> Result<(Features, Counted)> {
    let Numbered { corpus, rows, names } = numbered;
    let (counted, places) = columns::count(corpus, rows, wanted, cancel)?;
    let parts: Vec<Features> = places
        .par_chunks(NAMES)
        .map(|places| {
            let mut features = Features::default();
            for place in places {
                let start = place.position as usize;
                let numbers = &corpus.tokens[start..start + usize::from(place.order)];
                features.push(|text| names.write(numbers, text));
            }
            features
        })
        .collect();
    let mut features = Features::default();
    for part in &parts {
        features.append(part);
    }
    Ok((features, counted))
}

/// Rows of counts from columns plus one, with the number of them in each row.
fn rows_of(mut found: Vec<(Vec<u32>, Vec<usize>)>, width: usize, cancel: &Cancel) -> Result<Counted> {
    let notes = found.iter_mut().flat_map(|(columns, lengths)| split(columns, lengths)).collect();
    columns::rows(notes, width, cancel)
}

fn concatenated(parts: Vec<Hashed>) -> Hashed {
    let total = parts.iter().map(|part| part.columns.len()).sum();
    let mut all =
        Hashed { starts: vec![0], columns: Vec::with_capacity(total), values: Vec::with_capacity(total) };
    for part in parts {
        let before = all.columns.len() as i64;
        all.starts.extend(part.starts.iter().map(|start| before + start));
        all.columns.extend(part.columns);
        all.values.extend(part.values);
    }
    all
}

#[cfg(test)]
mod tests;
