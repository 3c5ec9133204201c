//! Bindings of `ferrolm-attention`.

use ferrolm_attention::{
    Alignment, AttentionError, Call, Element, Mask, Options, PerHead, attend, bf16, f16,
};
use numpy::ndarray::ArrayView4;
use numpy::{PyArray1, PyArrayDyn, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_views::{AnyView, view};

/// Attention of arrays or CPU tensors of 2 to 4 axes as a flat array; see `ferrolm.attention`. 16-bit results come as
/// their bits.
#[pyfunction]
#[pyo3(signature = (query, key, value, mask, causal, scale, grouped, lower_right, window, softcap, alibi_slopes, sinks, /))]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function, one by one")]
fn scaled_dot_product_attention<'py>(
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
) -> PyResult<Bound<'py, PyAny>> {
    let per_head = per_head(alibi_slopes.as_ref(), sinks.as_ref())?;
    let options = Options { causal, alignment: alignment(lower_right), scale, grouped, window, softcap };
    let mask = mask_of(mask)?;
    match (view(query, "query")?, view(key, "key")?, view(value, "value")?) {
        (AnyView::Float32(q), AnyView::Float32(k), AnyView::Float32(v)) => {
            let call = Call::new(q, k, v, mask, options).and_then(|call| call.with_per_head(per_head));
            let call = call.map_err(AttentionError::to_py_err)?;
            let out = PyArrayDyn::<f32>::zeros(py, call.output_shape().to_vec(), false);
            run(py, &call, out.readwrite().as_slice_mut()?)?;
            Ok(out.into_any())
        }
        (AnyView::Float16(q), AnyView::Float16(k), AnyView::Float16(v)) => {
            sixteen_bits(py, [q, k, v], mask, options, per_head, f16::ZERO, f16::to_bits)
        }
        (AnyView::Bfloat16(q), AnyView::Bfloat16(k), AnyView::Bfloat16(v)) => {
            sixteen_bits(py, [q, k, v], mask, options, per_head, bf16::ZERO, bf16::to_bits)
        }
        _ => {
            let dtypes =
                PyTuple::new(py, [query.getattr("dtype")?, key.getattr("dtype")?, value.getattr("dtype")?])?;
            let message =
                format!("query, key and value have dtypes {dtypes}: expected the same floating type");
            Err(Kind::ShapeError.error(message))
        }
    }
}

pub fn alignment(lower_right: bool) -> Alignment {
    if lower_right { Alignment::LowerRight } else { Alignment::UpperLeft }
}

pub fn mask_of<'a>(mask: Option<&'a Bound<'_, PyAny>>) -> PyResult<Mask<'a>> {
    match mask.map(|mask| view(mask, "attn_mask")).transpose()? {
        None => Ok(Mask::None),
        Some(AnyView::Boolean(mask)) => Ok(Mask::Boolean(mask)),
        Some(AnyView::Float32(mask)) => Ok(Mask::Additive(mask)),
        Some(_) => Err(Kind::ShapeError.error("attn_mask has elements of another type than bool or float32")),
    }
}

/// Contiguous arrays, as `ferrolm.attention` makes them.
pub fn per_head<'a>(
    alibi_slopes: Option<&'a PyReadonlyArray1<f32>>,
    sinks: Option<&'a PyReadonlyArray1<f32>>,
) -> PyResult<PerHead<'a>> {
    Ok(PerHead {
        alibi_slopes: alibi_slopes.map(PyReadonlyArray1::as_slice).transpose()?,
        sinks: sinks.map(PyReadonlyArray1::as_slice).transpose()?,
    })
}

fn sixteen_bits<'a, 'py, E: Element>(
    py: Python<'py>,
    [query, key, value]: [ArrayView4<'a, E>; 3],
    mask: Mask<'a>,
    options: Options,
    per_head: PerHead<'a>,
    zero: E,
    to_bits: fn(E) -> u16,
) -> PyResult<Bound<'py, PyAny>> {
    let call = Call::new(query, key, value, mask, options).and_then(|call| call.with_per_head(per_head));
    let call = call.map_err(AttentionError::to_py_err)?;
    let shape = call.output_shape();
    let mut out = vec![zero; shape.iter().product()];
    run(py, &call, &mut out)?;
    Ok(PyArray1::from_iter(py, out.into_iter().map(to_bits)).reshape(shape)?.into_any())
}

fn run<E: Element>(py: Python<'_>, call: &Call<E>, out: &mut [E]) -> PyResult<()> {
    let result = if call.is_brief() {
        enter_brief(py, |cancel| attend(call, out, cancel))
    } else {
        enter(py, |cancel| attend(call, out, cancel))?
    };
    result.map_err(AttentionError::to_py_err)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(scaled_dot_product_attention, module)?)
}
