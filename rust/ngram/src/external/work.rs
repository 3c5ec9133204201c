//! The stages of estimation.

use std::ops::Range;

use ferrolm_base::Cancel;

use super::assemble;
use super::collect::{Task, inner};
use super::estimate::{Order, Rules, order, unigrams};
use super::given;
use super::levels;
use super::links;
use super::plan::Stage;
use super::rows::{RowReader, Section, read_all};
use super::runs;
use super::tokens;
use crate::error::Result;
use crate::options::{Options, OrderReport};
use crate::prune;
use crate::smoothing::Method;
use crate::vocabulary::Vocabulary;

/// What every stage needs.
pub(super) struct Work<'a> {
    pub task: &'a Task,
    pub vocabulary: &'a Vocabulary,
    pub options: &'a Options,
    pub method: &'a dyn Method,
    pub thresholds: &'a [u32],
    pub given: &'a [Vec<Section>],
    pub cancel: &'a Cancel,
}

impl Work<'_> {
    fn orders(&self) -> Vec<u8> {
        (1..=self.options.order as u8).collect()
    }

    /// The number that a stage noted first.
    fn noted(&self, stage: &str) -> u64 {
        self.task.store.done(stage).and_then(|numbers| numbers.first().copied()).unwrap_or(0)
    }

    /// The number of n-grams of each order.
    fn sizes(&self) -> Vec<u64> {
        (1..=self.options.order).map(|k| self.noted(&format!("merge-{k}"))).collect()
    }

    pub fn sort(&self, chunk: usize) -> Result<Vec<u64>> {
        let store = &self.task.store;
        let about = self.task.chunks[chunk];
        let mut corpus = tokens::read(store, &tokens::name(chunk), about, self.vocabulary.size())?;
        corpus.tokens.iter_mut().for_each(|token| *token = inner(self.vocabulary, *token));
        runs::write(store, &format!("runs-{chunk}"), &corpus, about, &self.orders(), self.cancel)
    }

    pub fn merge(&self, k: usize) -> Result<u64> {
        let (store, memory) = (&self.task.store, self.task.memory);
        let of_chunks = (0..self.task.chunks.len()).filter_map(|chunk| {
            let rows = store.done(&format!("sort-{chunk}"))?;
            runs::sections(&format!("runs-{chunk}"), &self.orders(), rows).into_iter().nth(k - 1)
        });
        let runs: Vec<Section> =
            self.given.get(k - 1).cloned().unwrap_or_default().into_iter().chain(of_chunks).collect();
        let runs = runs::reduce(store, runs, k as u8, memory, self.cancel)?;
        let rows = if k == 1 {
            let bound = self.vocabulary.size();
            levels::unigrams(store, &runs, bound, memory, self.cancel)?;
            u64::from(bound)
        } else {
            let below = self.noted(&format!("merge-{}", k - 1));
            levels::level(store, &runs, k, below, k < self.options.order, memory, self.cancel)?
        };
        runs.iter()
            .filter(|run| runs::is_merged(run) || given::is_given(run))
            .for_each(|run| store.remove(&run.name));
        Ok(rows)
    }

    pub fn link(&self, k: usize) -> Result<[u64; 4]> {
        let begin = self.vocabulary.inner_markers().begin;
        let kind = self.method.counts();
        links::link(&self.task.store, k, &self.sizes(), begin, kind, self.task.memory, self.cancel)
    }

    /// Returns how many n-grams are kept, how many were seen, and how many have counts of 1 to 4.
    pub fn estimate(&self, k: usize) -> Result<Vec<u64>> {
        let (store, sizes) = (&self.task.store, self.sizes());
        let of_count = match store.done(&format!("link-{}", k + 1)) {
            Some(&[a, b, c, d]) => [0, a, b, c, d],
            _ => self.of_count(k, sizes[k - 1])?,
        };
        let seen = sizes[k - 1] as usize;
        let discounts = OrderReport::of(self.method, k - 1, seen, &of_count, self.options)?.discounts;
        let outside = self.outside();
        let pruned = self.pruned_words(&outside)?;
        let rules = Rules {
            method: self.method,
            options: self.options,
            thresholds: self.thresholds,
            outside: &outside,
            words: pruned.iter().filter(|&&pruned| !pruned).count() as f64 - 1.0,
        };
        let kept = if k == 1 {
            unigrams(store, self.vocabulary, &rules, |word| pruned[word], &discounts)?;
            sizes[0]
        } else {
            let highest = k == self.options.order;
            let (size, below) = (sizes[k - 1], sizes[k - 2]);
            let about = Order { k, highest, size, below, rules: &rules, discounts: &discounts };
            order(store, &about, self.task.memory, self.cancel)?
        };
        Ok([&[kept, sizes[k - 1]], &of_count[1..]].concat())
    }

    fn outside(&self) -> Vec<bool> {
        let only = self.options.vocabulary.as_deref();
        only.map(|only| prune::outside_words(only, self.vocabulary)).unwrap_or_default()
    }

    /// Whether each word is made unknown, because it is rare or outside.
    fn pruned_words(&self, outside: &[bool]) -> Result<Vec<bool>> {
        let rows = u64::from(self.vocabulary.size());
        let counts =
            read_all(&self.task.store, &Section { name: "counts-1".to_owned(), start: 0, rows, width: 1 })?;
        let (threshold, special) = (self.thresholds[0], prune::special(self.vocabulary));
        let pruned = |(word, &count): (usize, &u32)| {
            let rare = threshold > 0 && count <= threshold && !special.contains(&word);
            rare || outside.get(word).is_some_and(|&outside| outside)
        };
        Ok(counts.iter().enumerate().map(pruned).collect())
    }

    /// How many n-grams of the highest order have each small count.
    fn of_count(&self, k: usize, size: u64) -> Result<[u64; 5]> {
        let mut of_count = [0; 5];
        let begin = self.vocabulary.inner_markers().begin;
        let mut counts = RowReader::whole(&self.task.store, &format!("counts-{k}"), 1, size)?;
        let mut place = 0u32;
        while let Some(count) = counts.take()? {
            // Nothing comes before <s>.
            if (1..5).contains(&count) && !(k == 1 && place == begin) {
                of_count[count as usize] += 1;
            }
            place = place.wrapping_add(1);
        }
        Ok(of_count)
    }

    pub fn assemble(&self) -> Result<Vec<u64>> {
        let kept: Vec<u64> = (1..=self.options.order).map(|k| self.noted(&format!("estimate-{k}"))).collect();
        let mut vocabulary = self.vocabulary.clone();
        let pruned = self.pruned_words(&self.outside())?;
        prune::words(&mut vocabulary, |word| pruned[word]);
        assemble::write(&self.task.store, &vocabulary, &kept, self.cancel)?;
        Ok(Vec::new())
    }

    /// Files that nothing needs once a stage is done.
    pub fn spent(&self, stage: Stage) -> Vec<String> {
        let all = |names: &[&str], k: usize| -> Vec<String> {
            names.iter().map(|name| format!("{name}-{k}")).collect()
        };
        let chunks: Range<usize> = 0..self.task.chunks.len();
        match stage {
            Stage::Sort(chunk) => vec![tokens::name(chunk)],
            Stage::Merge(k) if k == self.options.order => {
                chunks.map(|chunk| format!("runs-{chunk}")).chain([format!("keys-{}", k - 1)]).collect()
            }
            Stage::Merge(k) => vec![format!("keys-{}", k - 1)],
            Stage::Link(k) => all(&["suffix"], k - 1),
            Stage::Estimate(1) => Vec::new(),
            Stage::Estimate(k) => {
                let mut spent = all(&["links", "words", "smoothed"], k);
                spent.extend([format!("probabilities-{}", k - 1), format!("children-{}", k - 1)]);
                if k > 2 {
                    spent.extend(all(&["counts", "places", "kept"], k - 1));
                }
                spent
            }
            // The words are needed until the very end, to resume.
            Stage::Assemble => {
                let order = self.options.order;
                let levels = (1..=order).flat_map(|k| all(&["grams", "nodes"], k));
                levels
                    .chain(all(&["counts", "smoothed"], 1))
                    .chain(all(&["counts", "places", "kept"], order))
                    .collect()
            }
        }
    }
}
