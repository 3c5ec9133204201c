//! Skip-gram and CBOW with negative sampling (Mikolov et al. 2013, "Distributed Representations of Words and
//! Phrases and their Compositionality").
//!
//! The negatives of a word are shared by the words around it, which makes its step a small matrix product instead
//! of many vector ones (Ji et al. 2016; the vectors are as good). The corpus is cut into pieces with random
//! streams and learning rates of their own, by position alone: with one worker the result depends on nothing else.

use std::sync::atomic::{AtomicU32, Ordering};

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use crate::arch::{Step, descend};
use crate::matrix::{LANES, Owned, Rows, Shared};
use crate::random::Random;
use crate::sampling::{NegativeTable, keep_probabilities};
use crate::{Corpus, EmbeddingError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Each word predicts the words around it.
    SkipGram,
    /// The mean of the words around it predicts each word.
    Cbow,
}

/// Names and defaults are those of gensim's `Word2Vec`.
#[derive(Clone, Debug)]
pub struct Settings {
    pub architecture: Architecture,
    pub vector_size: usize,
    /// Most words on either side; each position draws its own number from 1 to this.
    pub window: u32,
    /// Wrong words per true one.
    pub negative: usize,
    /// Wrong words are drawn by count to this power.
    pub ns_exponent: f64,
    /// Words more frequent than this are thinned out; 0 keeps all.
    pub sample: f64,
    /// The learning rate falls from here to `min_alpha`.
    pub alpha: f32,
    pub min_alpha: f32,
    pub epochs: u32,
    /// Threads; with more than one the result varies from run to run.
    pub workers: usize,
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            architecture: Architecture::Cbow,
            vector_size: 100,
            window: 5,
            negative: 5,
            ns_exponent: 0.75,
            sample: 1e-3,
            alpha: 0.025,
            min_alpha: 1e-4,
            epochs: 5,
            workers: 1,
            seed: 1,
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), EmbeddingError> {
        let failed =
            |argument, value: String, expected| Err(EmbeddingError::Argument { argument, value, expected });
        let rate = |rate: f32| rate.is_finite() && rate >= 0.0;
        match self {
            Self { vector_size: 0, .. } => failed("vector_size", "0".into(), "at least 1"),
            Self { window: 0, .. } => failed("window", "0".into(), "at least 1"),
            Self { negative: 0, .. } => failed("negative", "0".into(), "at least 1"),
            Self { workers: 0, .. } => failed("workers", "0".into(), "at least 1"),
            Self { alpha, .. } if !rate(*alpha) => failed("alpha", alpha.to_string(), "a number not below 0"),
            Self { min_alpha, .. } if !rate(*min_alpha) => {
                failed("min_alpha", min_alpha.to_string(), "a number not below 0")
            }
            Self { sample, .. } if !(sample.is_finite() && *sample >= 0.0) => {
                failed("sample", sample.to_string(), "a number not below 0")
            }
            Self { ns_exponent, .. } if !ns_exponent.is_finite() => {
                failed("ns_exponent", ns_exponent.to_string(), "a finite number")
            }
            _ => Ok(()),
        }
    }
}

/// Words of a piece, about: long enough that its overhead vanishes, short enough to answer Ctrl-C.
const PIECE: usize = 10_000;

/// The vectors of the corpus' words, row-major, `vector_size` values each.
///
/// # Errors
/// If a setting is out of its range, or `cancel` is raised meanwhile.
pub fn train(corpus: &Corpus, settings: &Settings, cancel: &Cancel) -> Result<Vec<f32>, EmbeddingError> {
    settings.check()?;
    let width = settings.vector_size.next_multiple_of(LANES);
    let rows = corpus.words().len();
    let mut inputs = initial(settings, rows, width);
    let mut outputs = vec![0.0; rows * width];
    let run = Run {
        settings,
        width,
        level: simd::level(),
        keep: keep_probabilities(corpus.counts(), settings.sample),
        negatives: NegativeTable::new(corpus.counts(), settings.ns_exponent),
        words: corpus.len(),
        pieces: pieces(corpus),
    };
    if settings.workers == 1 {
        let (mut inputs, mut outputs) =
            (Owned { values: &mut inputs, width }, Owned { values: &mut outputs, width });
        let mut worker = Worker::default();
        for (epoch, piece) in run.rounds() {
            cancel.check()?;
            run.piece(epoch, piece, &mut worker, &mut inputs, &mut outputs);
        }
    } else {
        inputs = run.together(inputs, outputs, cancel)?;
    }
    let rows = inputs.chunks_exact(width).flat_map(|row| &row[..settings.vector_size]);
    Ok(rows.copied().collect())
}

/// Uniform in ±1/(2 · size), as word2vec starts; padding stays zero.
fn initial(settings: &Settings, rows: usize, width: usize) -> Vec<f32> {
    let mut random = Random::new(settings.seed, u64::MAX, 0);
    let mut values = vec![0.0; rows * width];
    for row in values.chunks_exact_mut(width) {
        for value in &mut row[..settings.vector_size] {
            *value = (random.unit() - 0.5) / settings.vector_size as f32;
        }
    }
    values
}

/// Whole sentences (or parts of long ones) of about [`PIECE`] words, with the number of words before them.
fn pieces(corpus: &Corpus) -> Vec<(usize, Vec<&[u32]>)> {
    let mut pieces: Vec<(usize, Vec<&[u32]>)> = Vec::new();
    let (mut before, mut size) = (0, PIECE);
    for sentence in corpus.sentences().flat_map(|sentence| sentence.chunks(PIECE)) {
        if size >= PIECE {
            pieces.push((before, Vec::new()));
            size = 0;
        }
        if let Some((_, sentences)) = pieces.last_mut() {
            sentences.push(sentence);
        }
        before += sentence.len();
        size += sentence.len();
    }
    pieces
}

struct Run<'a> {
    settings: &'a Settings,
    width: usize,
    level: Level,
    keep: Vec<f32>,
    negatives: NegativeTable,
    words: usize,
    pieces: Vec<(usize, Vec<&'a [u32]>)>,
}

/// A worker's memory.
#[derive(Default)]
struct Worker {
    step: Step,
    sentence: Vec<u32>,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
}

impl Run<'_> {
    fn rounds(&self) -> impl Iterator<Item = (u32, usize)> {
        (0..self.settings.epochs).flat_map(|epoch| (0..self.pieces.len()).map(move |piece| (epoch, piece)))
    }

    /// All pieces by `workers` threads that share the vectors.
    fn together(
        &self,
        inputs: Vec<f32>,
        outputs: Vec<f32>,
        cancel: &Cancel,
    ) -> Result<Vec<f32>, EmbeddingError> {
        let share = |values: Vec<f32>| -> Vec<AtomicU32> {
            values.into_iter().map(|value| AtomicU32::new(value.to_bits())).collect()
        };
        let (inputs, outputs) = (share(inputs), share(outputs));
        let (inputs_shared, outputs_shared) =
            (Shared { values: &inputs, width: self.width }, Shared { values: &outputs, width: self.width });
        let rounds: Vec<_> = self.rounds().collect();
        let next = std::sync::atomic::AtomicUsize::new(0);
        // Pieces are taken in order: the learning rate is theirs, and falls together for all workers.
        pool::install(|| {
            (0..self.settings.workers).into_par_iter().with_max_len(1).for_each(|_| {
                let mut worker = Worker::default();
                while let Some(&(epoch, piece)) = rounds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if cancel.is_cancelled() {
                        return;
                    }
                    let (mut inputs, mut outputs) = (inputs_shared, outputs_shared);
                    self.piece(epoch, piece, &mut worker, &mut inputs, &mut outputs);
                }
            });
        });
        cancel.check()?;
        Ok(inputs.into_iter().map(|value| f32::from_bits(value.into_inner())).collect())
    }

    fn piece(
        &self,
        epoch: u32,
        piece: usize,
        worker: &mut Worker,
        inputs: &mut impl Rows,
        outputs: &mut impl Rows,
    ) {
        let mut random = Random::new(self.settings.seed, u64::from(epoch), piece as u64);
        let (before, sentences) = &self.pieces[piece];
        let done = f64::from(epoch) * self.words as f64 + *before as f64;
        let progress = done / (f64::from(self.settings.epochs) * self.words as f64);
        let Settings { alpha, min_alpha, .. } = *self.settings;
        let rate = alpha - (alpha - min_alpha) * progress as f32;
        for sentence in sentences {
            let kept = sentence.iter().filter(|&&word| {
                let keep = self.keep[word as usize];
                keep >= 1.0 || random.unit() < keep
            });
            worker.sentence.clear();
            worker.sentence.extend(kept);
            for position in 0..worker.sentence.len() {
                let reach = 1 + random.below(self.settings.window) as usize;
                let around =
                    position.saturating_sub(reach)..(position + reach + 1).min(worker.sentence.len());
                worker.inputs.clear();
                worker.inputs.extend(around.filter(|&at| at != position).map(|at| worker.sentence[at]));
                if worker.inputs.is_empty() {
                    continue;
                }
                let word = worker.sentence[position];
                worker.outputs.clear();
                worker.outputs.push(word);
                for _ in 0..self.settings.negative {
                    let negative = self.negatives.draw(&mut random);
                    if negative != word {
                        worker.outputs.push(negative);
                    }
                }
                self.step(worker, inputs, outputs, rate);
            }
        }
    }

    /// One word: read the rows, compute, add the changes.
    fn step(&self, worker: &mut Worker, inputs: &mut impl Rows, outputs: &mut impl Rows, rate: f32) {
        let Worker { step, inputs: around, outputs: words, .. } = worker;
        let width = self.width;
        step.inputs.resize(around.len() * width, 0.0);
        for (&word, row) in around.iter().zip(step.inputs.chunks_exact_mut(width)) {
            inputs.read(word, row);
        }
        step.outputs.resize(words.len() * width, 0.0);
        for (&word, row) in words.iter().zip(step.outputs.chunks_exact_mut(width)) {
            outputs.read(word, row);
        }
        let cbow = self.settings.architecture == Architecture::Cbow;
        if cbow {
            to_mean(&mut step.inputs, width);
        }
        descend(self.level, step, width, rate);
        let deltas = step.input_deltas.chunks_exact(width);
        if cbow {
            // As word2vec and gensim do it, each word takes the whole error of the mean.
            for &word in around.iter() {
                inputs.add(word, &step.input_deltas);
            }
        } else {
            for (&word, delta) in around.iter().zip(deltas) {
                inputs.add(word, delta);
            }
        }
        for (&word, delta) in words.iter().zip(step.output_deltas.chunks_exact(width)) {
            outputs.add(word, delta);
        }
    }
}

/// Replace the rows by their mean.
fn to_mean(rows: &mut Vec<f32>, width: usize) {
    let count = rows.len() / width;
    let (mean, others) = rows.split_at_mut(width);
    for row in others.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
    }
    for mean in mean {
        *mean /= count as f32;
    }
    rows.truncate(width);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CorpusBuilder;

    /// Words of one topic only ever meet each other.
    fn two_topics() -> Corpus {
        let mut builder = CorpusBuilder::new();
        let mut random = Random::new(7, 0, 0);
        for _ in 0..2000 {
            let topic = random.below(2);
            for _ in 0..8 {
                builder.push(&format!("{topic}-{}", random.below(10))).unwrap();
            }
            builder.end_sentence();
        }
        builder.finish(1).unwrap()
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn words_that_meet_become_similar_under_any_number_of_workers() {
        let corpus = two_topics();
        for architecture in [Architecture::SkipGram, Architecture::Cbow] {
            for workers in 1..=3 {
                let settings =
                    Settings { architecture, vector_size: 20, sample: 0.0, workers, ..Settings::default() };
                let vectors = train(&corpus, &settings, &Cancel::new()).unwrap();
                let rows: Vec<&[f32]> = vectors.chunks_exact(20).collect();
                let (mut same, mut other) = ((0.0, 0), (0.0, 0));
                for (i, a) in corpus.words().iter().enumerate() {
                    for (j, b) in corpus.words().iter().enumerate().skip(i + 1) {
                        let sum = if a[..1] == b[..1] { &mut same } else { &mut other };
                        sum.0 += cosine(rows[i], rows[j]);
                        sum.1 += 1;
                    }
                }
                let (same, other) = (same.0 / same.1 as f32, other.0 / other.1 as f32);
                assert!(same > other + 0.4, "{architecture:?} {workers}: {same} {other}");
            }
        }
    }

    #[test]
    fn one_worker_repeats_itself_and_seeds_differ() {
        let corpus = two_topics();
        let run = |seed| {
            let settings = Settings { vector_size: 10, epochs: 1, seed, ..Settings::default() };
            train(&corpus, &settings, &Cancel::new()).unwrap()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn a_raised_flag_and_bad_settings_are_errors() {
        let corpus = two_topics();
        let cancel = Cancel::new();
        cancel.cancel();
        for workers in [1, 2] {
            let settings = Settings { workers, ..Settings::default() };
            assert!(matches!(train(&corpus, &settings, &cancel), Err(EmbeddingError::Cancelled(_))));
        }
        let settings = Settings { window: 0, ..Settings::default() };
        let error = train(&corpus, &settings, &Cancel::new()).unwrap_err();
        assert!(error.to_string().contains("window is 0"), "{error}");
    }
}
