//! Lists of objects that are there already, filled in place.
//!
//! By the functions of the stable interface each element takes two calls, which is most of the time that a list of
//! known objects takes. Where `CPython` keeps the elements has not changed from 3.11 to 3.14; it is tried out once, and
//! where it is another place, lists are filled by those functions.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

/// What is put into a list.
pub enum Element<'a, 'py> {
    /// An object that somebody else keeps too.
    Kept(Borrowed<'a, 'py, PyAny>),
    /// One that nobody else has.
    Made(Bound<'py, PyAny>),
}

/// The head of a list, as `CPython` has it.
#[repr(C)]
pub struct Head {
    references: [u32; 2],
    kind: *mut ffi::PyTypeObject,
    pub size: ffi::Py_ssize_t,
    pub elements: *mut *mut ffi::PyObject,
    allocated: ffi::Py_ssize_t,
}

/// A list of the elements.
///
/// # Errors
/// The first error among them, and lack of memory.
pub fn list<'a, 'py>(
    py: Python<'py>,
    elements: impl ExactSizeIterator<Item = PyResult<Element<'a, 'py>>>,
) -> PyResult<Bound<'py, PyList>> {
    let count = elements.len();
    let in_place = is_known(py);
    // SAFETY: the thread is attached; the answer is a new list, or null with an exception.
    let list = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyList_New(count as ffi::Py_ssize_t))? };
    for (index, element) in (0..count).zip(elements) {
        let element = match element? {
            Element::Made(object) => object.into_ptr(),
            Element::Kept(object) => {
                // SAFETY: the thread is attached and the object is alive.
                unsafe { reference(object.as_ptr(), in_place) };
                object.as_ptr()
            }
        };
        // SAFETY: the list is new and has `count` vacant places, and the reference of `element` is handed over.
        // `in_place`: objects have the form of `Head`. Only an element that is made can run other code before this,
        // which finds the list, if at all, with the places vacant.
        unsafe {
            if in_place {
                (*list.as_ptr().cast::<Head>()).elements.add(index).write(element);
            } else {
                ffi::PyList_SetItem(list.as_ptr(), index as ffi::Py_ssize_t, element);
            }
        }
    }
    Ok(list.cast_into()?)
}

/// Count one more reference.
///
/// # Safety
/// The thread is attached, `object` is alive, and with `in_place` it begins like `Head`.
#[inline(always)]
unsafe fn reference(object: *mut ffi::PyObject, in_place: bool) {
    // SAFETY: see above. Since 3.12 the count has 32 bits, whose highest is set where it must not change: that, and what
    // earlier versions do beyond 31 bits, is left to the function.
    unsafe {
        let count = &raw mut (*object.cast::<Head>()).references[0];
        if in_place && count.read().cast_signed() >= 0 {
            count.write(count.read() + 1);
        } else {
            ffi::Py_IncRef(object);
        }
    }
}

/// Whether lists have the form of [`Head`], and objects count references as in [`reference`].
#[inline]
pub fn is_known(py: Python<'_>) -> bool {
    static KNOWN: PyOnceLock<bool> = PyOnceLock::new();
    *KNOWN.get_or_init(py, || try_out(py).unwrap_or(false))
}

#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
fn try_out(_: Python<'_>) -> PyResult<bool> {
    Ok(false)
}

#[cfg(all(target_pointer_width = "64", target_endian = "little"))]
fn try_out(py: Python<'_>) -> PyResult<bool> {
    let objects = [PyList::empty(py), PyList::empty(py), PyList::empty(py)];
    let list = PyList::new(py, &objects)?;
    let (list, first) = (list.as_ptr().cast::<Head>(), objects[0].as_ptr().cast::<Head>());
    // SAFETY: the thread is attached. Every object is larger than two words, and lists, which have a size and elements
    // of their own, than five. The elements are only looked at when all that comes before is as expected.
    unsafe {
        let is_list =
            (*list).kind == &raw mut ffi::PyList_Type && (*list).size == 3 && (*list).allocated >= 3;
        let references = |count: u32| (*first).references == [count, (*first).references[1]];
        if !is_list || (*list).elements.is_null() || !references(2) {
            return Ok(false);
        }
        let places = (0..3).all(|index| *(*list).elements.add(index) == objects[index].as_ptr());
        ffi::Py_IncRef(first.cast());
        let counted = references(3);
        ffi::Py_DecRef(first.cast());
        Ok(places && counted && references(2))
    }
}
