//! Bindings of attention to caches and of packed sequences.

use ferrolm_attention::{
    AttentionError, Cache, CachedCall, Element, Options, RaggedCall, attend_cached, attend_ragged, bf16, f16,
};
use ferrolm_base::Cancel;
use numpy::ndarray::{ArrayView3, ArrayView4, Axis};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::attention::{alignment, per_head};
use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_views::{AnyView, view};

/// Attention of four axes to a cache, with int64 `lengths` and `block_table`; see `ferrolm.attention`. 16-bit results
/// come as their bits.
#[pyfunction]
#[pyo3(signature = (
    query, key_cache, value_cache, lengths, block_table, key_scales, value_scales, scale, window, softcap,
    alibi_slopes, sinks, /
))]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function, one by one")]
#[expect(clippy::needless_pass_by_value, reason = "views as PyO3 extracts them")]
fn attention_with_cache<'py>(
    py: Python<'py>,
    query: &Bound<'py, PyAny>,
    key_cache: &Bound<'py, PyAny>,
    value_cache: &Bound<'py, PyAny>,
    lengths: PyReadonlyArray1<'py, i64>,
    block_table: Option<PyReadonlyArray2<'py, i64>>,
    key_scales: Option<&Bound<'py, PyAny>>,
    value_scales: Option<&Bound<'py, PyAny>>,
    scale: Option<f32>,
    window: Option<i64>,
    softcap: Option<f32>,
    alibi_slopes: Option<PyReadonlyArray1<'py, f32>>,
    sinks: Option<PyReadonlyArray1<'py, f32>>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = Options { scale, window, softcap, ..Options::default() };
    let caches = (
        cache(key_cache, key_scales, "key_cache", "key_scales")?,
        cache(value_cache, value_scales, "value_cache", "value_scales")?,
    );
    let lengths = lengths.as_slice()?;
    let table = block_table.as_ref().map(PyReadonlyArray2::as_array);
    let per_head = per_head(alibi_slopes.as_ref(), sinks.as_ref())?;
    macro_rules! call {
        ($query:expr) => {{
            let call = CachedCall::new($query, caches, lengths, table, options, per_head);
            let call = call.map_err(AttentionError::to_py_err)?;
            let work = |out: &mut [_], cancel: &Cancel| attend_cached(&call, out, cancel);
            finish(py, &call.output_shape(), call.is_brief(), work)
        }};
    }
    match view(query, "query")? {
        AnyView::Float32(query) => call!(query),
        AnyView::Float16(query) => call!(query),
        AnyView::Bfloat16(query) => call!(query),
        _ => Err(Kind::ShapeError.error("query is bool or int8: expected a floating type")),
    }
}

fn cache<'a>(
    rows: &'a Bound<'_, PyAny>,
    scales: Option<&'a Bound<'_, PyAny>>,
    argument: &str,
    scales_argument: &str,
) -> PyResult<Cache<'a>> {
    let scales = match scales.map(|scales| view(scales, scales_argument)).transpose()? {
        None => None,
        Some(AnyView::Float32(scales)) => Some(scales.index_axis_move(Axis(0), 0)),
        Some(_) => {
            return Err(Kind::ShapeError.error(format!("{scales_argument} has another dtype than float32")));
        }
    };
    Ok(match (view(rows, argument)?, scales) {
        (AnyView::Float32(rows), None) => Cache::F32(rows),
        (AnyView::Float16(rows), None) => Cache::F16(rows),
        (AnyView::Bfloat16(rows), None) => Cache::Bf16(rows),
        (AnyView::Int8(rows), Some(scales)) => Cache::Int8(rows, scales),
        (AnyView::Int8(_), None) => {
            return Err(Kind::ShapeError.error(format!("{argument} is int8 without {scales_argument}")));
        }
        (AnyView::Boolean(_), _) => {
            return Err(Kind::ShapeError.error(format!("{argument} is bool: expected numbers")));
        }
        (_, Some(_)) => {
            let message = format!("{scales_argument} are given for a {argument} that is not int8");
            return Err(Kind::ShapeError.error(message));
        }
    })
}

/// Attention of packed sequences of three axes, with int64 offsets; see `ferrolm.attention`. 16-bit results come as
/// their bits.
#[pyfunction]
#[pyo3(signature = (
    query, key, value, q_offsets, k_offsets, causal, scale, grouped, lower_right, window, softcap, alibi_slopes,
    sinks, /
))]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function, one by one")]
#[expect(clippy::needless_pass_by_value, reason = "views as PyO3 extracts them")]
fn attention_varlen<'py>(
    py: Python<'py>,
    query: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
    q_offsets: PyReadonlyArray1<'py, i64>,
    k_offsets: PyReadonlyArray1<'py, i64>,
    causal: bool,
    scale: Option<f32>,
    grouped: bool,
    lower_right: bool,
    window: Option<i64>,
    softcap: Option<f32>,
    alibi_slopes: Option<PyReadonlyArray1<'py, f32>>,
    sinks: Option<PyReadonlyArray1<'py, f32>>,
) -> PyResult<Bound<'py, PyAny>> {
    let alignment = alignment(lower_right);
    let options = Options { causal, alignment, scale, grouped, window, softcap };
    let offsets = (q_offsets.as_slice()?, k_offsets.as_slice()?);
    let per_head = per_head(alibi_slopes.as_ref(), sinks.as_ref())?;
    macro_rules! call {
        ($query:expr, $key:expr, $value:expr) => {{
            let (query, key, value) = (packed($query), packed($key), packed($value));
            let call = RaggedCall::new(query, key, value, offsets, options, per_head);
            let call = call.map_err(AttentionError::to_py_err)?;
            let work = |out: &mut [_], cancel: &Cancel| attend_ragged(&call, out, cancel);
            finish(py, &call.output_shape(), call.is_brief(), work)
        }};
    }
    match (view(query, "query")?, view(key, "key")?, view(value, "value")?) {
        (AnyView::Float32(q), AnyView::Float32(k), AnyView::Float32(v)) => call!(q, k, v),
        (AnyView::Float16(q), AnyView::Float16(k), AnyView::Float16(v)) => call!(q, k, v),
        (AnyView::Bfloat16(q), AnyView::Bfloat16(k), AnyView::Bfloat16(v)) => call!(q, k, v),
        _ => {
            let message = format!(
                "query, key and value have dtypes {}, {} and {}: expected the same floating type",
                query.getattr("dtype")?,
                key.getattr("dtype")?,
                value.getattr("dtype")?
            );
            Err(Kind::ShapeError.error(message))
        }
    }
}

/// The three axes that the caller has passed.
fn packed<E>(view: ArrayView4<'_, E>) -> ArrayView3<'_, E> {
    view.index_axis_move(Axis(0), 0)
}

/// An element that results come in.
trait Output: Element {
    fn array<'py>(py: Python<'py>, values: Vec<Self>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>>;
}

impl Output for f32 {
    fn array<'py>(py: Python<'py>, values: Vec<Self>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyArray1::from_vec(py, values).reshape(shape)?.into_any())
    }
}

macro_rules! sixteen_bits {
    ($($name:ty),*) => {$(
        impl Output for $name {
            fn array<'py>(py: Python<'py>, values: Vec<Self>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
                let bits = PyArray1::from_iter(py, values.into_iter().map(Self::to_bits));
                Ok(bits.reshape(shape)?.into_any())
            }
        }
    )*};
}

sixteen_bits!(f16, bf16);

fn finish<'py, E: Output>(
    py: Python<'py>,
    shape: &[usize],
    brief: bool,
    work: impl FnOnce(&mut [E], &Cancel) -> Result<(), AttentionError> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let mut out = vec![E::default(); shape.iter().product()];
    let result = if brief {
        enter_brief(py, |cancel| work(&mut out, cancel))
    } else {
        enter(py, |cancel| work(&mut out, cancel))?
    };
    result.map_err(AttentionError::to_py_err)?;
    E::array(py, out, shape)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(attention_with_cache, module)?)?;
    module.add_function(wrap_pyfunction!(attention_varlen, module)?)
}
