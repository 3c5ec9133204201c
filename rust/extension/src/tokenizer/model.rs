//! Models as Python objects; the classes in `ferrolm.tokenizers.models` derive from these.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use ferrolm_tokenizer::byte_level::BYTE_TO_CHAR;
use ferrolm_tokenizer::file::part;
use ferrolm_tokenizer::model::{
    Bpe, BpeOptions, PieceToken, Unigram, UnigramOptions, Vocabulary, WordLevel, WordPiece, WordPieceOptions,
};
use ferrolm_tokenizer::{TokenizerError, file, model};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::text::{elements, text, wrong_type};
use crate::errors::{Kind, ToPyErr};

/// A model.
#[pyclass(frozen, subclass, module = "ferrolm._rust", name = "TokenizerModel")]
pub struct Model(RwLock<model::Model>);

impl Model {
    pub fn of(model: model::Model) -> Self {
        Self(RwLock::new(model))
    }

    pub fn part(&self) -> model::Model {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, model: model::Model) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = model;
    }
}

fn of_arguments(error: TokenizerError) -> PyErr {
    part::of_arguments(error).to_py_err()
}

/// The options of each model as a dictionary.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
struct BpeDict {
    dropout: Option<f32>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
}

#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
struct WordPieceDict {
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
}

#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
struct WordLevelDict {
    unk_token: String,
}

#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
struct UnigramDict {
    unk_id: Option<usize>,
    byte_fallback: bool,
    alpha: Option<f64>,
    nbest_size: Option<usize>,
}

impl From<BpeDict> for BpeOptions {
    fn from(options: BpeDict) -> Self {
        Self {
            dropout: options.dropout,
            unk_token: options.unk_token,
            continuing_subword_prefix: options.continuing_subword_prefix,
            end_of_word_suffix: options.end_of_word_suffix,
            fuse_unk: options.fuse_unk,
            byte_fallback: options.byte_fallback,
            ignore_merges: options.ignore_merges,
        }
    }
}

impl From<BpeOptions> for BpeDict {
    fn from(options: BpeOptions) -> Self {
        Self {
            dropout: options.dropout,
            unk_token: options.unk_token,
            continuing_subword_prefix: options.continuing_subword_prefix,
            end_of_word_suffix: options.end_of_word_suffix,
            fuse_unk: options.fuse_unk,
            byte_fallback: options.byte_fallback,
            ignore_merges: options.ignore_merges,
        }
    }
}

impl From<WordPieceDict> for WordPieceOptions {
    fn from(options: WordPieceDict) -> Self {
        let WordPieceDict { unk_token, continuing_subword_prefix, max_input_chars_per_word } = options;
        Self { unk_token, continuing_subword_prefix, max_input_chars_per_word }
    }
}

impl From<WordPieceOptions> for WordPieceDict {
    fn from(options: WordPieceOptions) -> Self {
        let WordPieceOptions { unk_token, continuing_subword_prefix, max_input_chars_per_word } = options;
        Self { unk_token, continuing_subword_prefix, max_input_chars_per_word }
    }
}

impl From<UnigramDict> for UnigramOptions {
    fn from(options: UnigramDict) -> Self {
        let UnigramDict { unk_id, byte_fallback, alpha, nbest_size } = options;
        Self { unk_id, byte_fallback, alpha, nbest_size }
    }
}

impl From<UnigramOptions> for UnigramDict {
    fn from(options: UnigramOptions) -> Self {
        let UnigramOptions { unk_id, byte_fallback, alpha, nbest_size } = options;
        Self { unk_id, byte_fallback, alpha, nbest_size }
    }
}

/// Options of the right types, or an error that names the wrong one.
fn options<'a, 'py, T: FromPyObject<'a, 'py>>(dict: &'a Bound<'py, PyDict>) -> PyResult<T> {
    dict.as_any().extract().map_err(|error: T::Error| {
        let error: PyErr = error.into();
        let cause = error.cause(dict.py()).unwrap_or(error);
        Kind::InvalidTypeError.error(format!("options: {cause}"))
    })
}

/// A dictionary from tokens to ids.
fn vocabulary<'py>(vocab: &Bound<'py, PyAny>) -> PyResult<Vec<(Bound<'py, PyAny>, u32)>> {
    let dict = vocab.cast::<PyDict>().map_err(|_| wrong_type(vocab, "vocab", "a dictionary"))?;
    dict.iter()
        .map(|(token, id)| {
            let wrong = || wrong_type(&id, "vocab", "ids from 0 to 4294967295");
            Ok((token, id.extract().map_err(|_| wrong())?))
        })
        .collect()
}

/// The same with the tokens' text.
fn entries<'a, T: Copy>(vocab: &'a [(Bound<'_, PyAny>, T)]) -> PyResult<Vec<(&'a str, T)>> {
    vocab.iter().map(|(token, value)| Ok((text(token, "vocab")?, *value))).collect()
}

fn bpe(
    vocab: &Bound<'_, PyAny>,
    merges: Option<&Bound<'_, PyAny>>,
    options: BpeDict,
) -> PyResult<model::Model> {
    let vocab = vocabulary(vocab)?;
    let merges = merges.map_or(Ok(Vec::new()), |merges| elements(merges, "merges"))?;
    let pairs: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> = merges
        .iter()
        .map(|pair| pair.extract().map_err(|_| wrong_type(pair, "merges", "pairs of tokens")))
        .collect::<PyResult<_>>()?;
    let pairs = pairs
        .iter()
        .map(|(left, right)| Ok((text(left, "merges")?, text(right, "merges")?)))
        .collect::<PyResult<Vec<_>>>()?;
    let bpe = Bpe::new(entries(&vocab)?.into_iter(), pairs.into_iter(), options.into());
    Ok(model::Model::Bpe(Arc::new(bpe.map_err(of_arguments)?)))
}

fn map(vocab: &Bound<'_, PyAny>) -> PyResult<Vocabulary> {
    Vocabulary::new(entries(&vocabulary(vocab)?)?.into_iter()).map_err(of_arguments)
}

fn unigram(vocab: &Bound<'_, PyAny>, options: UnigramDict) -> PyResult<model::Model> {
    let pieces: Vec<(Bound<'_, PyAny>, f64)> = elements(vocab, "vocab")?
        .iter()
        .map(|piece| {
            piece.extract().map_err(|_| wrong_type(piece, "vocab", "pairs of a piece and its score"))
        })
        .collect::<PyResult<_>>()?;
    let unigram = Unigram::new(entries(&pieces)?.into_iter(), options.into());
    Ok(model::Model::Unigram(Arc::new(unigram.map_err(of_arguments)?)))
}

#[pymethods]
impl Model {
    /// Of a kind (the type in tokenizer.json), from ids by token or pieces with scores, options, and for BPE merges
    /// in order of rank.
    #[new]
    #[pyo3(signature = (kind, vocab, settings, merges = None))]
    fn new(
        kind: &str,
        vocab: &Bound<'_, PyAny>,
        settings: &Bound<'_, PyDict>,
        merges: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self::of(match kind {
            "BPE" => bpe(vocab, merges, options(settings)?)?,
            "WordPiece" => {
                let options = options::<WordPieceDict>(settings)?.into();
                let model = WordPiece::new(map(vocab)?, options).map_err(of_arguments)?;
                model::Model::WordPiece(Arc::new(model))
            }
            "WordLevel" => {
                let options: WordLevelDict = options(settings)?;
                model::Model::WordLevel(Arc::new(WordLevel::new(map(vocab)?, options.unk_token)))
            }
            "Unigram" => unigram(vocab, options(settings)?)?,
            _ => {
                return Err(
                    Kind::InvalidArgumentError.error(format!("kind: found {kind:?}, which is no model"))
                );
            }
        }))
    }

    /// The type in tokenizer.json.
    fn kind(&self) -> &'static str {
        match self.part() {
            model::Model::Bpe(_) => "BPE",
            model::Model::WordPiece(_) => "WordPiece",
            model::Model::WordLevel(_) => "WordLevel",
            model::Model::Unigram(_) => "Unigram",
        }
    }

    /// Be the model of `other`.
    fn share(&self, other: &Self) {
        self.set(other.part());
    }

    /// The section of tokenizer.json.
    fn to_json(&self) -> PyResult<String> {
        part::model_to_json(&self.part()).map_err(ToPyErr::to_py_err)
    }

    /// Be the model of a section of tokenizer.json.
    fn set_json(&self, json: &str) -> PyResult<()> {
        self.set(part::model_from_json(json).map_err(ToPyErr::to_py_err)?);
        Ok(())
    }

    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        match self.part() {
            model::Model::Bpe(model) => BpeDict::from(model.options().clone()).into_pyobject(py),
            model::Model::WordPiece(model) => WordPieceDict::from(model.options().clone()).into_pyobject(py),
            model::Model::WordLevel(model) => {
                WordLevelDict { unk_token: model.unk_token().to_owned() }.into_pyobject(py)
            }
            model::Model::Unigram(model) => UnigramDict::from(model.options().clone()).into_pyobject(py),
        }
    }

    fn set_options(&self, settings: &Bound<'_, PyDict>) -> PyResult<()> {
        self.set(match self.part() {
            model::Model::Bpe(model) => {
                let options = options::<BpeDict>(settings)?.into();
                let changed = Bpe::clone(&model).with_options(options).map_err(of_arguments)?;
                model::Model::Bpe(Arc::new(changed))
            }
            model::Model::WordPiece(model) => {
                let options = options::<WordPieceDict>(settings)?.into();
                model::Model::WordPiece(Arc::new(WordPiece::clone(&model).with_options(options)))
            }
            model::Model::WordLevel(model) => {
                let options: WordLevelDict = options(settings)?;
                model::Model::WordLevel(Arc::new(WordLevel::clone(&model).with_unk_token(options.unk_token)))
            }
            model::Model::Unigram(model) => {
                let options: UnigramDict = options(settings)?;
                let changed = Unigram::clone(&model).with_sampling(options.alpha, options.nbest_size);
                model::Model::Unigram(Arc::new(changed))
            }
        });
        Ok(())
    }

    /// Ids by token, in order of id.
    fn vocab<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let vocab = PyDict::new(py);
        for (token, id) in self.part().vocabulary().entries() {
            vocab.set_item(token, id)?;
        }
        Ok(vocab)
    }

    /// Merges in order of rank; only BPE has any.
    fn merges(&self) -> Vec<(String, String)> {
        let model::Model::Bpe(bpe) = self.part() else { return Vec::new() };
        let merges = file::merge_texts(bpe.vocabulary(), bpe.merges());
        merges.into_iter().map(|(left, right)| (left.to_owned(), right.to_owned())).collect()
    }

    fn token_to_id(&self, token: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        Ok(self.part().token_to_id(text(token, "token")?))
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.part().id_to_token(id).map(str::to_owned)
    }

    /// Id, token, start and end in bytes of each token of `sequence`, one piece.
    #[expect(clippy::type_complexity, reason = "what Python sees as a list of tuples")]
    fn token_tuples(&self, sequence: &Bound<'_, PyAny>) -> PyResult<Vec<(u32, String, (usize, usize))>> {
        let (model, piece, mut tokens) = (self.part(), text(sequence, "sequence")?, Vec::new());
        model.tokenize(piece, &mut tokens).map_err(ToPyErr::to_py_err)?;
        let token = |token: PieceToken| {
            let range = (token.start as usize, token.end as usize);
            let spelled =
                if token.verbatim { piece.get(range.0..range.1) } else { model.id_to_token(token.id) };
            (token.id, spelled.unwrap_or("").to_owned(), range)
        };
        Ok(tokens.into_iter().map(token).collect())
    }

    /// Write the files of the model.
    #[pyo3(signature = (folder, prefix=None))]
    fn save_files(&self, folder: PathBuf, prefix: Option<&str>) -> PyResult<Vec<PathBuf>> {
        file::save_model(&self.part(), &folder, prefix).map_err(ToPyErr::to_py_err)
    }

    /// Type, options and the first `elements` of each list, on one line.
    fn describe(&self, elements: usize) -> String {
        self.part().describe(elements)
    }
}

/// The 256 characters that stand for bytes.
#[pyfunction]
pub fn byte_level_alphabet() -> Vec<char> {
    BYTE_TO_CHAR.to_vec()
}

/// Ids by token of a vocab.json.
#[pyfunction]
pub fn read_vocab_json(py: Python<'_>, vocab: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    dictionary(py, file::read_vocab(&vocab).map_err(ToPyErr::to_py_err)?)
}

/// Ids by token of a vocab.txt.
#[pyfunction]
pub fn read_vocab_txt(py: Python<'_>, vocab: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    dictionary(py, file::read_vocab_txt(&vocab).map_err(ToPyErr::to_py_err)?)
}

/// Pairs of a merges.txt.
#[pyfunction]
pub fn read_merges(merges: PathBuf) -> PyResult<Vec<(String, String)>> {
    file::read_merges(&merges).map_err(ToPyErr::to_py_err)
}

fn dictionary(py: Python<'_>, entries: Vec<(String, u32)>) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    entries.into_iter().try_for_each(|(token, id)| dict.set_item(token, id))?;
    Ok(dict)
}
