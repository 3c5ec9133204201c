//! Lists of integers read without a call for each: a third of the time of reading them one object at a time.
//!
//! Where `CPython` keeps the value of a small integer is tried out once, as the place of a list's elements is
//! ([`unsafe_lists`](crate::unsafe_lists)); where it is another one, the functions of the stable interface read it.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyInt, PyList};

use crate::unsafe_lists::{self, Head};

/// Append the integers of `list`.
///
/// # Errors
/// What is not an integer from 0 to 4,294,967,295.
pub fn push(list: &Bound<'_, PyList>, integers: &mut Vec<u32>) -> PyResult<()> {
    let (tags, mut index) = (tags(list.py()), 0);
    integers.reserve(list.len());
    while index < list.len() {
        if let Some(tags) = tags {
            index += push_in_place(list, index, tags, integers);
        }
        if index < list.len() {
            match small_integer(list, index) {
                Some(integer) => integers.push(integer),
                // Objects that can be taken for one, and errors.
                None => integers.push(list.get_item(index)?.extract()?),
            }
            index += 1;
        }
    }
    Ok(())
}

/// The head of an integer whose value has at most 30 bits.
#[repr(C)]
struct Integer {
    references: u64,
    kind: *mut ffi::PyTypeObject,
    /// How many digits, and the sign.
    tag: usize,
    digit: u32,
}

/// The tags of zero, and of positive integers of one digit.
#[derive(Debug, Clone, Copy)]
struct Tags {
    zero: usize,
    positive: usize,
}

/// Append the integers from `index` on up to one that is not plain or has more than 30 bits; returns how many.
#[inline]
fn push_in_place(list: &Bound<'_, PyList>, index: usize, tags: Tags, integers: &mut Vec<u32>) -> usize {
    let before = integers.len();
    // SAFETY: the thread is attached, and `tags` are only there when lists and integers have these forms. No Python code
    // runs meanwhile, so that the list stays as it is. The fields of an integer are read once its type is known.
    unsafe {
        let head = list.as_ptr().cast::<Head>();
        for at in index..(*head).size as usize {
            let element = (*(*head).elements.add(at)).cast::<Integer>();
            if element.is_null() || (*element).kind != &raw mut ffi::PyLong_Type {
                break;
            }
            if (*element).tag == tags.positive {
                integers.push((*element).digit);
            } else if (*element).tag == tags.zero {
                integers.push(0);
            } else {
                break;
            }
        }
    }
    integers.len() - before
}

fn tags(py: Python<'_>) -> Option<Tags> {
    static TAGS: PyOnceLock<Option<Tags>> = PyOnceLock::new();
    *TAGS.get_or_init(py, || unsafe_lists::is_known(py).then(|| try_out(py)).flatten())
}

/// None if integers have another form than [`Integer`].
fn try_out(py: Python<'_>) -> Option<Tags> {
    // SAFETY: the thread is attached. Integers have, like all objects whose size varies, three words and more; those
    // whose digit is looked at have one.
    let tag = |value: i64| unsafe { (*PyInt::new(py, value).as_ptr().cast::<Integer>()).tag };
    // SAFETY: see above.
    let digit = |value: i64| unsafe { (*PyInt::new(py, value).as_ptr().cast::<Integer>()).digit };
    let (zero, positive) = (tag(0), tag(1));
    let small = [1, 255, 257, 65_536, 50_256, (1 << 30) - 1];
    let others = [-1, -300, 1 << 30, 1 << 32, i64::MAX, i64::MIN];
    let is_known = small.iter().all(|&value| tag(value) == positive && i64::from(digit(value)) == value)
        && others.iter().all(|&value| tag(value) != positive && tag(value) != zero)
        && zero != positive;
    is_known.then_some(Tags { zero, positive })
}

/// The element at `index` if it is a plain `int` in 32 bits.
#[inline]
fn small_integer(list: &Bound<'_, PyList>, index: usize) -> Option<u32> {
    let mut overflow = 0;
    // SAFETY: the thread is attached and `list` is a list. The borrowed element is not used once other Python code
    // can run: reading a plain `int` runs none. An index beyond the end, which only another thread can bring about,
    // gives null, whose exception is cleared because the caller asks again.
    let value = unsafe {
        let element = ffi::PyList_GetItem(list.as_ptr(), index as ffi::Py_ssize_t);
        if element.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        if ffi::PyLong_CheckExact(element) == 0 {
            return None;
        }
        ffi::PyLong_AsLongLongAndOverflow(element, &raw mut overflow)
    };
    u32::try_from(value).ok().filter(|_| overflow == 0)
}
