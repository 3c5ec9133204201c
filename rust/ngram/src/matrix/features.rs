//! The names of columns: to be listed, and to be found.

use std::sync::{Arc, OnceLock};

use crate::error::Result;
use crate::matrix::analyzer::Units;
use crate::matrix::columns::Place;
use crate::matrix::lookup::{Builder, Lookup};
use crate::matrix::numbering::Names;
use crate::unsafe_memory::prefetch;
use crate::words::WordTable;

/// N-grams are all over the documents: their tokens are asked for so many columns before they are read.
const AHEAD: usize = 16;
/// Names that are written at a time.
const BATCH: usize = 2048;

/// Names by column.
#[derive(Debug, Clone)]
pub struct Features {
    source: Source,
    /// Each is made when it is needed for the first time.
    index: OnceLock<WordTable>,
    words: OnceLock<Lookup>,
    characters: OnceLock<Lookup>,
}

#[derive(Debug, Clone)]
enum Source {
    Texts(Texts),
    Grams(Grams),
}

#[derive(Debug, Clone, Default)]
struct Texts {
    text: String,
    /// Where each name ends in `text`; it starts where the one before ends.
    ends: Vec<usize>,
}

/// N-grams as numbers, whose names are only written when somebody asks for them: that costs as much as counting them.
#[derive(Debug, Clone)]
pub(super) struct Grams {
    pub tokens: Vec<u32>,
    /// Where in `tokens` the n-gram of each column is.
    pub places: Vec<Place>,
    pub names: Names,
}

impl Features {
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut texts = Texts::default();
        names.for_each(|name| texts.push(name));
        Self::of(Source::Texts(texts))
    }

    pub(super) fn of_grams(grams: Grams) -> Self {
        Self::of(Source::Grams(grams.compact()))
    }

    fn of(source: Source) -> Self {
        Self { source, index: OnceLock::new(), words: OnceLock::new(), characters: OnceLock::new() }
    }

    pub fn len(&self) -> usize {
        match &self.source {
            Source::Texts(texts) => texts.ends.len(),
            Source::Grams(grams) => grams.places.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Call `each` with every name, column by column, until one fails.
    pub fn each<E>(
        &self,
        mut each: impl FnMut(&str) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        match &self.source {
            Source::Texts(texts) => texts.iter().try_for_each(each),
            Source::Grams(grams) => grams.names_in_batches(|names| names.iter().try_for_each(&mut each)),
        }
    }

    /// The column with this name.
    pub fn get(&self, name: &str) -> Option<u32> {
        self.index().get(name)
    }

    /// A table whose numbers are the columns; names are distinct.
    pub(super) fn index(&self) -> &WordTable {
        self.index.get_or_init(|| {
            let mut table = WordTable::new();
            let Ok(()) = self.each(|name| {
                table.insert(name);
                Ok::<_, std::convert::Infallible>(())
            });
            table
        })
    }

    /// What finds these columns among the `units` of a document.
    pub(super) fn lookup(&self, units: Units) -> Result<&Lookup> {
        let place = if units == Units::Words { &self.words } else { &self.characters };
        if let Some(lookup) = place.get() {
            return Ok(lookup);
        }
        let made = self.make_lookup(units == Units::Words)?;
        Ok(place.get_or_init(|| made))
    }

    fn make_lookup(&self, of_words: bool) -> Result<Lookup> {
        match &self.source {
            Source::Grams(Grams { names: Names::Words(words, order), .. }) if of_words => {
                let mut builder = Builder::new(self.len());
                self.grams_into(&mut builder, |rank| order[rank as usize])?;
                Ok(builder.finish(Some(Arc::clone(words))))
            }
            Source::Grams(Grams { names: Names::Characters(characters), .. }) if !of_words => {
                let mut builder = Builder::new(self.len());
                self.grams_into(&mut builder, |place| u32::from(characters[place as usize]))?;
                Ok(builder.finish(None))
            }
            _ => self.lookup_of_names(of_words),
        }
    }

    fn grams_into(&self, builder: &mut Builder, symbol: impl Fn(u32) -> u32) -> Result<()> {
        let Source::Grams(grams) = &self.source else { return Ok(()) };
        grams.iter().try_for_each(|numbers| builder.push(numbers.iter().map(|&number| symbol(number))))
    }

    fn lookup_of_names(&self, of_words: bool) -> Result<Lookup> {
        let mut builder = Builder::new(self.len());
        if !of_words {
            self.each(|name| builder.push(name.chars().map(u32::from)))?;
            return Ok(builder.finish(None));
        }
        // Words have no spaces: a name that is no sequence of words joined by one space is found nowhere.
        let mut words = WordTable::new();
        self.each(|name| builder.push(name.split(' ').map(|word| words.insert(word))))?;
        Ok(builder.finish(Some(Arc::new(words))))
    }

    /// The names of the columns that `kept` marks.
    #[must_use]
    pub fn select(&self, kept: &[bool]) -> Self {
        let mut texts = Texts::default();
        match &self.source {
            Source::Texts(all) => {
                all.iter().zip(kept).filter(|(_, kept)| **kept).for_each(|(name, _)| texts.push(name));
            }
            Source::Grams(grams) => {
                for (numbers, _) in grams.iter().zip(kept).filter(|(_, kept)| **kept) {
                    grams.names.write(numbers, &mut texts.text);
                    texts.ends.push(texts.text.len());
                }
            }
        }
        Self::of(Source::Texts(texts))
    }
}

impl Texts {
    fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |&end| &self.text[std::mem::replace(&mut start, end)..end])
    }
}

impl Grams {
    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        self.places.iter().enumerate().map(|(at, place)| {
            if let Some(later) = self.places.get(at + AHEAD) {
                prefetch(&self.tokens, later.position as usize);
            }
            let start = place.position as usize;
            &self.tokens[start..start + usize::from(place.order)]
        })
    }

    /// Call `each` with all names, some at a time: between two of them the caller may sweep the words out of the caches.
    fn names_in_batches<E>(
        &self,
        mut each: impl FnMut(&Texts) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut batch = Texts::default();
        let mut columns = self.iter();
        for _ in self.places.chunks(BATCH) {
            batch.text.clear();
            batch.ends.clear();
            for numbers in columns.by_ref().take(BATCH) {
                self.names.write(numbers, &mut batch.text);
                batch.ends.push(batch.text.len());
            }
            each(&batch)?;
        }
        Ok(())
    }

    /// With the tokens of the columns alone, where these are fewer than those of all documents.
    fn compact(mut self) -> Self {
        let needed: usize = self.places.iter().map(|place| usize::from(place.order)).sum();
        if needed < self.tokens.len() {
            let mut tokens = Vec::with_capacity(needed);
            self.iter().for_each(|numbers| tokens.extend_from_slice(numbers));
            self.tokens = tokens;
            let mut position = 0;
            for place in &mut self.places {
                place.position = position;
                position += u32::from(place.order);
            }
        }
        self
    }
}
