//! Python's strings for the tokens of a model, made once.

use ferrolm_tokenizer::model::Model;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::unsafe_lists::Element;

const BLOCK: usize = 1 << 10;

type Block = Box<[PyOnceLock<Py<PyString>>]>;

/// Strings by id, made when they are first asked for, in blocks of 1,024.
pub struct Names {
    model: Model,
    blocks: Box<[PyOnceLock<Block>]>,
}

impl Names {
    pub fn new(model: Model) -> Self {
        let blocks = model.id_bound().div_ceil(BLOCK);
        Self { model, blocks: std::iter::repeat_with(PyOnceLock::new).take(blocks).collect() }
    }

    /// Whether these are the names of `model`.
    pub fn are_of(&self, model: &Model) -> bool {
        self.model.is_same(model)
    }

    /// The text of the model's token `id`; empty if it has none.
    pub fn get<'a, 'py>(&'a self, py: Python<'py>, id: u32) -> Element<'a, 'py> {
        let (block, at) = (id as usize / BLOCK, id as usize % BLOCK);
        let Some(lock) = self.blocks.get(block) else {
            return Element::Made(PyString::new(py, "").into_any());
        };
        let make = || std::iter::repeat_with(PyOnceLock::new).take(BLOCK).collect();
        let block = lock.get(py).unwrap_or_else(|| lock.get_or_init(py, make));
        let name = || PyString::new(py, self.model.id_to_token(id).unwrap_or("")).unbind();
        let name = block[at].get(py).unwrap_or_else(|| block[at].get_or_init(py, name));
        Element::Kept(name.as_any().bind_borrowed(py))
    }
}
