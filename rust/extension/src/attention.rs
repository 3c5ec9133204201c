//! Bindings of `ferrolm-attention`.

use ferrolm_attention::{
    Alignment, AttentionError, Call, Element, Mask, Options, attend, bf16, bf16_view, f16, f16_view,
};
use numpy::ndarray::{ArrayView4, ArrayViewD, Axis, Ix4};
use numpy::{PyArray1, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};

#[derive(FromPyObject)]
enum AnyMask<'py> {
    Boolean(PyReadonlyArrayDyn<'py, bool>),
    Additive(PyReadonlyArrayDyn<'py, f32>),
}

/// Attention of arrays of 2 to 4 axes; see `ferrolm.attention`. `dtype` says what the bits of 16-bit arrays are.
#[pyfunction]
#[pyo3(signature = (query, key, value, mask, *, dtype, causal, lower_right, scale, window, softcap))]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function, one by one")]
fn scaled_dot_product_attention<'py>(
    py: Python<'py>,
    query: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
    mask: Option<AnyMask<'py>>,
    dtype: &str,
    causal: bool,
    lower_right: bool,
    scale: Option<f32>,
    window: Option<i64>,
    softcap: Option<f32>,
) -> PyResult<Bound<'py, PyAny>> {
    let alignment = if lower_right { Alignment::LowerRight } else { Alignment::UpperLeft };
    let options = Options { causal, alignment, scale, window, softcap };
    let mask = match &mask {
        None => Mask::None,
        Some(AnyMask::Boolean(array)) => Mask::Boolean(four_axes(array.as_array())?),
        Some(AnyMask::Additive(array)) => Mask::Additive(four_axes(array.as_array())?),
    };
    if dtype == "float32" {
        let arrays = extract::<f32>(query, key, value)?;
        let [q, k, v] = [&arrays[0], &arrays[1], &arrays[2]].map(|array| four_axes(array.as_array()));
        let out = PyArrayDyn::<f32>::zeros(py, output_shape(&arrays), false);
        run(py, [q?, k?, v?], mask, options, out.readwrite().as_slice_mut()?)?;
        return Ok(out.into_any());
    }
    let arrays = extract::<u16>(query, key, value)?;
    let views = [&arrays[0], &arrays[1], &arrays[2]].map(|array| four_axes(array.as_array()));
    let [q, k, v] = views;
    let shape = output_shape(&arrays);
    let views = [q?, k?, v?];
    let bits = if dtype == "float16" {
        let mut out = vec![f16::ZERO; shape.iter().product()];
        run(py, views.map(f16_view), mask, options, &mut out)?;
        PyArray1::from_iter(py, out.into_iter().map(f16::to_bits))
    } else {
        let mut out = vec![bf16::ZERO; shape.iter().product()];
        run(py, views.map(bf16_view), mask, options, &mut out)?;
        PyArray1::from_iter(py, out.into_iter().map(bf16::to_bits))
    };
    Ok(bits.reshape(shape)?.into_any())
}

fn run<'a, E: Element>(
    py: Python<'_>,
    [query, key, value]: [ArrayView4<'a, E>; 3],
    mask: Mask<'a>,
    options: Options,
    out: &mut [E],
) -> PyResult<()> {
    let call = Call::new(query, key, value, mask, options).map_err(AttentionError::to_py_err)?;
    let result = if call.is_brief() {
        enter_brief(py, |cancel| attend(&call, out, cancel))
    } else {
        enter(py, |cancel| attend(&call, out, cancel))?
    };
    result.map_err(AttentionError::to_py_err)
}

fn extract<'py, T: numpy::Element>(
    query: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<[PyReadonlyArrayDyn<'py, T>; 3]> {
    Ok([query.extract()?, key.extract()?, value.extract()?])
}

/// The query's shape with the head dimension of the values.
fn output_shape<T: numpy::Element>([query, _, value]: &[PyReadonlyArrayDyn<'_, T>; 3]) -> Vec<usize> {
    let mut shape = query.shape().to_vec();
    if let (Some(last), Some(width)) = (shape.last_mut(), value.shape().last()) {
        *last = *width;
    }
    shape
}

/// Leading axes of length 1 up to (batch, heads, length, dimension).
fn four_axes<T>(mut array: ArrayViewD<'_, T>) -> PyResult<ArrayView4<'_, T>> {
    while array.ndim() < 4 {
        array = array.insert_axis(Axis(0));
    }
    let shape = array.shape().to_vec();
    let failed = |_| Kind::ShapeError.error(format!("an array has shape {shape:?}: expected at most 4 axes"));
    array.into_dimensionality::<Ix4>().map_err(failed)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(scaled_dot_product_attention, module)?)
}
