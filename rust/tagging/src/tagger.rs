//! Tagging with learnt weights.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::Path;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::attributes::Attributes;
use crate::error::TaggingError;
use crate::features::{self, Keys, ROLES};
use crate::format;
use crate::lattice::{Lattice, Transitions};
use crate::scheme::Scheme;
use crate::sentences::Sentences;
use crate::table::Table;

/// Scores of the most frequent words, summed when a tagger is made, have so many bytes at most.
const CACHE_BYTES: usize = 32 << 20;
/// Words of sentences that one thread takes at a time.
const PIECE: usize = 4096;
/// Words around a place whose scores are at hand: two on each side and itself, and some to make it a power of two.
const WINDOW: usize = 8;

/// Tags the words of sentences. Its results are the same for any number of threads.
#[derive(Debug, Clone)]
pub struct Tagger {
    pub(crate) tags: Vec<String>,
    pub(crate) scheme: Scheme,
    pub(crate) forms: Vec<String>,
    pub(crate) table: Table,
    pub(crate) info: String,
    transitions: Transitions,
    known: HashMap<Box<str>, u32, BuildHasherDefault<WordHasher>>,
    /// Of the boundary (number 0) and of the most frequent words, [word, role, tag], each row padded to whole vectors.
    scores: Vec<i32>,
    keys: Vec<Keys>,
}

impl Tagger {
    pub(crate) fn new(
        tags: Vec<String>,
        scheme: Scheme,
        forms: Vec<String>,
        table: Table,
        info: String,
    ) -> Self {
        let mut scores = scheme.transitions(&tags);
        for (before, row) in scores.chunks_exact_mut(tags.len()).enumerate() {
            table.add_to(features::transition(before), row);
        }
        let transitions = Transitions::new(scores, scheme.ends(&tags));
        let mut tagger = Self {
            tags,
            scheme,
            forms,
            table,
            info,
            transitions,
            known: HashMap::default(),
            scores: Vec::new(),
            keys: Vec::new(),
        };
        tagger.fill_cache();
        tagger
    }

    fn fill_cache(&mut self) {
        let mut attributes = Attributes::default();
        let limit = CACHE_BYTES / (ROLES * self.width() * size_of::<i32>());
        attributes.boundary();
        self.cache(&attributes);
        for form in
            self.forms.iter().take(limit).map(|form| Box::from(form.as_str())).collect::<Vec<Box<str>>>()
        {
            attributes.read(&form);
            self.known.insert(form, self.keys.len() as u32);
            self.cache(&attributes);
        }
    }

    fn cache(&mut self, attributes: &Attributes) {
        let start = self.scores.len();
        let mut scores = std::mem::take(&mut self.scores);
        scores.resize(start + ROLES * self.width(), 0);
        self.add_up(attributes, &mut scores[start..]);
        self.scores = scores;
        self.keys.push(Keys::from(attributes));
    }

    fn width(&self) -> usize {
        self.tags.len().next_multiple_of(4)
    }

    fn add_up(&self, attributes: &Attributes, scores: &mut [i32]) {
        let width = self.width();
        features::for_roles(attributes, |role, key| {
            self.table.add_to(key, &mut scores[role * width..(role + 1) * width]);
        });
    }

    /// The names of the tags, whose places are the numbers that tagging gives.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// What may follow what.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What the maker of the tagger wrote about it.
    pub fn info(&self) -> &str {
        &self.info
    }

    pub fn num_features(&self) -> usize {
        self.table.rows().len()
    }

    pub fn num_weights(&self) -> usize {
        self.table.num_weights()
    }

    /// A tag for each word of all sentences, on the pool that this is called in.
    pub fn tag(&self, sentences: &Sentences, cancel: &Cancel) -> Result<Vec<u16>, TaggingError> {
        let mut tags = vec![0; sentences.num_words()];
        let mut rest = tags.as_mut_slice();
        let mut pieces = Vec::new();
        let mut first = 0;
        for sentence in 0..sentences.len() {
            let size = sentences.places(sentence).end - sentences.places(first).start;
            if size >= PIECE || sentence + 1 == sentences.len() {
                let (piece, after) = rest.split_at_mut(size);
                pieces.push((first..sentence + 1, piece));
                (rest, first) = (after, sentence + 1);
            }
        }
        let work = |(range, piece): (std::ops::Range<usize>, &mut [u16])| {
            self.tag_piece(sentences, range, piece, cancel)
        };
        if pieces.len() == 1 {
            pieces.into_iter().try_for_each(work)?;
        } else {
            pieces.into_par_iter().try_for_each(work)?;
        }
        Ok(tags)
    }

    fn tag_piece(
        &self,
        sentences: &Sentences,
        range: std::ops::Range<usize>,
        mut tags: &mut [u16],
        cancel: &Cancel,
    ) -> Result<(), TaggingError> {
        let mut window = Window::new(self);
        let mut lattice = Lattice::default();
        for sentence in range {
            let places = sentences.places(sentence);
            let (now, after) = tags.split_at_mut(places.len());
            tags = after;
            if now.is_empty() {
                continue;
            }
            lattice.start();
            window.start(sentences, &places);
            for place in places.clone() {
                if place % 1024 == 0 {
                    cancel.check()?;
                }
                window.advance(sentences, &places, place);
                lattice.step(&window.emissions[..self.tags.len()], &self.transitions);
            }
            lattice.finish(&self.transitions, now);
        }
        Ok(())
    }

    pub fn save(&self, path: &Path) -> Result<(), TaggingError> {
        Ok(ferrolm_base::atomic_file::write(path, &self.to_bytes())?)
    }

    pub fn load(path: &Path) -> Result<Self, TaggingError> {
        let bytes = ferrolm_base::read::bytes(path, format::MAX_BYTES)?;
        Self::from_bytes(&bytes).map_err(|reason| TaggingError::Format { path: path.to_owned(), reason })
    }
}

/// The words around a place: numbers of those that the tagger knows, scores of the others.
struct Window<'a> {
    tagger: &'a Tagger,
    attributes: Attributes,
    /// The place of each word modulo `WINDOW` -> its number, or `UNKNOWN` with scores in `scores`.
    numbers: [u32; WINDOW],
    keys: [Keys; WINDOW],
    /// [place modulo `WINDOW`, role, tag]
    scores: Vec<i32>,
    emissions: Vec<i32>,
}

const UNKNOWN: u32 = u32::MAX;
const BOUNDARY: u32 = 0;

impl<'a> Window<'a> {
    fn new(tagger: &'a Tagger) -> Self {
        let width = tagger.width();
        Self {
            tagger,
            attributes: Attributes::default(),
            numbers: [BOUNDARY; WINDOW],
            keys: [Keys::default(); WINDOW],
            scores: vec![0; WINDOW * ROLES * width],
            emissions: vec![0; width],
        }
    }

    fn start(&mut self, sentences: &Sentences, places: &std::ops::Range<usize>) {
        for before in 1..=2 {
            self.set(places.start.wrapping_sub(before), BOUNDARY, self.tagger.keys[0]);
        }
        self.read(sentences, places, places.start);
        self.read(sentences, places, places.start + 1);
    }

    fn set(&mut self, place: usize, number: u32, keys: Keys) {
        self.numbers[place % WINDOW] = number;
        self.keys[place % WINDOW] = keys;
    }

    /// Look at the word at a place, which may lie behind the end.
    fn read(&mut self, sentences: &Sentences, places: &std::ops::Range<usize>, place: usize) {
        if place >= places.end {
            return self.set(place, BOUNDARY, self.tagger.keys[0]);
        }
        let word = sentences.word(place);
        if let Some(&number) = self.tagger.known.get(word) {
            return self.set(place, number, self.tagger.keys[number as usize]);
        }
        self.attributes.read(word);
        let size = ROLES * self.tagger.width();
        let scores = &mut self.scores[place % WINDOW * size..][..size];
        scores.fill(0);
        self.tagger.add_up(&self.attributes, scores);
        self.set(place, UNKNOWN, Keys::from(&self.attributes));
    }

    fn role(&self, place: usize, role: usize) -> &[i32] {
        let width = self.tagger.width();
        let (scores, word) = match self.numbers[place % WINDOW] {
            UNKNOWN => (&self.scores, place % WINDOW),
            number => (&self.tagger.scores, number as usize),
        };
        &scores[(word * ROLES + role) * width..][..width]
    }

    /// Put the scores of the tags of a place into `emissions`; the words up to the next one are read already.
    fn advance(&mut self, sentences: &Sentences, places: &std::ops::Range<usize>, place: usize) {
        self.read(sentences, places, place + 2);
        let mut emissions = std::mem::take(&mut self.emissions);
        let at = |offset: isize| place.wrapping_add_signed(offset);
        emissions.copy_from_slice(self.role(place, 0));
        for (role, offset) in [(1, -1), (2, 1), (3, -2), (4, 2)] {
            let scores = self.role(at(offset), role);
            emissions.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
        }
        let [before, word, after] = [-1, 0, 1].map(|offset| self.keys[at(offset) % WINDOW]);
        for key in features::pairs(before, word, after) {
            self.tagger.table.add_to(key, &mut emissions);
        }
        if place == places.start {
            self.tagger.table.add_to(features::first(word), &mut emissions);
        }
        self.emissions = emissions;
    }
}

/// Eight bytes at a time: words are short, and the keys of this table are the model's, not the input's.
#[derive(Default)]
pub(crate) struct WordHasher(u64);

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(eight)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}
