/// What can be wrong with a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttentionError {
    #[error(
        "query {query:?}, key {key:?} and value {value:?} do not fit: expected \
         (batch, heads, q_len, d), (batch, kv_heads, k_len, d) and (batch, kv_heads, k_len, dv); {reason}"
    )]
    Shapes { query: Vec<usize>, key: Vec<usize>, value: Vec<usize>, reason: &'static str },
    #[error("attn_mask of shape {mask:?} does not broadcast to (batch, heads, q_len, k_len) = {expected:?}")]
    Mask { mask: Vec<usize>, expected: [usize; 4] },
    #[error("{argument} is {value}: expected {expected}")]
    Argument { argument: &'static str, value: String, expected: &'static str },
    #[error("{argument} has {found} values: expected {expected}")]
    Length { argument: &'static str, found: usize, expected: usize },
    #[error("{outputs} × {inputs} weights in {} do not have {found} bytes", .format.name())]
    Weights { outputs: usize, inputs: usize, format: crate::Format, found: usize },
    #[error(
        "weight has values in row {row} that {} cannot hold: expected finite ones, below half a million for int4 and eight \
         millions for int8", .format.name()
    )]
    Range { row: usize, format: crate::Format },
    #[error("row {row} does not exist: the weights have {rows}")]
    Row { row: usize, rows: usize },
    #[error(transparent)]
    Cancelled(#[from] ferrolm_base::Cancelled),
}
