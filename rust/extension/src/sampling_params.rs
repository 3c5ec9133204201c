//! Parameters of `ferrolm-sampling`, from Python.

use std::sync::Arc;

use ferrolm_sampling::{
    Draw, Dry, LogitBias, Mirostat, MirostatVersion, Params, Rules, Seeding, Step, Table, Watermark,
};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::errors::{Kind, ToPyErr};
use crate::unsafe_sequences::List;

/// Validated parameters of one row; `ferrolm.sampling.SamplingParams` holds one.
#[pyclass(frozen, name = "RowParams", module = "ferrolm._rust")]
pub struct RowParams(pub Arc<Params>);

#[pymethods]
impl RowParams {
    /// `numbers` are the fields that are plain numbers, by name; those that are missing are at their default.
    #[new]
    #[pyo3(signature = (*, numbers, top_h, top_k, logit_bias, rules, mirostat, watermark, order, gumbel, seed))]
    #[expect(clippy::too_many_arguments, reason = "keywords of one Python class")]
    fn new(
        numbers: List<(PyBackedStr, f64)>,
        top_h: Option<f64>,
        top_k: usize,
        logit_bias: List<(u32, f32)>,
        rules: Option<RulesInput>,
        mirostat: Option<(u32, f64, f64)>,
        watermark: Option<WatermarkInput>,
        order: Option<List<PyBackedStr>>,
        gumbel: bool,
        seed: Option<u64>,
    ) -> PyResult<Self> {
        let logit_bias = LogitBias::new(logit_bias.0).map_err(ToPyErr::to_py_err)?;
        let rules = rules.map(RulesInput::rules).unwrap_or_default();
        let mirostat = mirostat.map(|(version, tau, eta)| {
            let version = if version == 1 { MirostatVersion::One } else { MirostatVersion::Two };
            Mirostat { version, tau, eta }
        });
        let watermark = watermark.map(WatermarkInput::watermark);
        let draw = if gumbel { Draw::Gumbel } else { Draw::Multinomial };
        let mut params =
            Params { top_h, top_k, logit_bias, rules, mirostat, watermark, draw, seed, ..Params::default() };
        for (name, value) in numbers {
            let field = number(&mut params, &name).ok_or_else(|| PyKeyError::new_err(name.to_string()))?;
            *field = value;
        }
        if let Some(order) = order {
            params.order = order.iter().map(|name| step(name)).collect::<PyResult<_>>()?;
        }
        params.validate().map_err(ToPyErr::to_py_err)?;
        Ok(Self(Arc::new(params)))
    }
}

/// [`Watermark`] as Python gives it: an object with these.
#[derive(FromPyObject)]
struct WatermarkInput {
    greenlist_ratio: f64,
    bias: f64,
    hashing_key: i64,
    seeding_scheme: PyBackedStr,
    context_width: usize,
}

impl WatermarkInput {
    fn watermark(self) -> Watermark {
        let Self { greenlist_ratio, bias, hashing_key, context_width, .. } = self;
        let own = &*self.seeding_scheme == "selfhash";
        let seeding = if own { Seeding::SelfHash(Table::default()) } else { Seeding::LeftHash };
        Watermark { greenlist_ratio, bias, hashing_key, seeding, context_width }
    }
}

/// [`Rules`] as Python gives them: a dictionary with all of these.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct RulesInput {
    sequence_bias: List<(List<u32>, f32)>,
    bad_words_ids: List<List<u32>>,
    no_repeat_ngram_size: usize,
    min_tokens: usize,
    stop_token_ids: List<u32>,
    suppress_tokens: List<u32>,
    begin_suppress_tokens: List<u32>,
    allowed_token_ids: Option<List<u32>>,
    forced_bos_token_id: Option<u32>,
    forced_eos_token_id: Option<u32>,
    max_tokens: Option<usize>,
    /// Multiplier, base, allowed length, last tokens that are looked at (0: all), breakers.
    dry: Option<(f64, f64, usize, usize, Vec<u32>)>,
}

impl RulesInput {
    fn rules(self) -> Rules {
        let dry = self.dry.map(|(multiplier, base, allowed_length, last_n, breakers)| Dry {
            multiplier,
            base,
            allowed_length,
            last_n,
            breakers,
        });
        Rules {
            sequence_bias: self.sequence_bias.into_iter().map(|(ids, bias)| (ids.0, bias)).collect(),
            dry,
            no_repeat_ngram_size: self.no_repeat_ngram_size,
            bad_words: self.bad_words_ids.into_iter().map(|words| words.0).collect(),
            min_tokens: self.min_tokens,
            stop_token_ids: self.stop_token_ids.0,
            suppress_tokens: self.suppress_tokens.0,
            begin_suppress_tokens: self.begin_suppress_tokens.0,
            allowed: self.allowed_token_ids.map(|tokens| bits(&tokens)),
            forced_bos_token_id: self.forced_bos_token_id,
            forced_eos_token_id: self.forced_eos_token_id,
            max_tokens: self.max_tokens,
        }
    }
}

/// A bit for each token, 32 in a word.
fn bits(tokens: &[u32]) -> Vec<u32> {
    let words = tokens.iter().max().map_or(1, |largest| *largest as usize / 32 + 1);
    let mut bits = vec![0; words];
    for token in tokens {
        bits[*token as usize / 32] |= 1 << (token % 32);
    }
    bits
}

fn number<'a>(params: &'a mut Params, name: &str) -> Option<&'a mut f64> {
    Some(match name {
        "temperature" => &mut params.temperature,
        "dynatemp_range" => &mut params.dynatemp_range,
        "dynatemp_exponent" => &mut params.dynatemp_exponent,
        "top_n_sigma" => &mut params.top_n_sigma,
        "top_p" => &mut params.top_p,
        "min_p" => &mut params.min_p,
        "typical_p" => &mut params.typical_p,
        "epsilon_cutoff" => &mut params.epsilon_cutoff,
        "eta_cutoff" => &mut params.eta_cutoff,
        "xtc_probability" => &mut params.xtc_probability,
        "xtc_threshold" => &mut params.xtc_threshold,
        "repetition_penalty" => &mut params.repetition_penalty,
        "presence_penalty" => &mut params.presence_penalty,
        "frequency_penalty" => &mut params.frequency_penalty,
        _ => return None,
    })
}

fn step(name: &str) -> PyResult<Step> {
    Step::from_name(name).ok_or_else(|| {
        let known = Step::ALL.map(Step::name).join(", ");
        Kind::InvalidArgumentError.error(format!("order must hold names of steps ({known}), found {name:?}"))
    })
}
