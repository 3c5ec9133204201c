use std::path::PathBuf;

/// What can be wrong with a corpus, a setting or a file of vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddingError {
    #[error("{argument} is {value}: expected {expected}")]
    Argument { argument: &'static str, value: String, expected: &'static str },
    #[error(
        "no word is left: the sentences have {words} words ({distinct} distinct ones), none of them {min_count} times (min_count)"
    )]
    EmptyCorpus { words: u64, distinct: usize, min_count: u64 },
    #[error("the corpus has more than the {limit} words that ids can name")]
    TooManyWords { limit: u32 },
    #[error("there is no memory for {rows} vectors of {width} values")]
    Memory { rows: usize, width: usize },
    #[error("{}: {reason} at {place}", path.display())]
    Format { path: PathBuf, place: String, reason: String },
    #[error(transparent)]
    File(#[from] ferrolm_base::FileError),
    #[error(transparent)]
    Cancelled(#[from] ferrolm_base::Cancelled),
}
