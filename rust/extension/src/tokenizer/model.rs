//! Models as Python objects; the classes in `ferrolm.tokenizers.models` derive from these.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use ferrolm_tokenizer::byte_level::BYTE_TO_CHAR;
use ferrolm_tokenizer::model::PieceToken;
use ferrolm_tokenizer::model::bpe::{Bpe, BpeOptions};
use ferrolm_tokenizer::{file, model};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::text::{elements, text, wrong_type};
use crate::errors::ToPyErr;

/// A BPE model.
#[pyclass(frozen, subclass, module = "ferrolm._rust", name = "TokenizerModel")]
pub struct Model(RwLock<model::Model>);

impl Model {
    pub fn of(model: model::Model) -> Self {
        Self(RwLock::new(model))
    }

    pub fn part(&self) -> model::Model {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn bpe(&self) -> Arc<Bpe> {
        let model::Model::Bpe(bpe) = self.part();
        bpe
    }

    fn set(&self, model: model::Model) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = model;
    }
}

/// The options of BPE as a dictionary.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
struct Options {
    dropout: Option<f32>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
}

impl From<Options> for BpeOptions {
    fn from(options: Options) -> Self {
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

impl From<BpeOptions> for Options {
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

#[pymethods]
impl Model {
    /// From ids by token, merges in order of rank and options.
    #[new]
    fn new(vocab: &Bound<'_, PyDict>, merges: &Bound<'_, PyAny>, options: Options) -> PyResult<Self> {
        let entries: Vec<(Bound<'_, PyAny>, u32)> = vocab
            .iter()
            .map(|(token, id)| {
                let wrong = || wrong_type(&id, "vocab", "ids from 0 to 4294967295");
                Ok((token, id.extract().map_err(|_| wrong())?))
            })
            .collect::<PyResult<_>>()?;
        let entries = entries
            .iter()
            .map(|(token, id)| Ok((text(token, "vocab")?, *id)))
            .collect::<PyResult<Vec<_>>>()?;
        let pairs: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> = elements(merges, "merges")?
            .iter()
            .map(|pair| pair.extract().map_err(|_| wrong_type(pair, "merges", "pairs of tokens")))
            .collect::<PyResult<_>>()?;
        let pairs = pairs
            .iter()
            .map(|(left, right)| Ok((text(left, "merges")?, text(right, "merges")?)))
            .collect::<PyResult<Vec<_>>>()?;
        let bpe = Bpe::new(entries.into_iter(), pairs.into_iter(), options.into());
        Ok(Self::of(model::Model::Bpe(Arc::new(bpe.map_err(ToPyErr::to_py_err)?))))
    }

    /// Be the model of `other`.
    fn share(&self, other: &Self) {
        self.set(other.part());
    }

    fn options(&self) -> Options {
        self.bpe().options().clone().into()
    }

    fn set_options(&self, options: Options) -> PyResult<()> {
        let changed = Bpe::clone(&self.bpe()).with_options(options.into()).map_err(ToPyErr::to_py_err)?;
        self.set(model::Model::Bpe(Arc::new(changed)));
        Ok(())
    }

    /// Ids by token, in order of id.
    fn vocab<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let vocab = PyDict::new(py);
        for (id, token) in self.bpe().vocabulary().iter() {
            vocab.set_item(token, id)?;
        }
        Ok(vocab)
    }

    /// Merges in order of rank.
    fn merges(&self) -> Vec<(String, String)> {
        let bpe = self.bpe();
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

    /// Write vocab.json and merges.txt.
    #[pyo3(signature = (folder, prefix=None))]
    fn save_files(&self, folder: PathBuf, prefix: Option<&str>) -> PyResult<Vec<PathBuf>> {
        file::save_vocab_and_merges(&self.bpe(), &folder, prefix).map_err(ToPyErr::to_py_err)
    }
}

/// The 256 characters that stand for bytes.
#[pyfunction]
pub fn byte_level_alphabet() -> Vec<char> {
    BYTE_TO_CHAR.to_vec()
}

/// Ids by token of a vocab.json and pairs of a merges.txt, as in the files.
#[pyfunction]
#[expect(clippy::type_complexity, reason = "what Python sees as a dictionary and a list of pairs")]
pub fn read_vocab_and_merges(
    py: Python<'_>,
    vocab: PathBuf,
    merges: PathBuf,
) -> PyResult<(Bound<'_, PyDict>, Vec<(String, String)>)> {
    let entries = file::read_vocab(&vocab).map_err(ToPyErr::to_py_err)?;
    let dict = PyDict::new(py);
    for (token, id) in entries {
        dict.set_item(token, id)?;
    }
    Ok((dict, file::read_merges(&merges).map_err(ToPyErr::to_py_err)?))
}
