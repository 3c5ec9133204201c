//! What can be chosen about a model and its training.

use ferrolm_base::pool;

use crate::EmbeddingError;
use crate::subword::SubwordSettings;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Each word around a position predicts the word there.
    SkipGram,
    /// The mean of the words around a position predicts the word there.
    Cbow,
}

/// Names and defaults are those of gensim's `Word2Vec`.
#[derive(Clone, Debug)]
pub struct Settings {
    pub architecture: Architecture,
    pub vector_size: usize,
    /// Most words on either side.
    pub window: u32,
    /// Each position draws its own number of words from 1 to `window`, instead of taking `window`.
    pub shrink_windows: bool,
    /// Wrong words per true one; 0 for no negative sampling.
    pub negative: usize,
    /// Wrong words are drawn by count to this power.
    pub ns_exponent: f64,
    /// Hierarchical softmax: the turns on the way through a Huffman tree to the word are predicted.
    pub hierarchical: bool,
    /// CBOW takes the mean of the words around, which each get its whole error; otherwise the sum, and a share.
    pub cbow_mean: bool,
    /// Words more frequent than this are thinned out; 0 keeps all.
    pub sample: f64,
    pub seed: u64,
    /// Vectors of words are means of those of the word and of its parts.
    pub subwords: Option<SubwordSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            architecture: Architecture::Cbow,
            vector_size: 100,
            window: 5,
            shrink_windows: true,
            negative: 5,
            ns_exponent: 0.75,
            hierarchical: false,
            cbow_mean: true,
            sample: 1e-3,
            seed: 1,
            subwords: None,
        }
    }
}

/// One pass over a corpus, of several.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// From 0.
    pub epoch: u32,
    pub epochs: u32,
    /// The learning rate falls from here, at the start of the first epoch, to `min_alpha` at the end of the last.
    pub alpha: f32,
    pub min_alpha: f32,
    /// Threads; with more than one the result varies from run to run.
    pub workers: usize,
    pub compute_loss: bool,
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), EmbeddingError> {
        match self {
            Self { vector_size: 0, .. } => failed("vector_size", 0, "at least 1"),
            Self { vector_size, .. } if *vector_size > 1 << 20 => {
                failed("vector_size", vector_size, "at most 1048576")
            }
            Self { window: 0, .. } => failed("window", 0, "at least 1"),
            Self { negative, .. } if *negative > 1 << 16 => failed("negative", negative, "at most 65536"),
            Self { negative: 0, hierarchical: false, .. } => {
                failed("negative", 0, "at least 1 without hierarchical softmax (hs=1)")
            }
            Self { sample, .. } if !(sample.is_finite() && *sample >= 0.0) => {
                failed("sample", sample, "a number not below 0")
            }
            Self { ns_exponent, .. } if !ns_exponent.is_finite() => {
                failed("ns_exponent", ns_exponent, "a finite number")
            }
            Self { subwords: Some(subwords), .. } => subwords.check(),
            _ => Ok(()),
        }
    }
}

impl SubwordSettings {
    fn check(&self) -> Result<(), EmbeddingError> {
        match self {
            Self { min_n: 0, .. } => failed("min_n", 0, "at least 1"),
            Self { max_n, .. } if *max_n > 64 => failed("max_n", max_n, "at most 64"),
            Self { bucket: 0, .. } => failed("bucket", 0, "at least 1"),
            _ => Ok(()),
        }
    }
}

impl Pass {
    pub(crate) fn check(&self) -> Result<(), EmbeddingError> {
        let rate = |rate: f32| rate.is_finite() && rate >= 0.0;
        match self {
            Self { workers: 0, .. } => failed("workers", 0, "at least 1"),
            Self { workers, .. } if *workers > pool::MAX_THREADS => {
                failed("workers", workers, "at most 1024")
            }
            Self { alpha, .. } if !rate(*alpha) => failed("alpha", alpha, "a number not below 0"),
            Self { min_alpha, .. } if !rate(*min_alpha) => {
                failed("min_alpha", min_alpha, "a number not below 0")
            }
            _ => Ok(()),
        }
    }

    /// The learning rate after a share (0 to 1) of this pass.
    pub(crate) fn rate(&self, share: f64) -> f32 {
        let progress = (f64::from(self.epoch) + share) / f64::from(self.epochs.max(1));
        self.alpha - (self.alpha - self.min_alpha) * progress.min(1.0) as f32
    }
}

fn failed<T>(
    argument: &'static str,
    value: impl std::fmt::Display,
    expected: &'static str,
) -> Result<T, EmbeddingError> {
    Err(EmbeddingError::Argument { argument, value: value.to_string(), expected })
}
