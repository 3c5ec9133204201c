//! Arrays and CPU tensors as `ndarray` views of four axes, in half a microsecond each.
//!
//! numpy's checked borrows and `Tensor.numpy()` cost a microsecond and more per argument, which for one token of a
//! small model is as long as its attention. The objects are held by the caller of the call, so their memory
//! stays; writing to it from another thread meanwhile gives a wrong result, as it does in numpy and torch.

use ferrolm_attention::{Weights, bf16, f16};
use numpy::ndarray::{ArrayView4, ArrayViewMut4, Axis, Ix4, ShapeBuilder};
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::errors::Kind;
use crate::linear::LinearWeights;
use crate::unsafe_sequences::List;

/// Objects whose memory is looked at for longer than a call.
#[derive(Default)]
pub struct Owners(Vec<Py<PyAny>>);

impl Owners {
    /// A view of `object`, which is kept.
    ///
    /// # Safety
    /// The view is dropped before the owners. Nobody gives the memory back under the object (`Tensor.set_`,
    /// `Tensor.resize_`): the caller passes objects that no one else has, as `Tensor.detach()` makes them.
    pub unsafe fn view(&mut self, object: &Bound<'_, PyAny>, argument: &str) -> PyResult<AnyView<'static>> {
        self.0.push(object.clone().unbind());
        let layout = layout(object, argument)?;
        // SAFETY: the caller's promise, and the object is kept.
        Ok(unsafe { layout.any() })
    }

    /// The weights of a frozen object, which is kept.
    ///
    /// # Safety
    /// They are dropped before the owners.
    pub unsafe fn weights(&mut self, object: &Bound<'_, LinearWeights>) -> &'static Weights {
        self.0.push(object.clone().into_any().unbind());
        // SAFETY: objects do not move, this one is never written to, and it is kept.
        unsafe { &*std::ptr::from_ref(&object.get().0) }
    }
}

/// A view to write to.
pub enum AnyViewMut<'a> {
    Float32(ArrayViewMut4<'a, f32>),
    Float16(ArrayViewMut4<'a, f16>),
    Bfloat16(ArrayViewMut4<'a, bf16>),
}

/// As [`view`], of a tensor that the call may write to.
///
/// # Safety
/// Nothing else looks at the object's memory while the view lives.
pub unsafe fn view_mut<'a>(object: &'a Bound<'_, PyAny>, argument: &str) -> PyResult<AnyViewMut<'a>> {
    let layout = layout(object, argument)?;
    let overlaps = layout.shape.iter().zip(layout.strides).any(|(size, stride)| *size > 1 && stride <= 0);
    if overlaps {
        let message = format!("{argument} has elements that share memory: pass a copy");
        return Err(Kind::ShapeError.error(message));
    }
    // SAFETY: the caller vouches that the view is the only one; strides are positive.
    unsafe {
        Ok(match layout.dtype {
            Dtype::Float32 => AnyViewMut::Float32(layout.cast_mut()),
            Dtype::Float16 => AnyViewMut::Float16(layout.cast_mut()),
            Dtype::Bfloat16 => AnyViewMut::Bfloat16(layout.cast_mut()),
            Dtype::Boolean | Dtype::Int8 => {
                return Err(Kind::ShapeError.error(format!("{argument} has no floating dtype")));
            }
        })
    }
}

/// A view by the type of its elements.
pub enum AnyView<'a> {
    Float32(ArrayView4<'a, f32>),
    Float16(ArrayView4<'a, f16>),
    Bfloat16(ArrayView4<'a, bf16>),
    Boolean(ArrayView4<'a, bool>),
    Int8(ArrayView4<'a, i8>),
}

#[derive(Clone, Copy, PartialEq)]
enum Dtype {
    Float32,
    Float16,
    Bfloat16,
    Boolean,
    Int8,
}

impl Dtype {
    const fn size(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 | Self::Bfloat16 => 2,
            Self::Boolean | Self::Int8 => 1,
        }
    }
}

/// Where the elements lie; strides in elements.
struct Layout {
    dtype: Dtype,
    start: *const u8,
    shape: [usize; 4],
    strides: [isize; 4],
}

/// `object`, a numpy array or a torch CPU tensor of at most four axes, with leading axes of length 1 up to four.
pub fn view<'a>(object: &'a Bound<'_, PyAny>, argument: &str) -> PyResult<AnyView<'a>> {
    let layout = layout(object, argument)?;
    // SAFETY: the object lives for `'a`.
    Ok(unsafe { layout.any() })
}

fn layout(object: &Bound<'_, PyAny>, argument: &str) -> PyResult<Layout> {
    match object.cast::<PyUntypedArray>() {
        Ok(array) => of_array(array, argument),
        Err(_) => of_tensor(object, argument),
    }
}

impl Layout {
    fn new(
        argument: &str,
        dtype: Dtype,
        start: *const u8,
        shape: &[usize],
        strides: &[isize],
    ) -> PyResult<Self> {
        let axes = shape.len();
        if axes > 4 || strides.len() != axes {
            let message = format!("{argument} has shape {shape:?}: expected at most 4 axes");
            return Err(Kind::ShapeError.error(message));
        }
        if !start.addr().is_multiple_of(dtype.size()) {
            let message = format!("{argument} is not aligned in memory: pass a copy");
            return Err(Kind::ShapeError.error(message));
        }
        let (mut all_shape, mut all_strides) = ([1; 4], [0; 4]);
        all_shape[4 - axes..].copy_from_slice(shape);
        all_strides[4 - axes..].copy_from_slice(strides);
        Ok(Self { dtype, start, shape: all_shape, strides: all_strides })
    }

    /// # Safety
    /// The object lives for `'a`.
    unsafe fn any<'a>(self) -> AnyView<'a> {
        // SAFETY: numpy and torch vouch for the elements that shape and strides name, of this type, for as long as
        // the object lives; alignment has been checked.
        unsafe {
            match self.dtype {
                Dtype::Float32 => AnyView::Float32(self.cast()),
                Dtype::Float16 => AnyView::Float16(self.cast()),
                Dtype::Bfloat16 => AnyView::Bfloat16(self.cast()),
                Dtype::Boolean => AnyView::Boolean(self.cast()),
                Dtype::Int8 => AnyView::Int8(self.cast()),
            }
        }
    }

    /// # Safety
    /// As [`cast`](Self::cast); no elements share memory, and nothing else looks at it.
    unsafe fn cast_mut<'a, T>(self) -> ArrayViewMut4<'a, T> {
        // SAFETY: by the caller's promise.
        unsafe {
            let view = self.cast::<T>();
            let strides = view.strides();
            let strides =
                Ix4(strides[0] as usize, strides[1] as usize, strides[2] as usize, strides[3] as usize);
            ArrayViewMut4::from_shape_ptr(view.raw_dim().strides(strides), view.as_ptr().cast_mut())
        }
    }

    /// # Safety
    /// The elements must be of type `T` and live for `'a`.
    unsafe fn cast<'a, T>(self) -> ArrayView4<'a, T> {
        let Self { mut start, shape, strides, .. } = self;
        // An empty array has no last element to start from, and its strides may be anything.
        let empty = shape.contains(&0);
        let mut reversed = [false; 4];
        for axis in 0..4 {
            if strides[axis] < 0 && !empty {
                // ndarray takes strides of one sign: start at the other end, and turn the axis around below.
                reversed[axis] = true;
                let last = (shape[axis] - 1) as isize * strides[axis];
                start = start.wrapping_offset(last * size_of::<T>() as isize);
            }
        }
        let positive = if empty { [0; 4] } else { strides.map(isize::unsigned_abs) };
        let layout = Ix4(shape[0], shape[1], shape[2], shape[3]).strides(Ix4(
            positive[0],
            positive[1],
            positive[2],
            positive[3],
        ));
        let start = if start.is_null() { std::ptr::dangling() } else { start.cast() };
        // SAFETY: by the caller's promise; `start` is the element of lowest address.
        let mut view = unsafe { ArrayView4::from_shape_ptr(layout, start) };
        for axis in (0..4).filter(|&axis| reversed[axis]) {
            view.invert_axis(Axis(axis));
        }
        view
    }
}

fn of_array(array: &Bound<'_, PyUntypedArray>, argument: &str) -> PyResult<Layout> {
    const FLOAT: i32 = numpy::npyffi::NPY_TYPES::NPY_FLOAT as i32;
    const HALF: i32 = numpy::npyffi::NPY_TYPES::NPY_HALF as i32;
    const BOOL: i32 = numpy::npyffi::NPY_TYPES::NPY_BOOL as i32;
    const BYTE: i32 = numpy::npyffi::NPY_TYPES::NPY_BYTE as i32;
    let descriptor = array.dtype();
    let dtype = match descriptor.num() {
        FLOAT => Some(Dtype::Float32),
        HALF => Some(Dtype::Float16),
        BOOL => Some(Dtype::Boolean),
        BYTE => Some(Dtype::Int8),
        _ => None,
    };
    let native = descriptor.is_native_byteorder().unwrap_or(true);
    let Some(dtype) = dtype.filter(|_| native) else {
        return Err(unsupported(argument, &descriptor.repr()?.to_string()));
    };
    let size = dtype.size() as isize;
    if array.strides().iter().any(|stride| stride % size != 0) {
        let message = format!(
            "{argument} has strides {:?} in bytes: expected multiples of its element's {size}",
            array.strides()
        );
        return Err(Kind::ShapeError.error(message));
    }
    let strides: Vec<isize> = array.strides().iter().map(|stride| stride / size).collect();
    // SAFETY: the object is an array, and the interpreter is attached.
    let start = unsafe { (*array.as_array_ptr()).fields.data };
    Layout::new(argument, dtype, start.cast(), array.shape(), &strides)
}

/// The objects of torch that tensors are compared with.
struct Torch {
    tensor: Py<PyAny>,
    dtypes: [(Py<PyAny>, Dtype); 5],
}

fn torch(py: Python<'_>) -> PyResult<&Torch> {
    static TORCH: PyOnceLock<Torch> = PyOnceLock::new();
    TORCH.get_or_try_init(py, || {
        let torch = py.import("torch")?;
        let get = |name: &str| Ok::<_, PyErr>(torch.getattr(name)?.unbind());
        let dtypes = [
            (get("float32")?, Dtype::Float32),
            (get("bfloat16")?, Dtype::Bfloat16),
            (get("float16")?, Dtype::Float16),
            (get("bool")?, Dtype::Boolean),
            (get("int8")?, Dtype::Int8),
        ];
        Ok(Torch { tensor: get("Tensor")?, dtypes })
    })
}

/// The caller has found `object` to be no array, so that torch is imported only where a tensor is at hand.
fn of_tensor(object: &Bound<'_, PyAny>, argument: &str) -> PyResult<Layout> {
    let py = object.py();
    let torch = torch(py)?;
    if !object.is_instance(torch.tensor.bind(py))? {
        let message =
            format!("{argument} is a {}: expected a numpy array or a torch tensor", object.get_type());
        return Err(Kind::InvalidArgumentError.error(message));
    }
    let flag = |name| object.getattr(name)?.extract::<bool>();
    if !flag(intern!(py, "is_cpu"))? {
        return Err(Kind::InvalidArgumentError.error(format!("{argument} is not on the CPU")));
    }
    // A lazily negated view (of a conjugated complex tensor's imaginary part) does not hold its own values.
    if object.call_method0(intern!(py, "is_neg"))?.extract()? {
        return Err(Kind::ShapeError.error(format!("{argument} is a lazily negated view: pass a copy")));
    }
    let dtype = object.getattr(intern!(py, "dtype"))?;
    let found = torch.dtypes.iter().find(|(known, _)| known.is(&dtype));
    let Some((_, dtype)) = found else {
        return Err(unsupported(argument, &dtype.repr()?.to_string()));
    };
    // Tensors without strides or memory of their own (sparse, ...) raise here.
    let strides: List<isize> = object.call_method0(intern!(py, "stride"))?.extract()?;
    let start: usize = object.call_method0(intern!(py, "data_ptr"))?.extract()?;
    let shape: List<usize> = object.getattr(intern!(py, "shape"))?.extract()?;
    Layout::new(argument, *dtype, std::ptr::with_exposed_provenance(start), &shape, &strides)
}

fn unsupported(argument: &str, dtype: &str) -> PyErr {
    Kind::ShapeError.error(format!(
        "{argument} has dtype {dtype}: expected float32, float16 or bfloat16 (bool for masks, int8 for caches)"
    ))
}
