//! Candidates of beam search: the best continuations of all beams of a batch entry, without sorting a vocabulary.
//!
//! A row is read once, for its log-sum and the maxima of its blocks; the count-th largest of these bounds what can be a
//! candidate, and so does the worst candidate of the beams before, so that only a few blocks are read again.
//!
//! Scores are those of transformers: bias, penalties and rules act on the log-softmax of the logits, which is not normalised
//! again; then the beam's own score is added. All in float32, so that equal scores are ties for the caller as well.
//!
//! Sources: Vijayakumar et al., "Diverse beam search", AAAI 2018; Kool et al., "Stochastic beams and where to find them",
//! ICML 2019 (Gumbel-top-k).

use std::cmp::Ordering;
use std::f32::consts::LOG2_E;

use ferrolm_base::{Cancel, pool, simd};
use rayon::prelude::*;

use crate::arch::kernels;
use crate::batch::{RowInput, check_batch, pays, with_scratch};
use crate::error::SamplingError;
use crate::history::{Patch, check_tokens, patch_values};
use crate::kernels::{BLOCK, Kernels};
use crate::logits::{Logits, Values};
use crate::philox::token_uniforms;
use crate::row::{Scratch, Work};
use crate::scan::Row;
use crate::select::kth_largest;

/// What belongs to the beams of a batch; their rows follow each other, those of one entry together.
#[derive(Debug, Clone, Copy)]
pub struct Beams<'a> {
    /// The sum of log-probabilities of each row; rows at -inf are not read.
    pub scores: &'a [f32],
    /// Rows of a batch entry.
    pub beams: usize,
    /// Candidates of a batch entry.
    pub count: usize,
    /// For each batch entry the tokens that other groups have taken at this step.
    pub penalized: Option<&'a [&'a [u32]]>,
    /// Subtracted once for each time a token was taken.
    pub diversity_penalty: f32,
    /// Seed and step of each batch entry: candidates are drawn without replacement; None takes the best.
    pub draws: Option<&'a [(u64, u64)]>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Of the beam and the token together.
    pub score: f32,
    pub beam: usize,
    pub token: u32,
}

impl Candidate {
    /// Stands where there are fewer candidates than were asked for.
    pub const NONE: Self = Self { score: f32::NEG_INFINITY, beam: 0, token: 0 };
}

/// The `count` best candidates of each batch entry one after the other, the best first, of equals the lower beam and token.
/// If they are drawn, in the order of the draws. Temperature, filters and seeds of the parameters do not matter.
pub fn beam_candidates(
    logits: &Logits<'_>,
    rows: &[RowInput<'_>],
    beams: &Beams<'_>,
    cancel: &Cancel,
) -> Result<Vec<Candidate>, SamplingError> {
    let kernels = kernels(simd::level());
    let batch = beams.check(logits.batch())?;
    check_batch("params", rows.len(), logits.batch())?;
    let mut best: Vec<Best> = (0..batch).map(|_| Best::new(beams.count)).collect();
    let one = |at: usize, best: &mut Best| {
        cancel.check()?;
        with_scratch(|scratch| collect(&kernels, (at, logits.rows()[at]), &rows[at], beams, best, scratch))
    };
    if pays(logits) {
        let row = |at| {
            let mut best = Best::new(beams.count);
            one(at, &mut best).map(|()| best)
        };
        let results: Vec<_> = pool::install(|| (0..logits.batch()).into_par_iter().map(row).collect());
        for (at, result) in results.into_iter().enumerate() {
            best[at / beams.beams].found.extend(result?.found);
        }
    } else {
        (0..logits.batch()).try_for_each(|at| one(at, &mut best[at / beams.beams]))?;
    }
    Ok(best.into_iter().flat_map(Best::candidates).collect())
}

impl Beams<'_> {
    /// The number of batch entries.
    fn check(&self, rows: usize) -> Result<usize, SamplingError> {
        check_batch("scores", self.scores.len(), rows)?;
        let batch = rows / self.beams.max(1);
        check_batch("beams", batch * self.beams, rows)?;
        check_batch("penalized", self.penalized.map_or(batch, <[_]>::len), batch)?;
        check_batch("seeds", self.draws.map_or(batch, <[_]>::len), batch)?;
        if self.count == 0 {
            let (field, range, found) = ("count", "at least 1", "0".to_owned());
            return Err(SamplingError::Parameter { field, range, found });
        }
        if !(self.diversity_penalty >= 0.0 && self.diversity_penalty.is_finite()) {
            let (field, range) = ("diversity_penalty", "finite and at least 0");
            return Err(SamplingError::Parameter {
                field,
                range,
                found: format!("{:?}", self.diversity_penalty),
            });
        }
        match self.scores.iter().position(|score| score.is_nan() || *score == f32::INFINITY) {
            Some(at) => {
                let (entry, beam) = (at / self.beams, at % self.beams);
                Err(SamplingError::Score { entry, beam, found: self.scores[at] })
            }
            None => Ok(batch),
        }
    }
}

/// Add what one row can contribute to the candidates of its batch entry.
fn collect(
    kernels: &Kernels,
    (at, values): (usize, Values<'_>),
    input: &RowInput<'_>,
    beams: &Beams<'_>,
    best: &mut Best,
    Scratch { patches, work }: &mut Scratch,
) -> Result<(), SamplingError> {
    let (entry, vocab) = (at / beams.beams, values.len());
    let score = beams.scores[at];
    if score == f32::NEG_INFINITY {
        return Ok(());
    }
    let noise = beams.draws.map(|draws| draws[entry]);
    let mut line = Line { score, beam: at % beams.beams, log_sum: 0.0, noise };
    let raw = Row { index: at, values, patches: &[], masks: [None; 2], kernels };
    line.log_sum = log_sum(&raw, work)?;
    let penalized = beams.penalized.map_or(&[][..], |penalized| penalized[entry]);
    check_tokens("penalized", entry, penalized.iter().copied(), vocab)?;
    let taken = |token: u32| penalized.iter().filter(|other| **other == token).count() as f32;
    let rules = &input.params.rules;
    if let Some(token) = rules.forced(input.history) {
        check_tokens("a rule", at, std::iter::once(token), vocab)?;
        // Certain, as transformers has it.
        best.push(line.found(-beams.diversity_penalty * taken(token), token));
        return Ok(());
    }
    let value = |token: u32| line.log_probability(values.get(token as usize));
    patch_values((vocab, &value), input.params, input.history, at, patches)?;
    penalize(patches, penalized, beams.diversity_penalty, &value);
    let masks = [rules.allowed.as_deref(), input.mask];
    let allowed = |token: u32| masks.iter().flatten().all(|mask| bit(mask, token));
    for patch in patches.iter_mut() {
        if allowed(patch.token) {
            best.push(line.found(patch.value, patch.token));
        }
        patch.value = f32::NEG_INFINITY;
    }
    let rest = Row { patches, masks, ..raw };
    if !update_maxima(&rest, work)? {
        return Ok(());
    }
    match noise {
        None => line.take_best(&rest, work, best),
        Some(noise) => line.take_drawn(&rest, noise, work, best),
    }
    best.prune();
    Ok(())
}

/// Natural logarithm of the sum of exponentials; leaves the maxima of blocks in `work`.
fn log_sum(row: &Row<'_>, work: &mut Work) -> Result<f64, SamplingError> {
    let Work { maxima, sums, buffer, .. } = work;
    let maximum = row.scan_sums(LOG2_E, maxima, sums, buffer)?;
    let mass = work.weigh_blocks(row.kernels, maximum, LOG2_E);
    Ok(f64::from(maximum) + mass.ln())
}

/// Subtract the penalty for each time a token was taken.
fn penalize(patches: &mut Vec<Patch>, taken: &[u32], penalty: f32, value: &impl Fn(u32) -> f32) {
    if penalty == 0.0 {
        return;
    }
    for token in taken.iter().copied() {
        let place = patches.binary_search_by_key(&token, |patch| patch.token);
        let at = place.unwrap_or_else(|at| {
            patches.insert(at, Patch { token, value: value(token) });
            at
        });
        patches[at].value -= penalty;
    }
}

fn bit(mask: &[u32], token: u32) -> bool {
    mask.get(token as usize / 32).is_some_and(|word| word >> (token % 32) & 1 == 1)
}

/// Bring the maxima of blocks up to date with patches and masks; false if nothing is left.
fn update_maxima(row: &Row<'_>, work: &mut Work) -> Result<bool, SamplingError> {
    if row.masks.iter().any(Option::is_some) {
        return match row.scan_maxima(&mut work.maxima, &mut work.buffer) {
            Err(SamplingError::NothingLeft { .. }) => Ok(false),
            result => result.map(|_| true),
        };
    }
    for group in row.patches.chunk_by(|a, b| a.token as usize / BLOCK == b.token as usize / BLOCK) {
        let block = group[0].token as usize / BLOCK;
        let values = row.block(block, &mut work.buffer);
        work.maxima[block] = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    }
    Ok(true)
}

/// From the logits of one row to scores.
struct Line {
    score: f32,
    beam: usize,
    log_sum: f64,
    noise: Option<(u64, u64)>,
}

impl Line {
    fn log_probability(&self, logit: f32) -> f32 {
        (f64::from(logit) - self.log_sum) as f32
    }

    /// A token with its log-probability.
    fn found(&self, logprob: f32, token: u32) -> Found {
        let noise =
            |(seed, step)| token_uniforms(seed, step, self.beam as u32, token / 2)[token as usize % 2];
        self.perturbed(logprob, token, self.noise.map(noise))
    }

    /// The same with its uniform number, whose Gumbel noise is added to the key.
    fn perturbed(&self, logprob: f32, token: u32, u: Option<f64>) -> Found {
        let score = self.score + logprob;
        let key = f64::from(score) + u.map_or(0.0, |u| -(-(-u).ln_1p()).ln());
        Found { key, candidate: Candidate { score, beam: self.beam, token } }
    }

    /// A logit below which no score reaches `score`.
    fn bound(&self, score: f64) -> f32 {
        let parts = [score, f64::from(self.score), self.log_sum];
        // Rounding of two operations in float32, and of this one.
        let margin = parts.iter().map(|part| part.abs()).sum::<f64>() * 4.0 * f64::from(f32::EPSILON);
        ((score - f64::from(self.score) + self.log_sum - margin) as f32).next_down().max(f32::MIN)
    }

    fn take_best(&self, row: &Row<'_>, work: &mut Work, best: &mut Best) {
        // So many blocks have a logit from this one on.
        let kth = (best.count <= work.maxima.len())
            .then(|| kth_largest(&work.maxima, best.count, &mut work.order))
            .flatten();
        let score = kth.map_or(f32::NEG_INFINITY, |kth| self.score + self.log_probability(kth));
        work.list(row, self.bound(f64::from(score).max(best.floor)));
        for (logit, token) in work.values.iter().zip(&work.tokens) {
            best.push(self.found(self.log_probability(*logit), *token));
        }
    }

    fn take_drawn(&self, row: &Row<'_>, (seed, step): (u64, u64), work: &mut Work, best: &mut Best) {
        for block in 0..work.maxima.len() {
            let top = f64::from(self.score + self.log_probability(work.maxima[block]));
            // From this number on, not even the largest logit of the block is drawn early enough.
            let latest = -(-((top - best.floor).exp() * (1.0 + 1e-9))).exp_m1();
            if latest <= 0.0 {
                continue;
            }
            let values = row.block(block, &mut work.buffer);
            for (logits, pair) in values.chunks(2).zip((block * BLOCK / 2) as u32..) {
                let numbers = token_uniforms(seed, step, self.beam as u32, pair);
                for ((logit, u), token) in logits.iter().zip(numbers).zip(2 * pair..) {
                    if u <= latest {
                        best.push(self.perturbed(self.log_probability(*logit), token, Some(u)));
                    }
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Found {
    /// What decides: the score, with noise if candidates are drawn.
    key: f64,
    candidate: Candidate,
}

/// The best so far, in any order, and some that have not been dropped yet.
struct Best {
    found: Vec<Found>,
    count: usize,
    /// The key that a candidate needs at least.
    floor: f64,
}

impl Best {
    fn new(count: usize) -> Self {
        Self { found: Vec::new(), count, floor: f64::NEG_INFINITY }
    }

    fn push(&mut self, found: Found) {
        if found.candidate.score == f32::NEG_INFINITY || found.key < self.floor {
            return;
        }
        self.found.push(found);
        if self.found.len() >= self.count.saturating_mul(2).saturating_add(BLOCK) {
            self.prune();
        }
    }

    fn prune(&mut self) {
        if self.found.len() > self.count {
            self.found.select_nth_unstable_by(self.count, better);
            self.found.truncate(self.count);
        }
        if self.found.len() == self.count {
            self.floor = self.found.iter().fold(f64::INFINITY, |floor, found| floor.min(found.key));
        }
    }

    /// Exactly `count`, the best first.
    fn candidates(mut self) -> impl Iterator<Item = Candidate> {
        self.prune();
        self.found.sort_unstable_by(better);
        self.found
            .into_iter()
            .map(|found| found.candidate)
            .chain(std::iter::repeat(Candidate::NONE))
            .take(self.count)
    }
}

/// The larger key first, then the lower beam and token; zeros of both signs are equal.
fn better(a: &Found, b: &Found) -> Ordering {
    let place = |found: &Found| (found.candidate.beam, found.candidate.token);
    (b.key + 0.0).total_cmp(&(a.key + 0.0)).then_with(|| place(a).cmp(&place(b)))
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;
    use crate::history::History;
    use crate::params::Params;
    use crate::rules::Rules;

    fn of_rows(
        rows: &[Vec<f32>],
        input: RowInput<'_>,
        beams: &Beams<'_>,
    ) -> Result<Vec<Candidate>, SamplingError> {
        let values = rows.iter().map(|row| Values::Float32(row)).collect();
        let logits = Logits::new(values, rows[0].len()).unwrap();
        beam_candidates(&logits, &vec![input; rows.len()], beams, &NEVER)
    }

    fn plain<'a>(params: &'a Params, history: &'a History) -> RowInput<'a> {
        RowInput::new(params, history)
    }

    /// In float64, without bounds: score, beam and token of everything above -inf.
    fn all_scores(
        rows: &[Vec<f32>],
        scores: &[f32],
        repetition: f64,
        seen: &[u32],
    ) -> Vec<(f64, usize, u32)> {
        let mut all = Vec::new();
        for (beam, (row, score)) in rows.iter().zip(scores).enumerate() {
            let log_sum = row.iter().map(|x| f64::from(*x).exp()).sum::<f64>().ln();
            for (x, token) in row.iter().zip(0..) {
                let logprob = f64::from(*x) - log_sum;
                let factor = if seen.contains(&token) { repetition } else { 1.0 };
                all.push((f64::from(*score) + logprob * factor, beam, token));
            }
        }
        all.retain(|(score, ..)| *score > f64::NEG_INFINITY);
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        all
    }

    fn logit() -> impl Strategy<Value = f32> {
        prop_oneof![8 => (-64i32..8).prop_map(|x| x as f32 / 8.0), 1 => Just(f32::NEG_INFINITY)]
    }

    fn score() -> impl Strategy<Value = f32> {
        prop_oneof![6 => (-80i32..0).prop_map(|x| x as f32 / 8.0), 1 => Just(f32::NEG_INFINITY), 1 => Just(-1e9)]
    }

    proptest! {
        #[test]
        fn candidates_are_those_of_a_full_sort(
            (rows, scores) in (1usize..5, 1usize..1200).prop_flat_map(|(beams, vocab)| (
                prop::collection::vec(prop::collection::vec(logit(), vocab), beams),
                prop::collection::vec(score(), beams),
            )),
            count in 1usize..12, seen in prop::collection::vec(0u32..1200, 0..6), repetition in 0.5f64..2.0,
        ) {
            let mut rows = rows;
            for row in &mut rows {
                row[0] = 1.0;
            }
            let vocab = rows[0].len() as u32;
            let seen: Vec<u32> = seen.into_iter().filter(|token| *token < vocab).collect();
            let (params, history) = (Params { repetition_penalty: repetition, ..Params::default() }, History::from_tokens(&seen, &[]));
            let beams = Beams { scores: &scores, beams: rows.len(), count, penalized: None, diversity_penalty: 0.0, draws: None };
            let found = of_rows(&rows, plain(&params, &history), &beams).unwrap();
            let all = all_scores(&rows, &scores, repetition, &seen);
            prop_assert_eq!(found.len(), count);
            for (found, expected) in found.iter().zip(&all) {
                prop_assert!((f64::from(found.score) - expected.0).abs() <= 1e-5 * (1.0 + expected.0.abs()));
                let own = all.iter().find(|(_, beam, token)| (*beam, *token) == (found.beam, found.token)).unwrap().0;
                prop_assert!((f64::from(found.score) - own).abs() <= 1e-5 * (1.0 + own.abs()));
            }
            for pair in found.windows(2) {
                let place = |found: &Candidate| (found.beam, found.token);
                prop_assert!(pair[0].score > pair[1].score || (pair[0].score == pair[1].score && place(&pair[0]) < place(&pair[1])) || pair[1] == Candidate::NONE);
            }
            prop_assert!(found.iter().skip(all.len()).all(|rest| *rest == Candidate::NONE));
        }
    }
    #[test]
    fn tokens_that_others_took_and_rules_count_on_log_probabilities() {
        let rules = Rules { suppress_tokens: vec![3], ..Rules::default() };
        let (params, history) = (Params { rules, ..Params::default() }, History::new());
        let half = -std::f32::consts::LN_2;
        let rows = [vec![0.0, 0.0, f32::NEG_INFINITY, f32::NEG_INFINITY]];
        let beams = Beams {
            scores: &[-1.0],
            beams: 1,
            count: 3,
            penalized: Some(&[&[0, 0]]),
            diversity_penalty: 0.5,
            draws: None,
        };
        let found = of_rows(&rows, plain(&params, &history), &beams).unwrap();
        let expected = [(half - 1.0, 1), (half - 2.0, 0)];
        let expected = expected.map(|(score, token)| Candidate { score, beam: 0, token });
        assert_eq!(found, [expected[0], expected[1], Candidate::NONE]);
        // A token that must come is certain.
        let rules = Rules { forced_bos_token_id: Some(2), ..Rules::default() };
        let params = Params { rules, ..Params::default() };
        let found = of_rows(&rows, plain(&params, &history), &Beams { count: 1, ..beams }).unwrap();
        assert_eq!(found, [Candidate { score: -1.0, beam: 0, token: 2 }]);
    }

    #[test]
    fn draws_are_without_replacement_and_in_proportion() {
        const DRAWS: u64 = 60_000;
        let rows = [vec![0.0f32, 1.0, 0.5], vec![0.5, f32::NEG_INFINITY, 0.0]];
        let (params, history, scores) = (Params::default(), History::new(), [-1.0, -0.5]);
        let all = all_scores(&rows, &scores, 1.0, &[]);
        let total: f64 = all.iter().map(|(score, ..)| score.exp()).sum();
        let p: Vec<f64> = all.iter().map(|(score, ..)| score.exp() / total).collect();
        let mut found = [[0u32; 5]; 2];
        for seed in 0..DRAWS {
            let beams = Beams {
                scores: &scores,
                beams: 2,
                count: 2,
                penalized: None,
                diversity_penalty: 0.0,
                draws: Some(&[(seed, 3)]),
            };
            let drawn = of_rows(&rows, plain(&params, &history), &beams).unwrap();
            for (found, drawn) in found.iter_mut().zip(&drawn) {
                let place =
                    |&(_, beam, token): &(f64, usize, u32)| (beam, token) == (drawn.beam, drawn.token);
                found[all.iter().position(place).unwrap()] += 1;
            }
        }
        for at in 0..5 {
            let others = p.iter().enumerate().filter(|(other, _)| *other != at);
            let second: f64 = others.map(|(_, q)| q * p[at] / (1.0 - q)).sum();
            for (found, expected) in [(found[0][at], p[at]), (found[1][at], second)] {
                assert!((f64::from(found) / DRAWS as f64 - expected).abs() < 0.01);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let (params, history) = (Params::default(), History::new());
        let beams = Beams {
            scores: &[0.0, 0.0],
            beams: 2,
            count: 1,
            penalized: None,
            diversity_penalty: 0.0,
            draws: None,
        };
        let rows = [vec![0.0; 4], vec![1.0; 4]];
        let message = |beams| of_rows(&rows, plain(&params, &history), &beams).unwrap_err().to_string();
        assert_eq!(
            message(Beams { scores: &[0.0, f32::NAN], ..beams }),
            "scores of batch entry 0 must be finite or -inf, found NaN for beam 1"
        );
        assert_eq!(
            message(Beams { penalized: Some(&[&[4]]), ..beams }),
            "penalized of row 0 names token 4, but the vocabulary has 4 tokens"
        );
        assert_eq!(message(Beams { count: 0, ..beams }), "count must be at least 1, found 0");
        assert_eq!(
            message(Beams { diversity_penalty: -1.0, ..beams }),
            "diversity_penalty must be finite and at least 0, found -1.0"
        );
        assert_eq!(message(Beams { beams: 3, ..beams }), "beams has 0 entries for a batch of 2 rows");
        // Rows at -inf are not read, whatever they hold.
        let rows = [vec![0.0; 4], vec![f32::NAN; 4]];
        let beams = Beams { scores: &[0.0, f32::NEG_INFINITY], ..beams };
        assert!(of_rows(&rows, plain(&params, &history), &beams).is_ok());
    }
}
