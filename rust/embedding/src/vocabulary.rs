//! Which words of a corpus are kept, and in which order.

use crate::EmbeddingError;

/// Names and meaning are those of gensim's `Word2Vec`.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    /// Words that occur less often are dropped.
    pub min_count: u64,
    /// Raise `min_count` until at most so many words are left.
    pub max_final_vocab: Option<usize>,
    /// Most frequent first (equals as they first came), otherwise all as they first came.
    pub sorted: bool,
}

impl Selection {
    pub fn at_least(min_count: u64) -> Self {
        Self { min_count, max_final_vocab: None, sorted: true }
    }

    /// The kept words by new id.
    ///
    /// # Errors
    /// If no word is left.
    pub(crate) fn kept(&self, counts: &[u64]) -> Result<Vec<u32>, EmbeddingError> {
        let min_count = self.effective_min_count(counts);
        let count = |id: u32| counts[id as usize];
        let mut kept: Vec<u32> = (0..counts.len() as u32).filter(|&id| count(id) >= min_count).collect();
        if self.sorted {
            kept.sort_by_key(|&id| std::cmp::Reverse(count(id)));
        }
        if kept.is_empty() {
            let (words, distinct) = (counts.iter().sum(), counts.len());
            return Err(EmbeddingError::EmptyCorpus { words, distinct, min_count });
        }
        Ok(kept)
    }

    fn effective_min_count(&self, counts: &[u64]) -> u64 {
        let Some(most) = self.max_final_vocab.filter(|&most| most < counts.len()) else {
            return self.min_count;
        };
        let mut sorted = counts.to_vec();
        let (_, first_dropped, _) = sorted.select_nth_unstable_by(most, |a, b| b.cmp(a));
        self.min_count.max(*first_dropped + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_final_size_raises_the_least_count() {
        let counts = [3, 1, 5, 3, 2];
        let select = |selection: Selection| selection.kept(&counts).unwrap();
        assert_eq!(select(Selection::at_least(2)), [2, 0, 3, 4]);
        assert_eq!(select(Selection { sorted: false, ..Selection::at_least(2) }), [0, 2, 3, 4]);
        // Words as frequent as the first that does not fit go too.
        assert_eq!(select(Selection { max_final_vocab: Some(2), ..Selection::at_least(0) }), [2]);
        assert_eq!(select(Selection { max_final_vocab: Some(3), ..Selection::at_least(0) }), [2, 0, 3]);
        assert_eq!(select(Selection { max_final_vocab: Some(9), ..Selection::at_least(5) }), [2]);
        assert!(Selection::at_least(6).kept(&counts).is_err());
    }
}
