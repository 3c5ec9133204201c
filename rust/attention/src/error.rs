/// What can be wrong with a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttentionError {
    #[error(
        "query {query:?}, key {key:?} and value {value:?} do not fit: expected \
         (batch, heads, q_len, d), (batch, kv_heads, k_len, d) and (batch, kv_heads, k_len, dv); {reason}"
    )]
    Shapes { query: Vec<usize>, key: Vec<usize>, value: Vec<usize>, reason: &'static str },
    #[error(
        "query {query:?}, key {key:?} and value {value:?} do not fit: expected (total_q, heads, d), \
         (total_k, kv_heads, d) and (total_k, kv_heads, dv); {reason}"
    )]
    Packed { query: Vec<usize>, key: Vec<usize>, value: Vec<usize>, reason: &'static str },
    #[error(
        "query {query:?}, key_cache {key:?} and value_cache {value:?} do not fit: expected (batch, heads, q_len, d), \
         and (batch, kv_heads, capacity, d or dv) or, in pages, (num_blocks, kv_heads, block_size, d or dv); {reason}"
    )]
    Cache { query: Vec<usize>, key: Vec<usize>, value: Vec<usize>, reason: &'static str },
    #[error("the scales of {cache} have the shape {scales:?}: expected {expected:?}")]
    Scales { cache: &'static str, scales: Vec<usize>, expected: [usize; 3] },
    #[error("{entry} is {value}: expected {expected}")]
    Entry { entry: String, value: i64, expected: String },
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
