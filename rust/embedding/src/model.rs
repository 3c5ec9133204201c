//! A model of word vectors: the vocabulary, its vectors, and what they predict.

use ferrolm_base::Cancel;
use ferrolm_base::simd;

use crate::arch;
use crate::huffman::Tree;
use crate::random::Random;
use crate::sampling::NegativeTable;
use crate::settings::{Pass, Settings};
use crate::subword::{SubwordSettings, Subwords, buckets};
use crate::train::{Run, Trained};
use crate::unsafe_matrix::Matrix;
use crate::words::WordTable;
use crate::{Corpus, EmbeddingError};

/// Values of a cache line. Rows begin on lines of their own: one that two rows share would go back and forth between the
/// threads that use them, which cost two threads a fifth of their speed.
const CACHE_LINE: usize = 16;

/// Skip-gram or CBOW, with negative sampling or hierarchical softmax or both, with subwords or without.
#[derive(Debug)]
pub struct Model {
    pub(crate) settings: Settings,
    pub(crate) words: WordTable,
    pub(crate) counts: Vec<u64>,
    /// The buckets of subwords, then the words.
    pub(crate) inputs: Matrix,
    /// By word, for negative sampling.
    pub(crate) outputs: Option<Matrix>,
    /// By inner node, for hierarchical softmax.
    pub(crate) nodes: Option<Matrix>,
    /// Passes so far; each draws its own random numbers.
    pub(crate) passes: u64,
    pub(crate) negatives: NegativeTable,
    pub(crate) tree: Option<Tree>,
    pub(crate) subwords: Option<Subwords>,
}

impl Model {
    /// With the vocabulary of a corpus, and not trained yet.
    ///
    /// # Errors
    /// If a setting is out of its range, or there is no memory for the vectors.
    pub fn new(corpus: &Corpus, settings: Settings) -> Result<Self, EmbeddingError> {
        let mut model = Self::empty(settings)?;
        model.extend(corpus)?;
        Ok(model)
    }

    pub(crate) fn empty(settings: Settings) -> Result<Self, EmbeddingError> {
        settings.check()?;
        let width = settings.vector_size.next_multiple_of(CACHE_LINE.max(arch::padding(simd::level())));
        let mut inputs = Matrix::zeroed(settings.bucket_rows(), width)?;
        start(&mut inputs, 0, &settings);
        Ok(Self {
            words: WordTable::default(),
            counts: Vec::new(),
            inputs,
            outputs: if settings.negative > 0 { Some(Matrix::zeroed(0, width)?) } else { None },
            nodes: if settings.hierarchical { Some(Matrix::zeroed(0, width)?) } else { None },
            passes: 0,
            negatives: NegativeTable::new(&[], settings.ns_exponent),
            tree: None,
            subwords: None,
            settings,
        })
    }

    /// Add the words of a corpus, new ones after the known ones, and its counts.
    ///
    /// # Errors
    /// If there are too many words for ids or memory.
    pub fn extend(&mut self, corpus: &Corpus) -> Result<(), EmbeddingError> {
        for (word, count) in corpus.words().iter().zip(corpus.counts()) {
            let id = self.words.insert(word)? as usize;
            self.counts.resize(self.words.len(), 0);
            self.counts[id] += count;
        }
        let (words, buckets) = (self.words.len(), self.settings.bucket_rows());
        let known = self.inputs.rows();
        grow(&mut self.inputs, buckets + words)?;
        start(&mut self.inputs, known, &self.settings);
        if let Some(outputs) = &mut self.outputs {
            grow(outputs, words)?;
        }
        if let Some(nodes) = &mut self.nodes {
            grow(nodes, words)?;
        }
        self.prepare();
        Ok(())
    }

    /// Make what follows from words and counts.
    pub(crate) fn prepare(&mut self) {
        self.negatives = NegativeTable::new(&self.counts, self.settings.ns_exponent);
        self.tree = self.settings.hierarchical.then(|| Tree::new(&self.counts));
        self.subwords = self.settings.subwords.map(|settings| {
            let mut subwords = Subwords::default();
            self.words.iter().for_each(|word| subwords.push(word, &settings));
            subwords
        });
    }

    /// Train on a corpus, whose words may be others than the model's: unknown ones are passed over.
    ///
    /// # Errors
    /// If a setting is out of its range, or `cancel` is raised: the model has then learned from a part.
    pub fn train(
        &mut self,
        corpus: &Corpus,
        pass: &Pass,
        cancel: &Cancel,
    ) -> Result<Trained, EmbeddingError> {
        pass.check()?;
        self.passes += 1;
        Run::new(self, corpus, pass).train(cancel)
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn num_words(&self) -> usize {
        self.words.len()
    }

    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter()
    }

    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The vectors of all words, row-major, `vector_size` values each.
    pub fn vectors(&self) -> Vec<f32> {
        let mut vectors = Vec::with_capacity(self.words.len() * self.settings.vector_size);
        for word in 0..self.words.len() {
            let row = self.settings.bucket_rows() + word;
            match &self.subwords {
                None => vectors.extend_from_slice(self.input(row)),
                Some(subwords) => {
                    let buckets = subwords.of(word as u32).iter().map(|&bucket| bucket as usize);
                    self.push_mean(buckets.chain([row]), &mut vectors);
                }
            }
        }
        vectors
    }

    /// The vector of any word: that of its parts if it is unknown; `None` if it has none.
    pub fn vector(&self, word: &str) -> Option<Vec<f32>> {
        let known = self.words.find(word).map(|id| self.settings.bucket_rows() + id as usize);
        let mut rows: Vec<usize> = Vec::new();
        if let Some(settings) = &self.settings.subwords {
            buckets(word, settings, |bucket| rows.push(bucket as usize));
        }
        rows.extend(known);
        let mut vector = Vec::new();
        self.push_mean(rows.into_iter(), &mut vector);
        (!vector.is_empty()).then_some(vector)
    }

    /// The vectors of words as something that is predicted, for negative sampling.
    pub fn output_vectors(&self) -> Option<Vec<f32>> {
        self.outputs.as_ref().map(|outputs| unpadded(outputs, self.settings.vector_size))
    }

    fn input(&self, row: usize) -> &[f32] {
        let start = row * self.inputs.width();
        &self.inputs.values()[start..start + self.settings.vector_size]
    }

    fn push_mean(&self, rows: impl Iterator<Item = usize>, to: &mut Vec<f32>) {
        let start = to.len();
        let mut count = 0.0;
        for row in rows {
            to.resize(start + self.settings.vector_size, 0.0);
            to[start..].iter_mut().zip(self.input(row)).for_each(|(sum, value)| *sum += value);
            count += 1.0;
        }
        to[start..].iter_mut().for_each(|sum| *sum /= count);
    }
}

impl Settings {
    pub(crate) fn bucket_rows(&self) -> usize {
        self.subwords.map_or(0, |SubwordSettings { bucket, .. }| bucket as usize)
    }
}

pub(crate) fn unpadded(matrix: &Matrix, size: usize) -> Vec<f32> {
    matrix.values().chunks_exact(matrix.width()).flat_map(|row| &row[..size]).copied().collect()
}

fn grow(matrix: &mut Matrix, rows: usize) -> Result<(), EmbeddingError> {
    if rows > matrix.rows() {
        let mut grown = Matrix::zeroed(rows, matrix.width())?;
        let values = matrix.values();
        grown.values_mut()[..values.len()].copy_from_slice(values);
        *matrix = grown;
    }
    Ok(())
}

/// Uniform in ±1/size, as gensim starts; each row by its number, and padding stays zero.
fn start(inputs: &mut Matrix, first: usize, settings: &Settings) {
    let (width, size) = (inputs.width(), settings.vector_size);
    for (number, row) in inputs.values_mut().chunks_exact_mut(width).enumerate().skip(first) {
        let mut random = Random::new(settings.seed, u64::MAX, number as u64);
        row[..size].iter_mut().for_each(|value| *value = (2.0 * random.unit() - 1.0) / size as f32);
    }
}
