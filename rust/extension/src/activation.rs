//! Bindings of the activations of `ferrolm-decoder`: what torch's autograd calls.

use ferrolm_decoder::DecoderError;
use numpy::ndarray::ArrayView4;
use pyo3::prelude::*;

use crate::attention_gradients::float32;
use crate::enter::enter_brief;
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_views::{AnyViewMut, view_mut};

/// Write the GELU by a hyperbolic tangent of the values `x` to `to`, both float32, contiguous and of one length.
#[pyfunction]
#[pyo3(signature = (x, to, /))]
fn gelu_tanh(py: Python<'_>, x: &Bound<'_, PyAny>, to: &Bound<'_, PyAny>) -> PyResult<()> {
    let x = float32(x, "x")?;
    let x = slice(&x, "x")?;
    write(to, [x], |to| enter_brief(py, |_| ferrolm_decoder::gelu_tanh(x, to)))
}

/// Write the gradient of the values `x` to `to`, from the `gradient` of their GELU.
#[pyfunction]
#[pyo3(signature = (x, gradient, to, /))]
fn gelu_tanh_gradient(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    gradient: &Bound<'_, PyAny>,
    to: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (x, gradient) = (float32(x, "x")?, float32(gradient, "gradient")?);
    let (x, gradient) = (slice(&x, "x")?, slice(&gradient, "gradient")?);
    write(to, [x, gradient], |to| enter_brief(py, |_| ferrolm_decoder::gelu_tanh_gradient(x, gradient, to)))
}

fn slice<'a>(view: &'a ArrayView4<'_, f32>, argument: &str) -> PyResult<&'a [f32]> {
    view.as_slice().ok_or_else(|| scattered(argument))
}

fn scattered(argument: &str) -> PyErr {
    Kind::ShapeError.error(format!("{argument} is not contiguous: pass a copy"))
}

fn write<const COUNT: usize>(
    to: &Bound<'_, PyAny>,
    inputs: [&[f32]; COUNT],
    work: impl FnOnce(&mut [f32]) -> Result<(), DecoderError>,
) -> PyResult<()> {
    let place = float32(to, "to")?;
    let place = slice(&place, "to")?.as_ptr_range();
    if inputs.iter().map(|input| input.as_ptr_range()).any(|x| x.start < place.end && place.start < x.end) {
        return Err(
            Kind::ShapeError.error("to shares memory with what is read: pass an array of its own".to_owned())
        );
    }
    // SAFETY: no input lies there.
    match unsafe { view_mut(to, "to")? } {
        AnyViewMut::Float32(mut view) => {
            let to = view.as_slice_mut().ok_or_else(|| scattered("to"))?;
            work(to).map_err(DecoderError::to_py_err)
        }
        _ => Err(Kind::ShapeError.error("to is not float32".to_owned())),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(gelu_tanh, module)?)?;
    module.add_function(wrap_pyfunction!(gelu_tanh_gradient, module)?)
}
