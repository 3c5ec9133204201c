//! What a step of training reads and changes, decided before its rows are touched, so that they can be fetched.

use crate::random::Random;
use crate::settings::{Architecture, Settings};
use crate::train::Run;

/// The rows of a position's step.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Skip-gram without subwords: rows of inputs, all different, and how often each comes.
    pub inputs: Vec<(u32, f32)>,
    /// Otherwise: rows whose mean is an input, group by group.
    pub grouped: Vec<u32>,
    pub group_ends: Vec<usize>,
    /// Words with label and number of times, all different: the true one, and wrong ones.
    pub outputs: Vec<(u32, f32, f32)>,
    /// Inner nodes of the tree with labels.
    pub nodes: Vec<(u32, f32)>,
}

impl Plan {
    pub(crate) fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.group_ends.is_empty()
    }

    /// For one position of a sentence; empty if it stands alone.
    pub(crate) fn fill(&mut self, run: &Run, sentence: &[u32], position: usize, random: &mut Random) {
        let Settings { window, shrink_windows, architecture, .. } = *run.settings;
        let reach = if shrink_windows { 1 + random.below(window) } else { window } as usize;
        let end = position.saturating_add(reach).saturating_add(1).min(sentence.len());
        let (before, after) =
            (&sentence[position.saturating_sub(reach)..position], &sentence[position + 1..end]);
        let around = before.iter().chain(after).copied();
        self.inputs.clear();
        self.grouped.clear();
        self.group_ends.clear();
        if run.subwords.is_none() && architecture == Architecture::SkipGram {
            around.for_each(|word| self.add_input(word));
        } else {
            self.add_groups(run, around, architecture == Architecture::Cbow);
        }
        if !self.is_empty() {
            self.predict(run, sentence[position], random);
        }
    }

    fn add_input(&mut self, row: u32) {
        match self.inputs.iter_mut().find(|input| input.0 == row) {
            Some(input) => input.1 += 1.0,
            None => self.inputs.push((row, 1.0)),
        }
    }

    /// A group for each word, or one for all.
    fn add_groups(&mut self, run: &Run, words: impl Iterator<Item = u32>, as_one: bool) {
        for word in words {
            self.grouped.push(run.first_word + word);
            if let Some(subwords) = run.subwords {
                self.grouped.extend_from_slice(subwords.of(word));
            }
            if !as_one {
                self.group_ends.push(self.grouped.len());
            }
        }
        if as_one && !self.grouped.is_empty() {
            self.group_ends.push(self.grouped.len());
        }
    }

    fn predict(&mut self, run: &Run, word: u32, random: &mut Random) {
        self.nodes.clear();
        if let Some(tree) = run.tree {
            self.nodes
                .extend(tree.way(word).iter().map(|&(node, turn)| (node, if turn { 0.0 } else { 1.0 })));
        }
        self.outputs.clear();
        if run.settings.negative > 0 {
            self.outputs.push((word, 1.0, 1.0));
        }
        for _ in 0..run.settings.negative {
            let negative = run.negatives.draw(random);
            match self.outputs.iter_mut().find(|output| output.0 == negative) {
                // The true word is not wrong.
                Some((_, label, _)) if *label > 0.5 => {}
                Some((_, _, times)) => *times += 1.0,
                None => self.outputs.push((negative, 0.0, 1.0)),
            }
        }
    }
}
