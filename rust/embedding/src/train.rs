//! A pass over a corpus: skip-gram and CBOW with negative sampling or hierarchical softmax (Mikolov et al. 2013,
//! "Distributed Representations of Words and Phrases and their Compositionality").
//!
//! The negatives of a word are shared by the words around it, which makes its step a small matrix product instead
//! of many vector ones (Ji et al. 2016; the vectors are as good). The corpus is cut into pieces with random
//! streams and learning rates of their own, by position alone: with one worker the result depends on nothing else
//! but the instruction set, whose sums are added in another order.

use std::sync::atomic::{AtomicUsize, Ordering};

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, Cancelled, pool};
use rayon::prelude::*;

use crate::arch::{Step, descend, gather, prefetch, scatter};
use crate::corpus::{END, sentences};
use crate::huffman::Tree;
use crate::plan::Plan;
use crate::random::Random;
use crate::sampling::{NegativeTable, keep_probabilities};
use crate::settings::{Architecture, Pass, Settings};
use crate::subword::Subwords;
use crate::unsafe_matrix::{Matrix, Row, Shared};
use crate::{Corpus, EmbeddingError, Model};

/// Words of a piece, about: long enough that its overhead vanishes, short enough that the learning rate falls
/// evenly. Longer sentences are cut.
const PIECE: usize = 10_000;

/// What a pass has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trained {
    /// Words that were trained on: known ones that thinning left.
    pub words: u64,
    /// Negative log-likelihood of what was predicted, summed up; 0 unless asked for.
    pub loss: f64,
}

/// A part of the stream of ids, with the number of words before it.
struct Piece<'a> {
    before: usize,
    ids: &'a [u32],
}

/// What a word of the corpus is in the model.
#[derive(Clone, Copy)]
struct Known {
    /// [`END`] if it is unknown.
    word: u32,
    /// The probability of keeping it where it occurs, in 1/2^32.
    keep: u32,
}

pub(crate) struct Run<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) negatives: &'a NegativeTable,
    pub(crate) tree: Option<&'a Tree>,
    pub(crate) subwords: Option<&'a Subwords>,
    /// The row of word 0.
    pub(crate) first_word: u32,
    pass: &'a Pass,
    passes: u64,
    level: Level,
    known: Vec<Known>,
    words: usize,
    pieces: Vec<Piece<'a>>,
    inputs: Shared<'a>,
    outputs: Option<Shared<'a>>,
    nodes: Option<Shared<'a>>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(model: &'a mut Model, corpus: &'a Corpus, pass: &'a Pass) -> Self {
        let keep = keep_probabilities(&model.counts, model.settings.sample);
        let known = corpus.words().iter().map(|word| match model.words.find(word) {
            Some(word) => Known { word, keep: (f64::from(keep[word as usize]) * 4_294_967_296.0) as u32 },
            None => Known { word: END, keep: 0 },
        });
        Self {
            known: known.collect(),
            settings: &model.settings,
            negatives: &model.negatives,
            tree: model.tree.as_ref(),
            subwords: model.subwords.as_ref(),
            first_word: model.settings.bucket_rows() as u32,
            pass,
            passes: model.passes,
            level: simd::level(),
            words: corpus.len(),
            pieces: pieces(corpus.stream()),
            inputs: model.inputs.shared(),
            outputs: model.outputs.as_mut().map(Matrix::shared),
            nodes: model.nodes.as_mut().map(Matrix::shared),
        }
    }

    /// All pieces, in order: the learning rate is theirs, and falls together for all workers.
    pub(crate) fn train(&self, cancel: &Cancel) -> Result<Trained, EmbeddingError> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<Trained, EmbeddingError> {
            let groups = (self.settings.window as usize).min(PIECE) * 2;
            let mut scratch = Matrix::zeroed(2 * groups, self.inputs.width())?;
            let mut worker = Worker::new(scratch.shared());
            while let Some(number) = self.pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.piece(number, &mut worker, cancel)?;
            }
            Ok(worker.trained)
        };
        if self.pass.workers == 1 {
            return work();
        }
        let all: Result<Vec<Trained>, EmbeddingError> = pool::install(|| {
            (0..self.pass.workers).into_par_iter().with_max_len(1).map(|_| work()).collect()
        });
        Ok(all?.iter().fold(Trained::default(), |sum, trained| Trained {
            words: sum.words + trained.words,
            loss: sum.loss + trained.loss,
        }))
    }

    fn piece(&self, piece: &Piece, worker: &mut Worker<'a>, cancel: &Cancel) -> Result<(), Cancelled> {
        let mut random = Random::new(self.settings.seed, self.passes, piece.before as u64);
        let rate = self.pass.rate(piece.before as f64 / self.words.max(1) as f64);
        for sentence in sentences(piece.ids) {
            self.thin_out(sentence, &mut worker.sentence, &mut random);
            worker.trained.words += worker.sentence.len() as u64;
            for position in 0..worker.sentence.len() {
                cancel.check()?;
                worker.next.fill(self, &worker.sentence, position, &mut random);
                self.fetch(worker, position);
                self.step(worker, rate);
                std::mem::swap(&mut worker.plan, &mut worker.next);
            }
        }
        self.step(worker, rate);
        worker.plan = Plan::default();
        Ok(())
    }

    /// The known words of a sentence, frequent ones thinned out.
    fn thin_out(&self, sentence: &[u32], kept: &mut Vec<u32>, random: &mut Random) {
        kept.resize(sentence.len(), 0);
        let mut len = 0;
        for &id in sentence {
            let Known { word, keep } = self.known[id as usize];
            // Without a branch, which would be mispredicted every other time.
            kept[len] = word;
            len += usize::from((random.next() >> 32) as u32 <= keep) * usize::from(word != END);
        }
        kept.truncate(len);
    }

    /// Ask for the rows of the next step, and of the word that enters the window after it.
    fn fetch(&self, worker: &Worker, position: usize) {
        let width = self.inputs.width();
        let ahead = position.saturating_add(self.settings.window as usize + 2);
        if let Some(&word) = worker.sentence.get(ahead) {
            prefetch(self.inputs.row(self.first_word + word), width);
            if let Some(subwords) = self.subwords {
                subwords.of(word).iter().for_each(|&bucket| prefetch(self.inputs.row(bucket), width));
            }
        }
        if let Some(outputs) = self.outputs {
            worker.next.outputs.iter().for_each(|&(row, ..)| prefetch(outputs.row(row), width));
        }
        if let Some(nodes) = self.nodes {
            worker.next.nodes.iter().for_each(|&(row, _)| prefetch(nodes.row(row), width));
        }
    }

    fn step(&self, worker: &mut Worker<'a>, rate: f32) {
        if worker.plan.is_empty() {
            return;
        }
        self.read(worker);
        let width = self.inputs.width();
        let Worker { plan, step, trained, .. } = worker;
        let mut descend = |step: &mut Step| {
            let loss = self.pass.compute_loss.then_some(&mut trained.loss);
            descend(self.level, step, width, rate, loss);
        };
        if let Some(nodes) = self.nodes {
            step.clear_outputs();
            plan.nodes.iter().for_each(|&(row, label)| step.output(nodes.row(row), label, 1.0));
            descend(step);
        }
        if let Some(outputs) = self.outputs {
            step.clear_outputs();
            for &(row, label, times) in &plan.outputs {
                step.output(outputs.row(row), label, times);
            }
            descend(step);
        }
        self.write(worker);
    }

    /// Make the inputs of a step: rows themselves, or means of groups of rows in the worker's own memory.
    fn read(&self, worker: &mut Worker<'a>) {
        let Worker { plan, step, scratch, rows, .. } = worker;
        step.clear_inputs();
        for &(row, times) in &plan.inputs {
            let row = self.inputs.row(row);
            step.input(row, row, times);
        }
        rows.clear();
        rows.extend(plan.grouped.iter().map(|&row| self.inputs.row(row)));
        let mut start = 0;
        for (group, &end) in plan.group_ends.iter().enumerate() {
            let (mean, delta) = scratch_rows(scratch, group);
            let scale = if self.takes_sum() { 1.0 } else { 1.0 / (end - start) as f32 };
            gather(self.level, &rows[start..end], scale, mean, delta, self.inputs.width());
            step.input(mean, delta, 1.0);
            start = end;
        }
    }

    /// Add the changes of means to the rows of their groups.
    fn write(&self, worker: &mut Worker<'a>) {
        let Worker { plan, scratch, rows, .. } = worker;
        let mut start = 0;
        for (group, &end) in plan.group_ends.iter().enumerate() {
            let (_, delta) = scratch_rows(scratch, group);
            let scale = if self.takes_sum() { 1.0 / (end - start) as f32 } else { 1.0 };
            scatter(self.level, &rows[start..end], scale, delta, self.inputs.width());
            start = end;
        }
    }

    /// Sums instead of means, as gensim has it without `cbow_mean`.
    fn takes_sum(&self) -> bool {
        self.settings.architecture == Architecture::Cbow && !self.settings.cbow_mean
    }
}

fn scratch_rows<'a>(scratch: &Shared<'a>, group: usize) -> (Row<'a>, Row<'a>) {
    (scratch.row(2 * group as u32), scratch.row(2 * group as u32 + 1))
}

/// A worker's memory.
struct Worker<'a> {
    step: Step<'a>,
    sentence: Vec<u32>,
    /// The step at hand, and the one after it, whose rows are on their way.
    plan: Plan,
    next: Plan,
    rows: Vec<Row<'a>>,
    /// Mean and change of each group.
    scratch: Shared<'a>,
    trained: Trained,
}

impl<'a> Worker<'a> {
    fn new(scratch: Shared<'a>) -> Self {
        Self {
            step: Step::default(),
            sentence: Vec::new(),
            plan: Plan::default(),
            next: Plan::default(),
            rows: Vec::new(),
            scratch,
            trained: Trained::default(),
        }
    }
}

/// Whole sentences (or parts of long ones) of about [`PIECE`] words.
fn pieces(stream: &[u32]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut start, mut before, mut words, mut in_sentence) = (0, 0, 0, 0);
    for (at, &id) in stream.iter().enumerate() {
        if id == END {
            in_sentence = 0;
        } else {
            words += 1;
            in_sentence += 1;
        }
        if in_sentence == PIECE || (id == END && words >= PIECE) || at + 1 == stream.len() {
            pieces.push(Piece { before, ids: &stream[start..=at] });
            (start, before, words, in_sentence) = (at + 1, before + words, 0, 0);
        }
    }
    pieces
}
