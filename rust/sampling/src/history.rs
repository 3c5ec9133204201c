//! The tokens that a row has seen, counted, and what they and the logit bias do to its logits.

use crate::error::SamplingError;
use crate::logits::Values;
use crate::params::Params;
use crate::rules::Change;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub token: u32,
    /// How often it was generated; 0 for a token that is in the prompt only.
    pub generated: u32,
}

/// The tokens of the prompt and of what was generated: 4 bytes each in their order, and 8 for each distinct one, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    entries: Vec<Entry>,
    tokens: Vec<u32>,
    /// How many of them are the prompt.
    prompt: usize,
}

impl History {
    pub const fn new() -> Self {
        Self { entries: Vec::new(), tokens: Vec::new(), prompt: 0 }
    }

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
        Self { entries, tokens: [prompt, generated].concat(), prompt: prompt.len() }
    }

    /// All tokens in their order.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    pub fn prompt(&self) -> &[u32] {
        &self.tokens[..self.prompt]
    }

    pub fn generated(&self) -> &[u32] {
        &self.tokens[self.prompt..]
    }

    /// Add one generated token.
    pub fn push(&mut self, token: u32) {
        self.tokens.push(token);
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

/// Fill `patches` with the logits that bias, penalties and rules change, sorted by token.
///
/// The order is that of vLLM and transformers: bias first, then repetition, frequency, presence, then the other rules.
pub(crate) fn patch(
    values: Values<'_>,
    params: &Params,
    history: &History,
    row: usize,
    patches: &mut Vec<Patch>,
) -> Result<(), SamplingError> {
    let value = |token: u32| values.get(token as usize);
    patch_values((values.len(), &value), params, history, row, patches)
}

/// [`patch`] for values that are computed from logits.
pub(crate) fn patch_values(
    (vocab, values): (usize, &impl Fn(u32) -> f32),
    params: &Params,
    history: &History,
    row: usize,
    patches: &mut Vec<Patch>,
) -> Result<(), SamplingError> {
    penalize((vocab, values), params, history, row, patches)?;
    let mut changes = Vec::new();
    params.rules.changes(history, &mut |token, change| changes.push((token, change)));
    check_tokens("a rule", row, changes.iter().map(|(token, _)| *token), vocab)?;
    if !changes.is_empty() {
        changes.sort_unstable_by_key(|(token, _)| *token);
        *patches = changed(values, patches, &changes);
    }
    Ok(())
}

/// The patches with the sorted changes made to them, or to the logits where there is none.
fn changed(values: &impl Fn(u32) -> f32, patches: &[Patch], changes: &[(u32, Change)]) -> Vec<Patch> {
    let mut merged = Vec::with_capacity(patches.len() + changes.len());
    let mut patches = patches.iter().copied().peekable();
    for group in changes.chunk_by(|a, b| a.0 == b.0) {
        let token = group[0].0;
        while let Some(patch) = patches.next_if(|patch| patch.token < token) {
            merged.push(patch);
        }
        let before = patches.next_if(|patch| patch.token == token);
        let value = before.map_or_else(|| values(token), |patch| patch.value);
        let value = group.iter().fold(value, |value, (_, change)| value + change.added());
        merged.push(Patch { token, value });
    }
    merged.extend(patches);
    merged
}

/// The bias of single tokens with that of sequences whose beginnings have come, sorted, each token once.
fn all_biases(params: &Params, history: &History) -> Vec<(u32, f32)> {
    let mut all = params.logit_bias.as_slice().to_vec();
    params.rules.biases(history, &mut |token, bias| all.push((token, bias)));
    all.sort_by_key(|(token, _)| *token);
    all.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0.0 };
        same
    });
    all
}

pub(crate) fn check_tokens(
    what: &'static str,
    row: usize,
    mut tokens: impl Iterator<Item = u32>,
    vocab: usize,
) -> Result<(), SamplingError> {
    match tokens.find(|token| *token as usize >= vocab) {
        Some(token) => Err(SamplingError::TokenOutOfRange { what, row, token, vocab }),
        None => Ok(()),
    }
}

fn penalize(
    (vocab, values): (usize, &impl Fn(u32) -> f32),
    params: &Params,
    history: &History,
    row: usize,
    patches: &mut Vec<Patch>,
) -> Result<(), SamplingError> {
    patches.clear();
    let seen: &[Entry] = if params.penalizes() { &history.entries } else { &[] };
    let merged;
    let bias = if params.rules.sequence_bias.is_empty() {
        params.logit_bias.as_slice()
    } else {
        merged = all_biases(params, history);
        &merged
    };
    check_tokens("logit_bias", row, bias.last().map(|&(token, _)| token).into_iter(), vocab)?;
    check_tokens("history", row, history.largest().into_iter(), vocab)?;
    if bias.is_empty() {
        patches.extend(seen.iter().map(|entry| {
            let value = penalized(values(entry.token), params, entry.generated);
            Patch { token: entry.token, value }
        }));
        return Ok(());
    }
    let (mut bias, mut seen) = (bias.iter().peekable(), seen.iter().peekable());
    loop {
        let token = match (bias.peek(), seen.peek()) {
            (None, None) => return Ok(()),
            (Some(bias), None) => bias.0,
            (None, Some(entry)) => entry.token,
            (Some(bias), Some(entry)) => bias.0.min(entry.token),
        };
        let mut value = values(token);
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
    use crate::rules::Rules;

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
    fn rules_come_after_the_penalties_and_bias_of_sequences_before() {
        let rules = Rules {
            sequence_bias: vec![(vec![2, 0], 3.0), (vec![3, 0], 9.0), (vec![1], 1.0)],
            bad_words: vec![vec![2, 3]],
            no_repeat_ngram_size: 2,
            ..Rules::default()
        };
        let params = Params { repetition_penalty: 2.0, rules, ..Params::default() };
        let mut patches = Vec::new();
        let history = History::from_tokens(&[2, 2], &[0, 2]);
        patch(Values::Float32(&[1.0, 1.0, 1.0, 1.0]), &params, &history, 0, &mut patches).unwrap();
        let banned = f32::NEG_INFINITY;
        let expected = [(0, banned), (1, 2.0), (2, banned), (3, banned)];
        assert_eq!(patches, expected.map(|(token, value)| Patch { token, value }));
    }

    #[test]
    fn tokens_beyond_the_vocabulary_are_named() {
        let history = History::from_tokens(&[9], &[]);
        let error =
            patch(Values::Float32(&[0.0; 4]), &Params::default(), &history, 2, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "history of row 2 names token 9, but the vocabulary has 4 tokens");
    }
}
