//! How good log-linear weights are on held-out text, with the first and second derivatives.
//!
//! The log-likelihood of weights `v` is `sum of v . l(w | h) - log Z(h)` over the words of the text, with `l` for the
//! vector of the models' log probabilities. The derivatives of `log Z(h)` are the mean and the covariance of `l` under the
//! combined model. Sum, mean and second moments over the whole vocabulary follow from those of the shorter context
//! by correcting for the words that continue `h` in the union, as Z itself does: see [`crate::interpolate`]. All
//! logarithms here are natural.

use std::f64::consts::LN_10;

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::Result;
use crate::interpolate::dot;
use crate::lexicon::Lexicon;
use crate::union::Union;

/// A held-out text, as far as its likelihood depends on it.
pub(crate) struct HeldOut<'a> {
    union: &'a Union<'a>,
    words: Vec<u32>,
    pub tokens: usize,
    /// Sum of the models' log probabilities of all words.
    total: Vec<f64>,
    /// How often the empty context was the longest one of the union.
    empty: f64,
    /// The contexts needed, by their length less one.
    contexts: Vec<Contexts>,
}

#[derive(Default)]
struct Contexts {
    /// Their places in the union, rising.
    places: Vec<u32>,
    /// How often each was the longest one of the union.
    counts: Vec<f64>,
    /// Which of the contexts that are shorter by one each ends in.
    shorter: Vec<u32>,
}

/// The log-likelihood of weights, its gradient, and its second derivatives with the sign changed.
pub(crate) struct Value {
    pub likelihood: f64,
    pub gradient: Vec<f64>,
    pub curvature: Vec<f64>,
}

/// log Z of a context, with the mean and the second moments of the models' log probabilities.
struct Moments {
    log_sum: f64,
    mean: Vec<f64>,
    second: Vec<f64>,
}

/// Sentences that one worker takes at once.
const GROUP: usize = 256;
/// Words of a sentence between two looks at the cancel flag.
const POLL: usize = 4096;
/// Words of the vocabulary that are summed up together.
const WORDS: usize = 1 << 12;

impl<'a> HeldOut<'a> {
    pub fn of(union: &'a Union<'a>, lexicon: &Lexicon, corpus: &Corpus, cancel: &Cancel) -> Result<Self> {
        let markers = lexicon.vocabulary.inner_markers();
        let sentences: Vec<_> = corpus.sentences().collect();
        let walked = sentences.par_chunks(GROUP).map(|group| -> Result<_> {
            let (mut total, mut visited) = (vec![0.0; union.models.len()], Vec::new());
            for sentence in group {
                let words = corpus.tokens[sentence.clone()].iter().copied().chain([markers.end]);
                walk(union, markers.begin, words, &mut total, &mut visited, cancel)?;
            }
            Ok((total, visited))
        });
        let mut held_out = Self {
            union,
            words: lexicon.predicted(),
            tokens: 0,
            total: vec![0.0; union.models.len()],
            empty: 0.0,
            contexts: Vec::new(),
        };
        let mut visited: Vec<Vec<u32>> = union.levels.iter().skip(1).map(|_| Vec::new()).collect();
        for (total, contexts) in walked.collect::<Result<Vec<_>>>()? {
            held_out.tokens += contexts.len();
            held_out.total.iter_mut().zip(total).for_each(|(sum, part)| *sum += part);
            for (length, place) in contexts {
                match visited.get_mut((length as usize).wrapping_sub(1)) {
                    Some(visited) => visited.push(place),
                    None => held_out.empty += 1.0,
                }
            }
        }
        held_out.contexts = closed(union, visited);
        Ok(held_out)
    }

    pub fn value(&self, weights: &[f64], cancel: &Cancel) -> Result<Value> {
        let mut value = Value {
            likelihood: self.total.iter().zip(weights).map(|(total, weight)| total * weight).sum(),
            gradient: self.total.clone(),
            curvature: vec![0.0; weights.len() * weights.len()],
        };
        let mut moments = vec![self.unigrams(weights)];
        value.subtract(self.empty, &moments[0]);
        for (k, contexts) in self.contexts.iter().enumerate() {
            let places = contexts.places.par_iter().zip(&contexts.shorter);
            let here = places.map(|(&place, &shorter)| -> Result<Moments> {
                cancel.check()?;
                Ok(self.extended(k, place as usize, &moments[shorter as usize], weights))
            });
            moments = here.collect::<Result<_>>()?;
            contexts.counts.iter().zip(&moments).for_each(|(&count, moments)| value.subtract(count, moments));
        }
        Ok(value)
    }

    /// The moments without any context, over the whole vocabulary.
    fn unigrams(&self, weights: &[f64]) -> Moments {
        let scores = |word: &u32| self.union.scores(0, *word as usize);
        let product = |word: &u32| dot(weights, scores(word)) * LN_10;
        let highest = self.words.par_iter().map(product).reduce(|| f64::MIN, f64::max);
        let parts = self.words.par_chunks(WORDS).map(|words| {
            let mut sums = Sums::new(weights.len());
            for word in words {
                sums.add((product(word) - highest).exp(), scores(word));
            }
            sums
        });
        let parts: Vec<Sums> = parts.collect();
        let sums = parts.into_iter().fold(Sums::new(weights.len()), Sums::plus);
        sums.moments(highest)
    }

    /// The moments of the context at `place` of level `k`, from those of its suffix.
    fn extended(&self, k: usize, place: usize, shorter: &Moments, weights: &[f64]) -> Moments {
        let (union, above) = (self.union, &self.union.levels[k + 1]);
        let children = &union.levels[k].children;
        let backoffs = union.backoffs(k, place);
        let base = dot(weights, backoffs) * LN_10 + shorter.log_sum;
        let (mut listed, mut gone) = (Sums::new(weights.len()), Sums::new(weights.len()));
        for index in children[place] as usize..children[place + 1] as usize {
            let (scores, lower) =
                (union.scores(k + 1, index), union.scores(k, above.suffixes[index] as usize));
            listed.add((dot(weights, scores) * LN_10 - base).exp(), scores);
            gone.add((dot(weights, lower) * LN_10 - shorter.log_sum).exp(), lower);
        }
        listed.plus(gone.rest(shorter, backoffs)).moments(base)
    }
}

/// Sums over words, each with its weight: 1, the log probabilities, their products.
struct Sums {
    one: f64,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Sums {
    fn new(models: usize) -> Self {
        Self { one: 0.0, first: vec![0.0; models], second: vec![0.0; models * models] }
    }

    /// Add a word with log10 probabilities `scores`.
    fn add(&mut self, weight: f64, scores: &[f32]) {
        self.one += weight;
        let models = scores.len();
        for (i, &a) in scores.iter().enumerate() {
            let a = f64::from(a) * LN_10 * weight;
            self.first[i] += a;
            for (sum, &b) in self.second[i * models..].iter_mut().zip(scores) {
                *sum += a * f64::from(b) * LN_10;
            }
        }
    }

    fn plus(mut self, other: Self) -> Self {
        self.one += other.one;
        self.first.iter_mut().zip(other.first).for_each(|(a, b)| *a += b);
        self.second.iter_mut().zip(other.second).for_each(|(a, b)| *a += b);
        self
    }

    /// What a distribution has beyond these sums, once `backoffs` (log10) are added to all its log probabilities.
    fn rest(&self, all: &Moments, backoffs: &[f32]) -> Self {
        let one = (1.0 - self.one).max(0.0);
        let left: Vec<f64> = all.mean.iter().zip(&self.first).map(|(all, own)| all - own).collect();
        let added: Vec<f64> = backoffs.iter().map(|&backoff| f64::from(backoff) * LN_10).collect();
        let models = left.len();
        let second = (0..models * models).map(|place| {
            let (i, j) = (place / models, place % models);
            all.second[place] - self.second[place]
                + added[i] * left[j]
                + added[j] * left[i]
                + added[i] * added[j] * one
        });
        Self {
            one,
            second: second.collect(),
            first: left.iter().zip(&added).map(|(l, b)| l + b * one).collect(),
        }
    }

    /// The moments of the distribution; the weights of the words were divided by the exponential of `base`.
    fn moments(self, base: f64) -> Moments {
        let one = self.one.max(f64::MIN_POSITIVE);
        Moments {
            log_sum: base + one.ln(),
            mean: self.first.iter().map(|sum| sum / one).collect(),
            second: self.second.iter().map(|sum| sum / one).collect(),
        }
    }
}

impl Value {
    fn subtract(&mut self, count: f64, moments: &Moments) {
        self.likelihood -= count * moments.log_sum;
        let models = moments.mean.len();
        for (i, mean) in moments.mean.iter().enumerate() {
            self.gradient[i] -= count * mean;
            for j in 0..models {
                let covariance = moments.second[i * models + j] - mean * moments.mean[j];
                self.curvature[i * models + j] += count * covariance;
            }
        }
    }
}

/// Follow a sentence through the union: adds up the models' log probabilities and lists, for each word, the longest
/// context of the union (its length and place).
fn walk(
    union: &Union<'_>,
    begin: u32,
    words: impl Iterator<Item = u32>,
    total: &mut [f64],
    visited: &mut Vec<(u32, u32)>,
    cancel: &Cancel,
) -> Result<()> {
    let order = union.levels.len();
    let mut add = |values: &[f32]| {
        total.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value) * LN_10);
    };
    let (mut k, mut place) = if order > 1 { (1, begin) } else { (0, 0) };
    for (count, word) in words.enumerate() {
        if count.is_multiple_of(POLL) {
            cancel.check()?;
        }
        visited.push((k as u32, place));
        let mut found = None;
        while k > 0 {
            found = child(union, k, place as usize, word);
            if found.is_some() {
                break;
            }
            add(union.backoffs(k - 1, place as usize));
            (k, place) = (k - 1, shorter(union, k - 1, place));
        }
        let here = found.unwrap_or(word);
        add(union.scores(k, here as usize));
        (k, place) = if k + 1 < order { (k + 1, here) } else { (k, shorter(union, k, here)) };
    }
    Ok(())
}

/// The continuation `word` of the context at `place` of length `k`.
fn child(union: &Union<'_>, k: usize, place: usize, word: u32) -> Option<u32> {
    let children = &union.levels[k - 1].children;
    let (start, end) = (children[place] as usize, children[place + 1] as usize);
    union.levels[k].words[start..end].binary_search(&word).ok().map(|found| (start + found) as u32)
}

/// The n-gram at `place` of level `k` without its first word.
fn shorter(union: &Union<'_>, k: usize, place: u32) -> u32 {
    union.levels[k].suffixes.get(place as usize).copied().unwrap_or(0)
}

/// The contexts visited, by length, with all their suffixes.
fn closed(union: &Union<'_>, visited: Vec<Vec<u32>>) -> Vec<Contexts> {
    let mut all: Vec<Contexts> = Vec::new();
    for (k, mut visited) in visited.into_iter().enumerate().rev() {
        visited.sort_unstable();
        let mut places = visited.clone();
        places.extend(all.last().iter().flat_map(|longer| &longer.shorter));
        places.sort_unstable();
        places.dedup();
        let before = |place: u32| visited.partition_point(|&other| other < place);
        let counts = places.iter().map(|&place| (before(place + 1) - before(place)) as f64).collect();
        let shorter = places.iter().map(|&place| if k > 0 { shorter(union, k, place) } else { 0 }).collect();
        all.push(Contexts { places, counts, shorter });
    }
    all.reverse();
    // So far they name the shorter contexts by their places in the union.
    for k in 1..all.len() {
        let (below, here) = all.split_at_mut(k);
        let places = &below[k - 1].places;
        for shorter in &mut here[0].shorter {
            *shorter = places.partition_point(|place| place < shorter) as u32;
        }
    }
    all
}
