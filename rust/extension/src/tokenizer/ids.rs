//! Ids from Python: arrays borrowed, lists read.

use numpy::{PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::text::wrong_type;
use crate::unsafe_integers::push;
use crate::unsafe_sequences::List;

/// Ids of one text.
pub enum Ids<'py> {
    Array(PyReadonlyArray1<'py, u32>),
    List(Vec<u32>),
}

impl<'py> Ids<'py> {
    /// The ids of an array of integers, or of a sequence of them; `argument` is named in errors.
    pub fn new(object: &Bound<'py, PyAny>, argument: &str) -> PyResult<Self> {
        if let Ok(list) = object.cast::<PyList>() {
            let mut ids = Vec::new();
            push(list, &mut ids)?;
            return Ok(Self::List(ids));
        }
        if let Ok(array) = object.cast::<PyUntypedArray>() {
            return Self::of_array(object, array);
        }
        if object.is_instance_of::<PyString>() {
            return Err(wrong_type(object, argument, "a sequence of ids"));
        }
        object.extract::<List<u32>>().map(|ids| Self::List(ids.0))
    }

    fn of_array(object: &Bound<'py, PyAny>, array: &Bound<'py, PyUntypedArray>) -> PyResult<Self> {
        if array.is_contiguous()
            && let Ok(array) = object.extract::<PyReadonlyArray1<'py, u32>>()
        {
            return Ok(Self::Array(array));
        }
        if let Ok(array) = object.extract::<PyReadonlyArray1<'py, i64>>() {
            let id = |&id: &i64| {
                u32::try_from(id)
                    .map_err(|_| PyOverflowError::new_err(format!("id {id} has no place in 32 bits")))
            };
            return Ok(Self::List(array.as_array().iter().map(id).collect::<PyResult<_>>()?));
        }
        object.extract::<List<u32>>().map(|ids| Self::List(ids.0))
    }

    pub fn as_slice(&self) -> &[u32] {
        match self {
            Self::Array(array) => array.as_slice().unwrap_or_default(),
            Self::List(ids) => ids,
        }
    }
}

/// Ids of many texts, one after the other.
#[derive(Default)]
pub struct Batch {
    ids: Vec<u32>,
    ends: Vec<usize>,
}

impl Batch {
    pub fn new(sequences: &[Bound<'_, PyAny>]) -> PyResult<Self> {
        let mut batch = Self::default();
        for (index, sequence) in sequences.iter().enumerate() {
            if let Ok(list) = sequence.cast::<PyList>() {
                push(list, &mut batch.ids)?;
            } else {
                let ids = Ids::new(sequence, &format!("sequences[{index}]"))?;
                batch.ids.extend_from_slice(ids.as_slice());
            }
            batch.ends.push(batch.ids.len());
        }
        Ok(batch)
    }

    pub fn rows(&self) -> Vec<&[u32]> {
        let mut start = 0;
        let row = |&end: &usize| &self.ids[std::mem::replace(&mut start, end)..end];
        self.ends.iter().map(row).collect()
    }
}
