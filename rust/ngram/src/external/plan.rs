//! The stages between the last piece of input and the result. A stage that the journal has is not done again.

use ferrolm_base::Cancel;

use super::assemble;
use super::collect::{Input, Place, Task, Units, inner};
use super::given;
use super::rows::Section;
use super::work::Work;
use crate::corpus::Corpus;
use crate::count::Counts;
use crate::error::{NgramError, Result};
use crate::estimate;
use crate::model::Model;
use crate::options::{Options, OrderReport};
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
pub(super) enum Stage {
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
