//! The stages between the last piece of input and the result. A stage that the journal has is not done again.

use std::ops::Range;

use ferrolm_base::Cancel;

use super::assemble;
use super::collect::{Input, Place, Task, Units, inner};
use super::estimate::{Order, Rules, order, unigrams};
use super::given;
use super::levels;
use super::links;
use super::rows::{RowReader, Section, read_all};
use super::runs;
use super::tokens;
use crate::corpus::Corpus;
use crate::count::Counts;
use crate::error::{NgramError, Result};
use crate::estimate;
use crate::model::Model;
use crate::options::{Options, OrderReport};
use crate::prune;
use crate::smoothing::Method;
use crate::vocabulary::Vocabulary;

/// Estimation of a model within a limit of memory.
pub struct Training {
    task: Task,
    options: Options,
    method: Box<dyn Method + Send>,
    thresholds: Vec<u32>,
    state: State,
    /// The runs of each order, where they come from counts instead of chunks.
    given: Vec<Vec<Section>>,
}

enum State {
    Collecting,
    /// All of the input is in memory.
    Memory(Corpus),
    Staged(Vocabulary, Vec<Stage>),
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The n-grams of a chunk.
    Sort(usize),
    /// The runs of an order.
    Merge(usize),
    Link(usize),
    Estimate(usize),
    Assemble,
}

impl Stage {
    fn all(chunks: usize, order: usize) -> Vec<Self> {
        (0..chunks)
            .map(Self::Sort)
            .chain((1..=order).map(Self::Merge))
            .chain((2..=order).map(Self::Link))
            .chain((1..=order).map(Self::Estimate))
            .chain([Self::Assemble])
            .collect()
    }
}

impl Training {
    /// `memory`: bytes for the work, beside the vocabulary and the system's cache of files.
    pub fn new(place: Place<'_>, memory: usize, units: Units, options: &Options) -> Result<Self> {
        let thresholds = options.thresholds()?;
        let method = options.method()?;
        let task = Task::new(place, memory, options.order, units, true)?;
        Ok(Self {
            task,
            options: options.clone(),
            method,
            thresholds,
            state: State::Collecting,
            given: Vec::new(),
        })
    }

    /// Estimation from counts of all orders that were made with the markers of sentences, perhaps of shards and merged.
    /// `vocab_size` is for counts of ids. The counts' numbers become those of the model.
    pub fn of_counts(
        place: Place<'_>,
        memory: usize,
        counts: &Counts,
        vocab_size: Option<u32>,
        options: &Options,
        cancel: &Cancel,
    ) -> Result<Self> {
        let vocabulary = given::vocabulary(counts, vocab_size)?;
        given::check(counts, &vocabulary, options.order)?;
        let units = Units::Ids(vocab_size);
        let mut training = Self::new(place, memory, units, options)?;
        training.given =
            given::runs(&training.task.store, counts, &vocabulary, options.order, memory, cancel)?;
        let stages = Stage::all(0, options.order);
        training.state = State::Staged(vocabulary, stages);
        Ok(training)
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
        if let State::Staged(_, stages) = &self.state {
            return Ok(stages.len());
        }
        if let Some(corpus) = self.task.collected(cancel)? {
            self.state = State::Memory(corpus);
            return Ok(0);
        }
        let vocabulary = self.task.vocabulary()?;
        let stages = Stage::all(self.task.chunks.len(), self.options.order);
        let number = stages.len();
        self.state = State::Staged(vocabulary, stages);
        Ok(number)
    }

    /// What a stage does, for a progress bar.
    pub fn describe(&self, stage: usize) -> String {
        let State::Staged(_, stages) = &self.state else { return String::new() };
        match stages.get(stage) {
            Some(Stage::Sort(chunk)) => format!("sort chunk {} of {}", chunk + 1, self.task.chunks.len()),
            Some(Stage::Merge(k)) => format!("merge order {k}"),
            Some(Stage::Link(k)) => format!("link order {k}"),
            Some(Stage::Estimate(k)) => format!("estimate order {k}"),
            Some(Stage::Assemble) => "write the model".to_owned(),
            None => String::new(),
        }
    }

    /// Do a stage; if it fails or is interrupted, it can be done again.
    pub fn run(&mut self, stage: usize, cancel: &Cancel) -> Result<()> {
        let State::Staged(vocabulary, stages) = &self.state else { return Ok(()) };
        let Some(&stage) = stages.get(stage) else { return Ok(()) };
        let work = Work {
            task: &self.task,
            vocabulary,
            options: &self.options,
            method: &*self.method,
            thresholds: &self.thresholds,
            given: &self.given,
            cancel,
        };
        let name = match stage {
            Stage::Sort(chunk) => format!("sort-{chunk}"),
            Stage::Merge(k) => format!("merge-{k}"),
            Stage::Link(k) => format!("link-{k}"),
            Stage::Estimate(k) => format!("estimate-{k}"),
            Stage::Assemble => "assemble".to_owned(),
        };
        if self.task.store.done(&name).is_some() {
            return Ok(());
        }
        let numbers = match stage {
            Stage::Sort(chunk) => work.sort(chunk)?,
            Stage::Merge(k) => vec![work.merge(k)?],
            Stage::Link(k) => work.link(k)?.to_vec(),
            Stage::Estimate(k) => work.estimate(k)?,
            Stage::Assemble => work.assemble()?,
        };
        let spent = work.spent(stage);
        self.task.store.note(&name, &numbers)?;
        for name in &spent {
            self.task.store.remove(name);
        }
        Ok(())
    }

    /// The model, once all stages have been run.
    pub fn finish(mut self, cancel: &Cancel) -> Result<(Model, Vec<OrderReport>)> {
        match std::mem::replace(&mut self.state, State::Collecting) {
            State::Collecting => Err(NgramError::InvalidArgument("the input has not been closed".to_owned())),
            State::Memory(mut corpus) => {
                let vocabulary = self.task.vocabulary()?;
                corpus.bound = vocabulary.size();
                corpus.tokens.iter_mut().for_each(|token| *token = inner(&vocabulary, *token));
                self.task.store.close();
                estimate::train(&corpus, vocabulary, &self.options, cancel)
            }
            State::Staged(..) => {
                let orders = 1..=self.options.order;
                let mut reports = orders.map(|k| self.report(k)).collect::<Result<Vec<_>>>()?;
                let model = assemble::open(&self.task.store)?;
                for (report, kept) in reports.iter_mut().zip(model.counts()) {
                    report.kept = kept;
                }
                self.task.store.close();
                Ok((model, reports))
            }
        }
    }

    fn report(&self, k: usize) -> Result<OrderReport> {
        let missing = || NgramError::InvalidArgument(format!("stage estimate-{k} has not been run"));
        let &[_, seen, a, b, c, d] = self.task.store.done(&format!("estimate-{k}")).ok_or_else(missing)?
        else {
            return Err(missing());
        };
        OrderReport::of(&*self.method, k - 1, seen as usize, &[0, a, b, c, d], &self.options)
    }
}

/// What every stage needs.
struct Work<'a> {
    task: &'a Task,
    vocabulary: &'a Vocabulary,
    options: &'a Options,
    method: &'a dyn Method,
    thresholds: &'a [u32],
    given: &'a [Vec<Section>],
    cancel: &'a Cancel,
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

    fn sort(&self, chunk: usize) -> Result<Vec<u64>> {
        let store = &self.task.store;
        let about = self.task.chunks[chunk];
        let mut corpus = tokens::read(store, &tokens::name(chunk), about, self.vocabulary.size())?;
        corpus.tokens.iter_mut().for_each(|token| *token = inner(self.vocabulary, *token));
        runs::write(store, &format!("runs-{chunk}"), &corpus, about, &self.orders(), self.cancel)
    }

    fn merge(&self, k: usize) -> Result<u64> {
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

    fn link(&self, k: usize) -> Result<[u64; 4]> {
        let begin = self.vocabulary.inner_markers().begin;
        let kind = self.method.counts();
        links::link(&self.task.store, k, &self.sizes(), begin, kind, self.task.memory, self.cancel)
    }

    /// Returns how many n-grams are kept, how many were seen, and how many have counts of 1 to 4.
    fn estimate(&self, k: usize) -> Result<Vec<u64>> {
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

    fn assemble(&self) -> Result<Vec<u64>> {
        let kept: Vec<u64> = (1..=self.options.order).map(|k| self.noted(&format!("estimate-{k}"))).collect();
        let mut vocabulary = self.vocabulary.clone();
        let pruned = self.pruned_words(&self.outside())?;
        prune::words(&mut vocabulary, |word| pruned[word]);
        assemble::write(&self.task.store, &vocabulary, &kept, self.cancel)?;
        Ok(Vec::new())
    }

    /// Files that nothing needs once a stage is done.
    fn spent(&self, stage: Stage) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;
    use crate::flm;
    use crate::options::Smoothing;
    use crate::text::{Reserved, Text};
    use crate::train;

    /// Sentences of few words, so that n-grams repeat.
    fn texts() -> impl Strategy<Value = Vec<Vec<u32>>> {
        let rare = prop::collection::vec(0u32..30, 0..40);
        let common = prop::collection::vec(0u32..4, 0..12);
        prop::collection::vec(prop_oneof![rare, common], 1..40)
    }

    fn lines(sentences: &[Vec<u32>]) -> String {
        let line = |sentence: &Vec<u32>| {
            let words: Vec<String> = sentence.iter().map(|id| format!("w{id}")).collect();
            words.join(" ") + "\n"
        };
        sentences.iter().map(line).collect()
    }

    fn flat(sentences: &[Vec<u32>]) -> (Vec<u32>, Vec<i64>) {
        let ends = sentences.iter().scan(0, |end, s| {
            *end += s.len() as i64;
            Some(*end)
        });
        (sentences.concat(), [0].into_iter().chain(ends).collect())
    }

    fn bytes(model: &Model, directory: &std::path::Path) -> Vec<u8> {
        let path = directory.join("model.flm");
        flm::save(model, &path, &NEVER).unwrap();
        std::fs::read(path).unwrap()
    }

    fn run(training: &mut Training) -> Result<()> {
        (0..training.close(&NEVER)?).try_for_each(|stage| training.run(stage, &NEVER))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_model_made_in_files_is_the_one_made_in_memory(
            sentences in texts(),
            cuts in prop::collection::vec(0usize..40, 0..4),
            order in 1usize..6,
            prune in prop::collection::vec(0u32..3, 0..3),
            interpolate_unigrams in any::<bool>(),
            over_ids in any::<bool>(),
            smoothing in prop::sample::select(vec![
                Smoothing::KneserNey,
                Smoothing::KneserNey,
                Smoothing::WittenBell,
                Smoothing::Absolute { discounts: vec![] },
                Smoothing::AddK { k: 0.5 },
                Smoothing::StupidBackoff { factor: 0.4 },
            ]),
            limited in any::<bool>(),
        ) {
            let mut prune = prune;
            prune.sort_unstable();
            prune.truncate(order);
            let interpolate_unigrams = interpolate_unigrams || matches!(smoothing, Smoothing::AddK { .. });
            let words = (0..4).chain(20..24).map(|id| if over_ids { id.to_string() } else { format!("w{id}") });
            let vocabulary = limited.then(|| words.collect());
            let options =
                Options { order, prune, interpolate_unigrams, smoothing, vocabulary, ..Options::default() };
            let directory = tempfile::tempdir().unwrap();
            let mut cuts: Vec<usize> = cuts.iter().map(|&cut| cut.min(sentences.len())).collect();
            cuts.extend([0, sentences.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &sentences[pair[0]..pair[1]]);
            let units = if over_ids { Units::Ids(Some(31)) } else { Units::Words(Reserved::Refuse) };
            let mut training = Training::new(Place::Nameless(None), 0, units, &options).unwrap();
            for piece in pieces {
                let (ids, offsets) = flat(piece);
                let text = lines(piece);
                let input = if over_ids {
                    Input::Ids { ids: &ids, offsets: &offsets }
                } else {
                    Input::Text(Text::Lines(&text))
                };
                training.push(input, &NEVER).unwrap();
            }
            run(&mut training).unwrap();
            let (model, reports) = training.finish(&NEVER).unwrap();
            let (expected, expected_reports) = if over_ids {
                let (ids, offsets) = flat(&sentences);
                train::from_ids(&ids, &offsets, 31, &options, &NEVER).unwrap()
            } else {
                train::from_text(Text::Lines(&lines(&sentences)), false, &options, &NEVER).unwrap()
            };
            prop_assert_eq!(reports, expected_reports);
            prop_assert_eq!(bytes(&model, directory.path()), bytes(&expected, directory.path()));
        }

        #[test]
        fn interrupted_work_goes_on_where_it_was(sentences in texts(), stop in 0usize..20, cut in 0usize..40) {
            let options = Options { order: 3, prune: vec![0, 0, 1], ..Options::default() };
            let directory = tempfile::tempdir().unwrap();
            let place: PathBuf = directory.path().join("work");
            let place = Place::Kept { directory: &place, work: "test" };
            let units = Units::Words(Reserved::Refuse);
            let (front, back) = sentences.split_at(cut.min(sentences.len()));
            let pieces = [lines(front), lines(back)];
            let mut training = Training::new(place, 0, units, &options).unwrap();
            for piece in &pieces[..(stop + 1).min(2)] {
                training.push(Input::Text(Text::Lines(piece)), &NEVER).unwrap();
            }
            if stop > 2 {
                let stages = training.close(&NEVER).unwrap();
                (0..stages.min(stop - 2)).for_each(|stage| training.run(stage, &NEVER).unwrap());
            }
            drop(training);
            let mut training = Training::new(place, 0, units, &options).unwrap();
            for piece in &pieces[training.completed() as usize..] {
                training.push(Input::Text(Text::Lines(piece)), &NEVER).unwrap();
            }
            run(&mut training).unwrap();
            let (model, _) = training.finish(&NEVER).unwrap();
            let (expected, _) =
                train::from_text(Text::Lines(&lines(&sentences)), false, &options, &NEVER).unwrap();
            prop_assert_eq!(bytes(&model, directory.path()), bytes(&expected, directory.path()));
            prop_assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "only model.flm is left");
        }
    }
}
