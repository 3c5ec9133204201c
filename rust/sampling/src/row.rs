//! One row: from logits and parameters to the distribution that is drawn from.

use std::cmp::Ordering;

use crate::batch::RowInput;
use crate::chain::{Chain, Now};
use crate::error::SamplingError;
use crate::history::{Patch, patch};
use crate::kernels::{BLOCK, Kernels, LANES};
use crate::logits::Values;
use crate::params::Params;
use crate::scan::Row;
use crate::select::{Cut, NucleusScratch, nucleus};
use crate::watermark;

/// Memory that one thread uses for one row after the other.
#[derive(Default)]
pub struct Scratch {
    pub patches: Vec<Patch>,
    pub work: Work,
}

#[derive(Default)]
pub struct Work {
    /// For each block: its maximum, its sum of exponentials, and 2^((its maximum - the row's) · scale).
    pub maxima: Vec<f32>,
    pub sums: Vec<f32>,
    pub tops: Vec<f32>,
    /// Mass of each block without its largest weight.
    pub rests: Vec<f32>,
    pub lanes: Vec<[f32; LANES]>,
    /// The tokens that are left, in order, with their logits and their weights relative to the largest.
    pub values: Vec<f32>,
    pub tokens: Vec<u32>,
    pub weights: Vec<f32>,
    /// Where a filter puts what it keeps.
    kept_values: Vec<f32>,
    kept_places: Vec<u32>,
    pub order: Vec<f32>,
    nucleus: NucleusScratch,
    pub buffer: Vec<f32>,
    pub watermark: watermark::Scratch,
}

/// Which tokens have a chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Support {
    One(u32),
    /// Every token: described by the blocks.
    Whole,
    /// The tokens and weights in [`Work`], whose sums are the sums of blocks of the list.
    Listed,
}

#[derive(Debug, Clone, Copy)]
pub struct Distribution {
    pub support: Support,
    pub maximum: f32,
    /// log2(e) / temperature
    pub scale: f32,
    /// Sum of the weights 2^((x - maximum) · scale) of the support.
    pub total: f64,
}

/// The row with its bias, penalties and rules, ready to be read, and the token that must come, if one must.
pub fn prepare<'a>(
    (index, values): (usize, Values<'a>),
    RowInput { params, history, mask, mu, .. }: &RowInput<'a>,
    kernels: &'a Kernels,
    patches: &'a mut Vec<Patch>,
) -> Result<(Row<'a>, Option<u32>), SamplingError> {
    if let Some(mu) = mu.filter(|mu| !mu.is_finite()) {
        // No token carries at most so many bits, nor more.
        return Err(SamplingError::Parameter {
            field: "mu",
            range: "a finite number",
            found: mu.to_string(),
        });
    }
    patch(values, params, history, index, patches)?;
    let forced = params.rules.forced(history);
    if let Some(token) = forced.filter(|token| *token as usize >= values.len()) {
        return Err(SamplingError::TokenOutOfRange {
            what: "a rule",
            row: index,
            token,
            vocab: values.len(),
        });
    }
    let masks = [params.rules.allowed.as_deref(), *mask];
    Ok((Row { index, values, patches, masks, kernels }, forced))
}

/// What is drawn from when only one token may come.
pub fn certain(token: u32) -> Distribution {
    Distribution { support: Support::One(token), maximum: 0.0, scale: 0.0, total: 1.0 }
}

/// Apply the steps.
pub fn distribution(
    row: &Row<'_>,
    params: &Params,
    now: Now<'_>,
    work: &mut Work,
) -> Result<Distribution, SamplingError> {
    if params.is_greedy() {
        return Chain::new(row, params, now, work).most_probable().map(certain);
    }
    Chain::new(row, params, now, work).run()
}

impl Work {
    /// Weights of the blocks relative to the row's maximum; returns the mass of the row.
    pub fn weigh_blocks(&mut self, kernels: &Kernels, maximum: f32, scale: f32) -> f64 {
        self.tops.resize(self.maxima.len(), 0.0);
        (kernels.exponentials)(&self.maxima, maximum, scale, &mut self.tops);
        self.tops.iter().zip(&self.sums).map(|(top, sum)| f64::from(*top) * f64::from(*sum)).sum()
    }

    /// List the tokens whose logits are at least `bound`.
    pub fn list(&mut self, row: &Row<'_>, bound: f32) {
        row.gather(bound, &self.maxima, &mut self.values, &mut self.tokens, &mut self.buffer);
    }

    /// Weights of the list, and their sums by blocks; returns the mass of the list.
    pub fn weigh_list(&mut self, kernels: &Kernels, maximum: f32, scale: f32) -> f64 {
        self.weights.resize(self.values.len(), 0.0);
        (kernels.exponentials)(&self.values, maximum, scale, &mut self.weights);
        self.sums.resize(self.weights.len().div_ceil(BLOCK), 0.0);
        (kernels.sums)(&self.weights, &mut self.sums);
        self.sums.iter().map(|sum| f64::from(*sum)).sum()
    }

    /// The smallest set of most probable tokens of the list whose weights sum to `target`; all its logits are in `range`.
    pub fn nucleus_of_values(&mut self, kernels: &Kernels, target: f64, range: (f32, f32)) -> Cut {
        nucleus(kernels, &self.values, &self.weights, target, range, &mut self.nucleus)
    }

    /// The most probable tokens of the list whose terms of the entropy sum up to at most `share` of that of the `count`
    /// most probable ones; the first in any case.
    pub fn cut_entropy(&self, share: f64, count: usize) -> Cut {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_unstable_by(|&a, &b| falling(self.values[a], self.values[b]).then(a.cmp(&b)));
        order.truncate(count);
        let mass: f64 = order.iter().map(|&at| f64::from(self.weights[at])).sum();
        let terms: Vec<f64> = order
            .iter()
            .map(|&at| f64::from(self.weights[at]) / mass)
            .map(|p| if p > 0.0 { -p * p.ln() } else { 0.0 })
            .collect();
        let limit = terms.iter().sum::<f64>() * share;
        let mut sum = 0.0;
        let within = terms.iter().take_while(|term| {
            sum += **term;
            sum <= limit
        });
        let kept = within.count().max(1);
        let value = self.values[order[kept - 1]];
        Cut { value, ties: order[..kept].iter().filter(|&&at| self.values[at] == value).count() }
    }

    /// The tokens of the `count` largest logits of the list, the largest first, of equals the first.
    pub fn largest(&self, count: usize) -> Vec<u32> {
        self.places_of_largest(count).into_iter().map(|at| self.tokens[at]).collect()
    }

    /// Their logits.
    pub fn largest_values(&self, count: usize) -> Vec<f32> {
        self.places_of_largest(count).into_iter().map(|at| self.values[at]).collect()
    }

    /// Their places in the list.
    pub fn places_of_largest(&self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        let before = |a: &usize, b: &usize| falling(self.values[*a], self.values[*b]).then(a.cmp(b));
        if count < order.len() {
            order.select_nth_unstable_by(count, before);
            order.truncate(count);
        }
        order.sort_unstable_by(before);
        order
    }

    /// Keep the tokens whose `distance` is least, until their weights sum to `target`; ties at the end stay.
    pub fn keep_closest(&mut self, kernels: &Kernels, distance: impl Fn(f32) -> f32, target: f64) {
        let mut keys = std::mem::take(&mut self.order);
        keys.clear();
        keys.extend(self.values.iter().map(|value| -distance(*value)));
        let range = keys.iter().fold((0.0f32, f32::MIN), |(low, high), key| (low.min(*key), high.max(*key)));
        let cut = nucleus(kernels, &keys, &self.weights, target, range, &mut self.nucleus);
        self.retain(|at| keys[at] >= cut.value);
        self.order = keys;
    }

    /// Leave out all tokens with a weight of at least `threshold` but the least probable of them (of equals the last).
    pub fn exclude_top_choices(&mut self, threshold: f32) {
        let above = (0..self.values.len()).filter(|&at| self.weights[at] >= threshold);
        let least = above.min_by(|&a, &b| falling(self.values[b], self.values[a]).then(b.cmp(&a)));
        let weights = std::mem::take(&mut self.weights);
        self.retain(|at| weights[at] < threshold || Some(at) == least);
        self.weights = weights;
    }

    /// Keep the entries of the list that `keep` wants; the weights are stale then.
    fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut kept = 0;
        for at in 0..self.values.len() {
            if keep(at) {
                (self.values[kept], self.tokens[kept]) = (self.values[at], self.tokens[at]);
                kept += 1;
            }
        }
        self.values.truncate(kept);
        self.tokens.truncate(kept);
    }

    /// Drop what is beyond the cut from the list; the weights are stale then.
    pub fn keep(&mut self, kernels: &Kernels, cut: Cut) {
        self.kept_values.clear();
        self.kept_places.clear();
        (kernels.gather)(
            &self.values,
            0,
            cut.value.max(f32::MIN),
            &mut self.kept_values,
            &mut self.kept_places,
        );
        if cut.ties < self.kept_values.len() {
            drop_ties(cut, &mut self.kept_values, &mut self.kept_places);
        }
        // Places never precede their rank, so that the list can be closed up from the left.
        for (rank, place) in self.kept_places.iter().enumerate() {
            self.tokens[rank] = self.tokens[*place as usize];
        }
        self.tokens.truncate(self.kept_places.len());
        std::mem::swap(&mut self.values, &mut self.kept_values);
    }
}

/// The larger value first; zeros of both signs are equal.
fn falling(a: f32, b: f32) -> Ordering {
    (b + 0.0).total_cmp(&(a + 0.0))
}

/// Of the values equal to the cut's, keep only as many as it allows, the first ones.
fn drop_ties(cut: Cut, values: &mut Vec<f32>, places: &mut Vec<u32>) {
    let (mut kept, mut ties) = (0, 0);
    for at in 0..values.len() {
        let value = values[at];
        ties += usize::from(value == cut.value);
        values[kept] = value;
        places[kept] = places[at];
        kept += usize::from(value != cut.value || ties <= cut.ties);
    }
    values.truncate(kept);
    places.truncate(kept);
}
