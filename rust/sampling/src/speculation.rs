//! Which tokens of a draft are kept, so that the text is distributed as if the target had drawn it token by token.
//!
//! A draft is a tree of tokens (a chain where each has one continuation). At a node the children are tried in order: child
//! x is accepted with probability min(1, p(x) / q(x)), where p is the target's distribution and q the one that the child
//! was drawn from; else p becomes max(p - q, 0), normalised, for the next one. What is left of p after the last one
//! yields the final token. Each row is read once for its checks, and the distributions of a rejection once more.
//!
//! Source: Leviathan et al., "Fast inference from transformers via speculative decoding", ICML 2023 (chains); Miao et al.,
//! "`SpecInfer`", ASPLOS 2024, multi-round speculative sampling (trees).

use std::cell::RefCell;

use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use crate::batch::{PARALLEL_FROM, check_batch};
use crate::error::SamplingError;
use crate::philox::uniform;

/// Terms of a sum that do not wait for each other.
const LANES: usize = 8;
/// Weights that the search for a draw passes over at once.
const BLOCK: usize = 256;
/// The largest number below 1.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

/// The parent of the nodes that continue the text itself.
pub const ROOT: i64 = -1;

/// One distribution over the vocabulary, as it lies in memory.
#[derive(Debug, Clone, Copy)]
pub enum Probabilities<'a> {
    Float32(&'a [f32]),
    Float64(&'a [f64]),
}

/// What one row proposes, and what it is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// One for each node.
    pub tokens: &'a [u32],
    /// The node before each node, [`ROOT`] or a smaller index; None is a chain.
    pub parents: Option<&'a [i64]>,
    /// What the target draws from: at first, and after each node.
    pub target: &'a [Probabilities<'a>],
    /// What each token was drawn from; None if nothing was drawn, which is as if it had been certain.
    pub draft: Option<&'a [Probabilities<'a>]>,
    pub seed: u64,
    /// Number of the first token; the token at depth d is decided by [`uniform`] of this plus d.
    pub step: u64,
}

/// Where the tokens of a row go: `tokens` has one entry more than the draft, `path` (the nodes accepted) as many.
#[derive(Debug)]
pub struct Accepted<'a> {
    pub tokens: &'a mut [i64],
    pub path: &'a mut [i64],
    pub count: &'a mut i64,
}

/// What rejected tokens have left of a target's distribution.
#[derive(Default)]
struct Left {
    /// Empty while the target's own distribution stands.
    weights: Vec<f64>,
    /// Their sum.
    mass: f64,
    next: Vec<f64>,
}

thread_local! {
    static LEFT: RefCell<Left> = RefCell::default();
}

/// Accept the tokens of each draft up to the first one that is rejected, and one of the target's; -1 stands after them.
pub fn accept(
    drafts: &[Draft<'_>],
    vocab: usize,
    out: Vec<Accepted<'_>>,
    cancel: &Cancel,
) -> Result<(), SamplingError> {
    check_batch("the output", out.len(), drafts.len())?;
    let one = |(row, (draft, out)): (usize, (&Draft<'_>, Accepted<'_>))| {
        cancel.check()?;
        draft.check(row, vocab)?;
        LEFT.with(|left| match left.try_borrow_mut() {
            Ok(mut left) => accept_row(draft, row, &mut left, out),
            Err(_) => accept_row(draft, row, &mut Left::default(), out),
        })
    };
    let read: usize = drafts.iter().map(|draft| draft.target.len() * vocab).sum();
    if drafts.len() > 1 && read >= PARALLEL_FROM && pool::num_threads() > 1 {
        let rows = drafts.par_iter().zip(out).enumerate();
        let results: Vec<_> = pool::install(|| rows.map(one).collect());
        // Collected first, so that the error of the lowest row is the one reported.
        return results.into_iter().collect();
    }
    drafts.iter().zip(out).enumerate().try_for_each(one)
}

fn accept_row(
    draft: &Draft<'_>,
    row: usize,
    left: &mut Left,
    out: Accepted<'_>,
) -> Result<(), SamplingError> {
    out.tokens.fill(-1);
    out.path.fill(-1);
    let (mut node, mut path) = (ROOT, out.path.iter_mut());
    for (depth, place) in (0..).zip(out.tokens) {
        let u = uniform(draft.seed, draft.step.wrapping_add(depth));
        let (token, child) = draft.decide(row, node, u, left)?;
        *place = i64::from(token);
        *out.count = depth as i64 + 1;
        let (Some(child), Some(place)) = (child, path.next()) else { break };
        node = child as i64;
        *place = node;
    }
    Ok(())
}

impl Draft<'_> {
    fn parent(&self, node: usize) -> i64 {
        self.parents.map_or(node as i64 - 1, |parents| parents[node])
    }

    /// The token after `node`, and the child that it comes from; None if it is the target's own.
    fn decide(
        &self,
        row: usize,
        node: i64,
        mut u: f64,
        left: &mut Left,
    ) -> Result<(u32, Option<usize>), SamplingError> {
        let first = (node + 1) as usize;
        let target = self.target[first];
        left.weights.clear();
        for child in (first..self.tokens.len()).filter(|child| self.parent(*child) == node) {
            let token = self.tokens[child];
            let own = self.draft.map(|draft| draft[child]);
            let share = own.map_or(1.0, |own| own.get(token));
            if share <= 0.0 {
                return Err(SamplingError::NoShare { row, node: child });
            }
            let ratio = (left.share(target, token) / share).min(1.0);
            if u < ratio {
                return Ok((token, Some(child)));
            }
            // Given that it is rejected, what is left of the number is uniform again.
            u = ((u - ratio) / (1.0 - ratio)).clamp(0.0, BELOW_ONE);
            left.reject(target, token, own);
        }
        Ok((left.draw(target, u), None))
    }

    /// Errors on what must not be read: lengths that do not fit, tokens, parents and probabilities out of range.
    fn check(&self, row: usize, vocab: usize) -> Result<(), SamplingError> {
        let nodes = self.tokens.len();
        let fits = |what, found, expected| {
            if found == expected { Ok(()) } else { Err(SamplingError::Length { what, row, found, expected }) }
        };
        fits("target_probabilities", self.target.len(), nodes + 1)?;
        fits("draft_probabilities", self.draft.map_or(nodes, <[_]>::len), nodes)?;
        fits("parents", self.parents.map_or(nodes, <[_]>::len), nodes)?;
        if let Some(token) = self.tokens.iter().copied().find(|token| *token as usize >= vocab) {
            return Err(SamplingError::TokenOutOfRange { what: "draft", row, token, vocab });
        }
        let parents = self.parents.unwrap_or_default().iter().copied();
        if let Some((node, parent)) =
            (0..).zip(parents).find(|(node, parent)| !(ROOT..*node).contains(parent))
        {
            return Err(SamplingError::Parent { row, node, parent });
        }
        let all =
            [("target_probabilities", self.target), ("draft_probabilities", self.draft.unwrap_or_default())];
        for (what, distributions) in all {
            for (place, distribution) in distributions.iter().enumerate() {
                fits(what, distribution.len(), vocab)?;
                if !distribution.is_sound() {
                    return Err(SamplingError::Probabilities { what, row, place });
                }
            }
        }
        Ok(())
    }
}

impl Probabilities<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Float32(values) => values.len(),
            Self::Float64(values) => values.len(),
        }
    }

    fn get(&self, token: u32) -> f64 {
        match self {
            Self::Float32(values) => values[token as usize].into(),
            Self::Float64(values) => values[token as usize],
        }
    }

    fn is_sound(&self) -> bool {
        match self {
            Self::Float32(values) => are_sound(values, 0.0, f32::MAX),
            Self::Float64(values) => are_sound(values, 0.0, f64::MAX),
        }
    }
}

/// Finite, at least 0, and not all 0. Counts what is wrong rather than stop there, so that the loop vectorises.
fn are_sound<P: Copy + PartialOrd>(values: &[P], zero: P, largest: P) -> bool {
    let wrong: u32 = values.iter().map(|p| u32::from(!(*p >= zero && *p <= largest))).sum();
    wrong == 0 && values.iter().any(|p| *p > zero)
}

impl Left {
    /// Probability of a token in what is left of the target.
    fn share(&self, target: Probabilities<'_>, token: u32) -> f64 {
        self.weights.get(token as usize).map_or_else(|| target.get(token), |weight| weight / self.mass)
    }

    /// Take the distribution of a rejected token away.
    fn reject(&mut self, target: Probabilities<'_>, token: u32, own: Option<Probabilities<'_>>) {
        let Self { weights, mass, next } = self;
        // A target is taken as it came, whatever rounding has made of its sum.
        let (from, scale) =
            if weights.is_empty() { (target, 1.0) } else { (Probabilities::Float64(weights), *mass) };
        let rest = match (from, own) {
            (Probabilities::Float32(p), None) => without(p, token, scale, next),
            (Probabilities::Float64(p), None) => without(p, token, scale, next),
            (Probabilities::Float32(p), Some(Probabilities::Float32(q))) => subtract(p, q, scale, next),
            (Probabilities::Float32(p), Some(Probabilities::Float64(q))) => subtract(p, q, scale, next),
            (Probabilities::Float64(p), Some(Probabilities::Float32(q))) => subtract(p, q, scale, next),
            (Probabilities::Float64(p), Some(Probabilities::Float64(q))) => subtract(p, q, scale, next),
        };
        // Where the two are equal but for rounding nothing is left, and what was there before is as good.
        if rest > 0.0 {
            std::mem::swap(weights, next);
            *mass = rest;
        }
    }

    /// The first token at which the cumulative weight exceeds its share `u`.
    fn draw(&self, target: Probabilities<'_>, u: f64) -> u32 {
        match target {
            _ if !self.weights.is_empty() => invert(&self.weights, u * self.mass),
            Probabilities::Float32(p) => invert(p, u * total(p)),
            Probabilities::Float64(p) => invert(p, u * total(p)),
        }
    }
}

/// max(p - scale · q, 0) in `out`; returns its sum.
fn subtract<P: Copy + Into<f64>, Q: Copy + Into<f64>>(
    p: &[P],
    q: &[Q],
    scale: f64,
    out: &mut Vec<f64>,
) -> f64 {
    out.clear();
    out.extend(p.iter().zip(q).map(|(p, q)| ((*p).into() - scale * (*q).into()).max(0.0)));
    total(out)
}

/// The same for a distribution that is one token.
fn without<P: Copy + Into<f64>>(p: &[P], token: u32, scale: f64, out: &mut Vec<f64>) -> f64 {
    out.clear();
    out.extend(p.iter().map(|p| (*p).into()));
    out[token as usize] = (out[token as usize] - scale).max(0.0);
    total(out)
}

fn total<P: Copy + Into<f64>>(weights: &[P]) -> f64 {
    let (full, rest) = weights.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in full {
        for (lane, weight) in lanes.iter_mut().zip(chunk) {
            *lane += (*weight).into();
        }
    }
    lanes.into_iter().chain(rest.iter().map(|weight| (*weight).into())).sum()
}

/// The first index where the cumulative weight exceeds `target`; if rounding keeps it from that, the last with a weight.
fn invert<P: Copy + Into<f64>>(weights: &[P], target: f64) -> u32 {
    let mut sum = 0.0;
    for (block, weights) in weights.chunks(BLOCK).enumerate() {
        let mass = total(weights);
        if sum + mass > target {
            let mut within = sum;
            for (at, weight) in weights.iter().map(|weight| (*weight).into()).enumerate() {
                within += weight;
                if weight > 0.0 && within > target {
                    return (block * BLOCK + at) as u32;
                }
            }
        }
        sum += mass;
    }
    weights.iter().rposition(|weight| (*weight).into() > 0.0).unwrap_or_default() as u32
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;
    use crate::philox::derived_seed;

    const VOCAB: usize = 5;
    const ROWS: u64 = 50_000;

    fn normalized(weights: &[f64]) -> Vec<f64> {
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }

    fn pick(p: &[f64], u: f64) -> u32 {
        invert(p, u * total(p))
    }

    /// Tokens and path of one row.
    fn accept_one(draft: &Draft<'_>) -> Result<(Vec<i64>, Vec<i64>, i64), SamplingError> {
        let nodes = draft.tokens.len();
        let (mut tokens, mut path, mut count) = (vec![0; nodes + 1], vec![0; nodes], 0);
        let out = Accepted { tokens: &mut tokens, path: &mut path, count: &mut count };
        accept(std::slice::from_ref(draft), VOCAB, vec![out], &NEVER)?;
        Ok((tokens, path, count))
    }

    /// 20 is exceeded by a sum of four squared deviations once in some 2000 times.
    fn deviation(found: &[u64], p: &[f64]) -> f64 {
        let rows: u64 = found.iter().sum();
        let expected = p.iter().map(|p| p * rows as f64);
        found.iter().zip(expected).map(|(f, e)| (*f as f64 - e).powi(2) / e.max(1e-9)).sum()
    }

    fn distribution() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.05f64..1.0, VOCAB).prop_map(|weights| normalized(&weights))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

        #[test]
        fn the_first_token_is_distributed_as_the_target_s(
            p in distribution(), q in distribution(), siblings in 1usize..4, drawn in any::<bool>(), seed in any::<u64>(),
        ) {
            let narrow: Vec<f32> = q.iter().map(|q| *q as f32).collect();
            let (target, own) = (vec![Probabilities::Float64(&p); siblings + 1], vec![Probabilities::Float32(&narrow); siblings]);
            let (parents, mut found) = (vec![ROOT; siblings], [0; VOCAB]);
            for row in 0..ROWS {
                let token = |at: usize| pick(&q, uniform(derived_seed(seed, row), 1 + at as u64));
                let tokens: Vec<u32> = (0..siblings).map(token).collect();
                let draft = Draft {
                    tokens: &tokens, parents: Some(&parents), target: &target, draft: drawn.then_some(&own),
                    seed: derived_seed(seed, row), step: 0,
                };
                found[accept_one(&draft).unwrap().0[0] as usize] += 1;
            }
            prop_assert!(deviation(&found, &p) < 25.0, "{found:?} of {p:?}");
        }

        #[test]
        fn a_draw_is_that_of_a_cumulative_sum(
            weights in prop::collection::vec(prop_oneof![Just(0.0), 0.0f64..1.0], 1..1500), u in 0.0f64..1.0,
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0.0));
            let (found, target) = (invert(&weights, u * total(&weights)) as usize, u * total(&weights));
            prop_assert!(weights[found] > 0.0);
            let before: f64 = weights[..found].iter().sum();
            prop_assert!(before <= target + 1e-9 && before + weights[found] > target - 1e-9);
        }
    }

    #[test]
    fn a_chain_is_the_tree_of_only_children() {
        let (p, q) = (normalized(&[1.0, 2.0, 3.0, 1.0, 1.0]), normalized(&[3.0, 2.0, 1.0, 1.0, 0.5]));
        let (target, own) = ([Probabilities::Float64(&p); 4], [Probabilities::Float64(&q); 3]);
        for seed in 0..200 {
            let tokens = [0, 1, 2].map(|at| pick(&q, uniform(seed + 1000, at)));
            let draft =
                Draft { tokens: &tokens, parents: None, target: &target, draft: Some(&own), seed, step: 7 };
            let tree = Draft { parents: Some(&[ROOT, 0, 1]), ..draft };
            let (kept, path, count) = accept_one(&draft).unwrap();
            assert_eq!(accept_one(&tree).unwrap(), (kept.clone(), path.clone(), count));
            let accepted = count as usize - 1;
            assert_eq!(path[..accepted], [0, 1, 2][..accepted]);
            assert!(kept[count as usize..].iter().chain(&path[accepted..]).all(|entry| *entry == -1));
        }
    }

    #[test]
    fn one_accepted_child_decides_which_branch_is_followed() {
        let one_hot = |token: usize| {
            let mut p = vec![0.0; VOCAB];
            p[token] = 1.0;
            p
        };
        // The target takes 3, then 1, then 4; the second child of the root has the children 2 and 1.
        let rows = [3, 0, 1, 0, 4].map(one_hot);
        let target: Vec<_> = rows.iter().map(|row| Probabilities::Float64(row)).collect();
        let draft = Draft {
            tokens: &[2, 3, 2, 1],
            parents: Some(&[ROOT, ROOT, 1, 1]),
            target: &target,
            draft: None,
            seed: 0,
            step: 0,
        };
        assert_eq!(accept_one(&draft).unwrap(), (vec![3, 1, 4, -1, -1], vec![1, 3, -1, -1], 3));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let p = [0.2; VOCAB];
        let zero = [0.0, 0.5, 0.5, 0.0, 0.0];
        let (target, own) = ([Probabilities::Float64(&p); 3], [Probabilities::Float64(&zero); 2]);
        let draft = Draft { tokens: &[0, 1], parents: None, target: &target, draft: None, seed: 0, step: 0 };
        let message = |draft: &Draft<'_>| accept_one(draft).unwrap_err().to_string();
        assert_eq!(
            message(&Draft { target: &target[..2], ..draft }),
            "target_probabilities of row 0 has length 2, expected 3"
        );
        assert_eq!(
            message(&Draft { parents: Some(&[ROOT, 1]), ..draft }),
            "parents of row 0 must be -1 or a node before node 1, found 1"
        );
        assert_eq!(
            message(&Draft { tokens: &[0, 9], ..draft }),
            "draft of row 0 names token 9, but the vocabulary has 5 tokens"
        );
        assert_eq!(
            message(&Draft { draft: Some(&own), ..draft }),
            "draft_probabilities of row 0 are 0 for its token at place 0"
        );
        for wrong in [[0.0; VOCAB], [f64::NAN; VOCAB], [-0.1; VOCAB], [f64::INFINITY; VOCAB]] {
            let target = [target[0], target[1], Probabilities::Float64(&wrong)];
            assert_eq!(
                message(&Draft { target: &target, ..draft }),
                "target_probabilities of row 0 at place 2 must be finite, at least 0 and not all 0"
            );
        }
    }
}
