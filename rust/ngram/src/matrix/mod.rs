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
mod lookup;
mod numbering;
mod transform;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use analyzer::Scratch;
pub use analyzer::{Analyzer, Units};
pub use characters::{Characters, Ranges};
use columns::Wanted;
pub use columns::{Counted, Place};
pub use features::Features;
use features::Grams;
pub use hashing::{Hashed, Hashing, Norm};
use numbering::{Numbered, number, number_features, pieces};

use crate::corpus::Corpus;
use crate::count::check_orders;
use crate::error::Result;

/// Documents that one worker looks at between two looks at the cancel flag.
const POLL: usize = 64;

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
        named(numbered, &Wanted::new(self.smallest..=self.largest, border), cancel)
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
        named(numbered, &Wanted::new(1..=1, None), cancel)
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

fn named(numbered: Numbered, wanted: &Wanted, cancel: &Cancel) -> Result<(Features, Counted)> {
    let Numbered { corpus, rows, names } = numbered;
    let (counted, places) = columns::count(&corpus, &rows, wanted, cancel)?;
    Ok((Features::of_grams(Grams { tokens: corpus.tokens, places, names }), counted))
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
