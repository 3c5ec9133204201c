//! One row: from logits and parameters to the distribution that is drawn from.

use std::f64::consts::LOG2_E;

use crate::error::SamplingError;
use crate::history::{History, Patch, patch};
use crate::kernels::{BLOCK, Kernels, LANES};
use crate::logits::Values;
use crate::params::Params;
use crate::scan::Row;
use crate::select::{Cut, NucleusScratch, kth_largest, nucleus, nucleus_bound};

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
    rests: Vec<f32>,
    lanes: Vec<[f32; LANES]>,
    /// The tokens that are left, in order, with their logits and their weights relative to the largest.
    values: Vec<f32>,
    pub tokens: Vec<u32>,
    pub weights: Vec<f32>,
    /// Where a filter puts what it keeps.
    kept_values: Vec<f32>,
    kept_places: Vec<u32>,
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
        work.list(row, min_p_bound(maximum, scale, params.min_p));
        return Ok(work.listed(row.kernels, maximum, scale));
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

/// The k-th largest maximum of disjoint groups is at most the k-th largest logit: other groups need not be read again.
fn after_top_k(
    row: &Row<'_>,
    params: &Params,
    scale: f32,
    work: &mut Work,
) -> Result<Distribution, SamplingError> {
    let maximum = row.scan_maxima(&mut work.maxima, &mut work.buffer)?;
    let bound = if params.top_k <= work.maxima.len() {
        kth_largest(&work.maxima, params.top_k, &mut work.order)
    } else {
        row.scan_lanes(&mut work.lanes, &mut work.buffer);
        let lanes = work.lanes.as_flattened();
        if params.top_k <= lanes.len() { kth_largest(lanes, params.top_k, &mut work.order) } else { None }
    };
    work.list(row, bound.unwrap_or(f32::MIN));
    if let Some(kth) = kth_largest(&work.values, params.top_k, &mut work.order) {
        work.keep(row.kernels, Cut { value: kth, ties: usize::MAX });
        if params.top_p < 1.0 {
            let total = work.listed(row.kernels, maximum, scale).total;
            work.keep_nucleus(row.kernels, params.top_p * total, (kth, maximum));
        }
    }
    work.keep_min_p(row.kernels, params.min_p, maximum, scale);
    Ok(work.listed(row.kernels, maximum, scale))
}

fn after_top_p(
    row: &Row<'_>,
    params: &Params,
    scale: f32,
    work: &mut Work,
) -> Result<Distribution, SamplingError> {
    let maximum = row.scan_sums(scale, &mut work.maxima, &mut work.sums, &mut work.buffer)?;
    let total = work.weigh_blocks(row.kernels, maximum, scale);
    work.rests.clear();
    work.rests.extend(work.tops.iter().zip(&work.sums).map(|(top, sum)| top * (sum - 1.0)));
    let exponent = nucleus_bound(&work.tops, &work.rests, BLOCK, (1.0 - params.top_p) * total);
    let bound = (maximum + exponent / scale).max(f32::MIN);
    work.list(row, bound);
    work.weigh(row.kernels, maximum, scale);
    work.keep_nucleus(row.kernels, params.top_p * total, (bound, maximum));
    work.keep_min_p(row.kernels, params.min_p, maximum, scale);
    Ok(work.listed(row.kernels, maximum, scale))
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
    fn list(&mut self, row: &Row<'_>, bound: f32) {
        row.gather(bound, &self.maxima, &mut self.values, &mut self.tokens, &mut self.buffer);
    }

    fn weigh(&mut self, kernels: &Kernels, maximum: f32, scale: f32) {
        self.weights.resize(self.values.len(), 0.0);
        (kernels.exponentials)(&self.values, maximum, scale, &mut self.weights);
    }

    fn keep_nucleus(&mut self, kernels: &Kernels, target: f64, range: (f32, f32)) {
        let cut = nucleus(kernels, &self.values, &self.weights, target, range, &mut self.nucleus);
        self.keep(kernels, cut);
    }

    fn keep_min_p(&mut self, kernels: &Kernels, min_p: f64, maximum: f32, scale: f32) {
        if min_p > 0.0 {
            self.keep(kernels, Cut { value: min_p_bound(maximum, scale, min_p), ties: usize::MAX });
        }
    }

    /// Drop what is beyond the cut from the list; the weights are stale then.
    fn keep(&mut self, kernels: &Kernels, cut: Cut) {
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

    /// The list as a distribution.
    fn listed(&mut self, kernels: &Kernels, maximum: f32, scale: f32) -> Distribution {
        self.weigh(kernels, maximum, scale);
        self.sums.resize(self.weights.len().div_ceil(BLOCK), 0.0);
        (kernels.sums)(&self.weights, &mut self.sums);
        let total = self.sums.iter().map(|sum| f64::from(*sum)).sum();
        Distribution { support: Support::Listed, maximum, scale, total }
    }
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
