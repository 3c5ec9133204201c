use std::path::PathBuf;

/// What can be wrong with examples, a setting or a file of a tagger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaggingError {
    #[error("{argument} is {value}: expected {expected}")]
    Argument { argument: &'static str, value: String, expected: &'static str },
    #[error("sentence {sentence} has {words} words and {tags} tags: expected a tag for each word")]
    Lengths { sentence: usize, words: usize, tags: usize },
    #[error("there are {words} sentences of words and {tags} of tags: expected the same number")]
    Sentences { words: usize, tags: usize },
    #[error("sentences have no words: expected some to learn from")]
    Empty,
    #[error("the examples have more than {limit} different tags: expected a column of tags")]
    TooManyTags { limit: usize },
    #[error(
        "constraints are on, but sentence {sentence} has {tag:?} after {before:?}: expected BIO or BIOES throughout"
    )]
    Scheme { sentence: usize, before: String, tag: String },
    #[error("{}: {reason}", path.display())]
    Format { path: PathBuf, reason: String },
    #[error(transparent)]
    File(#[from] ferrolm_base::FileError),
    #[error(transparent)]
    Cancelled(#[from] ferrolm_base::Cancelled),
}
