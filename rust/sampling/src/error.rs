use ferrolm_base::Cancelled;

/// Why a batch cannot be sampled. Nothing has been drawn and no state has changed when one is returned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplingError {
    #[error("{field} must be {range}, found {found}")]
    Parameter { field: &'static str, range: &'static str, found: String },
    #[error("logits have a vocabulary of size 0: there is no token to choose")]
    EmptyVocabulary,
    #[error("logits have a vocabulary of {found} tokens; ids are 32 bits wide")]
    VocabularyTooLarge { found: usize },
    #[error("{what} has {found} entries for a batch of {batch} rows")]
    BatchMismatch { what: &'static str, found: usize, batch: usize },
    #[error("row {row} of the batch has {found} logits, row 0 has {expected}")]
    RaggedLogits { row: usize, found: usize, expected: usize },
    #[error("logits of row {row} are NaN at token {token}")]
    NotANumber { row: usize, token: usize },
    #[error("logits of row {row} are +inf at token {token}; they must be finite or -inf")]
    Infinite { row: usize, token: usize },
    #[error("logits of row {row} are all -inf: no token is left to choose")]
    NothingLeft { row: usize },
    #[error("{what} of row {row} names token {token}, but the vocabulary has {vocab} tokens")]
    TokenOutOfRange { what: &'static str, row: usize, token: u32, vocab: usize },
    #[error("unconditional logits have a vocabulary of {found} tokens, the others of {expected}")]
    VocabularyMismatch { found: usize, expected: usize },
    #[error(
        "guided logits of row {row} are not finite at token {token}: its unconditional logit must be finite too, and the scale \
         must not drive it out of range"
    )]
    Guidance { row: usize, token: usize },
    #[error(
        "noise of row {row} must be above 0 for every token that may be drawn, found {found} for token {token}"
    )]
    Noise { row: usize, token: u32, found: f32 },
    #[error("row {row} does not exist: the sampler has {rows} rows")]
    NoSuchRow { row: usize, rows: usize },
    #[error("the saved sampler state is not usable: {0}")]
    State(String),
    #[error("the operating system gave no random seed: {0}")]
    Entropy(String),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
