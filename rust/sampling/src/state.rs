//! A sampler as bytes: magic, version, length, payload, checksum; little endian.

use std::sync::Arc;

use crate::error::SamplingError;
use crate::history::{Entry, History};
use crate::params::{LogitBias, Params};
use crate::sampler::{Sampler, Slot};

const MAGIC: &[u8; 8] = b"FLMSAMPL";
const VERSION: u32 = 1;

impl Sampler {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        put(&mut payload, self.slots.len() as u64);
        for slot in &self.slots {
            write_params(&mut payload, &slot.params);
            put(&mut payload, slot.seed);
            put(&mut payload, slot.step);
            put(&mut payload, slot.history.entries.len() as u64);
            for entry in &slot.history.entries {
                payload.extend_from_slice(&entry.token.to_le_bytes());
                payload.extend_from_slice(&entry.generated.to_le_bytes());
            }
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
    let Params { temperature, top_k, top_p, min_p, .. } = *params;
    let Params { repetition_penalty, presence_penalty, frequency_penalty, .. } = *params;
    for value in [temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty] {
        put(out, value.to_bits());
    }
    put(out, top_k as u64);
    put(out, u64::from(params.seed.is_some()));
    put(out, params.seed.unwrap_or_default());
    let bias = params.logit_bias.as_slice();
    put(out, bias.len() as u64);
    for (token, bias) in bias {
        out.extend_from_slice(&token.to_le_bytes());
        out.extend_from_slice(&bias.to_bits().to_le_bytes());
    }
}

fn read_slot(payload: &mut Reader<'_>) -> Result<Slot, SamplingError> {
    let params = Arc::new(read_params(payload)?);
    let (seed, step) = (payload.u64()?, payload.u64()?);
    let entries: Vec<_> =
        payload.pairs()?.into_iter().map(|(token, generated)| Entry { token, generated }).collect();
    if !entries.is_sorted_by(|a, b| a.token < b.token) {
        return Err(bad("a history is not sorted"));
    }
    Ok(Slot { params, history: History { entries }, seed, step })
}

fn read_params(payload: &mut Reader<'_>) -> Result<Params, SamplingError> {
    let mut float = || payload.u64().map(f64::from_bits);
    let (temperature, top_p, min_p) = (float()?, float()?, float()?);
    let (repetition_penalty, presence_penalty, frequency_penalty) = (float()?, float()?, float()?);
    let (top_k, seeded, seed) = (payload.u64()? as usize, payload.u64()? != 0, payload.u64()?);
    let bias = payload.pairs()?.into_iter().map(|(token, bits)| (token, f32::from_bits(bits))).collect();
    let params = Params {
        temperature,
        top_k,
        top_p,
        min_p,
        repetition_penalty,
        presence_penalty,
        frequency_penalty,
        logit_bias: LogitBias::new(bias)?,
        seed: seeded.then_some(seed),
    };
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
        let biased = Params { top_k: 5, seed: Some(3), logit_bias, ..Params::default() };
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
