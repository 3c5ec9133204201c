//! Counting within a limit of memory: the stages between the last piece of input and the counts.

use std::io::BufWriter;

use ferrolm_base::{Cancel, FileError};

use super::assemble::part;
use super::collect::{Input, Place, Task, Units, outer};
use super::merge::{halves, merge_counts};
use super::rows::RowWriter;
use super::runs;
use super::tokens;
use crate::corpus::Corpus;
use crate::count::{Counts, check_orders};
use crate::counts_file::write_front;
use crate::error::{NgramError, Result};
use crate::parts::PartWriter;
use crate::words::WordTable;

/// What the file of all counts is called.
const NAME: &str = "counts.all";

/// Counting of n-grams within a limit of memory.
pub struct Counting {
    task: Task,
    orders: Vec<u8>,
    state: State,
}

enum State {
    Collecting,
    /// All of the input is in memory.
    Memory(Corpus),
    Staged,
}

impl Counting {
    /// `memory`: bytes for the work, beside the words and the system's cache of files. `markers`: count `<s>` before and
    /// `</s>` after each sentence as well, numbered as a model numbers them; ids then need a size of their vocabulary.
    pub fn new(
        place: Place<'_>,
        memory: usize,
        units: Units,
        orders: &[usize],
        markers: bool,
    ) -> Result<Self> {
        let orders = check_orders(orders)?;
        if markers && units == Units::Ids(None) {
            let message = "vocab_size is missing: the numbers of <s> and </s> come after the ids".to_owned();
            return Err(NgramError::InvalidArgument(message));
        }
        let highest = orders.last().copied().unwrap_or(1);
        let task = Task::new(place, memory, usize::from(highest), units, markers)?;
        Ok(Self { task, orders, state: State::Collecting })
    }

    /// How many pieces of input need not be given again, because interrupted work has them.
    pub fn completed(&self) -> u64 {
        self.task.completed()
    }

    pub fn push(&mut self, input: Input<'_>, cancel: &Cancel) -> Result<()> {
        self.task.push(input, cancel)
    }

    /// All input has been given: returns the number of stages to [`run`](Self::run), one after the other.
    pub fn close(&mut self, cancel: &Cancel) -> Result<usize> {
        if let Some(corpus) = self.task.collected(cancel)? {
            self.state = State::Memory(corpus);
            return Ok(0);
        }
        self.state = State::Staged;
        Ok(self.task.chunks.len() + self.orders.len() + 1)
    }

    /// What a stage does, for a progress bar.
    pub fn describe(&self, stage: usize) -> String {
        let chunks = self.task.chunks.len();
        match stage.checked_sub(chunks) {
            None => format!("sort chunk {} of {chunks}", stage + 1),
            Some(i) => self
                .orders
                .get(i)
                .map_or_else(|| "write the counts".to_owned(), |order| format!("merge order {order}")),
        }
    }

    /// Do a stage; if it fails or is interrupted, it can be done again.
    pub fn run(&mut self, stage: usize, cancel: &Cancel) -> Result<()> {
        let chunks = self.task.chunks.len();
        let name = match stage.checked_sub(chunks) {
            None => format!("sort-{stage}"),
            Some(i) => {
                self.orders.get(i).map_or_else(|| "write".to_owned(), |order| format!("merge-{order}"))
            }
        };
        if self.task.store.done(&name).is_some() {
            return Ok(());
        }
        let (numbers, spent) = match stage.checked_sub(chunks) {
            None => (self.sort(stage, cancel)?, vec![tokens::name(stage)]),
            Some(i) => match self.orders.get(i) {
                Some(&order) => (vec![self.merge(i, order, cancel)?], Vec::new()),
                None => (self.write(cancel)?, self.spent()),
            },
        };
        self.task.store.note(&name, &numbers)?;
        for name in &spent {
            self.task.store.remove(name);
        }
        Ok(())
    }

    fn sort(&self, chunk: usize, cancel: &Cancel) -> Result<Vec<u64>> {
        let about = self.task.chunks[chunk];
        let mut corpus = tokens::read(&self.task.store, &tokens::name(chunk), about, 0)?;
        self.number(&mut corpus);
        runs::write(&self.task.store, &format!("runs-{chunk}"), &corpus, about, &self.orders, cancel)
    }

    /// The numbers that users see, and their bound.
    fn number(&self, corpus: &mut Corpus) {
        corpus.bound = match self.task.units {
            Units::Words(_) => self.task.words.len() as u32,
            Units::Ids(Some(ids)) if self.task.markers => {
                corpus.tokens.iter_mut().for_each(|token| *token = outer(ids, *token));
                ids + 3
            }
            Units::Ids(_) => self.task.largest,
        };
    }

    fn merge(&self, i: usize, order: u8, cancel: &Cancel) -> Result<u64> {
        let (store, key) = (&self.task.store, usize::from(order));
        let runs = (0..self.task.chunks.len()).filter_map(|chunk| {
            let rows = store.done(&format!("sort-{chunk}"))?;
            runs::sections(&format!("runs-{chunk}"), &self.orders, rows).into_iter().nth(i)
        });
        let runs = runs::reduce(store, runs.collect(), order, self.task.memory, cancel)?;
        let mut keys = RowWriter::create(store, &format!("keys-{order}"))?;
        let mut counts = RowWriter::create(store, &format!("counts-{order}"))?;
        let mut rows = 0;
        merge_counts(store, &runs, key, self.task.memory, cancel, |ngram, count| {
            rows += 1;
            keys.push(ngram)?;
            counts.push(&halves(count))
        })?;
        keys.finish()?;
        counts.finish()?;
        runs.iter().filter(|run| runs::is_merged(run)).for_each(|run| store.remove(&run.name));
        Ok(rows)
    }

    fn write(&self, cancel: &Cancel) -> Result<Vec<u64>> {
        let store = &self.task.store;
        let size = |&order: &u8| {
            (order, store.done(&format!("merge-{order}")).and_then(|n| n.first().copied()).unwrap_or(0))
        };
        let sizes: Vec<(u8, u64)> = self.orders.iter().map(size).collect();
        let (path, file) = (store.path(NAME), store.create(NAME)?);
        let mut writer = PartWriter::new(BufWriter::with_capacity(1 << 20, &*file), &path, cancel);
        let words = matches!(self.task.units, Units::Words(_)).then_some(&self.task.words);
        write_front(&mut writer, words, self.tokens(), &sizes)?;
        for (order, rows) in sizes {
            part(store, &mut writer, &format!("keys-{order}"), usize::from(order), rows)?;
            part(store, &mut writer, &format!("counts-{order}"), 2, rows)?;
        }
        writer.finish()?.into_inner().map_err(|error| FileError::new("write", &path, error.into_error()))?;
        Ok(Vec::new())
    }

    fn tokens(&self) -> u64 {
        self.task.chunks.iter().map(|chunk| chunk.counted).sum()
    }

    /// Files that nothing needs once the counts are written.
    fn spent(&self) -> Vec<String> {
        let levels = self.orders.iter().flat_map(|k| [format!("keys-{k}"), format!("counts-{k}")]);
        levels.chain((0..self.task.chunks.len()).map(|chunk| format!("runs-{chunk}"))).collect()
    }

    /// The counts, once all stages have been run.
    pub fn finish(mut self, cancel: &Cancel) -> Result<Counts> {
        match std::mem::replace(&mut self.state, State::Collecting) {
            State::Collecting => Err(NgramError::InvalidArgument("the input has not been closed".to_owned())),
            State::Memory(mut corpus) => {
                self.number(&mut corpus);
                let words: Option<WordTable> = match self.task.units {
                    Units::Words(_) => Some(std::mem::take(&mut self.task.words)),
                    Units::Ids(_) => None,
                };
                self.task.store.close();
                let orders: Vec<usize> = self.orders.iter().map(|&order| usize::from(order)).collect();
                Counts::of(&corpus, words, &orders, cancel)
            }
            State::Staged => {
                let file = self.task.store.open(NAME)?;
                let counts = Counts::map_own(&file, &self.task.store.path(NAME))?;
                self.task.store.close();
                Ok(counts)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn counts_made_in_files_are_those_made_in_memory(
            sentences in prop::collection::vec(prop::collection::vec(0u32..6, 0..60), 0..12),
            cut in 0usize..12,
        ) {
            let flat = |sentences: &[Vec<u32>]| {
                let ends = sentences.iter().scan(0, |end, s| { *end += s.len() as i64; Some(*end) });
                (sentences.concat(), [0].into_iter().chain(ends).collect::<Vec<i64>>())
            };
            let (front, back) = sentences.split_at(cut.min(sentences.len()));
            let mut counting =
                Counting::new(Place::Nameless(None), 0, Units::Ids(None), &[3, 1, 7], false).unwrap();
            for part in [front, back] {
                let (ids, offsets) = flat(part);
                counting.push(Input::Ids { ids: &ids, offsets: &offsets }, &NEVER).unwrap();
            }
            for stage in 0..counting.close(&NEVER).unwrap() {
                counting.run(stage, &NEVER).unwrap();
            }
            let counts = counting.finish(&NEVER).unwrap();
            let (ids, offsets) = flat(&sentences);
            let corpus = Corpus::from_all_ids(&ids, &offsets).unwrap();
            let expected = Counts::of(&corpus, None, &[3, 1, 7], &NEVER).unwrap();
            prop_assert_eq!(counts.orders, expected.orders);
            prop_assert_eq!(counts.tokens, expected.tokens);
        }
    }
}
