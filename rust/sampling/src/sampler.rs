//! Sampling with memory: parameters, counted history, seed and step for each row of a running batch.

use std::sync::Arc;

use ferrolm_base::Cancel;

use crate::batch::{Drawn, LogProbs, RowInput, check_batch, sample};
use crate::error::SamplingError;
use crate::history::History;
use crate::logits::Logits;
use crate::params::Params;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    pub params: Arc<Params>,
    pub history: History,
    pub seed: u64,
    /// Tokens accepted so far.
    pub step: u64,
    /// Where mirostat stands.
    pub mu: f64,
    /// The token that was drawn last and has not been accepted yet, and the bits it carried; for mirostat.
    pub drawn: Option<(u32, f64)>,
}

impl Slot {
    /// With the seed of the parameters, or a new one from the operating system if they have none.
    fn new(params: Arc<Params>, history: History) -> Result<Self, SamplingError> {
        let seed = params.seed.map_or_else(entropy, Ok)?;
        let mu = params.mirostat.map_or(0.0, |mirostat| mirostat.first_mu());
        Ok(Self { params, history, seed, step: 0, mu, drawn: None })
    }

    fn accept(&mut self, token: u32) {
        let drawn = self.drawn.take().filter(|(drawn, _)| *drawn == token);
        if let (Some(mirostat), Some((_, surprise))) = (self.params.mirostat, drawn) {
            self.mu = mirostat.next_mu(self.mu, surprise);
        }
        self.history.push(token);
        self.step += 1;
    }
}

/// One slot for each row. Drawing changes nothing: a token counts once it is [accepted](Sampler::accept).
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    pub(crate) slots: Vec<Slot>,
}

impl Sampler {
    /// A row for each params, with no history.
    pub fn new(params: impl IntoIterator<Item = Arc<Params>>) -> Result<Self, SamplingError> {
        let slots = params.into_iter().map(|params| Slot::new(params, History::new()));
        Ok(Self { slots: slots.collect::<Result<_, _>>()? })
    }

    pub fn rows(&self) -> usize {
        self.slots.len()
    }

    /// What row `row` draws with.
    pub fn row(&self, row: usize) -> Result<RowInput<'_>, SamplingError> {
        let slot = self.slots.get(row).ok_or(SamplingError::NoSuchRow { row, rows: self.slots.len() })?;
        let Slot { params, history, seed, step, mu, .. } = slot;
        Ok(RowInput { seed: *seed, step: *step, mu: Some(*mu), ..RowInput::new(params, history) })
    }

    /// Draw a token for each of `rows` (all rows if None), without accepting it; `masks` and `noise` are those of
    /// [`RowInput`].
    pub fn sample(
        &self,
        logits: &Logits<'_>,
        rows: Option<&[usize]>,
        masks: Option<&[&[u32]]>,
        noise: Option<&[&[f32]]>,
        logprobs: LogProbs,
        cancel: &Cancel,
    ) -> Result<Vec<Drawn>, SamplingError> {
        let mut inputs: Vec<_> = match rows {
            Some(rows) => rows.iter().map(|row| self.row(*row)).collect::<Result<_, _>>()?,
            None => (0..self.rows()).map(|row| self.row(row)).collect::<Result<_, _>>()?,
        };
        check_batch("the sampler", inputs.len(), logits.batch())?;
        if let Some(masks) = masks {
            check_batch("mask", masks.len(), logits.batch())?;
            inputs.iter_mut().zip(masks).for_each(|(input, mask)| input.mask = Some(mask));
        }
        if let Some(noise) = noise {
            check_batch("noise", noise.len(), logits.batch())?;
            inputs.iter_mut().zip(noise).for_each(|(input, noise)| input.noise = Some(noise));
        }
        sample(logits, &inputs, logprobs, cancel)
    }

    /// Whether [`note`](Self::note) has something to keep: a row follows how surprising its tokens are.
    pub fn takes_notes(&self) -> bool {
        self.slots.iter().any(|slot| slot.params.mirostat.is_some())
    }

    /// Keep what was drawn for `rows` (all rows if None) until it is accepted.
    pub fn note(&mut self, drawn: &[Drawn], rows: Option<&[usize]>) {
        for (at, drawn) in drawn.iter().enumerate() {
            let row = rows.map_or(Some(at), |rows| rows.get(at).copied());
            if let Some(slot) = row.and_then(|row| self.slots.get_mut(row)) {
                slot.drawn = Some((drawn.token, drawn.surprise));
            }
        }
    }

    /// Count one token for each of `rows` (all rows if None) and step on.
    pub fn accept(&mut self, tokens: &[u32], rows: Option<&[usize]>) -> Result<(), SamplingError> {
        let count = self.rows();
        check_batch("tokens", tokens.len(), rows.map_or(count, <[usize]>::len))?;
        if let Some(row) = rows.into_iter().flatten().copied().find(|row| *row >= count) {
            return Err(SamplingError::NoSuchRow { row, rows: count });
        }
        for (at, token) in tokens.iter().enumerate() {
            self.slots[rows.map_or(at, |rows| rows[at])].accept(*token);
        }
        Ok(())
    }

    /// Start row `row` anew, with other parameters if given: no history but `prompt`, step 0, and the seed of the
    /// parameters (a new one from the operating system if they have none).
    pub fn reset(
        &mut self,
        row: usize,
        params: Option<Arc<Params>>,
        prompt: &[u32],
    ) -> Result<(), SamplingError> {
        let rows = self.rows();
        let slot = self.slots.get_mut(row).ok_or(SamplingError::NoSuchRow { row, rows })?;
        let params = params.unwrap_or_else(|| Arc::clone(&slot.params));
        *slot = Slot::new(params, History::from_tokens(prompt, &[]))?;
        Ok(())
    }
}

/// A seed from the operating system.
pub fn entropy() -> Result<u64, SamplingError> {
    getrandom::u64().map_err(|error| SamplingError::Entropy(error.to_string()))
}
