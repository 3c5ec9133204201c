//! Global vectors: `GloVe` (Pennington, Socher and Manning 2014, "Global Vectors for Word Representation").
//!
//! The product of a word's and a context's vector, and their biases, are to give the logarithm of how often the two
//! meet, by least squares in which rare pairs count less. [`Pairs`] are counted and arranged once; each
//! [epoch](Parameters::epoch) goes over all of them by `AdaGrad`.
//!
//! A pair of 100 dimensions reads and writes two rows of 832 bytes and takes some 900 operations on single values: from
//! the first cache the arithmetic would bound it, from memory the bytes. So what a step needs of eight dimensions, their
//! values and their sums of squares, is one cache line, and the order of the pairs keeps the rows near.

mod pairs;

use std::sync::{Mutex, PoisonError};

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};

pub(crate) use pairs::Pair;
pub use pairs::Pairs;
use pairs::{Chunk, Stripes};

use crate::EmbeddingError;
use crate::arch::glove::{Rates, descend};
use crate::random::Random;

/// Eight parameters and the sums of their squared steps: a cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Block {
    pub values: [f32; 8],
    pub squares: [f32; 8],
}

const LANES: usize = 8;

/// How an epoch goes.
#[derive(Clone, Copy, Debug)]
pub struct EpochSettings {
    /// Pairs met this often or more have the full weight.
    pub x_max: f32,
    /// The weight of rarer ones is (count / `x_max`) to this power.
    pub alpha: f32,
    pub learning_rate: f32,
    /// Threads; the result does not depend on them.
    pub workers: usize,
    /// Of the order of the chunks.
    pub seed: u64,
}

impl EpochSettings {
    fn check(&self) -> Result<(), EmbeddingError> {
        let failed =
            |argument, value: String, expected| Err(EmbeddingError::Argument { argument, value, expected });
        let positive = |value: f32| value.is_finite() && value > 0.0;
        match self {
            Self { x_max, .. } if !positive(*x_max) => failed("x_max", x_max.to_string(), "a number above 0"),
            Self { alpha, .. } if !(alpha.is_finite() && *alpha >= 0.0) => {
                failed("alpha", alpha.to_string(), "a number not below 0")
            }
            Self { learning_rate, .. } if !positive(*learning_rate) => {
                failed("learning_rate", learning_rate.to_string(), "a number above 0")
            }
            Self { workers: 0, .. } => failed("workers", "0".into(), "at least 1"),
            Self { workers, .. } if *workers > pool::MAX_THREADS => {
                failed("workers", workers.to_string(), "at most 1024")
            }
            _ => Ok(()),
        }
    }
}

/// One side's parameters, a row per word: its vector, and its bias as the last value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    pub values: Vec<f32>,
    /// Of the steps so far: 1 and the sum of their squares.
    pub squares: Vec<f32>,
}

/// The vectors and biases of words and of contexts.
#[derive(Clone, Debug)]
pub struct Parameters {
    size: usize,
    stripes: Stripes,
    /// Blocks of a row.
    row: usize,
    /// Stripe by stripe.
    words: Vec<Block>,
    contexts: Vec<Block>,
}

/// Which of the last two lanes of a row is the bias; the other is a 1.
const WORD_BIAS: usize = 2;
const CONTEXT_BIAS: usize = 1;

impl Parameters {
    /// Random values within ±1/(2 · `size`), as the authors' program starts.
    ///
    /// # Errors
    /// If `size` is 0.
    pub fn new(words: usize, size: usize, seed: u64) -> Result<Self, EmbeddingError> {
        if size == 0 {
            let (argument, value) = ("vector_size", "0".to_owned());
            return Err(EmbeddingError::Argument { argument, value, expected: "at least 1" });
        }
        let values = size.checked_add(1).and_then(|row| words.checked_mul(row));
        // Four arrays are made, and as many once more in the order of training.
        if values.is_none_or(|values| Vec::<f32>::new().try_reserve_exact(values.saturating_mul(8)).is_err())
        {
            return Err(EmbeddingError::Memory { rows: words, width: size });
        }
        let side = |side| {
            let mut random = Random::new(seed, u64::MAX, side);
            let values = (0..words * (size + 1)).map(|_| (random.unit() - 0.5) / size as f32);
            Side { values: values.collect(), squares: vec![1.0; words * (size + 1)] }
        };
        Self::from_sides(words, size, &side(1), &side(2))
    }

    /// Go on from what [`sides`](Self::sides) returned.
    ///
    /// # Errors
    /// If the number of values does not fit, or a square is not above 0.
    pub fn from_sides(
        words: usize,
        size: usize,
        word: &Side,
        context: &Side,
    ) -> Result<Self, EmbeddingError> {
        for side in [word, context] {
            let expected = words * (size + 1);
            if side.values.len() != expected || side.squares.len() != expected {
                let value =
                    format!("{} and {} values for {words} words", side.values.len(), side.squares.len());
                let expected = "the vector and the bias of each";
                return Err(EmbeddingError::Argument { argument: "parameters", value, expected });
            }
            if !side.squares.iter().all(|&square| square.is_finite() && square > 0.0) {
                let value = "not positive".to_owned();
                let expected = "finite numbers above 0";
                return Err(EmbeddingError::Argument { argument: "a sum of squares", value, expected });
            }
        }
        let mut parameters = Self {
            size,
            stripes: Stripes::new(words),
            row: (size + 2).div_ceil(LANES),
            words: Vec::new(),
            contexts: Vec::new(),
        };
        parameters.words = parameters.blocks(word, WORD_BIAS);
        parameters.contexts = parameters.blocks(context, CONTEXT_BIAS);
        Ok(parameters)
    }

    pub fn vector_size(&self) -> usize {
        self.size
    }

    /// What a run is continued from: words and contexts.
    pub fn sides(&self) -> [Side; 2] {
        [self.side(&self.words, WORD_BIAS), self.side(&self.contexts, CONTEXT_BIAS)]
    }

    /// Words by the order of their rows.
    fn order(&self) -> impl Iterator<Item = usize> {
        let Stripes { count, words } = self.stripes;
        (0..count).flat_map(move |stripe| (stripe..words).step_by(count))
    }

    fn blocks(&self, side: &Side, bias: usize) -> Vec<Block> {
        let empty = Block { values: [0.0; LANES], squares: [1.0; LANES] };
        let mut blocks = vec![empty; self.stripes.words * self.row];
        for (word, row) in self.order().zip(blocks.chunks_exact_mut(self.row)) {
            let start = word * (self.size + 1);
            let mut set = |lane: usize, value, square| {
                let block = &mut row[lane / LANES];
                (block.values[lane % LANES], block.squares[lane % LANES]) = (value, square);
            };
            for lane in 0..self.size {
                set(lane, side.values[start + lane], side.squares[start + lane]);
            }
            let end = self.row * LANES;
            set(end - bias, side.values[start + self.size], side.squares[start + self.size]);
            set(end - (WORD_BIAS + CONTEXT_BIAS - bias), 1.0, 1.0);
        }
        blocks
    }

    fn side(&self, blocks: &[Block], bias: usize) -> Side {
        let length = self.stripes.words * (self.size + 1);
        let mut side = Side { values: vec![0.0; length], squares: vec![0.0; length] };
        for (word, row) in self.order().zip(blocks.chunks_exact(self.row)) {
            let start = word * (self.size + 1);
            for (index, lane) in (0..self.size).chain([self.row * LANES - bias]).enumerate() {
                let block = &row[lane / LANES];
                side.values[start + index] = block.values[lane % LANES];
                side.squares[start + index] = block.squares[lane % LANES];
            }
        }
        side
    }

    /// Train on all pairs once; returns the mean loss.
    ///
    /// # Errors
    /// If a setting is out of its range, `pairs` are of another vocabulary, a temporary file cannot be read, or `cancel`
    /// is raised: then some pairs were trained on and others not.
    pub fn epoch(
        &mut self,
        pairs: &Pairs,
        settings: &EpochSettings,
        cancel: &Cancel,
    ) -> Result<f64, EmbeddingError> {
        settings.check()?;
        if pairs.stripes != self.stripes {
            let value = format!("of {} words", pairs.stripes.words);
            let expected = "those of the vocabulary that the parameters have";
            return Err(EmbeddingError::Argument { argument: "pairs", value, expected });
        }
        let mut order: Vec<usize> = (0..pairs.chunks()).collect();
        let mut random = Random::new(settings.seed, 0, 0);
        for end in (1..order.len()).rev() {
            order.swap(end, random.below(end as u32 + 1) as usize);
        }
        let (mut loss, mut buffer) = (0.0, Chunk::default());
        for index in order {
            loss += pairs.with_chunk(index, &mut buffer, |chunk| self.train(chunk, settings, cancel))??;
        }
        Ok(loss / pairs.len().max(1) as f64)
    }

    fn train(
        &mut self,
        chunk: &Chunk,
        settings: &EpochSettings,
        cancel: &Cancel,
    ) -> Result<f64, EmbeddingError> {
        let Stripes { count, .. } = self.stripes;
        let run = Run { level: simd::level(), row: self.row, settings };
        let lengths = || (0..count).map(|stripe| self.stripes.rows(stripe) * self.row);
        let mut words = cut(&mut self.words, lengths());
        let mut contexts = cut(&mut self.contexts, lengths());
        let mut loss = 0.0;
        for round in 0..count {
            cancel.check()?;
            let mut losses = vec![0.0; count];
            // Word stripe `s` meets context stripe `s + round`: as many of the latter are passed over as that is.
            let tasks = words.iter_mut().zip(contexts.iter_mut()).zip(&mut losses).enumerate();
            let tasks = tasks.map(|(stripe, ((words, contexts), loss))| Task {
                pairs: chunk.block(round * count + stripe),
                words,
                contexts,
                loss,
            });
            run.all(tasks);
            contexts.rotate_left(1);
            loss += losses.iter().sum::<f64>();
        }
        Ok(loss)
    }
}

/// Pieces of the given lengths.
fn cut(mut rows: &mut [Block], lengths: impl Iterator<Item = usize>) -> Vec<&mut [Block]> {
    let piece = |length| {
        let (piece, rest) = std::mem::take(&mut rows).split_at_mut(length);
        rows = rest;
        piece
    };
    lengths.map(piece).collect()
}

/// A block of pairs with the rows that are its own meanwhile.
struct Task<'a> {
    pairs: &'a [Pair],
    words: &'a mut [Block],
    contexts: &'a mut [Block],
    loss: &'a mut f64,
}

struct Run<'a> {
    level: Level,
    row: usize,
    settings: &'a EpochSettings,
}

impl Run<'_> {
    fn one(&self, task: &mut Task<'_>) {
        let EpochSettings { x_max, alpha, learning_rate, .. } = *self.settings;
        let rates = Rates { x_max, alpha, learning_rate };
        *task.loss = descend(self.level, task.words, task.contexts, self.row, task.pairs, rates);
    }

    fn all<'a>(&self, tasks: impl Iterator<Item = Task<'a>> + Send) {
        if self.settings.workers == 1 {
            return tasks.for_each(|mut task| self.one(&mut task));
        }
        let tasks = Mutex::new(tasks);
        let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some(mut task) = next() {
                self.one(&mut task);
            }
        };
        pool::current().scope(|scope| (0..self.settings.workers).for_each(|_| scope.spawn(|_| work())));
    }
}

#[cfg(test)]
mod tests;
