//! Bindings of `ferrolm-tokenizer`'s trainers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrolm_base::Cancel;
use ferrolm_tokenizer::model::{BpeOptions as BpeModelOptions, Model as Part, WordPieceOptions};
use ferrolm_tokenizer::train::{
    self, BpeOptions, ParityOptions, ParityVariant, Progress, Sequences, TrainError, UnigramOptions,
    WordCounts, WordLevelOptions, Words,
};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyDict;

use crate::enter::enter;
use crate::errors::{Kind, ToPyErr};
use crate::tokenizer::{Model, Tokenizer};
use crate::unsafe_sequences::List;

impl ToPyErr for TrainError {
    fn to_py_err(self) -> PyErr {
        match self {
            Self::File(error) => error.to_py_err(),
            Self::Text(error) => error.to_py_err(),
            Self::Cancelled(error) => error.to_py_err(),
            Self::InvalidEncoding { .. } => Kind::InvalidEncodingError.error(self.to_string()),
            _ => Kind::InvalidArgumentError.error(self.to_string()),
        }
    }
}

/// Counts the words that a tokenizer's model would see of texts and files, then learns a model from them.
#[pyclass(frozen, module = "ferrolm._rust")]
struct WordCounter {
    words: Mutex<WordCounts>,
    sequences: Sequences,
    progress: Arc<Progress>,
}

/// The settings of BPE and WordPiece training, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct PairSettings {
    vocab_size: usize,
    min_frequency: u64,
    special_tokens: List<String>,
    limit_alphabet: Option<usize>,
    initial_alphabet: List<char>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    max_token_length: Option<usize>,
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct ParitySettings {
    num_merges: usize,
    variant: String,
    min_frequency: u64,
    ratio: Option<List<f64>>,
    global_merges: usize,
    window_size: usize,
    alpha: f64,
    total_symbols: bool,
    special_tokens: List<String>,
    limit_alphabet: Option<usize>,
    initial_alphabet: List<char>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    max_token_length: Option<usize>,
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct WordLevelSettings {
    vocab_size: usize,
    min_frequency: u64,
    special_tokens: List<String>,
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct UnigramSettings {
    vocab_size: usize,
    n_sub_iterations: usize,
    shrinking_factor: f64,
    special_tokens: List<String>,
    initial_alphabet: List<char>,
    unk_token: Option<String>,
    max_piece_length: usize,
    seed_size: usize,
}

impl From<PairSettings> for BpeOptions {
    fn from(settings: PairSettings) -> Self {
        Self {
            vocab_size: settings.vocab_size,
            min_frequency: settings.min_frequency,
            special_tokens: settings.special_tokens.0,
            limit_alphabet: settings.limit_alphabet,
            initial_alphabet: settings.initial_alphabet.0,
            continuing_subword_prefix: settings.continuing_subword_prefix.unwrap_or_default(),
            end_of_word_suffix: settings.end_of_word_suffix.unwrap_or_default(),
            max_token_length: settings.max_token_length,
        }
    }
}

impl From<ParitySettings> for ParityOptions {
    fn from(settings: ParitySettings) -> Self {
        let ParitySettings { window_size, alpha, .. } = settings;
        let window = settings.variant == "window";
        Self {
            num_merges: settings.num_merges,
            variant: if window { ParityVariant::Window { window_size, alpha } } else { ParityVariant::Base },
            min_frequency: settings.min_frequency,
            ratio: settings.ratio.map(|ratio| ratio.0),
            global_merges: settings.global_merges,
            total_symbols: settings.total_symbols,
            special_tokens: settings.special_tokens.0,
            limit_alphabet: settings.limit_alphabet,
            initial_alphabet: settings.initial_alphabet.0,
            continuing_subword_prefix: settings.continuing_subword_prefix.unwrap_or_default(),
            end_of_word_suffix: settings.end_of_word_suffix.unwrap_or_default(),
            max_token_length: settings.max_token_length,
        }
    }
}

impl From<WordLevelSettings> for WordLevelOptions {
    fn from(settings: WordLevelSettings) -> Self {
        let WordLevelSettings { vocab_size, min_frequency, special_tokens } = settings;
        Self { vocab_size, min_frequency, special_tokens: special_tokens.0 }
    }
}

impl From<UnigramSettings> for UnigramOptions {
    fn from(settings: UnigramSettings) -> Self {
        Self {
            vocab_size: settings.vocab_size,
            n_sub_iterations: settings.n_sub_iterations,
            shrinking_factor: settings.shrinking_factor,
            special_tokens: settings.special_tokens.0,
            initial_alphabet: settings.initial_alphabet.0,
            unk_token: settings.unk_token,
            max_piece_length: settings.max_piece_length,
            seed_size: settings.seed_size,
        }
    }
}

impl WordCounter {
    fn of(sequences: Sequences, progress: Arc<Progress>) -> Self {
        Self { words: Mutex::new(WordCounts::new(sequences.clone())), sequences, progress }
    }

    fn lock(&self) -> MutexGuard<'_, WordCounts> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(
        &self,
        py: Python<'_>,
        learn: impl FnOnce(&Words, &Cancel) -> Result<Part, TrainError> + Send,
    ) -> PyResult<Model> {
        let learn = |cancel: &Cancel| {
            let words = self.lock().words(cancel)?;
            learn(&words, cancel)
        };
        enter(py, learn)?.map(Model::of).map_err(ToPyErr::to_py_err)
    }
}

#[pymethods]
impl WordCounter {
    #[new]
    #[pyo3(signature = (tokenizer, *, by_line = false))]
    fn new(tokenizer: &Tokenizer, by_line: bool) -> Self {
        Self::of(Sequences::of(&tokenizer.shared(), by_line), Arc::default())
    }

    /// A counter that cuts alike and shows its progress in the same place.
    fn another(&self) -> Self {
        Self::of(self.sequences.clone(), Arc::clone(&self.progress))
    }

    /// Count the words of `texts`.
    fn add(&self, py: Python<'_>, texts: List<PyBackedStr>) -> PyResult<()> {
        enter(py, |cancel| self.lock().add(&texts, &self.progress, cancel))?.map_err(ToPyErr::to_py_err)
    }

    /// Count the words of a text file.
    fn add_file(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        enter(py, |cancel| self.lock().add_file(&path, &self.progress, cancel))?.map_err(ToPyErr::to_py_err)
    }

    /// Name, done and total (0 for unknown) of every stage so far, from any thread.
    fn progress(&self) -> Vec<(&'static str, u64, u64)> {
        self.progress.stages()
    }

    /// Number of different words.
    fn __len__(&self) -> usize {
        self.lock().len()
    }

    /// A model like `model` with what is learnt; the kind of model decides how.
    fn train(&self, py: Python<'_>, model: &Model, settings: &Bound<'_, PyDict>) -> PyResult<Model> {
        match model.part() {
            Part::Bpe(model) => {
                let settings: PairSettings = settings.as_any().extract()?;
                let mut options = model.options().clone();
                options.continuing_subword_prefix.clone_from(&settings.continuing_subword_prefix);
                options.end_of_word_suffix.clone_from(&settings.end_of_word_suffix);
                let settings = settings.into();
                self.learn(py, |words, cancel| {
                    let trained = train::train_bpe(words, &settings, &self.progress, cancel)?;
                    Ok(Part::Bpe(Arc::new(trained.into_bpe(options)?)))
                })
            }
            Part::WordPiece(model) => {
                let settings: PairSettings = settings.as_any().extract()?;
                let mut options = model.options().clone();
                // Without a prefix the model gets that of the format, as in the reference.
                options.continuing_subword_prefix = settings
                    .continuing_subword_prefix
                    .clone()
                    .unwrap_or_else(|| WordPieceOptions::default().continuing_subword_prefix);
                let settings = settings.into();
                self.learn(py, |words, cancel| {
                    let trained = train::train_bpe(words, &settings, &self.progress, cancel)?;
                    Ok(Part::WordPiece(Arc::new(trained.into_word_piece(options)?)))
                })
            }
            Part::WordLevel(model) => {
                let settings = WordLevelOptions::from(settings.as_any().extract::<WordLevelSettings>()?);
                self.learn(py, |words, cancel| {
                    let trained = train::train_word_level(words, &settings, &self.progress, cancel)?;
                    Ok(Part::WordLevel(Arc::new(trained.into_word_level(model.unk_token().to_owned())?)))
                })
            }
            Part::Unigram(_) => {
                let settings = UnigramOptions::from(settings.as_any().extract::<UnigramSettings>()?);
                self.learn(py, |words, cancel| {
                    let trained = train::train_unigram(words, &settings, &self.progress, cancel)?;
                    Ok(Part::Unigram(Arc::new(trained.into_unigram()?)))
                })
            }
        }
    }
}

/// A BPE model of the words of several languages, counted by `languages`, and maybe of their development texts.
#[pyfunction]
fn train_parity_bpe(
    py: Python<'_>,
    languages: List<Py<WordCounter>>,
    development: List<Py<WordCounter>>,
    settings: &Bound<'_, PyDict>,
) -> PyResult<Model> {
    let settings: ParitySettings = settings.as_any().extract()?;
    let options = BpeModelOptions {
        continuing_subword_prefix: settings.continuing_subword_prefix.clone(),
        end_of_word_suffix: settings.end_of_word_suffix.clone(),
        ..BpeModelOptions::default()
    };
    let settings = settings.into();
    let words = |counters: &[Py<WordCounter>], cancel: &Cancel| {
        counters.iter().map(|counter| counter.get().lock().words(cancel)).collect::<Result<Vec<_>, _>>()
    };
    let progress = languages.first().map(|counter| Arc::clone(&counter.get().progress)).unwrap_or_default();
    let learn = |cancel: &Cancel| {
        let (languages, development) = (words(&languages, cancel)?, words(&development, cancel)?);
        let trained = train::train_parity_bpe(&languages, &development, &settings, &progress, cancel)?;
        Ok::<_, TrainError>(Part::Bpe(Arc::new(trained.into_bpe(options)?)))
    };
    enter(py, learn)?.map(Model::of).map_err(ToPyErr::to_py_err)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<WordCounter>()?;
    module.add_function(wrap_pyfunction!(train_parity_bpe, module)?)
}
