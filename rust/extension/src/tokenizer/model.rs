//! Models as Python objects; the classes in `ferrolm.tokenizers.models` derive from these.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use ferrolm_tokenizer::byte_level::BYTE_TO_CHAR;
use ferrolm_tokenizer::file::part;
use ferrolm_tokenizer::model::{
    Bpe, BpeOptions, PieceToken, Unigram, UnigramOptions, Vocabulary, WordLevel, WordPiece, WordPieceOptions,
};
use ferrolm_tokenizer::{TokenizerError, file, model};
use pyo3::conversion::FromPyObjectOwned;
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

/// An option of the right type, or an error that names it.
fn option<'py, T: FromPyObjectOwned<'py>>(
    settings: &Bound<'py, PyDict>,
    name: &str,
    expected: &str,
) -> PyResult<T> {
    let missing = || Kind::InvalidArgumentError.error(format!("settings: {name:?} is missing"));
    let value = settings.get_item(name)?.ok_or_else(missing)?;
    value.extract().map_err(|_| wrong_type(&value, name, expected))
}

const TEXT: &str = "a string";
const TEXT_OR_NONE: &str = "a string or None";
const FLAG: &str = "True or False";
const NUMBER_OR_NONE: &str = "a number or None";
const SIZE: &str = "an integer of 0 or more";
const SIZE_OR_NONE: &str = "an integer of 0 or more, or None";

fn bpe_options(settings: &Bound<'_, PyDict>) -> PyResult<BpeOptions> {
    Ok(BpeOptions {
        dropout: option(settings, "dropout", NUMBER_OR_NONE)?,
        unk_token: option(settings, "unk_token", TEXT_OR_NONE)?,
        continuing_subword_prefix: option(settings, "continuing_subword_prefix", TEXT_OR_NONE)?,
        end_of_word_suffix: option(settings, "end_of_word_suffix", TEXT_OR_NONE)?,
        fuse_unk: option(settings, "fuse_unk", FLAG)?,
        byte_fallback: option(settings, "byte_fallback", FLAG)?,
        ignore_merges: option(settings, "ignore_merges", FLAG)?,
    })
}

fn word_piece_options(settings: &Bound<'_, PyDict>) -> PyResult<WordPieceOptions> {
    Ok(WordPieceOptions {
        unk_token: option(settings, "unk_token", TEXT)?,
        continuing_subword_prefix: option(settings, "continuing_subword_prefix", TEXT)?,
        max_input_chars_per_word: option(settings, "max_input_chars_per_word", SIZE)?,
    })
}

fn unigram_options(settings: &Bound<'_, PyDict>) -> PyResult<UnigramOptions> {
    Ok(UnigramOptions {
        unk_id: option(settings, "unk_id", SIZE_OR_NONE)?,
        byte_fallback: option(settings, "byte_fallback", FLAG)?,
        alpha: option(settings, "alpha", NUMBER_OR_NONE)?,
        nbest_size: option(settings, "nbest_size", SIZE_OR_NONE)?,
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
    options: BpeOptions,
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
    let bpe = Bpe::new(entries(&vocab)?.into_iter(), pairs.into_iter(), options);
    Ok(model::Model::Bpe(Arc::new(bpe.map_err(of_arguments)?)))
}

fn map(vocab: &Bound<'_, PyAny>) -> PyResult<Vocabulary> {
    Vocabulary::new(entries(&vocabulary(vocab)?)?.into_iter()).map_err(of_arguments)
}

fn unigram(vocab: &Bound<'_, PyAny>, options: UnigramOptions) -> PyResult<model::Model> {
    let pieces: Vec<(Bound<'_, PyAny>, f64)> = elements(vocab, "vocab")?
        .iter()
        .map(|piece| {
            piece.extract().map_err(|_| wrong_type(piece, "vocab", "pairs of a piece and its score"))
        })
        .collect::<PyResult<_>>()?;
    let unigram = Unigram::new(entries(&pieces)?.into_iter(), options);
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
            "BPE" => bpe(vocab, merges, bpe_options(settings)?)?,
            "WordPiece" => {
                let options = word_piece_options(settings)?;
                let model = WordPiece::new(map(vocab)?, options).map_err(of_arguments)?;
                model::Model::WordPiece(Arc::new(model))
            }
            "WordLevel" => {
                let unk_token = option(settings, "unk_token", TEXT)?;
                model::Model::WordLevel(Arc::new(WordLevel::new(map(vocab)?, unk_token)))
            }
            "Unigram" => unigram(vocab, unigram_options(settings)?)?,
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
        let options = PyDict::new(py);
        match self.part() {
            model::Model::Bpe(model) => {
                let of = model.options();
                options.set_item("dropout", of.dropout)?;
                options.set_item("unk_token", &of.unk_token)?;
                options.set_item("continuing_subword_prefix", &of.continuing_subword_prefix)?;
                options.set_item("end_of_word_suffix", &of.end_of_word_suffix)?;
                options.set_item("fuse_unk", of.fuse_unk)?;
                options.set_item("byte_fallback", of.byte_fallback)?;
                options.set_item("ignore_merges", of.ignore_merges)?;
            }
            model::Model::WordPiece(model) => {
                let of = model.options();
                options.set_item("unk_token", &of.unk_token)?;
                options.set_item("continuing_subword_prefix", &of.continuing_subword_prefix)?;
                options.set_item("max_input_chars_per_word", of.max_input_chars_per_word)?;
            }
            model::Model::WordLevel(model) => options.set_item("unk_token", model.unk_token())?,
            model::Model::Unigram(model) => {
                let of = model.options();
                options.set_item("unk_id", of.unk_id)?;
                options.set_item("byte_fallback", of.byte_fallback)?;
                options.set_item("alpha", of.alpha)?;
                options.set_item("nbest_size", of.nbest_size)?;
            }
        }
        Ok(options)
    }

    fn set_options(&self, settings: &Bound<'_, PyDict>) -> PyResult<()> {
        self.set(match self.part() {
            model::Model::Bpe(model) => {
                let options = bpe_options(settings)?;
                let changed = Bpe::clone(&model).with_options(options).map_err(of_arguments)?;
                model::Model::Bpe(Arc::new(changed))
            }
            model::Model::WordPiece(model) => {
                let options = word_piece_options(settings)?;
                model::Model::WordPiece(Arc::new(WordPiece::clone(&model).with_options(options)))
            }
            model::Model::WordLevel(model) => {
                let unk_token = option(settings, "unk_token", TEXT)?;
                model::Model::WordLevel(Arc::new(WordLevel::clone(&model).with_unk_token(unk_token)))
            }
            model::Model::Unigram(model) => {
                let options = unigram_options(settings)?;
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
