//! The tokens that a row has seen, counted, and what they and the logit bias do to its logits.

use crate::error::SamplingError;
use crate::logits::Values;
use crate::params::Params;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub token: u32,
    /// How often it was generated; 0 for a token that is in the prompt only.
    pub generated: u32,
}

/// Distinct tokens of the prompt and of what was generated: 8 bytes each, sorted by token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    pub(crate) entries: Vec<Entry>,
}

impl History {
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Count tokens in any order.
    pub fn from_tokens(prompt: &[u32], generated: &[u32]) -> Self {
        let entry = |generated| move |&token| Entry { token, generated };
        let mut entries: Vec<Entry> =
            prompt.iter().map(entry(0)).chain(generated.iter().map(entry(1))).collect();
        entries.sort_unstable_by_key(|entry| entry.token);
        entries.dedup_by(|next, kept| {
            let same = next.token == kept.token;
            kept.generated += if same { next.generated } else { 0 };
            same
        });
        Self { entries }
    }

    /// Add one generated token.
    pub fn push(&mut self, token: u32) {
        match self.entries.binary_search_by_key(&token, |entry| entry.token) {
            Ok(at) => self.entries[at].generated = self.entries[at].generated.saturating_add(1),
            Err(at) => self.entries.insert(at, Entry { token, generated: 1 }),
        }
    }

    /// Distinct tokens.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// (token, times generated) in order of tokens; 0 times for tokens of the prompt only.
    pub fn counts(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + '_ {
        self.entries.iter().map(|entry| (entry.token, entry.generated))
    }

    pub(crate) fn largest(&self) -> Option<u32> {
        self.entries.last().map(|entry| entry.token)
    }
}

/// A logit that differs from the one in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Patch {
    pub token: u32,
    pub value: f32,
}

/// Fill `patches` with the logits that bias and penalties change, sorted by token.
///
/// The order is that of vLLM and transformers: bias first, then repetition, frequency, presence.
pub(crate) fn patch(
    values: Values<'_>,
    params: &Params,
    history: &History,
    row: usize,
    patches: &mut Vec<Patch>,
) -> Result<(), SamplingError> {
    patches.clear();
    let vocab = values.len();
    let seen: &[Entry] = if params.uses_history() { &history.entries } else { &[] };
    let outside = |token: &u32| *token as usize >= vocab;
    if let Some(token) = params.logit_bias.as_slice().last().map(|&(token, _)| token).filter(outside) {
        return Err(SamplingError::TokenOutOfRange { what: "logit_bias", row, token, vocab });
    }
    if let Some(token) = history.largest().filter(outside) {
        return Err(SamplingError::TokenOutOfRange { what: "history", row, token, vocab });
    }
    if params.logit_bias.as_slice().is_empty() {
        patches.extend(seen.iter().map(|entry| {
            let value = penalized(values.get(entry.token as usize), params, entry.generated);
            Patch { token: entry.token, value }
        }));
        return Ok(());
    }
    let (mut bias, mut seen) = (params.logit_bias.as_slice().iter().peekable(), seen.iter().peekable());
    loop {
        let token = match (bias.peek(), seen.peek()) {
            (None, None) => return Ok(()),
            (Some(bias), None) => bias.0,
            (None, Some(entry)) => entry.token,
            (Some(bias), Some(entry)) => bias.0.min(entry.token),
        };
        let mut value = values.get(token as usize);
        if let Some((_, bias)) = bias.next_if(|bias| bias.0 == token) {
            value += bias;
        }
        if let Some(entry) = seen.next_if(|entry| entry.token == token) {
            value = penalized(value, params, entry.generated);
        }
        patches.push(Patch { token, value });
    }
}

fn penalized(value: f32, params: &Params, generated: u32) -> f32 {
    let repetition = params.repetition_penalty as f32;
    let mut value = if value < 0.0 { value * repetition } else { value / repetition };
    if generated > 0 {
        value -= params.frequency_penalty as f32 * generated as f32;
        value -= params.presence_penalty as f32;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::LogitBias;

    #[test]
    fn tokens_are_counted_whichever_way_they_arrive() {
        let at_once = History::from_tokens(&[5, 1, 5], &[7, 1, 7]);
        let mut one_by_one = History::from_tokens(&[5, 1, 5], &[]);
        for token in [7, 1, 7] {
            one_by_one.push(token);
        }
        assert_eq!(at_once, one_by_one);
        assert_eq!(at_once.counts().collect::<Vec<_>>(), [(1, 1), (5, 0), (7, 2)]);
    }

    #[test]
    fn bias_comes_before_the_penalties() {
        let logit_bias = LogitBias::new(vec![(3, -1.0), (0, 3.0)]).unwrap();
        let (repetition_penalty, frequency_penalty, presence_penalty) = (2.0, 0.5, 0.25);
        let params = Params {
            repetition_penalty,
            presence_penalty,
            frequency_penalty,
            logit_bias,
            ..Params::default()
        };
        let mut patches = Vec::new();
        let values = Values::Float32(&[1.0, -1.0, 4.0, 0.5]);
        patch(values, &params, &History::from_tokens(&[0], &[2, 3, 2]), 0, &mut patches).unwrap();
        let expected = [(0, 2.0), (2, 0.75), (3, -1.75)].map(|(token, value)| Patch { token, value });
        assert_eq!(patches, expected);
    }

    #[test]
    fn tokens_beyond_the_vocabulary_are_named() {
        let history = History::from_tokens(&[9], &[]);
        let error =
            patch(Values::Float32(&[0.0; 4]), &Params::default(), &history, 2, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "history of row 2 names token 9, but the vocabulary has 4 tokens");
    }
}
