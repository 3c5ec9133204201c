//! Bindings of the matrix products of `ferrolm-attention`.

use std::borrow::Cow;

use ferrolm_attention::{AttentionError, Element, Format, Matrix, Weights};
use numpy::ndarray::{ArrayView2, ArrayView4, Axis};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::unsafe_views::{AnyView, view};

/// Products from which a call is long enough to watch for Ctrl-C: some 10 ms.
const LONG_CALL: usize = 1 << 28;

/// A quantized matrix (outputs, inputs), for products with a few rows; see `ferrolm.models.quantized`.
#[pyclass(frozen, name = "LinearWeights", module = "ferrolm._rust")]
pub struct LinearWeights(pub Weights);

#[pymethods]
impl LinearWeights {
    /// From an array or CPU tensor of two axes, any strides, in float32, float16 or bfloat16.
    #[new]
    fn new(py: Python<'_>, matrix: &Bound<'_, PyAny>, format: &str) -> PyResult<Self> {
        let format = parse(format)?;
        Ok(Self(match view(matrix, "weight")? {
            AnyView::Float32(matrix) => keep(py, matrix, format)?,
            AnyView::Float16(matrix) => keep(py, matrix, format)?,
            AnyView::Bfloat16(matrix) => keep(py, matrix, format)?,
            AnyView::Boolean(_) | AnyView::Int8(_) => {
                return Err(Kind::ShapeError.error("weight is bool or int8: expected floating numbers"));
            }
        }))
    }

    #[staticmethod]
    fn from_bytes(format: &str, shape: (usize, usize), data: &[u8]) -> PyResult<Self> {
        Weights::from_bytes(parse(format)?, shape, data).map(Self).map_err(AttentionError::to_py_err)
    }

    /// float32 (rows, outputs): x · weightsᵀ + bias, for x float32 (rows, inputs) and bias float32 (outputs,).
    #[pyo3(signature = (x, bias, /))]
    fn apply<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        bias: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (outputs, inputs) = self.0.shape();
        let input = float32(x, "x")?;
        let rows = input.nrows();
        if input.ncols() != inputs {
            let found = (rows, input.ncols());
            return Err(
                Kind::ShapeError.error(format!("x has the shape {found:?}: expected (rows, {inputs})"))
            );
        }
        let input = contiguous(input);
        let bias = bias.map(|bias| float32(bias, "bias")).transpose()?.map(contiguous);
        let out = PyArray2::<f32>::zeros(py, [rows, outputs], false);
        let mut writable = out.readwrite();
        let results = writable.as_slice_mut()?;
        let result = if rows * outputs * inputs < LONG_CALL {
            enter_brief(py, |cancel| Matrix::from(&self.0).apply(&input, bias.as_deref(), results, cancel))
        } else {
            enter(py, |cancel| Matrix::from(&self.0).apply(&input, bias.as_deref(), results, cancel))?
        };
        result.map_err(AttentionError::to_py_err)?;
        drop(writable);
        Ok(out)
    }

    /// float32 (rows, inputs): some rows of the matrix.
    fn lookup<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray1<'py, i64>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (outputs, inputs) = self.0.shape();
        let rows = rows.as_slice()?.iter().map(|row| usize::try_from(*row).unwrap_or(outputs));
        let rows: Vec<usize> = rows.collect();
        let mut out = vec![0.0; rows.len() * inputs];
        Matrix::from(&self.0).lookup(&rows, &mut out).map_err(AttentionError::to_py_err)?;
        PyArray1::from_vec(py, out).reshape([rows.len(), inputs])
    }

    /// (outputs, inputs)
    #[getter]
    fn shape(&self) -> (usize, usize) {
        self.0.shape()
    }

    #[getter]
    fn format(&self) -> &'static str {
        self.0.format().name()
    }

    #[getter]
    fn nbytes(&self) -> usize {
        self.0.bytes().len()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let make = py.get_type::<Self>().getattr("from_bytes")?;
        let data = PyBytes::new(py, self.0.bytes());
        Ok((make, (self.format(), self.shape(), data).into_pyobject(py)?))
    }

    fn __repr__(&self) -> String {
        let (outputs, inputs) = self.0.shape();
        format!("LinearWeights(outputs={outputs}, inputs={inputs}, format='{}')", self.format())
    }
}

fn parse(format: &str) -> PyResult<Format> {
    Format::from_name(format).ok_or_else(|| {
        let known = Format::ALL.map(Format::name).join(", ");
        Kind::InvalidArgumentError.error(format!("format is {format:?}: expected one of {known}"))
    })
}

fn keep<E: Element>(py: Python<'_>, matrix: ArrayView4<'_, E>, format: Format) -> PyResult<Weights> {
    let matrix = last_two(matrix).ok_or_else(|| Kind::ShapeError.error("weight has more than two axes"))?;
    py.detach(|| Weights::new(matrix, format)).map_err(AttentionError::to_py_err)
}

/// The last two axes, if the others have length 1.
pub fn last_two<E>(array: ArrayView4<'_, E>) -> Option<ArrayView2<'_, E>> {
    let shape = array.shape();
    (shape[0] == 1 && shape[1] == 1).then(|| array.index_axis_move(Axis(0), 0).index_axis_move(Axis(0), 0))
}

pub fn float32<'a>(array: &'a Bound<'_, PyAny>, name: &str) -> PyResult<ArrayView2<'a, f32>> {
    let AnyView::Float32(array) = view(array, name)? else {
        return Err(Kind::ShapeError.error(format!("{name} must be float32")));
    };
    last_two(array).ok_or_else(|| Kind::ShapeError.error(format!("{name} has more than two axes")))
}

fn contiguous(array: ArrayView2<'_, f32>) -> Cow<'_, [f32]> {
    match array.to_slice() {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(array.iter().copied().collect()),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<LinearWeights>()
}
