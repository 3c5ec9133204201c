//! Collecting the input.

use std::path::Path;

use ferrolm_base::{Cancel, FileError};
use rayon::prelude::*;

use super::store::Store;
use super::tokens::{self, Chunk, Pending};
use crate::corpus::{Corpus, Markers, check_offsets};
use crate::error::{NgramError, Result};
use crate::text::{self, Reserved, Text};
use crate::vocabulary::Vocabulary;
use crate::words::WordTable;

/// Where files go while the work lasts.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Files without names, in this directory or the system's for temporary files: nothing of them is ever left.
    Nameless(Option<&'a Path>),
    /// Named files in this directory, so that the work can be resumed; `work` describes its input and options.
    Kept { directory: &'a Path, work: &'a str },
}

/// A piece of input.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    Text(Text<'a>),
    /// Sequence `i` is `ids[offsets[i]..offsets[i + 1]]`.
    Ids {
        ids: &'a [u32],
        offsets: &'a [i64],
    },
}

/// What the tokens are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    Words(Reserved),
    /// Ids below the size of the vocabulary, or any.
    Ids(Option<u32>),
}

/// Bytes for each token of a chunk while it is sorted.
const BYTES_PER_TOKEN: usize = 32;
/// Smaller chunks cost more files than they save memory.
const LEAST_CHUNK: usize = if cfg!(test) { 1 << 4 } else { 1 << 12 };
/// The markers of sentences while ids are collected: what they become is known once all ids have been seen.
const BEGIN: u32 = u32::MAX - 1;
const END: u32 = u32::MAX;

/// Input that is being collected for counting or training.
pub struct Task {
    pub(super) store: Store,
    /// Bytes that the work may take, beside the vocabulary.
    pub(super) memory: usize,
    /// Length of the longest n-grams.
    pub(super) order: usize,
    pub(super) units: Units,
    pub(super) words: WordTable,
    /// One more than the largest id seen.
    pub(super) largest: u32,
    pub(super) markers: bool,
    pending: Pending,
    pub(super) chunks: Vec<Chunk>,
    inputs: u64,
    /// Words in the chunks that have been written.
    written_words: usize,
}

impl Task {
    /// `markers`: put begin and end of sentence around each sentence.
    pub fn new(place: Place<'_>, memory: usize, order: usize, units: Units, markers: bool) -> Result<Self> {
        let store = match place {
            Place::Nameless(directory) => Store::nameless(directory),
            Place::Kept { directory, work } => Store::kept(directory, work)?,
        };
        let words = if markers { Vocabulary::special_words() } else { WordTable::new() };
        let mut task = Self {
            store,
            memory,
            order,
            units,
            written_words: words.len(),
            words,
            largest: 0,
            markers,
            pending: Pending::default(),
            chunks: Vec::new(),
            inputs: 0,
        };
        task.resume()?;
        Ok(task)
    }

    /// How many pieces of input are in the chunks of interrupted work: they need not be given again.
    pub fn completed(&self) -> u64 {
        self.chunks.last().map_or(0, |chunk| chunk.inputs)
    }

    fn resume(&mut self) -> Result<()> {
        let chunk = |c: usize| self.store.done(&tokens::name(c)).and_then(Chunk::of_numbers);
        self.chunks = (0..).map_while(chunk).collect();
        // Chunks of one input are written together: what is there of an input that is not whole is written again.
        if self.store.done("collected").is_none() {
            let whole = |inputs: u64| self.store.done(&format!("input-{inputs}")).is_some();
            while self.chunks.last().is_some_and(|chunk| !whole(chunk.inputs)) {
                self.chunks.pop();
            }
        }
        for c in 0..self.chunks.len() {
            if let Units::Words(_) = self.units {
                let path = self.store.path(&words_name(c));
                let text = std::fs::read_to_string(&path).map_err(|e| FileError::new("read", &path, e))?;
                for word in text.split_terminator('\n') {
                    self.words.insert(word);
                }
            }
        }
        self.written_words = self.words.len();
        self.inputs = self.completed();
        if let Some(&[largest]) = self.store.done(&format!("input-{}", self.inputs)) {
            self.largest = largest as u32;
        }
        Ok(())
    }

    /// Take the next piece of input.
    pub fn push(&mut self, input: Input<'_>, cancel: &Cancel) -> Result<()> {
        let corpus = self.number(input, cancel)?;
        self.pending.add(&corpus);
        self.inputs += 1;
        let most = self.chunk();
        if self.pending.tokens.len() >= most { self.write(most, cancel) } else { Ok(()) }
    }

    fn chunk(&self) -> usize {
        (self.memory / BYTES_PER_TOKEN).clamp(LEAST_CHUNK, u32::MAX as usize / 2)
    }

    fn number(&mut self, input: Input<'_>, cancel: &Cancel) -> Result<Corpus> {
        match (input, self.units) {
            (Input::Text(text), Units::Words(reserved)) => {
                let markers = self.markers.then_some(Markers { begin: 1, end: 2 });
                text::read(text, &mut self.words, markers, reserved, cancel)
            }
            (Input::Ids { ids, offsets }, Units::Ids(size)) => {
                check_offsets(offsets, ids.len())?;
                self.largest = self.largest.max(ids.par_iter().max().map_or(0, |&id| id.saturating_add(1)));
                // The two largest numbers stand for the markers.
                let corpus = Corpus::from_ids(ids, offsets, size.unwrap_or(BEGIN), None)?;
                Ok(if self.markers { marked(&corpus) } else { corpus })
            }
            _ => Err(NgramError::InvalidArgument("text and ids cannot be mixed".to_owned())),
        }
    }

    /// Put all pending tokens aside, in chunks of at most `most`.
    fn write(&mut self, most: usize, cancel: &Cancel) -> Result<()> {
        for range in self.pending.cuts(most) {
            cancel.check()?;
            let name = tokens::name(self.chunks.len());
            let chunk = self.pending.write(range, self.order, self.inputs, &self.store, &name)?;
            self.write_words()?;
            self.store.note(&name, &chunk.numbers())?;
            self.chunks.push(chunk);
        }
        self.store.note(&format!("input-{}", self.inputs), &[u64::from(self.largest)])?;
        self.pending = Pending::default();
        Ok(())
    }

    /// The words that are new since the last chunk; they are needed only to resume.
    fn write_words(&mut self) -> Result<()> {
        if self.store.is_kept() {
            let new = (self.written_words..self.words.len()).map(|number| self.words.word(number as u32));
            let text: String = new.flat_map(|word| [word, "\n"]).collect();
            let path = self.store.path(&words_name(self.chunks.len()));
            std::fs::write(&path, text).map_err(|error| FileError::new("write", &path, error))?;
        }
        self.written_words = self.words.len();
        Ok(())
    }

    /// All input has been given. Returns the corpus if it is all in memory; otherwise the rest is put aside too.
    pub(super) fn collected(&mut self, cancel: &Cancel) -> Result<Option<Corpus>> {
        if self.store.done("collected").is_some() {
            return Ok(None);
        }
        if self.chunks.is_empty() {
            let pending = std::mem::take(&mut self.pending);
            let mut offsets = vec![0];
            offsets.extend(pending.ends);
            return Ok(Some(Corpus { tokens: pending.tokens, offsets, bound: 0 }));
        }
        if !self.pending.tokens.is_empty() {
            self.write(self.chunk(), cancel)?;
        }
        self.store.note("collected", &[u64::from(self.largest)])?;
        Ok(None)
    }

    /// The vocabulary of a model over what has been collected.
    pub(super) fn vocabulary(&mut self) -> Result<Vocabulary> {
        match self.units {
            Units::Words(_) => Vocabulary::of_words(std::mem::take(&mut self.words)),
            Units::Ids(size) => Vocabulary::of_ids(size.unwrap_or(self.largest)),
        }
    }
}

/// The user's number of a collected token, which may be a marker of a vocabulary of `ids` ids.
pub(super) fn outer(ids: u32, token: u32) -> u32 {
    match token {
        BEGIN => ids + 1,
        END => ids + 2,
        _ => token,
    }
}

/// What becomes of a collected token in a model.
pub(super) fn inner(vocabulary: &Vocabulary, token: u32) -> u32 {
    vocabulary.inner(if vocabulary.is_ids() { outer(vocabulary.unk(), token) } else { token })
}

fn marked(corpus: &Corpus) -> Corpus {
    let mut tokens = Vec::with_capacity(corpus.tokens.len() + 2 * corpus.offsets.len());
    let mut offsets = vec![0];
    for sentence in corpus.sentences() {
        tokens.push(BEGIN);
        tokens.extend_from_slice(&corpus.tokens[sentence]);
        tokens.push(END);
        offsets.push(tokens.len());
    }
    Corpus { tokens, offsets, bound: corpus.bound }
}

fn words_name(chunk: usize) -> String {
    format!("words-of-{chunk}")
}
