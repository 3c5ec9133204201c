//! Several models side by side over the union of their n-grams.
//!
//! The union is closed: with an n-gram a model also has its context and its suffix, so the union has them too. Each
//! n-gram gets the probability of its last word under every model, backed off where the model lacks it: one step from
//! the state that the model is in after the context. O(n-grams of the union times models), in parallel.

use std::sync::atomic::{AtomicU32, Ordering};

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::arrays::Arrays;
use crate::error::{NgramError, Result};
use crate::estimate::{UNSEEN, contexts};
use crate::layout::Trie;
use crate::levels::{Level, atomics, split};
use crate::lexicon::{Lexicon, NONE};
use crate::model::{Gram, State};
use crate::unsafe_memory::zeroed;
use crate::view::View;

pub(crate) struct Union<'a> {
    pub models: &'a [View<'a, Arrays>],
    /// The trie; its counts are empty.
    pub levels: Vec<Level>,
    /// By level, model after model for each n-gram: log10 of the probability of its last word after its context.
    pub scores: Vec<Vec<f32>>,
    /// By level but the top, model after model for each n-gram: log10 of its back-off weight as a context.
    pub backoffs: Vec<Vec<f32>>,
}

impl<'a> Union<'a> {
    pub fn of(models: &'a [View<'a, Arrays>], lexicon: &Lexicon, cancel: &Cancel) -> Result<Self> {
        let levels = levels(models, lexicon, cancel)?;
        let mut union = Self { models, levels, scores: Vec::new(), backoffs: Vec::new() };
        let mut states = union.begin(lexicon);
        for k in 1..union.levels.len() {
            cancel.check()?;
            let weights = union.weights(k, &states);
            union.backoffs.push(weights);
            states = union.advance(k, &states, lexicon, cancel)?;
        }
        Ok(union)
    }

    /// The scores of level `k` for n-gram `index`, one per model.
    pub fn scores(&self, k: usize, index: usize) -> &[f32] {
        let models = self.models.len();
        &self.scores[k][index * models..(index + 1) * models]
    }

    /// The back-off weights of level `k` for n-gram `index`, one per model.
    pub fn backoffs(&self, k: usize, index: usize) -> &[f32] {
        let models = self.models.len();
        &self.backoffs[k][index * models..(index + 1) * models]
    }

    /// Score the words alone; returns the states after them.
    fn begin(&mut self, lexicon: &Lexicon) -> Vec<State> {
        let (words, models) = (self.levels[0].len(), self.models);
        let numbers = (0..words).flat_map(|word| (0..models.len()).map(move |i| (i, word)));
        let (mut scores, mut states) = (Vec::new(), Vec::new());
        for (i, word) in numbers {
            let (score, state) = models[i].step(State::default(), lexicon.to_model[i][word]);
            scores.push(score.log10.max(UNSEEN));
            states.push(state);
        }
        self.scores.push(scores);
        states
    }

    /// The back-off weights of the n-grams of order `k`, after which the models are in `states`. A state that forgets
    /// words says that they do not matter: the weight is 1.
    fn weights(&self, k: usize, states: &[State]) -> Vec<f32> {
        let models = self.models;
        let weight = |(place, state): (usize, &State)| {
            let nodes = models[place % models.len()].levels.nodes.get(k - 1);
            let node = nodes.and_then(|nodes| nodes.get(state.index as usize));
            node.filter(|_| state.len() == k).map_or(0.0, |node| node.backoff)
        };
        states.par_iter().enumerate().map(weight).collect()
    }

    /// Score level `k` from the states after its contexts; returns the states after its n-grams.
    fn advance(
        &mut self,
        k: usize,
        before: &[State],
        lexicon: &Lexicon,
        cancel: &Cancel,
    ) -> Result<Vec<State>> {
        let (models, level, children) = (self.models, &self.levels[k], &self.levels[k - 1].children);
        let groups = contexts(children);
        let size = |range: &std::ops::Range<usize>| {
            (children[range.end] - children[range.start]) as usize * models.len()
        };
        let sizes: Vec<usize> = groups.iter().map(size).collect();
        let mut scores: Vec<f32> = zeroed(level.len() * models.len());
        let mut states: Vec<State> = zeroed(level.len() * models.len());
        split(&mut scores, &sizes)
            .into_par_iter()
            .zip(split(&mut states, &sizes))
            .zip(&groups)
            .try_for_each(|((scores, states), group)| {
                cancel.check()?;
                let mut slots = scores.iter_mut().zip(states);
                for context in group.clone() {
                    let before = &before[context * models.len()..(context + 1) * models.len()];
                    for &word in &level.words[children[context] as usize..children[context + 1] as usize] {
                        let each = models.iter().zip(before).zip(&lexicon.to_model);
                        for (((model, &state), numbers), slot) in each.zip(slots.by_ref()) {
                            let (score, next) = model.step(state, numbers[word as usize]);
                            (*slot.0, *slot.1) = (score.log10.max(UNSEEN), next);
                        }
                    }
                }
                Ok::<(), NgramError>(())
            })?;
        self.scores.push(scores);
        Ok(states)
    }
}

/// The trie of all n-grams.
fn levels(models: &[View<'_, Arrays>], lexicon: &Lexicon, cancel: &Cancel) -> Result<Vec<Level>> {
    let order = models.iter().map(|model| model.levels.order()).max().unwrap_or(1);
    let mut levels = vec![Level { words: (0..lexicon.vocabulary.size()).collect(), ..Level::default() }];
    // By model: where each of its n-grams of the current order is in the union, and the other way round.
    let mut places = lexicon.from_model.clone();
    let mut sources: Vec<Vec<u32>> = lexicon.from_model.iter().zip(&lexicon.to_model).map(known).collect();
    for k in 1..order {
        let (words, children) = continuations(models, lexicon, k, &sources, cancel)?;
        let place = |parent: u32, word: u32| {
            let parent = parent as usize;
            let range = children[parent] as usize..children[parent + 1] as usize;
            let found = words[range.clone()].binary_search(&word);
            found.map_or(NONE, |found| (range.start + found) as u32)
        };
        let mut here = Vec::with_capacity(models.len());
        for (i, model) in models.iter().enumerate() {
            here.push(locate(*model, k, &places[i], &lexicon.from_model[i], place, cancel)?);
        }
        let suffixes = suffixes(models, k, &here, &places, words.len());
        sources = here.par_iter().map(|here| inverse(here, words.len())).collect();
        places = here;
        levels[k - 1].children = children;
        levels.push(Level { words, suffixes, ..Level::default() });
    }
    Ok(levels)
}

/// By our numbers the model's, but [`NONE`] for words that are unknown to it.
fn known((from_model, to_model): (&Vec<u32>, &Vec<u32>)) -> Vec<u32> {
    let check =
        |(ours, &theirs): (u32, &u32)| if from_model[theirs as usize] == ours { theirs } else { NONE };
    (0..).zip(to_model).map(check).collect()
}

fn inverse(places: &[u32], length: usize) -> Vec<u32> {
    let mut sources = vec![NONE; length];
    for (source, &place) in (0..).zip(places) {
        if let Some(slot) = sources.get_mut(place as usize) {
            *slot = source;
        }
    }
    sources
}

/// Contexts whose continuations are put together between two looks at the cancel flag.
const GROUP: usize = 1 << 12;

/// The last words of the n-grams of level `k` of all models, sorted by context and word, and where those of each context
/// begin. `sources` has the contexts' places in each model.
fn continuations(
    models: &[View<'_, Arrays>],
    lexicon: &Lexicon,
    k: usize,
    sources: &[Vec<u32>],
    cancel: &Cancel,
) -> Result<(Vec<u32>, Vec<u32>)> {
    let contexts: Vec<u32> = (0..sources.first().map_or(0, Vec::len) as u32).collect();
    let of_group = |contexts: &[u32]| -> Result<(Vec<u32>, Vec<usize>)> {
        cancel.check()?;
        let (mut words, mut sizes, mut all) = (Vec::new(), Vec::with_capacity(contexts.len()), Vec::new());
        for &context in contexts {
            for ((model, numbers), sources) in models.iter().zip(&lexicon.from_model).zip(sources) {
                let grams = children(*model, k, sources[context as usize]);
                all.extend(grams.iter().map(|gram| numbers[gram.word as usize]).filter(|&word| word != NONE));
            }
            all.sort_unstable();
            all.dedup();
            sizes.push(all.len());
            words.append(&mut all);
        }
        Ok((words, sizes))
    };
    let groups: Vec<_> = contexts.par_chunks(GROUP).map(of_group).collect::<Result<_>>()?;
    let total: usize = groups.iter().map(|(words, _)| words.len()).sum();
    if total >= NONE as usize {
        let message = format!("the models have {total} {}-grams together, more than fit", k + 1);
        return Err(NgramError::Limit(message));
    }
    let (mut words, mut starts) = (Vec::with_capacity(total), vec![0]);
    for (group, sizes) in groups {
        words.extend(group);
        let mut start = starts.last().copied().unwrap_or(0);
        starts.extend(sizes.into_iter().map(|size| {
            start += size as u32;
            start
        }));
    }
    Ok((words, starts))
}

/// The continuations in a model, at level `k`, of the context at `source`.
fn children(model: View<'_, Arrays>, k: usize, source: u32) -> &[Gram] {
    let (Some(grams), Some(nodes)) = (model.levels.grams.get(k), model.levels.nodes.get(k - 1)) else {
        return &[];
    };
    let ends = source as usize..(source as usize).saturating_add(2);
    nodes
        .get(ends)
        .and_then(|ends| grams.get(ends[0].children as usize..ends[1].children as usize))
        .unwrap_or(&[])
}

/// Where the n-grams of level `k` of a model are in the union: `place` finds them from their context and last word.
fn locate(
    model: View<'_, Arrays>,
    k: usize,
    contexts_at: &[u32],
    numbers: &[u32],
    place: impl Fn(u32, u32) -> u32 + Sync,
    cancel: &Cancel,
) -> Result<Vec<u32>> {
    let (Some(grams), Some(nodes)) = (model.levels.grams.get(k), model.levels.nodes.get(k - 1)) else {
        return Ok(Vec::new());
    };
    let children: Vec<u32> = nodes.iter().map(|node| node.children).collect();
    let groups = contexts(&children);
    let sizes: Vec<usize> =
        groups.iter().map(|range| (children[range.end] - children[range.start]) as usize).collect();
    let mut places: Vec<u32> = vec![NONE; grams.len()];
    split(&mut places, &sizes).into_par_iter().zip(&groups).try_for_each(|(places, group)| {
        cancel.check()?;
        let mut slots = places.iter_mut();
        for context in group.clone() {
            let range = children[context] as usize..children[context + 1] as usize;
            for (gram, slot) in grams[range].iter().zip(slots.by_ref()) {
                let (at, word) = (contexts_at[context], numbers[gram.word as usize]);
                if at != NONE && word != NONE {
                    *slot = place(at, word);
                }
            }
        }
        Ok::<(), NgramError>(())
    })?;
    Ok(places)
}

/// Where the suffixes of the union's n-grams of level `k` are. Models that share an n-gram agree on that.
fn suffixes(
    models: &[View<'_, Arrays>],
    k: usize,
    here: &[Vec<u32>],
    below: &[Vec<u32>],
    length: usize,
) -> Vec<u32> {
    let suffixes = atomics(length);
    for ((model, here), below) in models.iter().zip(here).zip(below) {
        let nodes = model.levels.nodes.get(k);
        here.par_iter().enumerate().for_each(|(index, &place)| {
            let suffix = nodes.map_or_else(|| model.levels.links[index], |nodes| nodes[index].suffix);
            if let (Some(slot), Some(&suffix)) = (suffixes.get(place as usize), below.get(suffix as usize))
                && suffix != NONE
            {
                slot.store(suffix, Ordering::Relaxed);
            }
        });
    }
    suffixes.into_iter().map(AtomicU32::into_inner).collect()
}
