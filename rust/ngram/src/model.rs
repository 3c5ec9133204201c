//! The language model: all n-grams with their probabilities, in one of three layouts.
//!
//! The plain one, in which all work on whole models is done; the compact one, of half the size (see [`crate::compact`]); and
//! the hashed one, which scores fastest (see [`crate::hashed`]).

use std::borrow::Cow;

use ferrolm_base::Cancel;

use crate::arrays::Arrays;
use crate::compact::Compact;
use crate::error::Result;
use crate::hashed::Hashed;
use crate::layout::Layout;
use crate::unsafe_array::Array;
use crate::vocabulary::Vocabulary;

/// An n-gram: its last word (as an inner number of the vocabulary) and its log10 probability.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Gram {
    pub word: u32,
    pub log10: f32,
}

/// What else is known of an n-gram below the top order, as a context.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Node {
    /// log10 of the weight of the lower order where this context has no continuation.
    pub backoff: f32,
    /// The place, one order below, of the n-gram without its first word.
    pub suffix: u32,
    /// Where its continuations begin one order above; they end where those of the next node begin.
    pub children: u32,
}

/// An n-gram language model.
pub struct Model {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) levels: Levels,
}

/// The n-grams, in the layout that the user chose.
pub(crate) enum Levels {
    Plain(Arrays),
    Compact(Compact),
    Hashed(Hashed),
}

/// Ask a model in its own layout: `on_layout!(model, view => expression with view)`.
macro_rules! on_layout {
    ($model:expr, $view:ident => $result:expr) => {{
        let model: &$crate::model::Model = $model;
        match &model.levels {
            $crate::model::Levels::Plain(levels) => {
                let $view = $crate::view::View { vocabulary: &model.vocabulary, levels };
                $result
            }
            $crate::model::Levels::Compact(levels) => {
                let $view = $crate::view::View { vocabulary: &model.vocabulary, levels };
                $result
            }
            $crate::model::Levels::Hashed(levels) => {
                let $view = $crate::view::View { vocabulary: &model.vocabulary, levels };
                $result
            }
        }
    }};
}
pub(crate) use on_layout;

/// The longest context that can matter for the next word: an n-gram's order (0: none) and its place in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct State {
    pub(crate) order: u32,
    pub(crate) index: u32,
}

/// The score of one word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// log10 of the probability given the context.
    pub log10: f32,
    /// Order of the longest n-gram found.
    pub length: u32,
}

impl State {
    /// How many words the state remembers.
    pub fn len(self) -> usize {
        self.order as usize
    }

    pub fn is_empty(self) -> bool {
        self.order == 0
    }
}

impl Model {
    pub(crate) fn new(
        vocabulary: Vocabulary,
        grams: Vec<Vec<Gram>>,
        nodes: Vec<Vec<Node>>,
        links: Vec<u32>,
    ) -> Self {
        let levels = Levels::Plain(Arrays {
            grams: grams.into_iter().map(Array::from).collect(),
            nodes: nodes.into_iter().map(Array::from).collect(),
            links: links.into(),
        });
        Self { vocabulary, levels }
    }

    /// The same model in the compact layout; with `bits`, probabilities and back-off weights of orders from 2 on are
    /// quantized to so many bits each.
    pub fn compact(&self, bits: Option<u32>, cancel: &Cancel) -> Result<Self> {
        let levels = Compact::of(&*self.arrays(cancel)?, bits, cancel)?;
        Ok(Self { vocabulary: self.vocabulary.clone(), levels: Levels::Compact(levels) })
    }

    /// The same model in the hashed layout.
    pub fn hashed(&self, cancel: &Cancel) -> Result<Self> {
        let levels = Hashed::of(&*self.arrays(cancel)?, cancel)?;
        Ok(Self { vocabulary: self.vocabulary.clone(), levels: Levels::Hashed(levels) })
    }

    /// The same model in the plain layout.
    pub fn expand(&self, cancel: &Cancel) -> Result<Self> {
        let levels = Levels::Plain(self.arrays(cancel)?.into_owned());
        Ok(Self { vocabulary: self.vocabulary.clone(), levels })
    }

    /// The n-grams in the plain layout, for work that goes through all of them.
    pub(crate) fn arrays(&self, cancel: &Cancel) -> Result<Cow<'_, Arrays>> {
        match &self.levels {
            Levels::Plain(levels) => Ok(Cow::Borrowed(levels)),
            Levels::Compact(levels) => Ok(Cow::Owned(levels.expand(&self.vocabulary, cancel)?)),
            Levels::Hashed(levels) => Ok(Cow::Owned(levels.expand(&self.vocabulary, cancel)?)),
        }
    }

    /// The name of the layout: `plain`, `compact` or `hashed`.
    pub fn layout(&self) -> &'static str {
        match self.levels {
            Levels::Plain(_) => "plain",
            Levels::Compact(_) => "compact",
            Levels::Hashed(_) => "hashed",
        }
    }

    /// Bytes of the n-grams, without the vocabulary.
    pub fn bytes(&self) -> usize {
        match &self.levels {
            Levels::Plain(levels) => levels.bytes(),
            Levels::Compact(levels) => levels.bytes(),
            Levels::Hashed(levels) => levels.bytes(),
        }
    }

    pub fn order(&self) -> usize {
        on_layout!(self, view => view.levels.order())
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The number of n-grams of each order; pruned words are not counted.
    pub fn counts(&self) -> Vec<usize> {
        let pruned = (0..self.vocabulary.size()).filter(|&number| !self.vocabulary.is_kept(number)).count();
        let lengths = on_layout!(self, view => (1..=view.levels.order()).map(|k| view.levels.len(k)).collect::<Vec<_>>());
        lengths
            .into_iter()
            .zip((0..).map(|k| if k == 0 { pruned } else { 0 }))
            .map(|(n, less)| n - less)
            .collect()
    }

    /// The state that knows no word.
    pub fn null_state(&self) -> State {
        State::default()
    }

    /// The state at the beginning of a sentence.
    pub fn begin_state(&self) -> State {
        on_layout!(self, view => view.begin_state())
    }

    /// Score `word`, an inner number, after `state`.
    #[inline]
    pub fn step(&self, state: State, word: u32) -> (Score, State) {
        on_layout!(self, view => view.step(state, word))
    }

    /// The state after a context, given in the users' numbers, that begins a sentence or not.
    pub fn context(&self, numbers: &[u32], begin: bool) -> State {
        on_layout!(self, view => view.context(numbers, begin))
    }

    /// The words of a state, as inner numbers, the oldest first.
    pub fn state_words(&self, state: State) -> Vec<u32> {
        on_layout!(self, view => view.state_words(state))
    }
}
