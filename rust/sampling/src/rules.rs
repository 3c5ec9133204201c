//! What the tokens of the past forbid, favour or demand: rules about sequences rather than about single logits.

use crate::error::SamplingError;
use crate::history::History;

/// Rules of one row, all off by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Values to add to the logit of the last token of a sequence, where the others are the last tokens.
    pub sequence_bias: Vec<(Vec<u32>, f32)>,
    /// Penalty on going on with a repetition.
    pub dry: Option<Dry>,
    /// No n-gram of this length comes twice; 0 lets them.
    pub no_repeat_ngram_size: usize,
    /// Sequences that must not come.
    pub bad_words: Vec<Vec<u32>>,
    /// Before so many tokens have been generated, none of `stop_token_ids` comes.
    pub min_tokens: usize,
    pub stop_token_ids: Vec<u32>,
    pub suppress_tokens: Vec<u32>,
    /// Not as the first generated token.
    pub begin_suppress_tokens: Vec<u32>,
    /// The only tokens that may come, one bit each from the lowest on; those beyond the end may not.
    pub allowed: Option<Vec<u32>>,
    /// The first generated token.
    pub forced_bos_token_id: Option<u32>,
    /// The generated token number `max_tokens`.
    pub forced_eos_token_id: Option<u32>,
    pub max_tokens: Option<usize>,
}

/// "Don't repeat yourself": a token that would make a repetition of `n` tokens longer, where `n` is at least
/// `allowed_length`, loses `multiplier · base^(n - allowed_length)`. As in oobabooga's text-generation-webui, and llama.cpp.
#[derive(Debug, Clone, PartialEq)]
pub struct Dry {
    pub multiplier: f64,
    pub base: f64,
    pub allowed_length: usize,
    /// How many of the last tokens are looked at; 0 is all.
    pub last_n: usize,
    /// Tokens that no repetition goes across.
    pub breakers: Vec<u32>,
}

/// The largest exponent of the base: more would leave the range of float32.
const LARGEST_EXPONENT: f64 = 50.0;

/// What a rule does to a logit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    Add(f32),
    Ban,
}

impl Change {
    /// What is added to the logit.
    pub fn added(self) -> f32 {
        match self {
            Self::Add(value) => value,
            Self::Ban => f32::NEG_INFINITY,
        }
    }
}

impl Rules {
    pub fn uses_history(&self) -> bool {
        let sequences = !self.sequence_bias.is_empty() || !self.bad_words.is_empty() || self.dry.is_some();
        let lengths = self.min_tokens > 0 || !self.begin_suppress_tokens.is_empty();
        let forced = self.forced_bos_token_id.is_some() || self.forced_eos_token_id.is_some();
        sequences || lengths || forced || self.no_repeat_ngram_size > 0
    }

    pub(crate) fn validate(&self) -> Result<(), SamplingError> {
        let error = |field, range, found| Err(SamplingError::Parameter { field, range, found });
        if self.bad_words.iter().any(Vec::is_empty) {
            return error("bad_words", "sequences of at least one token", "an empty one".to_owned());
        }
        for (sequence, bias) in &self.sequence_bias {
            if sequence.is_empty() {
                return error(
                    "sequence_bias",
                    "of sequences of at least one token",
                    "an empty one".to_owned(),
                );
            }
            if bias.is_nan() || *bias == f32::INFINITY {
                return error("sequence_bias", "finite or -inf", format!("{bias:?} for {sequence:?}"));
            }
        }
        if self.allowed.as_ref().is_some_and(|bits| bits.iter().all(|word| *word == 0)) {
            return error("allowed_token_ids", "at least one token", "none".to_owned());
        }
        if self.min_tokens > 0 && self.stop_token_ids.is_empty() {
            return error("stop_token_ids", "given with min_tokens", "none".to_owned());
        }
        if self.forced_eos_token_id.is_some() && self.max_tokens.is_none() {
            return error("max_tokens", "given with forced_eos_token_id", "none".to_owned());
        }
        let Some(dry) = &self.dry else { return Ok(()) };
        if !(dry.multiplier >= 0.0 && dry.multiplier.is_finite()) {
            return error("dry_multiplier", "finite and at least 0", format!("{:?}", dry.multiplier));
        }
        if !(dry.base >= 1.0 && dry.base.is_finite()) {
            return error("dry_base", "finite and at least 1", format!("{:?}", dry.base));
        }
        Ok(())
    }

    /// The token that must come, if one must.
    pub fn forced(&self, history: &History) -> Option<u32> {
        let generated = history.generated().len();
        let first = self.forced_bos_token_id.filter(|_| generated == 0);
        let last = || self.forced_eos_token_id.filter(|_| self.max_tokens == Some(generated + 1));
        first.or_else(last)
    }

    /// Bias of sequences that the history begins: added before the penalties.
    pub fn biases(&self, history: &History, each: &mut impl FnMut(u32, f32)) {
        for (sequence, bias) in &self.sequence_bias {
            if let Some((last, before)) = sequence.split_last()
                && history.tokens().ends_with(before)
            {
                each(*last, *bias);
            }
        }
    }

    /// What comes after the penalties.
    pub fn changes(&self, history: &History, each: &mut impl FnMut(u32, Change)) {
        let (tokens, generated) = (history.tokens(), history.generated().len());
        if let Some(dry) = &self.dry {
            dry.penalties(tokens, &mut |token, penalty| each(token, Change::Add(-penalty)));
        }
        let mut ban = |token: u32| each(token, Change::Ban);
        if let Some(before) = self.no_repeat_ngram_size.checked_sub(1)
            && before < tokens.len()
        {
            let last = &tokens[tokens.len() - before..];
            let places = tokens.windows(before + 1).filter(|window| window[..before] == *last);
            places.for_each(|window| ban(window[before]));
        }
        for word in &self.bad_words {
            if let Some((last, before)) = word.split_last()
                && tokens.ends_with(before)
            {
                ban(*last);
            }
        }
        if generated < self.min_tokens {
            self.stop_token_ids.iter().copied().for_each(&mut ban);
        }
        self.suppress_tokens.iter().copied().for_each(&mut ban);
        if generated == 0 {
            self.begin_suppress_tokens.iter().copied().for_each(&mut ban);
        }
    }
}

impl Dry {
    /// The penalty of each token that would go on with a repetition; of a token that has several, all are named.
    fn penalties(&self, tokens: &[u32], each: &mut impl FnMut(u32, f32)) {
        let from = if self.last_n == 0 { 0 } else { tokens.len().saturating_sub(self.last_n) };
        let tokens = &tokens[from..];
        let breaks = |token: &u32| self.breakers.contains(token);
        let reach = tokens.iter().rev().take_while(|token| !breaks(token)).count();
        let backwards: Vec<u32> = tokens.iter().rev().copied().collect();
        let mut longest: Vec<(u32, usize)> = Vec::new();
        for (at, common) in common_beginnings(&backwards).into_iter().enumerate().skip(1) {
            let (next, length) = (backwards[at - 1], common.min(reach));
            if length >= self.allowed_length.max(1) && !breaks(&next) {
                longest.push((next, length));
            }
        }
        longest.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        longest.dedup_by_key(|(token, _)| *token);
        for (token, length) in longest {
            let exponent = ((length - self.allowed_length) as f64).min(LARGEST_EXPONENT);
            let penalty = self.multiplier * self.base.powf(exponent);
            each(token, (penalty as f32).min(f32::MAX));
        }
    }
}

/// How many tokens the list from each place on has in common with the whole list (the Z function; linear time).
fn common_beginnings(list: &[u32]) -> Vec<usize> {
    let mut common = vec![0; list.len()];
    let (mut left, mut right) = (0, 0);
    for at in 1..list.len() {
        let mut length = if at < right { common[at - left].min(right - at) } else { 0 };
        while at + length < list.len() && list[length] == list[at + length] {
            length += 1;
        }
        common[at] = length;
        if at + length > right {
            (left, right) = (at, at + length);
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dry(breakers: &[u32]) -> Dry {
        Dry { multiplier: 0.8, base: 1.75, allowed_length: 2, last_n: 0, breakers: breakers.to_vec() }
    }

    /// By the definition: for each earlier place of the last token, the tokens before it are compared one by one.
    fn plain(dry: &Dry, tokens: &[u32]) -> Vec<(u32, usize)> {
        let mut found = std::collections::BTreeMap::new();
        let end = tokens.len();
        for at in 0..end.saturating_sub(1) {
            let mut length = 0;
            while length <= at
                && tokens[at - length] == tokens[end - 1 - length]
                && !dry.breakers.contains(&tokens[end - 1 - length])
            {
                length += 1;
            }
            if length >= dry.allowed_length && !dry.breakers.contains(&tokens[at + 1]) {
                let longest = found.entry(tokens[at + 1]).or_insert(0);
                *longest = length.max(*longest);
            }
        }
        found.into_iter().collect()
    }

    proptest! {
        #[test]
        fn repetitions_are_those_of_the_definition(
            tokens in prop::collection::vec(0u32..4, 0..60), breaker in 0u32..6,
        ) {
            let dry = dry(&[breaker]);
            let mut found = Vec::new();
            dry.penalties(&tokens, &mut |token, penalty| found.push((token, penalty)));
            let expected = plain(&dry, &tokens).into_iter().map(|(token, length)| {
                (token, (0.8 * 1.75f64.powi((length - 2).min(50) as i32)) as f32)
            });
            prop_assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_past_forbids_what_would_repeat_it() {
        let rules = Rules {
            no_repeat_ngram_size: 3,
            bad_words: vec![vec![9], vec![1, 2, 5], vec![2, 2, 7]],
            min_tokens: 2,
            stop_token_ids: vec![11],
            begin_suppress_tokens: vec![12],
            ..Rules::default()
        };
        let banned = |prompt: &[u32], generated: &[u32]| {
            let mut banned = Vec::new();
            rules.changes(&History::from_tokens(prompt, generated), &mut |token, _| banned.push(token));
            banned
        };
        assert_eq!(banned(&[1, 2, 3, 4, 1, 2], &[]), [3, 9, 5, 11, 12]);
        assert_eq!(banned(&[1, 2], &[2, 2]), [2, 9, 7]);
        assert_eq!(banned(&[], &[]), [9, 11, 12]);
    }

    #[test]
    fn tokens_are_forced_at_the_first_and_the_last_place() {
        let rules = Rules {
            forced_bos_token_id: Some(5),
            forced_eos_token_id: Some(2),
            max_tokens: Some(3),
            ..Rules::default()
        };
        let forced = |generated: &[u32]| rules.forced(&History::from_tokens(&[1], generated));
        assert_eq!([forced(&[]), forced(&[5]), forced(&[5, 7])], [Some(5), None, Some(2)]);
    }

    #[test]
    fn rules_that_make_no_sense_are_named() {
        let message = |rules: Rules| rules.validate().unwrap_err().to_string();
        let bad = |bad_words| Rules { bad_words, ..Rules::default() };
        assert_eq!(
            message(bad(vec![vec![]])),
            "bad_words must be sequences of at least one token, found an empty one"
        );
        let forced = Rules { forced_eos_token_id: Some(1), ..Rules::default() };
        assert_eq!(message(forced), "max_tokens must be given with forced_eos_token_id, found none");
        let early = Rules { min_tokens: 3, ..Rules::default() };
        assert_eq!(message(early), "stop_token_ids must be given with min_tokens, found none");
        let none = Rules { allowed: Some(vec![0, 0]), ..Rules::default() };
        assert_eq!(message(none), "allowed_token_ids must be at least one token, found none");
    }
}
