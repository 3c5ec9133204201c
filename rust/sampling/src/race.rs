//! Drawing by a race: each token arrives after an exponential time divided by its weight, and the first one is taken. The
//! same as the largest logit after Gumbel noise is added to each, and what `torch.multinomial` does for one sample.

use crate::error::SamplingError;
use crate::kernels::BLOCK;
use crate::philox::token_uniforms;
use crate::row::{Distribution, Support, Work};
use crate::scan::Row;

/// Where the exponential times come from.
#[derive(Clone, Copy)]
pub enum Noise<'a> {
    /// The counter-based generator, keyed by seed, step and token: a token's time does not depend on the logits, so that
    /// a small change of these seldom changes what is drawn.
    Counter { seed: u64, step: u64 },
    /// One for each token.
    Given(&'a [f32]),
}

/// The token that arrives first.
pub fn race(
    row: &Row<'_>,
    distribution: &Distribution,
    work: &mut Work,
    noise: Noise<'_>,
) -> Result<u32, SamplingError> {
    let mut leader = Leader { row: row.index, noise, pair: None, best: (0, -1.0) };
    match distribution.support {
        Support::One(token) => return Ok(token),
        Support::Listed => {
            for (token, weight) in work.tokens.iter().zip(&work.weights) {
                leader.meet(*token, *weight)?;
            }
        }
        Support::Whole => {
            let mut weights = [0.0; BLOCK];
            for block in 0..row.blocks() {
                let values = row.block(block, &mut work.buffer);
                let weights = &mut weights[..values.len()];
                (row.kernels.exponentials)(values, distribution.maximum, distribution.scale, weights);
                for (token, weight) in (block * BLOCK..).zip(&*weights) {
                    leader.meet(token as u32, *weight)?;
                }
            }
        }
    }
    Ok(leader.best.0)
}

struct Leader<'a> {
    row: usize,
    noise: Noise<'a>,
    /// The last two numbers of the generator, and the pair of tokens that they belong to.
    pair: Option<(u32, [f64; 2])>,
    /// Its token, and its weight divided by its time.
    best: (u32, f64),
}

impl Leader<'_> {
    fn meet(&mut self, token: u32, weight: f32) -> Result<(), SamplingError> {
        if weight > 0.0 {
            let speed = f64::from(weight) / self.time(token)?;
            if speed > self.best.1 {
                self.best = (token, speed);
            }
        }
        Ok(())
    }

    fn time(&mut self, token: u32) -> Result<f64, SamplingError> {
        match self.noise {
            Noise::Given(noise) => match noise.get(token as usize) {
                Some(time) if *time > 0.0 => Ok(f64::from(*time)),
                found => {
                    Err(SamplingError::Noise { row: self.row, token, found: found.copied().unwrap_or(0.0) })
                }
            },
            Noise::Counter { seed, step } => {
                let pair = token / 2;
                let times = match self.pair {
                    Some((known, times)) if known == pair => times,
                    // Not 0, as a number is above 0.
                    _ => token_uniforms(seed, step, 0, pair).map(|u| -(-u).ln_1p()),
                };
                self.pair = Some((pair, times));
                Ok(times[token as usize % 2])
            }
        }
    }
}
