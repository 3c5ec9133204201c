use ferrolm_attention::AttentionError;

/// What can be wrong with a model or a step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecoderError {
    #[error("{part} has the shape {found:?}: expected {expected:?}")]
    Shape { part: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("{argument} is {value}: expected {expected}")]
    Argument { argument: &'static str, value: String, expected: String },
    #[error(transparent)]
    Attention(#[from] AttentionError),
}

impl DecoderError {
    pub(crate) fn shape(part: impl Into<String>, found: &[usize], expected: &[usize]) -> Self {
        Self::Shape { part: part.into(), found: found.to_vec(), expected: expected.to_vec() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is shown is mostly made for it")]
    pub(crate) fn argument(argument: &'static str, value: impl ToString, expected: impl ToString) -> Self {
        Self::Argument { argument, value: value.to_string(), expected: expected.to_string() }
    }
}
