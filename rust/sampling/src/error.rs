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
    #[error("{what} of row {row} has length {found}, expected {expected}")]
    Length { what: &'static str, row: usize, found: usize, expected: usize },
    #[error("{what} of row {row} at place {place} must be finite, at least 0 and not all 0")]
    Probabilities { what: &'static str, row: usize, place: usize },
    #[error("draft_probabilities of row {row} are 0 for its token at place {node}")]
    NoShare { row: usize, node: usize },
    #[error("parents of row {row} must be -1 or a node before node {node}, found {parent}")]
    Parent { row: usize, node: i64, parent: i64 },
    #[error("scores of batch entry {entry} must be finite or -inf, found {found} for beam {beam}")]
    Score { entry: usize, beam: usize, found: f32 },
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
