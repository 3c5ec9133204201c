//! Bindings of the gradients of `ferrolm-attention`: what torch's autograd calls.

use ferrolm_attention::{
    AttentionError, Call, Forward, Gradients, Options, PerHead, attend_keeping, gradients,
};
use ferrolm_base::simd;
use numpy::ndarray::ArrayView4;
use numpy::{PyArray1, PyArray4, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::attention::{alignment, mask_of, per_head};
use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_views::{AnyView, view};

type Array4<'py> = Bound<'py, PyArray4<f32>>;

/// Float32 attention and the log-sums of its queries, as many as `(batch, heads, q_len)` has.
#[pyfunction]
#[pyo3(signature = (query, key, value, mask, causal, scale, grouped, lower_right, window, softcap, alibi_slopes, sinks, /))]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function, one by one")]
fn attention_forward<'py>(
    py: Python<'py>,
    query: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
    mask: Option<&Bound<'py, PyAny>>,
    causal: bool,
    scale: Option<f32>,
    grouped: bool,
    lower_right: bool,
    window: Option<i64>,
    softcap: Option<f32>,
    alibi_slopes: Option<PyReadonlyArray1<'py, f32>>,
    sinks: Option<PyReadonlyArray1<'py, f32>>,
) -> PyResult<(Array4<'py>, Bound<'py, PyArray1<f32>>)> {
    let options = Options { causal, alignment: alignment(lower_right), scale, grouped, window, softcap };
    let call = call(query, key, value, mask, options, per_head(alibi_slopes.as_ref(), sinks.as_ref())?)?;
    let out = PyArray4::<f32>::zeros(py, call.output_shape(), false);
    let mut guard = out.readwrite();
    let slice = guard.as_slice_mut()?;
    let log_sums = if call.is_brief() {
        enter_brief(py, |cancel| attend_keeping(simd::level(), &call, slice, cancel))
    } else {
        enter(py, |cancel| attend_keeping(simd::level(), &call, slice, cancel))?
    };
    let log_sums = log_sums.map_err(AttentionError::to_py_err)?;
    drop(guard);
    Ok((out, PyArray1::from_vec(py, log_sums)))
}

/// The gradients of query, key and value from that of the context.
#[pyfunction]
#[pyo3(signature = (
    gradient, query, key, value, mask, out, log_sums, causal, scale, grouped, lower_right, window, softcap,
    alibi_slopes, sinks, /
))]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function, one by one")]
fn attention_backward<'py>(
    py: Python<'py>,
    gradient: &Bound<'py, PyAny>,
    query: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
    mask: Option<&Bound<'py, PyAny>>,
    out: &Bound<'py, PyAny>,
    log_sums: PyReadonlyArray1<'py, f32>,
    causal: bool,
    scale: Option<f32>,
    grouped: bool,
    lower_right: bool,
    window: Option<i64>,
    softcap: Option<f32>,
    alibi_slopes: Option<PyReadonlyArray1<'py, f32>>,
    sinks: Option<PyReadonlyArray1<'py, f32>>,
) -> PyResult<[Array4<'py>; 3]> {
    let options = Options { causal, alignment: alignment(lower_right), scale, grouped, window, softcap };
    let arrays = [float32(query, "query")?, float32(key, "key")?, float32(value, "value")?];
    let results = arrays.map(|array| PyArray4::<f32>::zeros(py, array.raw_dim(), false));
    let call = call(query, key, value, mask, options, per_head(alibi_slopes.as_ref(), sinks.as_ref())?)?;
    let forward = Forward {
        out: float32(out, "out")?,
        log_sums: log_sums.as_slice()?,
        gradient: float32(gradient, "gradient")?,
    };
    let [mut query, mut key, mut value] = results.each_ref().map(PyArrayMethods::readwrite);
    let to =
        Gradients { query: query.as_slice_mut()?, key: key.as_slice_mut()?, value: value.as_slice_mut()? };
    let result = if call.is_brief() {
        enter_brief(py, |cancel| gradients(&call, &forward, to, cancel))
    } else {
        enter(py, |cancel| gradients(&call, &forward, to, cancel))?
    };
    result.map_err(AttentionError::to_py_err)?;
    drop((query, key, value));
    Ok(results)
}

fn call<'a>(
    query: &'a Bound<'_, PyAny>,
    key: &'a Bound<'_, PyAny>,
    value: &'a Bound<'_, PyAny>,
    mask: Option<&'a Bound<'_, PyAny>>,
    options: Options,
    per_head: PerHead<'a>,
) -> PyResult<Call<'a, f32>> {
    let mask = mask_of(mask)?;
    let (query, key, value) = (float32(query, "query")?, float32(key, "key")?, float32(value, "value")?);
    let call = Call::new(query, key, value, mask, options).and_then(|call| call.with_per_head(per_head));
    call.map_err(AttentionError::to_py_err)
}

/// A view of `object`, whose elements autograd has as float32.
pub fn float32<'a>(object: &'a Bound<'_, PyAny>, argument: &str) -> PyResult<ArrayView4<'a, f32>> {
    match view(object, argument)? {
        AnyView::Float32(view) => Ok(view),
        _ => Err(Kind::ShapeError.error(format!("{argument} is not float32, which gradients need"))),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(attention_forward, module)?)?;
    module.add_function(wrap_pyfunction!(attention_backward, module)?)
}
