//! Counting the features that are columns already.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::error::Result;
use crate::levels::split;
use crate::matrix::analyzer::{Analyzer, Units};
use crate::matrix::columns::{self, Counted};
use crate::matrix::features::Features;
use crate::matrix::lookup::Lookup;
use crate::matrix::numbering::pieces;
use crate::matrix::{POLL, Prepared};

/// Memory that is used again for each document.
#[derive(Default)]
struct Scratch {
    lowered: String,
    symbols: Vec<u32>,
}

impl Analyzer {
    /// Count the features of each text that are columns already.
    pub fn transform(&self, texts: &[&str], features: &Features, cancel: &Cancel) -> Result<Counted> {
        let lookup = features.lookup(self.units)?;
        let pieces = pieces(texts.iter().map(|text| text.len()));
        let found = pieces.into_par_iter().map(|piece| {
            let (mut scratch, mut notes, mut lengths) = (Scratch::default(), Vec::new(), Vec::new());
            for (at, text) in texts[piece].iter().enumerate() {
                if at.is_multiple_of(POLL) {
                    cancel.check()?;
                }
                let before = notes.len();
                self.each_column(text, lookup, &mut scratch, |column| notes.push(column + 1));
                lengths.push(notes.len() - before);
            }
            Ok((notes, lengths))
        });
        rows_of(found.collect::<Result<_>>()?, features.len(), cancel)
    }

    fn each_column(&self, text: &str, lookup: &Lookup, scratch: &mut Scratch, mut each: impl FnMut(u32)) {
        let Scratch { lowered, symbols } = scratch;
        let text = self.prepared(text, lowered);
        symbols.clear();
        match self.units {
            Units::Words => self.each_word(text, |word| symbols.push(lookup.word(word))),
            Units::Characters => symbols.extend(self.characters.squeezed(text).map(u32::from)),
            Units::CharactersInWords => {
                for word in self.characters.split(text) {
                    symbols.clear();
                    symbols.push(u32::from(' '));
                    symbols.extend(word.chars().map(u32::from));
                    symbols.push(u32::from(' '));
                    // A word shorter than every n-gram counts once, as a whole.
                    lookup.columns(symbols, (self.smallest.min(symbols.len()), self.largest), &mut each);
                }
                return;
            }
        }
        lookup.columns(symbols, (self.smallest, self.largest), each);
    }
}

impl Prepared<'_> {
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
}

/// Rows of counts from columns plus one, with the number of them in each row.
fn rows_of(mut found: Vec<(Vec<u32>, Vec<usize>)>, width: usize, cancel: &Cancel) -> Result<Counted> {
    let notes = found.iter_mut().flat_map(|(columns, lengths)| split(columns, lengths)).collect();
    columns::rows(notes, width, cancel)
}
