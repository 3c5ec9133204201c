//! What to do with a row of logits.

use crate::error::SamplingError;

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

/// Parameters of one row. The order in which they apply is fixed:
/// logit bias, repetition, frequency and presence penalty, temperature, top-k, top-p, min-p, draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// Divides the logits; below [`GREEDY_BELOW`] the largest logit is taken, the first one among equals.
    pub temperature: f64,
    /// Keep logits that are at least the k-th largest (ties at k stay); 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of most probable tokens whose mass is at least this; 1 keeps all.
    pub top_p: f64,
    /// Keep tokens at least this times as probable as the most probable one; 0 keeps all.
    pub min_p: f64,
    /// Divides positive and multiplies negative logits of tokens in the prompt or generated (Keskar et al., 2019).
    pub repetition_penalty: f64,
    /// Subtracted from logits of tokens that were generated.
    pub presence_penalty: f64,
    /// Subtracted once for each time a token was generated.
    pub frequency_penalty: f64,
    /// Added to the logits of single tokens.
    pub logit_bias: LogitBias,
    /// None: a seed from the operating system for each row.
    pub seed: Option<u64>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: LogitBias::default(),
            seed: None,
        }
    }
}

impl Params {
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    pub fn is_greedy(&self) -> bool {
        self.temperature < GREEDY_BELOW
    }

    /// True when tokens seen before change the logits.
    pub fn uses_history(&self) -> bool {
        self.repetition_penalty != 1.0 || self.presence_penalty != 0.0 || self.frequency_penalty != 0.0
    }

    /// Check every value against its range.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let check = |ok: bool, field, range, found: f64| {
            if ok {
                Ok(())
            } else {
                Err(SamplingError::Parameter { field, range, found: format!("{found:?}") })
            }
        };
        let penalty = "in [-2, 2]";
        check(
            self.temperature >= 0.0 && self.temperature.is_finite(),
            "temperature",
            "finite and at least 0",
            self.temperature,
        )?;
        check((0.0..=1.0).contains(&self.top_p), "top_p", "in [0, 1]", self.top_p)?;
        check((0.0..=1.0).contains(&self.min_p), "min_p", "in [0, 1]", self.min_p)?;
        let repetition = self.repetition_penalty;
        check(
            repetition > 0.0 && repetition.is_finite(),
            "repetition_penalty",
            "finite and above 0",
            repetition,
        )?;
        check(
            (-2.0..=2.0).contains(&self.presence_penalty),
            "presence_penalty",
            penalty,
            self.presence_penalty,
        )?;
        check(
            (-2.0..=2.0).contains(&self.frequency_penalty),
            "frequency_penalty",
            penalty,
            self.frequency_penalty,
        )
    }
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
        for (params, message) in bad {
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
