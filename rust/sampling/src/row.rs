//! One row: from logits and parameters to the distribution that is drawn from.

use std::f64::consts::LOG2_E;

use crate::error::SamplingError;
use crate::history::{History, Patch, patch};
use crate::kernels::{BLOCK, Kernels};
use crate::logits::Values;
use crate::params::Params;
use crate::scan::Row;
use crate::select::{Cut, NucleusScratch, kth_largest, nucleus, nucleus_bound, retain};

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
    masses: Vec<f32>,
    /// The tokens that are left, in order, with their logits and their weights relative to the largest.
    values: Vec<f32>,
    pub tokens: Vec<u32>,
    pub weights: Vec<f32>,
    order: Vec<f32>,
    nucleus: NucleusScratch,
    pub buffer: Vec<f32>,
}

/// Which tokens have a chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Support {
    One(u32),
    /// Every token: described by the blocks.
    Whole,
    /// The tokens and weights in [`Work`].
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

/// The row with its bias and penalties, ready to be read.
pub fn prepare<'a>(
    (index, values): (usize, Values<'a>),
    params: &Params,
    history: &History,
    kernels: &'a Kernels,
    patches: &'a mut Vec<Patch>,
) -> Result<Row<'a>, SamplingError> {
    patch(values, params, history, index, patches)?;
    Ok(Row { index, values, patches, kernels })
}

/// Apply temperature and filters.
pub fn distribution(row: &Row<'_>, params: &Params, work: &mut Work) -> Result<Distribution, SamplingError> {
    let scale = (LOG2_E / params.temperature) as f32;
    let top_k = params.top_k > 0 && params.top_k < row.values.len();
    if params.is_greedy() {
        return greedy(row, work);
    }
    if top_k {
        return after_top_k(row, params, scale, work);
    }
    if params.top_p < 1.0 {
        return after_top_p(row, params, scale, work);
    }
    if params.min_p > 0.0 {
        let maximum = row.scan_maxima(&mut work.maxima, &mut work.buffer)?;
        let bound = min_p_bound(maximum, scale, params.min_p);
        work.list(row, bound, maximum, scale);
        return Ok(work.listed(maximum, scale));
    }
    let maximum = row.scan_sums(scale, &mut work.maxima, &mut work.sums, &mut work.buffer)?;
    let total = work.weigh_blocks(row.kernels, maximum, scale);
    Ok(Distribution { support: Support::Whole, maximum, scale, total })
}

fn greedy(row: &Row<'_>, work: &mut Work) -> Result<Distribution, SamplingError> {
    let maximum = row.scan_maxima(&mut work.maxima, &mut work.buffer)?;
    let token = row.first_maximum(maximum, &work.maxima, &mut work.buffer);
    Ok(Distribution { support: Support::One(token), maximum, scale: 0.0, total: 1.0 })
}

/// The k-th largest block maximum is at most the k-th largest logit, so other blocks need not be read again.
fn after_top_k(
    row: &Row<'_>,
    params: &Params,
    scale: f32,
    work: &mut Work,
) -> Result<Distribution, SamplingError> {
    let maximum = row.scan_maxima(&mut work.maxima, &mut work.buffer)?;
    let enough_blocks = work.maxima.len() >= params.top_k;
    let bound = if enough_blocks { kth_largest(&work.maxima, params.top_k, &mut work.order) } else { None };
    work.list(row, bound.unwrap_or(f32::MIN), maximum, scale);
    if let Some(kth) = kth_largest(&work.values, params.top_k, &mut work.order) {
        work.retain(|value| value >= kth);
    }
    if params.top_p < 1.0 {
        work.keep_nucleus(params.top_p * work.listed_total(), maximum);
    }
    work.keep_min_p(params.min_p, maximum, scale);
    Ok(work.listed(maximum, scale))
}

fn after_top_p(
    row: &Row<'_>,
    params: &Params,
    scale: f32,
    work: &mut Work,
) -> Result<Distribution, SamplingError> {
    let maximum = row.scan_sums(scale, &mut work.maxima, &mut work.sums, &mut work.buffer)?;
    let total = work.weigh_blocks(row.kernels, maximum, scale);
    work.masses.clear();
    work.masses.extend(work.tops.iter().zip(&work.sums).map(|(top, sum)| top * sum));
    let exponent = nucleus_bound(&work.tops, &work.masses, BLOCK, (1.0 - params.top_p) * total);
    work.list(row, (maximum + exponent / scale).max(f32::MIN), maximum, scale);
    work.keep_nucleus(params.top_p * total, maximum);
    work.keep_min_p(params.min_p, maximum, scale);
    Ok(work.listed(maximum, scale))
}

/// The logit of a token `min_p` times as probable as the most probable one.
fn min_p_bound(maximum: f32, scale: f32, min_p: f64) -> f32 {
    let bound = f64::from(maximum) + min_p.log2() / f64::from(scale);
    (bound as f32).clamp(f32::MIN, maximum)
}

impl Work {
    /// Weights of the blocks relative to the row's maximum; returns the mass of the row.
    fn weigh_blocks(&mut self, kernels: &Kernels, maximum: f32, scale: f32) -> f64 {
        self.tops.resize(self.maxima.len(), 0.0);
        (kernels.exponentials)(&self.maxima, maximum, scale, &mut self.tops);
        self.tops.iter().zip(&self.sums).map(|(top, sum)| f64::from(*top) * f64::from(*sum)).sum()
    }

    /// List the tokens whose logits are at least `bound`.
    fn list(&mut self, row: &Row<'_>, bound: f32, maximum: f32, scale: f32) {
        row.gather(bound, &self.maxima, &mut self.values, &mut self.tokens, &mut self.buffer);
        self.weights.resize(self.values.len(), 0.0);
        (row.kernels.exponentials)(&self.values, maximum, scale, &mut self.weights);
    }

    fn keep_nucleus(&mut self, target: f64, maximum: f32) {
        let low = self.values.iter().fold(maximum, |low, value| low.min(*value));
        let Cut { value: cut, mut ties } =
            nucleus(&self.values, &self.weights, target, (low, maximum), &mut self.nucleus);
        self.retain(|value| {
            let tied = value == cut && ties > 0;
            ties -= usize::from(tied);
            value > cut || tied
        });
    }

    fn keep_min_p(&mut self, min_p: f64, maximum: f32, scale: f32) {
        if min_p > 0.0 {
            let bound = min_p_bound(maximum, scale, min_p);
            self.retain(|value| value >= bound);
        }
    }

    fn retain(&mut self, keep: impl FnMut(f32) -> bool) {
        retain(&mut self.values, &mut self.tokens, &mut self.weights, keep);
    }

    fn listed_total(&self) -> f64 {
        self.weights.iter().map(|weight| f64::from(*weight)).sum()
    }

    fn listed(&self, maximum: f32, scale: f32) -> Distribution {
        Distribution { support: Support::Listed, maximum, scale, total: self.listed_total() }
    }
}
