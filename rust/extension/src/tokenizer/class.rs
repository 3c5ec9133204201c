//! `Tokenizer`: parts behind a lock, replaced as a whole when changed, so that calls in flight keep theirs.

use std::ffi::CString;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use ferrolm_base::Cancel;
use ferrolm_tokenizer::pipeline::documents;
use ferrolm_tokenizer::truncation::Strategy;
use ferrolm_tokenizer::{AddedToken, Padding, Ragged, Truncation, file, tokenizer};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::decoder::Decoder;
use super::encoding::{Encoding, direction};
use super::ids::{Batch, Ids};
use super::model::Model;
use super::names::Names;
use super::normalizer::Normalizer;
use super::numbers;
use super::post_processor::PostProcessor;
use super::pre_tokenizer::PreTokenizer;
use super::text::{Held, elements, sequence_or_pair, text, texts};
use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_buffers::Bytes;
use crate::unsafe_sequences::List;

/// Text below this is encoded without releasing the interpreter: releasing costs more than waiting.
const INLINE_BYTES: usize = 1 << 11;
/// Text above this goes to the pool, where Ctrl-C is answered.
const LONG_BYTES: usize = 1 << 16;

/// A tokenizer, and the strings of the tokens of its model.
#[pyclass(frozen, subclass, module = "ferrolm._rust")]
pub struct Tokenizer(RwLock<Arc<tokenizer::Tokenizer>>, RwLock<Option<Arc<Names>>>);

/// Ids and offsets.
type RaggedArrays<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<i64>>);

/// `(content, single_word, lstrip, rstrip, normalized, special)`
type TokenTuple = (String, bool, bool, bool, bool, bool);

/// Options that there are none of are ignored, as in `tokenizers`, but not silently.
fn warn_of_ignored(py: Python<'_>, call: &str, ignored: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    let Some(ignored) = ignored.filter(|ignored| !ignored.is_empty()) else { return Ok(()) };
    let names: Vec<String> = ignored.keys().extract()?;
    let message = CString::new(format!("{call}: ignored unknown option {}", names.join(", ")))?;
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), &message, 1)
}

fn added_token((content, single_word, lstrip, rstrip, normalized, special): TokenTuple) -> AddedToken {
    AddedToken { content, single_word, lstrip, rstrip, normalized, special }
}

impl Tokenizer {
    fn new(tokenizer: tokenizer::Tokenizer) -> Self {
        Self(RwLock::new(Arc::new(tokenizer)), RwLock::default())
    }

    pub fn shared(&self) -> Arc<tokenizer::Tokenizer> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn names(&self) -> Arc<Names> {
        let model = self.read(|tokenizer| tokenizer.model().clone());
        let names = self.1.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(names) = names.filter(|names| names.are_of(&model)) {
            return names;
        }
        let names = Arc::new(Names::new(model));
        *self.1.write().unwrap_or_else(PoisonError::into_inner) = Some(names.clone());
        names
    }

    fn read<T>(&self, get: impl FnOnce(&Arc<tokenizer::Tokenizer>) -> T) -> T {
        get(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Change a copy if anyone else still uses the current one; a failed change leaves it as it was.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut tokenizer::Tokenizer) -> ferrolm_tokenizer::Result<T>,
    ) -> PyResult<T> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = tokenizer::Tokenizer::clone(&current);
        let result = change(&mut changed).map_err(ToPyErr::to_py_err)?;
        *current = Arc::new(changed);
        Ok(result)
    }
}

#[pymethods]
impl Tokenizer {
    /// A tokenizer of a model alone.
    #[new]
    fn from_model(model: &Model) -> Self {
        Self::new(tokenizer::Tokenizer::new(model.part()))
    }

    /// Replace all parts by those of a tokenizer.json.
    fn load_json(&self, py: Python<'_>, json: &[u8], name: &str) -> PyResult<()> {
        let loaded = enter_brief(py, |_| file::from_json(json, name)).map_err(ToPyErr::to_py_err)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(())
    }

    /// Replace all parts by those of a tokenizer.json file.
    fn load_file(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let loaded = enter_brief(py, |_| file::from_file(&path)).map_err(ToPyErr::to_py_err)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(())
    }

    /// Replace all parts by those of a file of another format.
    #[pyo3(signature = (format, path, merges=None, pattern="", special_tokens=List::default()))]
    fn load_format(
        &self,
        py: Python<'_>,
        format: &str,
        path: PathBuf,
        merges: Option<PathBuf>,
        pattern: &str,
        special_tokens: List<(String, u32)>,
    ) -> PyResult<()> {
        let merges = merges.unwrap_or_default();
        let loaded = enter_brief(py, |_| match format {
            "vocab.txt" => Ok(file::from_vocab_txt(&path)),
            "vocab.json" => Ok(file::from_vocab_and_merges(&path, &merges)),
            "tiktoken" => Ok(file::from_tiktoken(&path, pattern, &special_tokens)),
            "tekken" => Ok(file::from_tekken(&path)),
            "sentencepiece" => Ok(file::from_sentencepiece(&path)),
            "gguf" => Ok(file::from_gguf(&path)),
            _ => Err(Kind::InvalidArgumentError.error(format!("format: {format:?} is not known"))),
        });
        let loaded = loaded?.map_err(ToPyErr::to_py_err)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(())
    }

    /// Write the tokens of a byte-level vocabulary and their ids as a `.tiktoken` file; added tokens are left out.
    fn save_tiktoken_file(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let tokenizer = self.shared();
        let is_added = |id: u32| tokenizer.added_vocabulary().tokens().contains_key(&id);
        enter_brief(py, |_| file::save_tiktoken(tokenizer.model(), is_added, &path))
            .map_err(ToPyErr::to_py_err)
    }

    /// Share all parts and settings of `other`, caches included.
    fn copy_from(&self, other: &Self) {
        let shared = other.shared();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = shared;
    }

    /// A tokenizer of the same parts, whose settings can be changed apart.
    fn sibling(&self) -> Self {
        Self(RwLock::new(self.shared()), RwLock::new(Some(self.names())))
    }

    fn to_json(&self, py: Python<'_>, pretty: bool) -> PyResult<String> {
        let tokenizer = self.shared();
        enter_brief(py, |_| file::to_json(&tokenizer, pretty)).map_err(ToPyErr::to_py_err)
    }

    /// Write a tokenizer.json, whole or not at all.
    fn save_file(&self, py: Python<'_>, path: PathBuf, pretty: bool) -> PyResult<()> {
        let tokenizer = self.shared();
        enter_brief(py, |_| file::save(&tokenizer, &path, pretty)).map_err(ToPyErr::to_py_err)
    }

    // Parts.

    fn get_model(&self) -> Model {
        self.read(|tokenizer| Model::of(tokenizer.model().clone()))
    }

    fn set_model(&self, model: &Model) -> PyResult<()> {
        self.change(|tokenizer| {
            tokenizer.set_model(model.part());
            Ok(())
        })
    }

    /// Take a model that was learnt, and add its special tokens, both or neither.
    fn set_trained(&self, model: &Model, tokens: List<TokenTuple>) -> PyResult<()> {
        self.change(|tokenizer| {
            tokenizer.set_model(model.part());
            tokenizer.add_tokens(tokens.into_iter().map(added_token)).map(drop)
        })
    }

    fn get_normalizer(&self) -> Option<Normalizer> {
        self.read(|tokenizer| tokenizer.normalizer().cloned().map(Normalizer::of))
    }

    fn set_normalizer(&self, part: Option<&Normalizer>) -> PyResult<()> {
        self.change(|tokenizer| tokenizer.set_normalizer(part.map(Normalizer::part)))
    }

    fn get_pre_tokenizer(&self) -> Option<PreTokenizer> {
        self.read(|tokenizer| tokenizer.pre_tokenizer().cloned().map(PreTokenizer::of))
    }

    fn set_pre_tokenizer(&self, part: Option<&PreTokenizer>) -> PyResult<()> {
        self.change(|tokenizer| {
            tokenizer.set_pre_tokenizer(part.map(PreTokenizer::part));
            Ok(())
        })
    }

    fn get_post_processor(&self) -> Option<PostProcessor> {
        self.read(|tokenizer| tokenizer.post_processor().cloned().map(PostProcessor::of))
    }

    fn set_post_processor(&self, part: Option<&PostProcessor>) -> PyResult<()> {
        self.change(|tokenizer| {
            tokenizer.set_post_processor(part.map(PostProcessor::part));
            Ok(())
        })
    }

    fn get_decoder(&self) -> Option<Decoder> {
        self.read(|tokenizer| tokenizer.decoder().cloned().map(Decoder::of))
    }

    fn set_decoder(&self, part: Option<&Decoder>) -> PyResult<()> {
        self.change(|tokenizer| {
            tokenizer.set_decoder(part.map(Decoder::part));
            Ok(())
        })
    }

    // Vocabulary.

    /// The id of a token; None if it is not in the vocabulary.
    fn token_to_id(&self, token: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        let token = text(token, "token")?;
        Ok(self.read(|tokenizer| tokenizer.token_to_id(token)))
    }

    /// The token of an id; None if there is none.
    fn id_to_token(&self, id: u32) -> Option<String> {
        self.read(|tokenizer| tokenizer.id_to_token(id).map(str::to_owned))
    }

    /// All tokens with their ids.
    #[pyo3(signature = (with_added_tokens=true))]
    fn get_vocab<'py>(&self, py: Python<'py>, with_added_tokens: bool) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let tokenizer = self.shared();
        for (token, id) in tokenizer.vocab(with_added_tokens) {
            dict.set_item(token, id)?;
        }
        Ok(dict)
    }

    /// How many tokens there are.
    #[pyo3(signature = (with_added_tokens=true))]
    fn get_vocab_size(&self, with_added_tokens: bool) -> usize {
        self.read(|tokenizer| tokenizer.vocab_size(with_added_tokens))
    }

    fn add_token_tuples(&self, tokens: List<TokenTuple>) -> PyResult<usize> {
        self.change(|tokenizer| tokenizer.add_tokens(tokens.into_iter().map(added_token)))
    }

    /// (id, token tuple) of the added tokens by id.
    fn added_token_tuples(&self) -> Vec<(u32, TokenTuple)> {
        let tuple = |(&id, token): (&u32, &AddedToken)| {
            let AddedToken { content, single_word, lstrip, rstrip, normalized, special } = token.clone();
            (id, (content, single_word, lstrip, rstrip, normalized, special))
        };
        self.read(|tokenizer| tokenizer.added_vocabulary().tokens().iter().map(tuple).collect())
    }

    fn get_encode_special_tokens(&self) -> bool {
        self.read(|tokenizer| tokenizer.added_vocabulary().encode_special_tokens())
    }

    fn set_encode_special_tokens(&self, value: bool) -> PyResult<()> {
        self.change(|tokenizer| {
            tokenizer.set_encode_special_tokens(value);
            Ok(())
        })
    }

    /// How many tokens the post-processor adds to one sequence, or to a pair.
    fn num_special_tokens_to_add(&self, is_pair: bool) -> usize {
        self.read(|tokenizer| tokenizer.added_tokens(is_pair))
    }

    // Settings.

    /// Cut encodings to `max_length` tokens. `strategy` is `longest_first`, `only_first` or `only_second`; parts that
    /// overflow share `stride` tokens.
    #[pyo3(signature = (max_length, stride=0, strategy="longest_first", direction="right", **ignored))]
    fn enable_truncation(
        &self,
        py: Python<'_>,
        max_length: usize,
        stride: usize,
        strategy: &str,
        direction: &str,
        ignored: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        warn_of_ignored(py, "enable_truncation", ignored)?;
        let strategy = match strategy {
            "longest_first" => Strategy::LongestFirst,
            "only_first" => Strategy::OnlyFirst,
            "only_second" => Strategy::OnlySecond,
            other => {
                let expected = "`longest_first`, `only_first`, or `only_second`";
                let message = format!("Unknown `strategy`: `{other}`. Use one of {expected}");
                return Err(Kind::InvalidArgumentError.error(message));
            }
        };
        let direction = self::direction(direction)?;
        let truncation = Truncation { max_length, stride, strategy, direction };
        self.change(|tokenizer| tokenizer.set_truncation(Some(truncation)))
    }

    /// Cut nothing any more.
    fn no_truncation(&self) -> PyResult<()> {
        self.change(|tokenizer| tokenizer.set_truncation(None))
    }

    /// `(max_length, stride, strategy, direction)`, or none.
    fn truncation_settings(&self) -> Option<(usize, usize, &'static str, &'static str)> {
        self.read(|tokenizer| {
            let Truncation { max_length, stride, strategy, direction } = *tokenizer.truncation()?;
            let strategy = match strategy {
                Strategy::LongestFirst => "longest_first",
                Strategy::OnlyFirst => "only_first",
                Strategy::OnlySecond => "only_second",
            };
            Some((max_length, stride, strategy, direction.name()))
        })
    }

    /// Pad the encodings of a batch to the longest, or to `length`, rounded up to `pad_to_multiple_of`.
    #[pyo3(signature = (direction="right", pad_id=0, pad_type_id=0, pad_token="[PAD]", length=None,
                        pad_to_multiple_of=None, **ignored))]
    #[expect(clippy::too_many_arguments, reason = "the settings of padding")]
    fn enable_padding(
        &self,
        py: Python<'_>,
        direction: &str,
        pad_id: u32,
        pad_type_id: u32,
        pad_token: &str,
        length: Option<usize>,
        pad_to_multiple_of: Option<usize>,
        ignored: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        warn_of_ignored(py, "enable_padding", ignored)?;
        let direction = self::direction(direction)?;
        let pad_token = pad_token.to_owned();
        let padding = Padding { length, pad_to_multiple_of, direction, pad_id, pad_type_id, pad_token };
        self.change(|tokenizer| tokenizer.set_padding(Some(padding)))
    }

    /// Pad nothing any more.
    fn no_padding(&self) -> PyResult<()> {
        self.change(|tokenizer| tokenizer.set_padding(None))
    }

    /// `(length, pad_to_multiple_of, pad_id, pad_token, pad_type_id, direction)`, or none.
    #[expect(clippy::type_complexity, reason = "what Python sees as one tuple")]
    fn padding_settings(&self) -> Option<(Option<usize>, Option<usize>, u32, String, u32, &'static str)> {
        self.read(|tokenizer| {
            let padding = tokenizer.padding()?.clone();
            let direction = padding.direction.name();
            let Padding { length, pad_to_multiple_of, pad_id, pad_type_id, pad_token, .. } = padding;
            Some((length, pad_to_multiple_of, pad_id, pad_token, pad_type_id, direction))
        })
    }

    // Encoding.

    /// The encoding of a text, or of a pair of texts; of lists of words with `is_pretokenized`.
    ///
    /// >>> from ferrolm import Tokenizer
    /// >>> from ferrolm.models import bundled
    /// >>> tokenizer = Tokenizer.from_file(bundled("ferrolm-tiny") / "tokenizer.json")
    /// >>> tokenizer.encode("a watch").ids
    /// [65, 1797]
    #[pyo3(signature = (sequence, pair=None, is_pretokenized=false, add_special_tokens=true))]
    fn encode(
        &self,
        sequence: &Bound<'_, PyAny>,
        pair: Option<&Bound<'_, PyAny>>,
        is_pretokenized: bool,
        add_special_tokens: bool,
    ) -> PyResult<Encoding> {
        let first = Held::new(sequence, is_pretokenized, "sequence")?;
        let second = pair.map(|pair| Held::new(pair, is_pretokenized, "pair")).transpose()?;
        let input = first.input("sequence")?;
        let pair = second.as_ref().map(|second| second.input("pair")).transpose()?;
        let encoded =
            self.read(|tokenizer| tokenizer.encode_lazy(&input, pair.as_ref(), add_special_tokens, true));
        Ok(Encoding::named(encoded.map_err(ToPyErr::to_py_err)?, &self.names()))
    }

    fn encode_many(
        &self,
        py: Python<'_>,
        input: &Bound<'_, PyAny>,
        is_pretokenized: bool,
        add_special_tokens: bool,
        offsets: bool,
    ) -> PyResult<Vec<Encoding>> {
        let objects = elements(input, "input")?;
        let held = objects
            .iter()
            .enumerate()
            .map(|(index, object)| sequence_or_pair(object, is_pretokenized, &format!("input[{index}]")))
            .collect::<PyResult<Vec<_>>>()?;
        let inputs = held
            .iter()
            .map(|(first, second)| {
                let pair = second.as_ref().map(|second| second.input("input")).transpose()?;
                Ok((first.input("input")?, pair))
            })
            .collect::<PyResult<Vec<_>>>()?;
        let tokenizer = self.shared();
        let work =
            |cancel: &Cancel| tokenizer.encode_lazy_batch(&inputs, add_special_tokens, offsets, cancel);
        let encodings = enter(py, work)?.map_err(ToPyErr::to_py_err)?;
        let names = self.names();
        Ok(encodings.into_iter().map(|encoding| Encoding::named(encoding, &names)).collect())
    }

    /// Truncate, add what the post-processor adds, and pad.
    #[pyo3(signature = (encoding, pair=None, add_special_tokens=true))]
    fn post_process(
        &self,
        encoding: &Encoding,
        pair: Option<&Encoding>,
        add_special_tokens: bool,
    ) -> PyResult<Encoding> {
        let (first, second) = (encoding.full()?, pair.map(Encoding::full).transpose()?);
        let processed = self.read(|tokenizer| tokenizer.post_process(first, second, add_special_tokens));
        Ok(Encoding::new(processed.map_err(ToPyErr::to_py_err)?.into()))
    }

    /// The ids of a text as an array, uint32[n], without Python lists.
    #[pyo3(signature = (text, add_special_tokens=true))]
    fn encode_ids<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        add_special_tokens: bool,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        Ok(self.ids(py, text, add_special_tokens)?.into_pyarray(py))
    }

    /// Ids of a text as a list.
    #[pyo3(signature = (text, add_special_tokens=true))]
    fn encode_list<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        add_special_tokens: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        numbers::list(py, &self.ids(py, text, add_special_tokens)?)
    }

    /// Ids of many texts as lists.
    #[pyo3(signature = (texts, add_special_tokens=true))]
    fn encode_lists<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        add_special_tokens: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let ragged = self.ragged(py, texts, add_special_tokens)?;
        let rows = ragged
            .offsets
            .windows(2)
            .map(|bounds| numbers::list(py, &ragged.ids[bounds[0] as usize..bounds[1] as usize]));
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    /// (ids, offsets) of many texts.
    #[pyo3(signature = (texts, add_special_tokens=true))]
    fn encode_ragged<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        add_special_tokens: bool,
    ) -> PyResult<RaggedArrays<'py>> {
        let ragged = self.ragged(py, texts, add_special_tokens)?;
        Ok((ragged.ids.into_pyarray(py), ragged.offsets.into_pyarray(py)))
    }

    /// (ids, offsets) of the texts that lie between `offsets` in a buffer.
    #[pyo3(signature = (data, offsets, add_special_tokens=true))]
    fn encode_buffer<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        offsets: PyReadonlyArray1<'py, i64>,
        add_special_tokens: bool,
    ) -> PyResult<RaggedArrays<'py>> {
        let (data, offsets) = (Bytes::new(data, "data")?, offsets.as_slice()?);
        let texts = |data| documents::between(data, offsets);
        self.ragged_of_buffer(py, &data, texts, add_special_tokens)
    }

    /// (ids, offsets) of the texts of a buffer that a separator ends.
    #[pyo3(signature = (data, separator, add_special_tokens=true))]
    fn encode_separated<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        separator: &str,
        add_special_tokens: bool,
    ) -> PyResult<RaggedArrays<'py>> {
        let texts = |data| documents::separated(data, separator);
        self.ragged_of_buffer(py, &Bytes::new(data, "data")?, texts, add_special_tokens)
    }

    // Decoding.

    /// The text of some ids.
    #[pyo3(signature = (ids, skip_special_tokens=true))]
    fn decode(&self, py: Python<'_>, ids: &Bound<'_, PyAny>, skip_special_tokens: bool) -> PyResult<String> {
        let (tokenizer, ids) = (self.shared(), Ids::new(ids, "ids")?);
        let ids = ids.as_slice();
        let text = if ids.len() < INLINE_BYTES {
            tokenizer.decode(ids, skip_special_tokens)
        } else {
            enter_brief(py, |_| tokenizer.decode(ids, skip_special_tokens))
        };
        text.map_err(ToPyErr::to_py_err)
    }

    /// The text of each sequence of ids.
    #[pyo3(signature = (sequences, skip_special_tokens=true))]
    fn decode_batch(
        &self,
        py: Python<'_>,
        sequences: &Bound<'_, PyAny>,
        skip_special_tokens: bool,
    ) -> PyResult<Vec<String>> {
        let batch = Batch::new(&elements(sequences, "sequences")?)?;
        self.decode_rows(py, &batch.rows(), skip_special_tokens)
    }

    /// Texts of the ids between each two of the offsets.
    #[pyo3(signature = (ids, offsets, skip_special_tokens=true))]
    fn decode_ragged(
        &self,
        py: Python<'_>,
        ids: PyReadonlyArray1<'_, u32>,
        offsets: PyReadonlyArray1<'_, i64>,
        skip_special_tokens: bool,
    ) -> PyResult<Vec<String>> {
        let (ids, offsets) = (ids.as_slice()?, offsets.as_slice()?);
        let row = |bounds: &[i64]| ids.get(bounds[0] as usize..bounds[1] as usize);
        let rows: Option<Vec<&[u32]>> = offsets.windows(2).map(row).collect();
        let rows = rows.ok_or_else(|| {
            Kind::InvalidArgumentError
                .error(format!("offsets: expected to grow from 0 to the {} ids", ids.len()))
        })?;
        self.decode_rows(py, &rows, skip_special_tokens)
    }
}

impl Tokenizer {
    fn decode_rows(
        &self,
        py: Python<'_>,
        rows: &[&[u32]],
        skip_special_tokens: bool,
    ) -> PyResult<Vec<String>> {
        let tokenizer = self.shared();
        let work = |cancel: &Cancel| tokenizer.decode_batch(rows, skip_special_tokens, cancel);
        let count: usize = rows.iter().map(|row| row.len()).sum();
        let texts = if tokenizer.is_small_batch(count) { enter_brief(py, work) } else { enter(py, work)? };
        texts.map_err(ToPyErr::to_py_err)
    }

    fn ragged(&self, py: Python<'_>, texts: &Bound<'_, PyAny>, add_special_tokens: bool) -> PyResult<Ragged> {
        let objects = elements(texts, "texts")?;
        let texts = self::texts(&objects, "texts")?;
        let tokenizer = self.shared();
        let work = |cancel: &Cancel| tokenizer.encode_ids_batch(&texts, add_special_tokens, cancel);
        enter(py, work)?.map_err(ToPyErr::to_py_err)
    }

    fn ragged_of_buffer<'py, 'a>(
        &self,
        py: Python<'py>,
        data: &'a Bytes,
        texts: impl FnOnce(&'a [u8]) -> ferrolm_tokenizer::Result<Vec<&'a str>> + Send,
        add_special_tokens: bool,
    ) -> PyResult<RaggedArrays<'py>> {
        let (tokenizer, data) = (self.shared(), data.get());
        let work = |cancel: &Cancel| tokenizer.encode_ids_batch(&texts(data)?, add_special_tokens, cancel);
        let ragged = enter(py, work)?.map_err(ToPyErr::to_py_err)?;
        Ok((ragged.ids.into_pyarray(py), ragged.offsets.into_pyarray(py)))
    }

    fn ids(&self, py: Python<'_>, object: &Bound<'_, PyAny>, add_special_tokens: bool) -> PyResult<Vec<u32>> {
        let text = text(object, "text")?;
        if text.len() <= INLINE_BYTES {
            let mut ids = Vec::with_capacity(text.len() / 2 + 8);
            self.read(|tokenizer| tokenizer.push_ids_special(text, add_special_tokens, &mut ids))
                .map_err(ToPyErr::to_py_err)?;
            return Ok(ids);
        }
        let tokenizer = self.shared();
        let work = |cancel: &Cancel| tokenizer.encode_ids_batch(&[text], add_special_tokens, cancel);
        let ragged = if text.len() <= LONG_BYTES { enter_brief(py, work) } else { enter(py, work)? };
        Ok(ragged.map_err(ToPyErr::to_py_err)?.ids)
    }
}
