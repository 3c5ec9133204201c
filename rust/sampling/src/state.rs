//! A sampler as bytes: magic, version, length, payload, checksum; little endian.

use std::sync::Arc;

use crate::error::SamplingError;
use crate::history::History;
use crate::mirostat::{Mirostat, MirostatVersion};
use crate::order::Step;
use crate::params::{Draw, LogitBias, Params};
use crate::rules::{Dry, Rules};
use crate::sampler::{Sampler, Slot};
use crate::watermark::{Seeding, Table, Watermark};

const MAGIC: &[u8; 8] = b"FLMSAMPL";
const VERSION: u32 = 3;

impl Sampler {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        put(&mut payload, self.slots.len() as u64);
        for slot in &self.slots {
            write_params(&mut payload, &slot.params);
            put(&mut payload, slot.seed);
            put(&mut payload, slot.step);
            put(&mut payload, slot.mu.to_bits());
            let (token, surprise) = slot.drawn.map_or((u64::MAX, 0.0), |(token, bits)| (token.into(), bits));
            put(&mut payload, token);
            put(&mut payload, surprise.to_bits());
            put_tokens(&mut payload, slot.history.prompt());
            put_tokens(&mut payload, slot.history.generated());
        }
        let mut bytes =
            [MAGIC.as_slice(), &VERSION.to_le_bytes(), &(payload.len() as u64).to_le_bytes()].concat();
        bytes.extend_from_slice(&payload);
        bytes.extend_from_slice(&checksum(&payload).to_le_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SamplingError> {
        let mut file = Reader(bytes);
        if file.take::<8>()? != *MAGIC {
            return Err(bad("it does not begin with FLMSAMPL"));
        }
        let version = u32::from_le_bytes(file.take()?);
        if version != VERSION {
            return Err(bad(&format!("version {version}, this build reads version {VERSION}")));
        }
        let length = file.u64()? as usize;
        if file.0.len() != length.saturating_add(8) {
            return Err(bad(&format!(
                "{} bytes follow the header, which announces {length} + 8",
                file.0.len()
            )));
        }
        let (payload, mut sum) = (&file.0[..length], Reader(&file.0[length..]));
        if sum.u64()? != checksum(payload) {
            return Err(bad("its checksum does not match"));
        }
        let mut payload = Reader(payload);
        let rows = payload.u64()?;
        let slots = (0..rows).map(|_| read_slot(&mut payload)).collect::<Result<_, _>>()?;
        Ok(Self { slots })
    }
}

fn write_params(out: &mut Vec<u8>, params: &Params) {
    let mut written = params.clone();
    for field in floats(&mut written) {
        put(out, field.to_bits());
    }
    put(out, params.top_h.map_or(0, f64::to_bits));
    put(out, params.top_k as u64);
    put(out, u64::from(params.seed.is_some()));
    put(out, params.seed.unwrap_or_default());
    let place = |step: &Step| Step::ALL.iter().position(|other| other == step).unwrap_or_default();
    put(out, params.order.len() as u64);
    params.order.iter().for_each(|step| put(out, place(step) as u64));
    write_watchers(out, params);
    write_rules(out, &params.rules);
    let bias = params.logit_bias.as_slice();
    put(out, bias.len() as u64);
    for (token, bias) in bias {
        out.extend_from_slice(&token.to_le_bytes());
        out.extend_from_slice(&bias.to_bits().to_le_bytes());
    }
}

/// The steps that look at the text, and the way to draw.
fn write_watchers(out: &mut Vec<u8>, params: &Params) {
    put(out, u64::from(params.draw == Draw::Gumbel));
    let version = params.mirostat.map_or(0, |mirostat| match mirostat.version {
        MirostatVersion::One => 1,
        MirostatVersion::Two => 2,
    });
    put(out, version);
    if let Some(Mirostat { tau, eta, .. }) = params.mirostat {
        put(out, tau.to_bits());
        put(out, eta.to_bits());
    }
    put(out, u64::from(params.watermark.is_some()));
    if let Some(watermark) = &params.watermark {
        put(out, watermark.greenlist_ratio.to_bits());
        put(out, watermark.bias.to_bits());
        put(out, watermark.hashing_key as u64);
        put(out, u64::from(watermark.seeding != Seeding::LeftHash));
        put(out, watermark.context_width as u64);
    }
}

fn read_watchers(payload: &mut Reader<'_>, params: &mut Params) -> Result<(), SamplingError> {
    params.draw = if payload.u64()? == 0 { Draw::Multinomial } else { Draw::Gumbel };
    let version = match payload.u64()? {
        0 => None,
        1 => Some(MirostatVersion::One),
        _ => Some(MirostatVersion::Two),
    };
    if let Some(version) = version {
        let (tau, eta) = (f64::from_bits(payload.u64()?), f64::from_bits(payload.u64()?));
        params.mirostat = Some(Mirostat { version, tau, eta });
    }
    if payload.u64()? != 0 {
        let (greenlist_ratio, bias) = (f64::from_bits(payload.u64()?), f64::from_bits(payload.u64()?));
        let hashing_key = payload.u64()? as i64;
        let seeding =
            if payload.u64()? == 0 { Seeding::LeftHash } else { Seeding::SelfHash(Table::default()) };
        let context_width = payload.u64()? as usize;
        params.watermark = Some(Watermark { greenlist_ratio, bias, hashing_key, seeding, context_width });
    }
    Ok(())
}

fn write_rules(out: &mut Vec<u8>, rules: &Rules) {
    put(out, rules.sequence_bias.len() as u64);
    for (sequence, bias) in &rules.sequence_bias {
        put_tokens(out, sequence);
        put(out, bias.to_bits().into());
    }
    put(out, rules.bad_words.len() as u64);
    rules.bad_words.iter().for_each(|word| put_tokens(out, word));
    put(out, rules.no_repeat_ngram_size as u64);
    put(out, rules.min_tokens as u64);
    for tokens in [&rules.stop_token_ids, &rules.suppress_tokens, &rules.begin_suppress_tokens] {
        put_tokens(out, tokens);
    }
    put_tokens(out, rules.allowed.as_deref().unwrap_or_default());
    for forced in [rules.forced_bos_token_id, rules.forced_eos_token_id] {
        put(out, forced.map_or(u64::MAX, u64::from));
    }
    put(out, rules.max_tokens.map_or(u64::MAX, |most| most as u64));
    put(out, u64::from(rules.dry.is_some()));
    if let Some(dry) = &rules.dry {
        put(out, dry.multiplier.to_bits());
        put(out, dry.base.to_bits());
        put(out, dry.allowed_length as u64);
        put(out, dry.last_n as u64);
        put_tokens(out, &dry.breakers);
    }
}

fn read_rules(payload: &mut Reader<'_>) -> Result<Rules, SamplingError> {
    let mut rules = Rules::default();
    for _ in 0..payload.u64()? {
        rules.sequence_bias.push((payload.tokens()?, f32::from_bits(payload.u64()? as u32)));
    }
    for _ in 0..payload.u64()? {
        rules.bad_words.push(payload.tokens()?);
    }
    rules.no_repeat_ngram_size = payload.u64()? as usize;
    rules.min_tokens = payload.u64()? as usize;
    rules.stop_token_ids = payload.tokens()?;
    rules.suppress_tokens = payload.tokens()?;
    rules.begin_suppress_tokens = payload.tokens()?;
    rules.allowed = Some(payload.tokens()?).filter(|bits| !bits.is_empty());
    rules.forced_bos_token_id = u32::try_from(payload.u64()?).ok();
    rules.forced_eos_token_id = u32::try_from(payload.u64()?).ok();
    rules.max_tokens = Some(payload.u64()?).filter(|most| *most != u64::MAX).map(|most| most as usize);
    if payload.u64()? != 0 {
        rules.dry = Some(Dry {
            multiplier: f64::from_bits(payload.u64()?),
            base: f64::from_bits(payload.u64()?),
            allowed_length: payload.u64()? as usize,
            last_n: payload.u64()? as usize,
            breakers: payload.tokens()?,
        });
    }
    Ok(rules)
}

/// The fields that are plain numbers, in the order of the format.
fn floats(params: &mut Params) -> [&mut f64; 14] {
    [
        &mut params.temperature,
        &mut params.dynatemp_range,
        &mut params.dynatemp_exponent,
        &mut params.top_n_sigma,
        &mut params.top_p,
        &mut params.min_p,
        &mut params.typical_p,
        &mut params.epsilon_cutoff,
        &mut params.eta_cutoff,
        &mut params.xtc_probability,
        &mut params.xtc_threshold,
        &mut params.repetition_penalty,
        &mut params.presence_penalty,
        &mut params.frequency_penalty,
    ]
}

fn read_slot(payload: &mut Reader<'_>) -> Result<Slot, SamplingError> {
    let params = Arc::new(read_params(payload)?);
    let (seed, step) = (payload.u64()?, payload.u64()?);
    let mu = f64::from_bits(payload.u64()?);
    if !mu.is_finite() {
        return Err(bad(&format!("mirostat stands at {mu}")));
    }
    let drawn = u32::try_from(payload.u64()?).ok();
    let surprise = f64::from_bits(payload.u64()?);
    let drawn = drawn.map(|token| (token, surprise));
    let (prompt, generated) = (payload.tokens()?, payload.tokens()?);
    Ok(Slot { params, history: History::from_tokens(&prompt, &generated), seed, step, mu, drawn })
}

fn read_params(payload: &mut Reader<'_>) -> Result<Params, SamplingError> {
    let mut params = Params::default();
    for field in floats(&mut params) {
        *field = f64::from_bits(payload.u64()?);
    }
    let top_h = payload.u64()?;
    params.top_h = (top_h != 0).then(|| f64::from_bits(top_h));
    params.top_k = payload.u64()? as usize;
    let (seeded, seed) = (payload.u64()? != 0, payload.u64()?);
    params.seed = seeded.then_some(seed);
    let steps = payload.u64()?.min(Step::ALL.len() as u64 + 1);
    let step = |place: u64| Step::ALL.get(place as usize).copied().ok_or_else(|| bad("a step is unknown"));
    params.order = (0..steps).map(|_| step(payload.u64()?)).collect::<Result<_, _>>()?;
    read_watchers(payload, &mut params)?;
    params.rules = read_rules(payload)?;
    let bias = payload.pairs()?.into_iter().map(|(token, bits)| (token, f32::from_bits(bits))).collect();
    params.logit_bias = LogitBias::new(bias)?;
    params.validate()?;
    Ok(params)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], SamplingError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or_else(|| bad("it ends too early"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn u64(&mut self) -> Result<u64, SamplingError> {
        self.take().map(u64::from_le_bytes)
    }

    /// A count and as many tokens.
    fn tokens(&mut self) -> Result<Vec<u32>, SamplingError> {
        let count = self.u64()?;
        if count > self.0.len() as u64 / 4 {
            return Err(bad("it ends too early"));
        }
        (0..count).map(|_| self.take().map(u32::from_le_bytes)).collect()
    }

    /// A count and as many pairs of 32-bit words.
    fn pairs(&mut self) -> Result<Vec<(u32, u32)>, SamplingError> {
        let count = self.u64()?;
        if count > self.0.len() as u64 / 8 {
            return Err(bad("it ends too early"));
        }
        let word = |bytes: [u8; 4]| u32::from_le_bytes(bytes);
        (0..count).map(|_| Ok((word(self.take()?), word(self.take()?)))).collect()
    }
}

/// A count and the tokens.
fn put_tokens(out: &mut Vec<u8>, tokens: &[u32]) {
    put(out, tokens.len() as u64);
    out.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
}

fn put(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn bad(reason: &str) -> SamplingError {
    SamplingError::State(reason.to_owned())
}

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler() -> Sampler {
        let logit_bias = LogitBias::new(vec![(1, f32::NEG_INFINITY), (8, 2.5)]).unwrap();
        let biased = Params {
            top_k: 5,
            seed: Some(3),
            logit_bias,
            top_h: Some(0.5),
            typical_p: 0.9,
            draw: Draw::Gumbel,
            mirostat: Some(Mirostat { version: MirostatVersion::One, tau: 3.0, eta: 0.2 }),
            watermark: Some(Watermark {
                greenlist_ratio: 0.5,
                bias: -1.5,
                hashing_key: -7,
                seeding: Seeding::SelfHash(Table::default()),
                context_width: 3,
            }),
            order: Step::ALL.into_iter().rev().collect(),
            rules: Rules {
                sequence_bias: vec![(vec![1, 2], -1.0)],
                bad_words: vec![vec![3], vec![4, 5]],
                no_repeat_ngram_size: 3,
                min_tokens: 2,
                stop_token_ids: vec![0],
                allowed: Some(vec![7, 9]),
                forced_bos_token_id: Some(1),
                max_tokens: Some(9),
                dry: Some(Dry {
                    multiplier: 0.8,
                    base: 1.75,
                    allowed_length: 2,
                    last_n: 64,
                    breakers: vec![6],
                }),
                ..Rules::default()
            },
            ..Params::default()
        };
        let mut sampler = Sampler::new([Arc::new(biased), Arc::new(Params::greedy())]).unwrap();
        sampler.reset(1, None, &[4, 9, 4]).unwrap();
        sampler.accept(&[7, 9], None).unwrap();
        sampler
    }

    #[test]
    fn a_sampler_survives_the_round_trip() {
        let sampler = sampler();
        assert_eq!(Sampler::from_bytes(&sampler.to_bytes()).unwrap(), sampler);
    }

    #[test]
    fn a_limit_that_is_no_number_is_refused() {
        let mut sampler = sampler();
        sampler.slots[0].mu = f64::NAN;
        assert!(matches!(Sampler::from_bytes(&sampler.to_bytes()), Err(SamplingError::State(_))));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let bytes = sampler().to_bytes();
        for length in 0..bytes.len() {
            assert!(Sampler::from_bytes(&bytes[..length]).is_err());
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert!(Sampler::from_bytes(&damaged).is_err(), "byte {at}");
        }
    }
}
