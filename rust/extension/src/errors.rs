//! The one place where errors of the crates become Python exceptions of `ferrolm.errors`.

use std::io::ErrorKind;

use ferrolm_base::FileError;
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Classes of `ferrolm.errors`; the variants bear their Python names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "they are the names of the Python classes")]
pub enum Kind {
    InvalidArgumentError,
    InvalidEncodingError,
    InvalidFileError,
    FileAccessError,
    MissingFileError,
    ShapeError,
    LimitError,
    InvalidTypeError,
    UnknownNameError,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::InvalidArgumentError => "InvalidArgumentError",
            Self::InvalidEncodingError => "InvalidEncodingError",
            Self::InvalidFileError => "InvalidFileError",
            Self::FileAccessError => "FileAccessError",
            Self::MissingFileError => "MissingFileError",
            Self::ShapeError => "ShapeError",
            Self::LimitError => "LimitError",
            Self::InvalidTypeError => "InvalidTypeError",
            Self::UnknownNameError => "UnknownNameError",
        }
    }

    /// An exception of this class with `message`.
    pub fn error(self, message: impl Into<String>) -> PyErr {
        let message = message.into();
        Python::attach(|py| match self.class(py) {
            Ok(class) => PyErr::from_type(class, message),
            Err(error) => error,
        })
    }

    fn class(self, py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
        static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
        let module = MODULE.get_or_try_init(py, || py.import("ferrolm.errors").map(Bound::unbind))?;
        Ok(module.bind(py).getattr(self.name())?.cast_into()?)
    }
}

/// Errors of the crates, as the exception a Python user expects.
pub trait ToPyErr {
    fn to_py_err(self) -> PyErr;
}

impl ToPyErr for FileError {
    fn to_py_err(self) -> PyErr {
        match self.source.kind() {
            ErrorKind::NotFound => Kind::MissingFileError.error(self.to_string()),
            ErrorKind::OutOfMemory => PyMemoryError::new_err(self.to_string()),
            _ => Kind::FileAccessError.error(self.to_string()),
        }
    }
}

impl ToPyErr for ferrolm_base::Cancelled {
    /// Only seen if a call was cancelled without a signal's exception, which `enter` does not do.
    fn to_py_err(self) -> PyErr {
        PyKeyboardInterrupt::new_err(self.to_string())
    }
}

impl ToPyErr for ferrolm_sampling::SamplingError {
    fn to_py_err(self) -> PyErr {
        use ferrolm_sampling::SamplingError as Error;
        match self {
            Error::EmptyVocabulary
            | Error::VocabularyTooLarge { .. }
            | Error::BatchMismatch { .. }
            | Error::RaggedLogits { .. }
            | Error::Length { .. } => Kind::ShapeError.error(self.to_string()),
            Error::State(_) => Kind::InvalidFileError.error(self.to_string()),
            Error::Entropy(_) => Kind::FileAccessError.error(self.to_string()),
            Error::Cancelled(cancelled) => cancelled.to_py_err(),
            _ => Kind::InvalidArgumentError.error(self.to_string()),
        }
    }
}

impl ToPyErr for ferrolm_attention::AttentionError {
    fn to_py_err(self) -> PyErr {
        use ferrolm_attention::AttentionError as Error;
        match self {
            Error::Cancelled(cancelled) => cancelled.to_py_err(),
            Error::Shapes { .. }
            | Error::Mask { .. }
            | Error::Packed { .. }
            | Error::Cache { .. }
            | Error::Scales { .. } => Kind::ShapeError.error(self.to_string()),
            _ => Kind::InvalidArgumentError.error(self.to_string()),
        }
    }
}

impl ToPyErr for ferrolm_decoder::DecoderError {
    fn to_py_err(self) -> PyErr {
        use ferrolm_decoder::DecoderError as Error;
        match self {
            Error::Attention(error) => error.to_py_err(),
            Error::Shape { .. } => Kind::ShapeError.error(self.to_string()),
            _ => Kind::InvalidArgumentError.error(self.to_string()),
        }
    }
}

/// A part of the user's own is a Python object: its exception goes on as it is.
fn custom(error: Box<dyn std::error::Error + Send + Sync>) -> PyErr {
    error
        .downcast::<PyErr>()
        .map_or_else(|other| Kind::InvalidArgumentError.error(other.to_string()), |exception| *exception)
}

impl ToPyErr for ferrolm_tokenizer::TokenizerError {
    fn to_py_err(self) -> PyErr {
        use ferrolm_tokenizer::TokenizerError as E;
        let kind = match self {
            E::File(error) => return error.to_py_err(),
            E::Cancelled(error) => return error.to_py_err(),
            E::Custom(error) => return custom(error),
            E::InvalidFile { .. } | E::Unsupported { .. } => Kind::InvalidFileError,
            E::InvalidEncoding { .. } => Kind::InvalidEncodingError,
            E::NoTokenizer(_) => Kind::MissingFileError,
            E::Limit { .. } => Kind::LimitError,
            E::UnknownToken(_) => Kind::UnknownNameError,
            _ => Kind::InvalidArgumentError,
        };
        kind.error(self.to_string())
    }
}

impl ToPyErr for ferrolm_embedding::EmbeddingError {
    fn to_py_err(self) -> PyErr {
        use ferrolm_embedding::EmbeddingError as Error;
        let kind = match self {
            Error::File(error) => return error.to_py_err(),
            Error::Cancelled(error) => return error.to_py_err(),
            Error::Format { .. } => Kind::InvalidFileError,
            Error::TooManyWords { .. } | Error::Memory { .. } => Kind::LimitError,
            _ => Kind::InvalidArgumentError,
        };
        kind.error(self.to_string())
    }
}

impl ToPyErr for ferrolm_text::duplicates::DuplicatesError {
    fn to_py_err(self) -> PyErr {
        use ferrolm_text::duplicates::DuplicatesError as Error;
        let kind = match self {
            Error::File(error) => return error.to_py_err(),
            Error::Cancelled(error) => return error.to_py_err(),
            Error::InvalidFile { .. } => Kind::InvalidFileError,
            Error::TooMany(_) => Kind::LimitError,
            _ => Kind::InvalidArgumentError,
        };
        kind.error(self.to_string())
    }
}

impl ToPyErr for ferrolm_tagging::TaggingError {
    fn to_py_err(self) -> PyErr {
        use ferrolm_tagging::TaggingError as Error;
        let kind = match self {
            Error::File(error) => return error.to_py_err(),
            Error::Cancelled(error) => return error.to_py_err(),
            Error::Format { .. } => Kind::InvalidFileError,
            Error::TooManyTags { .. } => Kind::LimitError,
            _ => Kind::InvalidArgumentError,
        };
        kind.error(self.to_string())
    }
}
