//! The pairs to train on, in an order that is random where it matters and near in memory where it can be.
//!
//! A pair's hash puts it into one of some chunks, each a sample of all pairs. Words are dealt out to [stripes](Stripes)
//! by turns, and inside a chunk the pairs lie by (word's stripe, context's stripe): such a block touches few rows, again
//! and again, so that they stay in cache. The blocks come in rounds, of which each has every stripe of words and every
//! stripe of contexts once: those of a round share no row, and threads may train them at the same time without locks
//! and with the same result as one thread (Gemulla et al. 2011, "Large-scale matrix factorization with distributed
//! stochastic gradient descent").

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ferrolm_base::{Cancel, FileError};

use crate::EmbeddingError;
use crate::cooccurrence::{CountSettings, Source, count};

/// A word and a context as rows of their stripes, and how often they met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pair {
    pub word: u16,
    pub context: u16,
    pub count: f32,
}

/// Word `w` is row `w / count` of stripe `w % count`: frequent words, which have the most pairs, lie in all stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stripes {
    pub words: usize,
    pub count: usize,
}

/// Words of a stripe: its rows of 100 dimensions are a megabyte or less.
const STRIPE: usize = 1024;
/// Fewer would leave threads without work.
const FEWEST_STRIPES: usize = 32;
/// Pairs of a chunk in memory.
const CHUNK: u64 = 1 << 22;

impl Stripes {
    pub(crate) fn new(words: usize) -> Self {
        // Rows have 16 bits: beyond 2^26 words stripes grow to that.
        let count = words.div_ceil(STRIPE).clamp(FEWEST_STRIPES, words.div_ceil(1 << 16).max(1 << 10));
        Self { words, count }
    }

    /// Rows of stripe `stripe`.
    pub(crate) fn rows(self, stripe: usize) -> usize {
        (self.words + self.count - 1 - stripe) / self.count
    }

    /// The stripe and the row in it.
    #[inline(always)]
    fn of(self, word: u32) -> (usize, u16) {
        (word as usize % self.count, (word as usize / self.count) as u16)
    }

    /// Where a block lies in a chunk: blocks of a round one after another.
    #[inline(always)]
    fn block(self, word_stripe: usize, context_stripe: usize) -> usize {
        let round = (context_stripe + self.count - word_stripe) % self.count;
        round * self.count + word_stripe
    }
}

/// Pairs in training order; block `b` is `pairs[ends[b - 1]..ends[b]]`.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub pairs: Vec<Pair>,
    pub ends: Vec<u32>,
}

impl Chunk {
    pub(crate) fn block(&self, block: usize) -> &[Pair] {
        let start = if block == 0 { 0 } else { self.ends[block - 1] };
        &self.pairs[start as usize..self.ends[block] as usize]
    }
}

/// All pairs of a corpus.
#[derive(Debug)]
pub struct Pairs {
    pub(crate) stripes: Stripes,
    count: u64,
    memory: Vec<Chunk>,
    disk: Option<Disk>,
}

/// Chunks in a file without a name.
#[derive(Debug)]
struct Disk {
    file: Mutex<File>,
    directory: PathBuf,
    /// Where each chunk begins, in pairs, and the ends of its blocks.
    chunks: Vec<(u64, Vec<u32>)>,
}

/// A pair before it has a place.
#[derive(Clone, Copy, Debug)]
struct Met {
    word: u32,
    context: u32,
    count: f32,
}

const MET: usize = size_of::<Met>();
const PAIR: usize = size_of::<Pair>();

impl Pairs {
    /// Count the pairs of `source` and bring them into an order that depends on `seed`.
    ///
    /// # Errors
    /// If a setting is out of its range, a temporary file cannot be written or read, or `cancel` is raised.
    pub fn count(
        source: &Source<'_>,
        settings: &CountSettings,
        seed: u64,
        cancel: &Cancel,
    ) -> Result<Self, EmbeddingError> {
        // Half for counting, half for the pairs: at the change from one to the other both are there.
        let half = CountSettings { memory_limit: settings.memory_limit / 2, ..settings.clone() };
        settings.check()?;
        let counts = count(
            source,
            &CountSettings { memory_limit: half.memory_limit.max(crate::cooccurrence::MIN_MEMORY), ..half },
            cancel,
        )?;
        let room = settings.memory_limit / 2 / MET as u64;
        let at_most = counts.at_most();
        let stripes = Stripes::new(source.words());
        if at_most <= room {
            let mut sorter = Sorter::new(at_most.div_ceil(CHUNK), seed, Aside::Nowhere);
            counts.for_each(cancel, |word, context, count| sorter.add(Met { word, context, count }))?;
            Self::in_memory(stripes, sorter.chunks, cancel)
        } else {
            // A chunk is there twice while it is sorted, and once more while it is read.
            let directory = settings.directory.clone().unwrap_or_else(std::env::temp_dir);
            let chunks = at_most.div_ceil((room / 4).clamp(1 << 10, CHUNK));
            let aside = Aside::new(&directory, room / 4 / chunks)?;
            let mut sorter = Sorter::new(chunks, seed, aside);
            counts.for_each(cancel, |word, context, count| sorter.add(Met { word, context, count }))?;
            Self::on_disk(stripes, sorter, directory, cancel)
        }
    }

    fn in_memory(stripes: Stripes, met: Vec<Vec<Met>>, cancel: &Cancel) -> Result<Self, EmbeddingError> {
        let mut pairs = Self { stripes, count: 0, memory: Vec::new(), disk: None };
        for met in met {
            cancel.check()?;
            pairs.count += met.len() as u64;
            pairs.memory.push(arranged(stripes, &met));
        }
        Ok(pairs)
    }

    fn on_disk(
        stripes: Stripes,
        sorter: Sorter,
        directory: PathBuf,
        cancel: &Cancel,
    ) -> Result<Self, EmbeddingError> {
        let failed = |error| FileError::new("use temporary files in", &directory, error);
        let mut file = tempfile::tempfile_in(&directory).map_err(failed)?;
        let (mut count, mut chunks) = (0, Vec::new());
        let Sorter { chunks: rests, mut aside, .. } = sorter;
        for (index, rest) in rests.into_iter().enumerate() {
            cancel.check()?;
            let met = aside.gather(index, rest).map_err(failed)?;
            let chunk = arranged(stripes, &met);
            write_pairs(&mut file, &chunk.pairs).map_err(failed)?;
            chunks.push((count, chunk.ends));
            count += met.len() as u64;
        }
        let disk = Disk { file: Mutex::new(file), directory, chunks };
        Ok(Self { stripes, count, memory: Vec::new(), disk: Some(disk) })
    }

    /// How many different pairs there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether they lie in a temporary file, because memory would not take them.
    pub fn on_disk_now(&self) -> bool {
        self.disk.is_some()
    }

    /// Words of the vocabulary.
    pub fn words(&self) -> usize {
        self.stripes.words
    }

    pub(crate) fn chunks(&self) -> usize {
        self.disk.as_ref().map_or(self.memory.len(), |disk| disk.chunks.len())
    }

    /// Calls `with` with a chunk, from memory or read into `buffer`.
    pub(crate) fn with_chunk<R>(
        &self,
        index: usize,
        buffer: &mut Chunk,
        with: impl FnOnce(&Chunk) -> R,
    ) -> Result<R, EmbeddingError> {
        match &self.disk {
            None => Ok(with(&self.memory[index])),
            Some(disk) => {
                let failed = |error| FileError::new("read temporary files in", &disk.directory, error);
                disk.read(index, buffer).map_err(failed)?;
                Ok(with(buffer))
            }
        }
    }

    /// Calls `visit` with each (word, context, count), in training order.
    ///
    /// # Errors
    /// If a temporary file cannot be read.
    pub fn for_each(&self, mut visit: impl FnMut(u32, u32, f32)) -> Result<(), EmbeddingError> {
        let Stripes { count, .. } = self.stripes;
        let mut buffer = Chunk::default();
        for index in 0..self.chunks() {
            self.with_chunk(index, &mut buffer, |chunk| {
                for block in 0..count * count {
                    let (round, word_stripe) = (block / count, block % count);
                    let context_stripe = (word_stripe + round) % count;
                    for pair in chunk.block(block) {
                        let id = |row: u16, stripe| (usize::from(row) * count + stripe) as u32;
                        visit(id(pair.word, word_stripe), id(pair.context, context_stripe), pair.count);
                    }
                }
            })?;
        }
        Ok(())
    }
}

/// Deals pairs out to chunks.
struct Sorter {
    chunks: Vec<Vec<Met>>,
    aside: Aside,
    seed: u64,
}

impl Sorter {
    fn new(chunks: u64, seed: u64, aside: Aside) -> Self {
        Self { chunks: vec![Vec::new(); chunks.max(1) as usize], aside, seed }
    }

    #[inline(always)]
    fn add(&mut self, met: Met) -> Result<(), EmbeddingError> {
        let hash = hash(met, self.seed);
        let index = ((u128::from(hash) * self.chunks.len() as u128) >> 64) as usize;
        let chunk = &mut self.chunks[index];
        chunk.push(met);
        self.aside.take(index, chunk)
    }
}

/// The finalizer of `MurmurHash3` (Appleby 2011).
#[inline(always)]
fn hash(met: Met, seed: u64) -> u64 {
    let mut hash =
        (u64::from(met.word) << 32 | u64::from(met.context)) ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for factor in [0xFF51_AFD7_ED55_8CCD, 0xC4CE_B9FE_1A85_EC53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

/// Where chunks go when they get too long for memory.
enum Aside {
    Nowhere,
    File {
        file: File,
        directory: PathBuf,
        /// Pairs of a chunk that stay in memory.
        longest: usize,
        /// Chunk, and number of pairs, of what was written.
        written: Vec<(u32, u32)>,
    },
}

impl Aside {
    fn new(directory: &Path, longest: u64) -> Result<Self, EmbeddingError> {
        let failed = |error| FileError::new("write temporary files in", directory, error);
        let file = tempfile::tempfile_in(directory).map_err(failed)?;
        let longest = longest.clamp(16, 1 << 16) as usize;
        Ok(Self::File { file, directory: directory.to_owned(), longest, written: Vec::new() })
    }

    #[inline(always)]
    fn take(&mut self, index: usize, chunk: &mut Vec<Met>) -> Result<(), EmbeddingError> {
        match self {
            Self::File { file, directory, longest, written } if chunk.len() >= *longest => {
                let mut bytes = Vec::with_capacity(chunk.len() * MET);
                for met in chunk.iter() {
                    for part in [met.word, met.context, met.count.to_bits()] {
                        bytes.extend(part.to_ne_bytes());
                    }
                }
                written.push((index as u32, chunk.len() as u32));
                chunk.clear();
                file.write_all(&bytes)
                    .map_err(|error| FileError::new("write temporary files in", directory, error).into())
            }
            _ => Ok(()),
        }
    }

    /// All pairs of a chunk: what was written, and `rest`.
    fn gather(&mut self, index: usize, rest: Vec<Met>) -> io::Result<Vec<Met>> {
        let mut all = rest;
        let Self::File { file, written, .. } = self else { return Ok(all) };
        let mut start = 0;
        for &(chunk, count) in written.iter() {
            let length = count as usize * MET;
            if chunk as usize == index {
                let mut bytes = vec![0; length];
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut bytes)?;
                let parts = bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_ne_bytes(*bytes));
                let parts: Vec<u32> = parts.collect();
                let met = parts.as_chunks::<3>().0.iter();
                all.extend(met.map(|&[word, context, bits]| Met {
                    word,
                    context,
                    count: f32::from_bits(bits),
                }));
            }
            start += length as u64;
        }
        Ok(all)
    }
}

impl Disk {
    fn read(&self, index: usize, to: &mut Chunk) -> io::Result<()> {
        let (start, ends) = &self.chunks[index];
        to.ends.clone_from(ends);
        let count = ends.last().copied().unwrap_or(0) as usize;
        let mut bytes = vec![0; count * PAIR];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start * PAIR as u64))?;
        file.read_exact(&mut bytes)?;
        to.pairs.clear();
        to.pairs.extend(bytes.as_chunks::<PAIR>().0.iter().map(|bytes| {
            let &[a, b, c, d, e, f, g, h] = bytes;
            let (word, context) = (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]));
            Pair { word, context, count: f32::from_ne_bytes([e, f, g, h]) }
        }));
        Ok(())
    }
}

fn write_pairs(file: &mut File, pairs: &[Pair]) -> io::Result<()> {
    for pairs in pairs.chunks(1 << 14) {
        let mut bytes = Vec::with_capacity(pairs.len() * PAIR);
        for pair in pairs {
            bytes.extend(pair.word.to_ne_bytes());
            bytes.extend(pair.context.to_ne_bytes());
            bytes.extend(pair.count.to_ne_bytes());
        }
        file.write_all(&bytes)?;
    }
    Ok(())
}

/// By block, and inside a block by context and word.
fn arranged(stripes: Stripes, met: &[Met]) -> Chunk {
    let place = |met: &Met| {
        let ((word_stripe, word), (context_stripe, context)) =
            (stripes.of(met.word), stripes.of(met.context));
        (stripes.block(word_stripe, context_stripe), Pair { word, context, count: met.count })
    };
    let mut ends = vec![0; stripes.count * stripes.count];
    for met in met {
        ends[place(met).0] += 1;
    }
    let mut sum = 0;
    for end in &mut ends {
        // For now, where the block begins.
        sum += std::mem::replace(end, sum);
    }
    let mut pairs = vec![Pair::default(); met.len()];
    for met in met {
        let (block, pair) = place(met);
        pairs[ends[block] as usize] = pair;
        ends[block] += 1;
    }
    let mut start = 0;
    for &end in &ends {
        pairs[start..end as usize].sort_unstable_by_key(|pair| (pair.context, pair.word));
        start = end as usize;
    }
    Chunk { pairs, ends }
}
