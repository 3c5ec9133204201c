//! The steps of a row, one after the other: first the row itself is read, then what is left of it, a list of tokens.

use std::f64::consts::{LN_2, LOG2_E};

use crate::error::SamplingError;
use crate::kernels::BLOCK;
use crate::mirostat::{MirostatVersion, ZIPF_TOKENS, zipf_count};
use crate::order::Step;
use crate::params::{GREEDY_BELOW, Params};
use crate::row::{Distribution, Support, Work};
use crate::scan::Row;
use crate::select::{Cut, kth_largest, nucleus_bound};
use crate::spread;
use crate::watermark::CANDIDATES;

/// Tokens that [`Step::TopH`] looks at, as in transformers.
const TOP_H_TOKENS: usize = 100;

/// What the steps depend on besides logits and parameters.
#[derive(Clone, Copy, Default)]
pub struct Now<'a> {
    /// Uniform in [0, 1), for the step that leaves something to chance.
    pub chance: f64,
    /// Limit of [`Step::Mirostat`], in bits.
    pub mu: f64,
    /// The tokens so far.
    pub past: &'a [u32],
}

/// What is known while the steps are taken.
pub struct Chain<'r, 'w> {
    row: &'r Row<'r>,
    params: &'r Params,
    now: Now<'r>,
    pub work: &'w mut Work,
    /// Product of the temperatures so far.
    temperature: f64,
    /// The largest logit that is left; of no meaning before the row was read.
    maximum: f32,
    /// No logit that is left is below this.
    low: f32,
    /// Whether the tokens that are left are listed; before, they are all that the row has.
    listed: bool,
    /// Sum of the weights, if those in [`Work`] are right for what is left and for the temperature.
    total: Option<f64>,
}

impl<'r, 'w> Chain<'r, 'w> {
    pub fn new(row: &'r Row<'r>, params: &'r Params, now: Now<'r>, work: &'w mut Work) -> Self {
        Self {
            row,
            params,
            now,
            work,
            temperature: 1.0,
            maximum: 0.0,
            low: f32::MIN,
            listed: false,
            total: None,
        }
    }

    /// The most probable token: no step matters but one that favours tokens.
    pub fn most_probable(mut self) -> Result<u32, SamplingError> {
        if self.params.watermark.is_some() {
            self.take(Step::Watermark)?;
            return Ok(self.work.largest(1).first().copied().unwrap_or_default());
        }
        self.read_maxima()?;
        Ok(self.row.first_maximum(self.maximum, &self.work.maxima, &mut self.work.buffer))
    }

    /// Take all steps.
    pub fn run(mut self) -> Result<Distribution, SamplingError> {
        for step in self.params.steps() {
            self.take(step)?;
        }
        let scale = self.scale();
        if self.listed {
            let total = self.weigh();
            return Ok(Distribution { support: Support::Listed, maximum: self.maximum, scale, total });
        }
        let (maximum, total) = self.read_sums()?;
        Ok(Distribution { support: Support::Whole, maximum, scale, total })
    }

    fn take(&mut self, step: Step) -> Result<(), SamplingError> {
        let params = self.params;
        match step {
            Step::Temperature => self.heat()?,
            Step::TopK => self.keep_top_k(params.top_k)?,
            Step::TopP => self.keep_top_p(params.top_p)?,
            Step::MinP => self.keep_above_share(params.min_p)?,
            Step::EpsilonCutoff => self.keep_probable(params.epsilon_cutoff)?,
            Step::EtaCutoff => {
                let (entropy, _) = self.entropy()?;
                let eta = params.eta_cutoff.min(params.eta_cutoff.sqrt() * (-entropy).exp());
                self.keep_probable(eta)?;
            }
            Step::TopNSigma => {
                let deviation = self.deviation()?;
                self.keep_or_list(f64::from(self.maximum) - params.top_n_sigma * deviation);
            }
            Step::TopH => self.keep_top_h(params.top_h.unwrap_or(1.0))?,
            Step::TypicalP => self.keep_typical(params.typical_p)?,
            Step::Xtc => {
                if self.now.chance < params.xtc_probability {
                    self.exclude_top_choices(params.xtc_threshold)?;
                }
            }
            Step::Mirostat => match params.mirostat.map(|mirostat| mirostat.version) {
                Some(MirostatVersion::One) => {
                    let count = self.count_by_zipf()?;
                    self.keep_top_k(count)?;
                }
                Some(MirostatVersion::Two) => self.keep_probable((-self.now.mu).exp2())?,
                None => {}
            },
            Step::Watermark => self.mark()?,
        }
        Ok(())
    }

    /// Factor of the exponents of 2: log2(e) / temperature.
    fn scale(&self) -> f32 {
        // Not nothing, even where the temperature is beyond float32: it is divided by.
        ((LOG2_E / self.temperature) as f32).max(f32::MIN_POSITIVE)
    }

    /// Sum of the weights of the list.
    fn weigh(&mut self) -> f64 {
        if let Some(total) = self.total {
            return total;
        }
        let total = self.work.weigh_list(self.row.kernels, self.maximum, self.scale());
        self.total = Some(total);
        total
    }

    /// The row's maximum, and the mass of all its weights by blocks.
    fn read_sums(&mut self) -> Result<(f32, f64), SamplingError> {
        let (scale, work) = (self.scale(), &mut *self.work);
        let maximum = self.row.scan_sums(scale, &mut work.maxima, &mut work.sums, &mut work.buffer)?;
        Ok((maximum, work.weigh_blocks(self.row.kernels, maximum, scale)))
    }

    /// The row's mass, and a logit such that those from it on have at least the share `p` of it.
    fn read_nucleus_bound(&mut self, p: f64) -> Result<(f64, f32), SamplingError> {
        let (maximum, total) = self.read_sums()?;
        self.maximum = maximum;
        let work = &mut *self.work;
        work.rests.clear();
        work.rests.extend(work.tops.iter().zip(&work.sums).map(|(top, sum)| top * (sum - 1.0)));
        let exponent = nucleus_bound(&work.tops, &work.rests, BLOCK, (1.0 - p) * total);
        Ok((total, (maximum + exponent / self.scale()).max(f32::MIN)))
    }

    fn read_maxima(&mut self) -> Result<(), SamplingError> {
        self.maximum = self.row.scan_maxima(&mut self.work.maxima, &mut self.work.buffer)?;
        Ok(())
    }

    /// List the tokens whose logits are at least `bound`, after the maxima were read.
    fn list(&mut self, bound: f32) {
        self.work.list(self.row, bound);
        (self.listed, self.low, self.total) = (true, bound, None);
    }

    /// List all tokens that are left, if that was not done.
    fn list_all(&mut self) -> Result<(), SamplingError> {
        if !self.listed {
            self.read_maxima()?;
            self.list(f32::MIN);
        }
        Ok(())
    }

    fn keep(&mut self, cut: Cut) {
        self.work.keep(self.row.kernels, cut);
        self.low = self.low.max(cut.value);
        self.total = None;
    }

    /// Keep logits from `bound` on, and the largest in any case.
    fn keep_from(&mut self, bound: f64) {
        let value = (bound as f32).clamp(f32::MIN, self.maximum);
        self.keep(Cut { value, ties: usize::MAX });
    }

    fn heat(&mut self) -> Result<(), SamplingError> {
        let Params { temperature, dynatemp_range, dynatemp_exponent, .. } = *self.params;
        let mut own = temperature;
        if dynatemp_range > 0.0 {
            let (low, high) = ((temperature - dynatemp_range).max(0.0), temperature + dynatemp_range);
            let (entropy, _) = self.entropy()?;
            let most = (self.left() as f64).ln();
            // One token has no entropy, and needs no temperature.
            let share = if most > 0.0 { (entropy / most).clamp(0.0, 1.0) } else { 0.0 };
            own = (low + (high - low) * share.powf(dynatemp_exponent)).max(GREEDY_BELOW);
        }
        self.temperature *= own;
        self.total = None;
        Ok(())
    }

    /// The k-th largest maximum of disjoint groups is at most the k-th largest logit: other groups need not be read
    /// again.
    fn keep_top_k(&mut self, k: usize) -> Result<(), SamplingError> {
        if !self.listed {
            if k >= self.row.values.len() {
                return Ok(());
            }
            self.read_maxima()?;
            let work = &mut *self.work;
            let bound = if k <= work.maxima.len() {
                kth_largest(&work.maxima, k, &mut work.order)
            } else {
                self.row.scan_lanes(&mut work.lanes, &mut work.buffer);
                let lanes = work.lanes.as_flattened();
                if k <= lanes.len() { kth_largest(lanes, k, &mut work.order) } else { None }
            };
            self.list(bound.unwrap_or(f32::MIN));
        }
        if let Some(value) = kth_largest(&self.work.values, k, &mut self.work.order) {
            self.keep(Cut { value, ties: usize::MAX });
        }
        Ok(())
    }

    fn keep_top_p(&mut self, p: f64) -> Result<(), SamplingError> {
        let total = if self.listed {
            self.weigh()
        } else {
            let (total, bound) = self.read_nucleus_bound(p)?;
            self.list(bound);
            self.weigh();
            total
        };
        let range = (self.low, self.maximum);
        let cut = self.work.nucleus_of_values(self.row.kernels, p * total, range);
        self.keep(cut);
        Ok(())
    }

    /// Keep what is at least `share` times as probable as the most probable token.
    fn keep_above_share(&mut self, share: f64) -> Result<(), SamplingError> {
        if !self.listed {
            self.read_maxima()?;
        }
        let bound = f64::from(self.maximum) + share.log2() / f64::from(self.scale());
        self.keep_or_list(bound);
        Ok(())
    }

    /// Keep what has at least the probability `least`, and the most probable token in any case.
    fn keep_probable(&mut self, least: f64) -> Result<(), SamplingError> {
        let total = if self.listed {
            self.weigh()
        } else {
            let (maximum, total) = self.read_sums()?;
            self.maximum = maximum;
            total
        };
        let bound = f64::from(self.maximum) + (least * total).log2() / f64::from(self.scale());
        self.keep_or_list(bound);
        Ok(())
    }

    fn keep_or_list(&mut self, bound: f64) {
        if self.listed {
            self.keep_from(bound);
        } else {
            self.list((bound as f32).clamp(f32::MIN, self.maximum));
        }
    }

    /// In nats, of what is left, and the sum of its weights.
    fn entropy(&mut self) -> Result<(f64, f64), SamplingError> {
        let scale = self.scale();
        let [total, drop] = if self.listed {
            self.weigh();
            spread::weighted_drop(&self.work.values, &self.work.weights, self.maximum)
        } else {
            self.read_maxima()?;
            self.row.weighted_drop(self.maximum, scale, &mut self.work.weights, &mut self.work.buffer)
        };
        Ok((total.ln() + drop / total * f64::from(scale) * LN_2, total))
    }

    /// Standard deviation of the logits that are left.
    fn deviation(&mut self) -> Result<f64, SamplingError> {
        if !self.listed {
            self.read_maxima()?;
            return Ok(self.row.deviation(self.maximum, &mut self.work.buffer));
        }
        let mut moments = spread::Moments::new(self.maximum);
        moments.add(&self.work.values);
        if moments.overflowed() {
            moments = spread::Moments::of_large(self.maximum);
            moments.add(&self.work.values);
        }
        Ok(moments.deviation())
    }

    /// How many tokens are left.
    fn left(&mut self) -> usize {
        if self.listed { self.work.values.len() } else { self.row.count(&mut self.work.buffer) }
    }

    fn keep_top_h(&mut self, share: f64) -> Result<(), SamplingError> {
        self.keep_top_k(TOP_H_TOKENS)?;
        self.list_all()?;
        self.weigh();
        let cut = self.work.cut_entropy(share, TOP_H_TOKENS);
        self.keep(cut);
        Ok(())
    }

    /// Typical tokens have about as much information as a token has on average (Meister et al., 2023).
    fn keep_typical(&mut self, mass: f64) -> Result<(), SamplingError> {
        let (entropy, total) = self.entropy()?;
        if !self.listed {
            // Tokens with more than twice the average information come after all others, and are not needed where the
            // others have the mass.
            let exponent = (2.0 * entropy - total.ln()) / LN_2;
            let bound = f64::from(self.maximum) - exponent / f64::from(self.scale());
            let (_, enough) = self.read_nucleus_bound(mass)?;
            self.list((bound as f32).clamp(f32::MIN, self.maximum).min(enough));
        }
        self.weigh();
        // The information of the most probable token is ln(total), and each exponent of 2 adds ln(2).
        let (offset, nats, top) = ((entropy - total.ln()) as f32, self.scale() * LN_2 as f32, self.maximum);
        self.work.keep_closest(self.row.kernels, |value| ((top - value) * nats - offset).abs(), mass * total);
        self.forget_maximum();
        Ok(())
    }

    fn exclude_top_choices(&mut self, threshold: f64) -> Result<(), SamplingError> {
        self.list_all()?;
        let total = self.weigh();
        self.work.exclude_top_choices((threshold * total) as f32);
        self.forget_maximum();
        Ok(())
    }

    fn count_by_zipf(&mut self) -> Result<usize, SamplingError> {
        self.list_all()?;
        let nats = f64::from(self.scale()) * LN_2;
        let largest = self.work.largest_values(ZIPF_TOKENS).into_iter();
        let logs: Vec<f64> = largest.map(|value| f64::from(value) * nats).collect();
        Ok(zipf_count(&logs, self.row.values.len(), self.now.mu))
    }

    fn mark(&mut self) -> Result<(), SamplingError> {
        let Some(watermark) = &self.params.watermark else { return Ok(()) };
        self.list_all()?;
        let mut scratch = std::mem::take(&mut self.work.watermark);
        let largest = || self.work.largest(CANDIDATES);
        if watermark.mark(self.now.past, self.row.values.len(), largest, &mut scratch) {
            // The bias is for logits that are divided by the temperature; these will be.
            let bias = (watermark.bias * self.temperature) as f32;
            for (value, token) in self.work.values.iter_mut().zip(&self.work.tokens) {
                if scratch.is_green(*token) {
                    *value = (*value + bias).clamp(f32::MIN, f32::MAX);
                }
            }
            self.low = f32::MIN;
            self.forget_maximum();
        }
        self.work.watermark = scratch;
        Ok(())
    }

    /// The most probable token may be gone.
    fn forget_maximum(&mut self) {
        self.maximum = self.work.values.iter().copied().fold(f32::MIN, f32::max);
        self.total = None;
    }
}
