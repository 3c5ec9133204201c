//! What to do with a row of logits.

use crate::error::SamplingError;
use crate::mirostat::Mirostat;
use crate::order::Step;
use crate::rules::Rules;
use crate::watermark::Watermark;

/// Temperatures below this are greedy, as in vLLM: dividing by them would overflow.
pub const GREEDY_BELOW: f64 = 1e-5;

/// Values to add to the logits of single tokens: sorted by token, each token once, finite or -inf.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogitBias(Vec<(u32, f32)>);

impl LogitBias {
    pub fn new(mut bias: Vec<(u32, f32)>) -> Result<Self, SamplingError> {
        bias.sort_unstable_by_key(|&(token, _)| token);
        let error = |range, found| Err(SamplingError::Parameter { field: "logit_bias", range, found });
        if let Some(pair) = bias.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return error("one value a token", format!("token {} twice", pair[0].0));
        }
        match bias.iter().find(|(_, bias)| bias.is_nan() || *bias == f32::INFINITY) {
            Some((token, bias)) => error("finite or -inf", format!("{bias:?} for token {token}")),
            None => Ok(Self(bias)),
        }
    }

    pub fn as_slice(&self) -> &[(u32, f32)] {
        &self.0
    }
}

/// How a token is drawn from what is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Draw {
    /// By one uniform number.
    #[default]
    Multinomial,
    /// By a number for each token, see [`race`](crate::race).
    Gumbel,
}

/// Parameters of one row. Logit bias, repetition, frequency and presence penalty apply first, then the rules, then the steps
/// of `order`.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// Divides the logits; below [`GREEDY_BELOW`] the largest logit is taken, the first one among equals, and no
    /// step matters.
    pub temperature: f64,
    /// How far the temperature goes down and up with the entropy; 0 keeps it.
    pub dynatemp_range: f64,
    /// Exponent of the entropy's share of the largest possible one.
    pub dynatemp_exponent: f64,
    /// Keep logits at most so many standard deviations below the largest; 0 keeps all.
    pub top_n_sigma: f64,
    /// Keep the most probable tokens while their entropy is at most this share of the entropy of the hundred most
    /// probable ones.
    pub top_h: Option<f64>,
    /// Keep logits that are at least the k-th largest (ties at k stay); 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of most probable tokens whose mass is at least this; 1 keeps all.
    pub top_p: f64,
    /// Keep tokens at least this times as probable as the most probable one; 0 keeps all.
    pub min_p: f64,
    /// Keep the tokens whose information is closest to the entropy, until their mass is at least this; 1 keeps all.
    pub typical_p: f64,
    /// Keep tokens of at least this probability; 0 keeps all.
    pub epsilon_cutoff: f64,
    /// The same, less where the entropy is high; 0 keeps all.
    pub eta_cutoff: f64,
    /// How often the tokens above `xtc_threshold` but the least probable of them are left out; 0 is never.
    pub xtc_probability: f64,
    pub xtc_threshold: f64,
    pub mirostat: Option<Mirostat>,
    pub watermark: Option<Watermark>,
    /// Divides positive and multiplies negative logits of tokens in the prompt or generated (Keskar et al., 2019).
    pub repetition_penalty: f64,
    /// Subtracted from logits of tokens that were generated.
    pub presence_penalty: f64,
    /// Subtracted once for each time a token was generated.
    pub frequency_penalty: f64,
    /// Added to the logits of single tokens.
    pub logit_bias: LogitBias,
    pub rules: Rules,
    /// The steps, each once; those that are set must be there.
    pub order: Vec<Step>,
    pub draw: Draw,
    /// None: a seed from the operating system for each row.
    pub seed: Option<u64>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            dynatemp_range: 0.0,
            dynatemp_exponent: 1.0,
            top_n_sigma: 0.0,
            top_h: None,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            typical_p: 1.0,
            epsilon_cutoff: 0.0,
            eta_cutoff: 0.0,
            xtc_probability: 0.0,
            xtc_threshold: 0.1,
            mirostat: None,
            watermark: None,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: LogitBias::default(),
            rules: Rules::default(),
            order: Step::ALL.to_vec(),
            draw: Draw::default(),
            seed: None,
        }
    }
}

impl Params {
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    pub fn is_greedy(&self) -> bool {
        self.temperature < GREEDY_BELOW && self.dynatemp_range == 0.0
    }

    /// True when tokens seen before change the logits.
    pub fn uses_history(&self) -> bool {
        self.penalizes() || self.rules.uses_history() || self.watermark.is_some()
    }

    pub(crate) fn penalizes(&self) -> bool {
        self.repetition_penalty != 1.0 || self.presence_penalty != 0.0 || self.frequency_penalty != 0.0
    }

    /// The steps that change anything, in their order.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.order.iter().copied().filter(|step| self.sets(*step))
    }

    fn sets(&self, step: Step) -> bool {
        match step {
            Step::Temperature => self.temperature != 1.0 || self.dynatemp_range != 0.0,
            Step::TopNSigma => self.top_n_sigma > 0.0,
            Step::TopH => self.top_h.is_some(),
            Step::TopK => self.top_k > 0,
            Step::TopP => self.top_p < 1.0,
            Step::MinP => self.min_p > 0.0,
            Step::TypicalP => self.typical_p < 1.0,
            Step::EpsilonCutoff => self.epsilon_cutoff > 0.0,
            Step::EtaCutoff => self.eta_cutoff > 0.0,
            Step::Xtc => self.xtc_probability > 0.0,
            Step::Mirostat => self.mirostat.is_some(),
            Step::Watermark => self.watermark.is_some(),
        }
    }

    /// Check every value against its range.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let share = |field, value: f64| check((0.0..=1.0).contains(&value), field, "in [0, 1]", value);
        let penalty = |field, value: f64| check((-2.0..=2.0).contains(&value), field, "in [-2, 2]", value);
        let least = |field, value: f64| {
            check(value >= 0.0 && value.is_finite(), field, "finite and at least 0", value)
        };
        least("temperature", self.temperature)?;
        least("dynatemp_range", self.dynatemp_range)?;
        least("dynatemp_exponent", self.dynatemp_exponent)?;
        least("top_n_sigma", self.top_n_sigma)?;
        let top_h = self.top_h.unwrap_or(1.0);
        check(top_h > 0.0 && top_h <= 1.0, "top_h", "above 0 and at most 1", top_h)?;
        share("top_p", self.top_p)?;
        share("min_p", self.min_p)?;
        share("typical_p", self.typical_p)?;
        share("epsilon_cutoff", self.epsilon_cutoff)?;
        share("eta_cutoff", self.eta_cutoff)?;
        share("xtc_probability", self.xtc_probability)?;
        share("xtc_threshold", self.xtc_threshold)?;
        if let Some(Mirostat { tau, eta, .. }) = self.mirostat {
            least("mirostat_tau", tau)?;
            least("mirostat_eta", eta)?;
        }
        if let Some(watermark) = &self.watermark {
            watermark.validate()?;
        }
        let repetition = self.repetition_penalty;
        let positive = repetition > 0.0 && repetition.is_finite();
        check(positive, "repetition_penalty", "finite and above 0", repetition)?;
        penalty("presence_penalty", self.presence_penalty)?;
        penalty("frequency_penalty", self.frequency_penalty)?;
        self.rules.validate()?;
        self.check_order()
    }

    fn check_order(&self) -> Result<(), SamplingError> {
        let error = |range, found| Err(SamplingError::Parameter { field: "order", range, found });
        for (at, step) in self.order.iter().enumerate() {
            if self.order[..at].contains(step) {
                return error("each step once at most", format!("{} twice", step.name()));
            }
        }
        let left_out = |step: &Step| self.sets(*step) && !self.order.contains(step);
        match Step::ALL.iter().find(|step| left_out(step)) {
            Some(step) if !self.is_greedy() => {
                error("of all the steps that are set", format!("no {}", step.name()))
            }
            _ => Ok(()),
        }
    }
}

fn check(ok: bool, field: &'static str, range: &'static str, found: f64) -> Result<(), SamplingError> {
    if ok { Ok(()) } else { Err(SamplingError::Parameter { field, range, found: format!("{found:?}") }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_checked_and_named() {
        let bad = [
            (
                Params { temperature: -0.1, ..Params::default() },
                "temperature must be finite and at least 0, found -0.1",
            ),
            (
                Params { temperature: f64::NAN, ..Params::default() },
                "temperature must be finite and at least 0, found NaN",
            ),
            (Params { top_p: 1.5, ..Params::default() }, "top_p must be in [0, 1], found 1.5"),
            (Params { min_p: -1.0, ..Params::default() }, "min_p must be in [0, 1], found -1.0"),
            (
                Params { repetition_penalty: 0.0, ..Params::default() },
                "repetition_penalty must be finite and above 0, found 0.0",
            ),
            (
                Params { presence_penalty: 3.0, ..Params::default() },
                "presence_penalty must be in [-2, 2], found 3.0",
            ),
            (
                Params { frequency_penalty: -3.0, ..Params::default() },
                "frequency_penalty must be in [-2, 2], found -3.0",
            ),
        ];
        let more = [
            (
                Params { top_h: Some(0.0), ..Params::default() },
                "top_h must be above 0 and at most 1, found 0.0",
            ),
            (Params { typical_p: f64::NAN, ..Params::default() }, "typical_p must be in [0, 1], found NaN"),
            (
                Params { top_n_sigma: f64::INFINITY, ..Params::default() },
                "top_n_sigma must be finite and at least 0, found inf",
            ),
            (
                Params { order: vec![Step::TopK, Step::TopP, Step::TopK], ..Params::default() },
                "order must be each step once at most, found top_k twice",
            ),
            (
                Params { order: vec![Step::TopK], temperature: 2.0, ..Params::default() },
                "order must be of all the steps that are set, found no temperature",
            ),
        ];
        for (params, message) in bad.into_iter().chain(more) {
            assert_eq!(params.validate().unwrap_err().to_string(), message);
        }
        assert_eq!(Params::default().validate(), Ok(()));
    }

    #[test]
    fn a_token_may_have_one_bias_below_infinity() {
        let message = |bias| LogitBias::new(bias).unwrap_err().to_string();
        assert_eq!(
            message(vec![(3, 1.0), (1, 0.0), (3, 2.0)]),
            "logit_bias must be one value a token, found token 3 twice"
        );
        assert_eq!(message(vec![(3, f32::NAN)]), "logit_bias must be finite or -inf, found NaN for token 3");
    }
}
