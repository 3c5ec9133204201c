//! Guesses of what comes next, for a larger model to verify (speculative decoding).

use std::collections::HashMap;

use ferrolm_base::{Cancel, Cancelled};

use crate::layout::Layout;
use crate::model::{Model, State, on_layout};
use crate::view::View;

impl Model {
    /// What most probably follows `state`, word by word: the most probable continuation of the longest context that has
    /// any. Ends before `</s>`, and where no context is left.
    ///
    /// # Errors
    /// If `cancel` is raised: in a model that goes round in a circle, `most` is all that ends it.
    pub fn most_probable(
        &self,
        mut state: State,
        most: usize,
        cancel: &Cancel,
    ) -> Result<Vec<u32>, Cancelled> {
        let end = self.vocabulary.inner_markers().end;
        let mut words = Vec::new();
        while words.len() < most {
            cancel.check()?;
            let Some(word) = self.likeliest(state).filter(|&word| word != end) else { break };
            words.push(self.vocabulary.outer(word));
            state = self.step(state, word).1;
        }
        Ok(words)
    }

    fn likeliest(&self, state: State) -> Option<u32> {
        on_layout!(self, view => view.likeliest(state))
    }
}

impl<L: Layout> View<'_, L> {
    fn likeliest(self, State { order: mut k, mut index }: State) -> Option<u32> {
        let unknown = self.vocabulary.inner_unk();
        while k > 0 {
            let grams = self.levels.continuations(k as usize, index, self.vocabulary.size());
            let known = grams.filter(|gram| gram.word != unknown);
            let best = known.max_by(|a, b| a.log10.total_cmp(&b.log10).then(b.word.cmp(&a.word)));
            if let Some(best) = best {
                return Some(best.word);
            }
            (k, index) = (k - 1, self.levels.suffix(k as usize, index));
        }
        None
    }
}

/// A text that remembers what followed its own n-grams (prompt lookup).
#[derive(Debug, Clone, Default)]
pub struct PromptLookup {
    ids: Vec<u32>,
    longest: usize,
    /// By length and hash of an n-gram, where what followed it last begins.
    followers: HashMap<(usize, u64), usize>,
}

/// A single id says too little of what follows.
const SHORTEST: usize = 2;

impl PromptLookup {
    /// N-grams of two to `longest` ids are remembered.
    pub fn new(longest: usize) -> Self {
        Self { longest, ..Self::default() }
    }

    pub fn extend(&mut self, ids: &[u32]) {
        for &id in ids {
            // The n-grams before this id are remembered only now, so that a text does not find its own end.
            for length in SHORTEST..=self.longest.min(self.ids.len()) {
                let key = (length, hash(&self.ids[self.ids.len() - length..]));
                self.followers.insert(key, self.ids.len());
            }
            self.ids.push(id);
        }
    }

    /// At most `most` ids that followed the last n-gram when it occurred before, the longest n-gram that did.
    pub fn propose(&self, most: usize) -> &[u32] {
        for length in (SHORTEST..=self.longest.min(self.ids.len())).rev() {
            let last = &self.ids[self.ids.len() - length..];
            let start = self.followers.get(&(length, hash(last))).copied();
            if let Some(start) = start.filter(|&start| self.ids[start - length..start] == *last) {
                return &self.ids[start..start.saturating_add(most).min(self.ids.len())];
            }
        }
        &[]
    }
}

fn hash(ids: &[u32]) -> u64 {
    ids.iter().fold(ids.len() as u64, |state, &id| {
        let product = u128::from(state ^ u64::from(id) ^ 0xA076_1D64_78BD_642F) * 0x9E37_79B9_7F4A_7C15_u128;
        (product as u64) ^ (product >> 64) as u64
    })
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::*;
    use crate::Options;
    use crate::train::from_ids;

    #[test]
    fn a_prompt_proposes_what_followed_last_time() {
        let mut prompt = PromptLookup::new(3);
        prompt.extend(&[1, 2, 3, 4, 9, 2, 3, 5, 6, 2, 3]);
        assert_eq!(prompt.propose(3), [5, 6, 2]);
        assert_eq!(prompt.propose(0), [0; 0]);
        assert_eq!(prompt.propose(usize::MAX), [5, 6, 2, 3]);
        prompt.extend(&[4]);
        assert_eq!(prompt.propose(9), [9, 2, 3, 5, 6, 2, 3, 4]);
        prompt.extend(&[7]);
        assert!(prompt.propose(9).is_empty());
    }

    #[test]
    fn a_model_proposes_the_most_probable_path() {
        let ids = [[1, 2, 3, 4].repeat(8), vec![1, 2, 5, 4]].concat();
        let offsets: Vec<i64> = (0..10).map(|sentence| 4 * sentence).collect();
        let options = Options { order: 3, ..Options::default() };
        let (model, _) = from_ids(&ids, &offsets, 6, &options, &NEVER).unwrap();
        let context = model.context(&[1], true);
        let path = |state, most| model.most_probable(state, most, &NEVER).unwrap();
        assert_eq!(path(context, 10), [2, 3, 4]);
        assert_eq!(path(context, 2), [2, 3]);
        assert!(path(model.null_state(), 5).is_empty());
        let cancel = Cancel::new();
        cancel.cancel();
        assert_eq!(model.most_probable(context, 10, &cancel), Err(Cancelled));
    }
}
