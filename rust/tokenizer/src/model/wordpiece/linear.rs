//! The longest token that continues a word, for every place of it, in one pass from its end.
//!
//! Read backwards, the tokens that begin at a place are those that end there, which is what an automaton finds.

use crate::error::Result;
use crate::model::automaton::{Automaton, NO_VALUE};

/// The tokens that continue words.
#[derive(Debug, Clone)]
pub(super) struct Continuations {
    backwards: Automaton,
    /// What the values of the automaton stand for: an id, and bytes without the prefix.
    tokens: Vec<(u32, usize)>,
}

impl Continuations {
    /// Of all tokens that begin with `prefix`.
    pub(super) fn new<'a>(tokens: impl Iterator<Item = (&'a str, u32)>, prefix: &str) -> Result<Self> {
        let continuing = tokens.filter_map(|(token, id)| Some((token.strip_prefix(prefix)?, id)));
        let (reversed, tokens): (Vec<Vec<u8>>, Vec<_>) =
            continuing.map(|(token, id)| (token.bytes().rev().collect(), (id, token.len()))).unzip();
        let keys = reversed.iter().map(Vec::as_slice).zip(0..).collect();
        Ok(Self { backwards: Automaton::new(keys, |_, _| ())?, tokens })
    }

    /// Emit the tokens of `word` from `start` on and where they end; whether they cover it.
    pub(super) fn split(&self, word: &[u8], mut start: usize, mut emit: impl FnMut(u32, usize)) -> bool {
        let mut state = self.backwards.start();
        let mut longest = vec![NO_VALUE; word.len() - start];
        for (value, &byte) in longest.iter_mut().zip(&word[start..]).rev() {
            state = self.backwards.next(state, byte);
            *value = state.value();
        }
        let first = start;
        while start < word.len() {
            let Some(&(id, length)) = self.tokens.get(longest[start - first] as usize) else { return false };
            start += length;
            emit(id, start);
        }
        true
    }
}
