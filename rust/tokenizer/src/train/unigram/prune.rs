//! Dropping the pieces that the text misses least.

use ferrolm_base::{Cancel, Cancelled};
use rayon::prelude::*;

use super::super::sorting::sort_by;
use super::fit::{PARTS, POLL};
use super::lattice::Lattice;
use super::model::Model;
use super::text::Text;

/// What becomes of a piece that is dropped.
enum Fate {
    /// It cannot be cut, or only worse ways than none are known: it is kept.
    Irreplaceable,
    /// It is cut by its own model: nobody misses it.
    Cut,
    /// It is itself in the best way; these pieces are the next best.
    Replaced(Vec<u32>),
}

/// The model of at most `size` pieces, less those that no best way of cutting a word has: the pieces that have no
/// replacement, in their order, and then those whose loss costs the most likelihood.
pub(super) fn pruned(model: &Model, text: &Text, size: usize, cancel: &Cancel) -> Result<Model, Cancelled> {
    let fates = fates(model, text, cancel)?;
    let frequencies = frequencies(model, text, cancel)?;
    let words: f64 = (0..text.len()).map(|word| text.count(word)).sum();
    let sum: f64 = frequencies.iter().sum();
    let mut kept = Vec::new();
    let mut candidates = Vec::new();
    for (id, fate) in (1u32..).zip(fates) {
        let frequency = frequencies[id as usize];
        match fate {
            Fate::Irreplaceable => kept.push(id),
            _ if frequency == 0.0 => {}
            Fate::Cut => kept.push(id),
            Fate::Replaced(alternatives) => {
                // The replacements take over its occurrences. Their number is what sentencepiece multiplied with for
                // years, and the reference still does: not that of this piece's, but of all pieces.
                let new_sum = sum + frequency * (model.len() as f64 - 1.0);
                let replaced = |&id: &u32| (frequencies[id as usize] + frequency).ln() - new_sum.ln();
                let replaced: f64 = alternatives.iter().map(replaced).sum();
                let loss = frequency / words * (frequency.ln() - sum.ln() - replaced);
                candidates.push((loss, id));
            }
        }
    }
    // The unknown piece counts too. If the others are too many already, all candidates stay, as in the reference.
    let room = size.checked_sub(kept.len() + 1).unwrap_or(candidates.len());
    sort_by(&mut candidates, cancel, |(left, _): &(f64, u32), (right, _)| right.total_cmp(left))?;
    kept.extend(candidates.iter().take(room).map(|(_, id)| *id));
    model.keep(kept.into_iter().map(|id| (id, model.scores[id as usize])), text, cancel)
}

fn fates(model: &Model, text: &Text, cancel: &Cancel) -> Result<Vec<Fate>, Cancelled> {
    let fate = |lattice: &mut Lattice, (at, id): (usize, usize)| {
        if at % POLL == 0 {
            cancel.check()?;
        }
        let piece = model.pieces[id];
        if piece.length < 2 {
            return Ok(Fate::Irreplaceable);
        }
        lattice.fill(piece.codes(text), model);
        let mut alternatives = Vec::new();
        let score = lattice.best(model, false, |id| alternatives.push(id));
        alternatives.reverse();
        Ok(if score > model.scores[id] { Fate::Cut } else { Fate::Replaced(alternatives) })
    };
    let ids: Vec<usize> = (1..model.len()).collect();
    ids.into_par_iter().enumerate().map_init(Lattice::default, fate).collect()
}

/// How often each piece is in the best way to cut a word of the text; whole numbers, so that their order is no matter.
fn frequencies(model: &Model, text: &Text, cancel: &Cancel) -> Result<Vec<f64>, Cancelled> {
    let parts: Vec<_> = text.parts(PARTS);
    let sums = parts.into_par_iter().map(|part| {
        let mut lattice = Lattice::default();
        let mut frequencies = vec![0.0; model.len()];
        for word in part {
            if word % POLL == 0 {
                cancel.check()?;
            }
            lattice.fill(text.word(word), model);
            let count = text.count(word);
            lattice.best(model, true, |id| frequencies[id as usize] += count);
        }
        Ok(frequencies)
    });
    let add = |mut left: Vec<f64>, right: Vec<f64>| {
        left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
        left
    };
    let zero = || vec![0.0; model.len()];
    sums.try_reduce(zero, |left, right| Ok(add(left, right)))
}
