//! How often words occur near each other: counts within a window, or weighted by the inverse of the distance as for `GloVe`
//! (Pennington et al. 2014).
//!
//! Weights are summed as integers, multiples of one over the least common multiple of all distances, and divided once
//! at the end: results are exact, and do not depend on the number of threads.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::{NgramError, Result};
use crate::runs::{Run, Sum, Sums, merge, sum_positions};
use crate::text::{self, Reserved, Text};
use crate::vocabulary::MAX_IDS;
use crate::words::WordTable;

/// How a pair counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// Once.
    Uniform,
    /// One over its distance.
    Harmonic,
}

/// What counts as near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The largest distance.
    pub size: usize,
    /// Both words are row and column; otherwise the earlier word is the row, the later one the column.
    pub symmetric: bool,
    pub weighting: Weighting,
}

/// The sums of pairs, by row and column.
#[derive(Debug, Clone, PartialEq)]
pub struct Cooccurrences {
    pub rows: Vec<u32>,
    pub columns: Vec<u32>,
    pub values: Values,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Counts(Vec<u64>),
    Weights(Vec<f64>),
}

/// With larger windows the sums of inverse distances would not fit into 64 bits, or 128.
const MAX_WINDOW_64: usize = 20;
const MAX_HARMONIC_WINDOW: usize = 64;
const MAX_WINDOW: usize = 1 << 16;

/// The words that occur at least `least` times: most frequent first, equals as they first came.
pub fn frequent(corpus: &Corpus, least: u64) -> Result<Vec<u32>> {
    let counts = frequencies(corpus)?;
    let mut kept: Vec<u32> =
        (0..corpus.bound).filter(|&word| counts[word as usize] >= least.max(1)).collect();
    kept.sort_by_key(|&word| std::cmp::Reverse(counts[word as usize]));
    Ok(kept)
}

fn frequencies(corpus: &Corpus) -> Result<Vec<u64>> {
    if corpus.bound > MAX_IDS {
        let message = format!("ids go up to {}, more than the {MAX_IDS} allowed", corpus.bound - 1);
        return Err(NgramError::Limit(message));
    }
    let mut counts = vec![0; corpus.bound as usize];
    corpus.tokens.iter().for_each(|&token| counts[token as usize] += 1);
    Ok(counts)
}

/// The corpus of the words `kept` alone, numbered by their place there; the others are taken out before distances count.
pub fn restricted(corpus: &Corpus, kept: &[u32]) -> Result<Corpus> {
    let mut places = vec![None; frequencies(corpus)?.len()];
    for (place, &word) in (0..).zip(kept) {
        if let Some(slot) = places.get_mut(word as usize) {
            *slot = Some(place);
        }
    }
    let mut restricted = Corpus {
        tokens: Vec::with_capacity(corpus.tokens.len()),
        offsets: vec![0],
        bound: kept.len() as u32,
    };
    for sentence in corpus.sentences() {
        let tokens = corpus.tokens[sentence].iter();
        restricted.tokens.extend(tokens.filter_map(|&token| places[token as usize]));
        restricted.offsets.push(restricted.tokens.len());
    }
    Ok(restricted)
}

/// The pairs of a text: of the words `vocabulary`, numbered as there, or of those that occur at least `least` times,
/// which are returned.
pub fn of_text(
    text: Text<'_>,
    vocabulary: Option<&WordTable>,
    least: u64,
    window: &Window,
    cancel: &Cancel,
) -> Result<(Cooccurrences, Option<Vec<String>>)> {
    let mut table = WordTable::new();
    let corpus = text::read(text, &mut table, None, Reserved::Plain, cancel)?;
    let (kept, words) = if let Some(vocabulary) = vocabulary {
        // Words that the text lacks have a number that it lacks.
        (vocabulary.iter().map(|word| table.get(word).unwrap_or(u32::MAX)).collect(), None)
    } else {
        let kept = frequent(&corpus, least)?;
        let words = kept.iter().map(|&word| table.word(word).to_owned()).collect();
        (kept, Some(words))
    };
    Ok((cooccurrences(&restricted(&corpus, &kept)?, window, cancel)?, words))
}

/// The pairs of ids: of `vocabulary`, or of those that occur at least `least` times. Rows and columns are ids.
pub fn of_ids(
    ids: &[u32],
    offsets: &[i64],
    vocabulary: Option<&[u32]>,
    least: u64,
    window: &Window,
    cancel: &Cancel,
) -> Result<Cooccurrences> {
    let corpus = Corpus::from_all_ids(ids, offsets)?;
    let mut kept = vocabulary.map_or_else(|| frequent(&corpus, least), |kept| Ok(kept.to_vec()))?;
    kept.sort_unstable();
    kept.dedup();
    let mut found = cooccurrences(&restricted(&corpus, &kept)?, window, cancel)?;
    found.rows.iter_mut().chain(&mut found.columns).for_each(|place| *place = kept[*place as usize]);
    Ok(found)
}

/// Sum up the pairs of words at most `window.size` apart within the sentences of `corpus`.
pub fn cooccurrences(corpus: &Corpus, window: &Window, cancel: &Cancel) -> Result<Cooccurrences> {
    let harmonic = window.weighting == Weighting::Harmonic;
    let most = if harmonic { MAX_HARMONIC_WINDOW } else { MAX_WINDOW };
    if window.size == 0 || window.size > most {
        let message = format!("window is {}, expected 1 to {most} with this weighting", window.size);
        return Err(NgramError::InvalidArgument(message));
    }
    if !harmonic {
        let weights = vec![1u64; window.size];
        let run = paired(corpus, window, &weights, cancel)?;
        return Ok(finished(&run, |run| Values::Counts(run.iter().map(|&(_, sum)| sum).collect())));
    }
    let whole =
        (1..=window.size as u128).fold(1, |multiple, distance| multiple / gcd(multiple, distance) * distance);
    let weights: Vec<u128> = (1..=window.size as u128).map(|distance| whole / distance).collect();
    if window.size <= MAX_WINDOW_64 {
        let weights: Vec<u64> = weights.iter().map(|&weight| weight as u64).collect();
        let run = paired(corpus, window, &weights, cancel)?;
        let weight = |&(_, sum): &(u64, u64)| sum as f64 / whole as f64;
        return Ok(finished(&run, |run| Values::Weights(run.iter().map(weight).collect())));
    }
    let run = paired(corpus, window, &weights, cancel)?;
    let weight = |&(_, sum): &(u64, u128)| sum as f64 / whole as f64;
    Ok(finished(&run, |run| Values::Weights(run.iter().map(weight).collect())))
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

const HALF: u32 = 32;

fn paired<V: Sum>(corpus: &Corpus, window: &Window, weights: &[V], cancel: &Cancel) -> Result<Run<u64, V>> {
    let symmetric = window.symmetric;
    let run = sum_positions(corpus, cancel, |sums: &mut Sums<u64, V>, position, end| {
        let first = corpus.tokens[position];
        let later = &corpus.tokens[position + 1..end.min(position + 1 + weights.len())];
        for (&second, &weight) in later.iter().zip(weights) {
            // Of a symmetric matrix the upper half is enough; a word beside itself is there from both sides.
            let (row, column) =
                if symmetric { (first.min(second), first.max(second)) } else { (first, second) };
            let mut weight = weight;
            if symmetric && first == second {
                weight += weight;
            }
            sums.add(u64::from(row) << HALF | u64::from(column), weight);
        }
    })?;
    if !symmetric {
        return Ok(run);
    }
    let mut lower: Run<u64, V> = run
        .par_iter()
        .map(|&(key, sum)| (key.rotate_left(HALF), sum))
        .filter(|&(key, _)| key != key.rotate_left(HALF))
        .collect();
    cancel.check()?;
    lower.par_sort_unstable_by_key(|&(key, _)| key);
    Ok(merge(&run, &lower))
}

fn finished<V: Sum>(run: &Run<u64, V>, values: impl Fn(&Run<u64, V>) -> Values) -> Cooccurrences {
    Cooccurrences {
        rows: run.iter().map(|&(key, _)| (key >> HALF) as u32).collect(),
        columns: run.iter().map(|&(key, _)| key as u32).collect(),
        values: values(run),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    fn corpus(sentences: &[Vec<u32>]) -> Corpus {
        let mut offsets = vec![0];
        offsets.extend(sentences.iter().scan(0, |end, s| {
            *end += s.len();
            Some(*end)
        }));
        Corpus { tokens: sentences.concat(), offsets, bound: 6 }
    }

    proptest! {
        #[test]
        fn sums_are_those_of_all_pairs(
            sentences in prop::collection::vec(prop::collection::vec(0u32..6, 0..12), 0..8),
            size in prop::sample::select(vec![1, 2, 5, 20, 21, 64]),
            symmetric in any::<bool>(),
        ) {
            let mut twin: BTreeMap<(u32, u32), (u64, f64)> = BTreeMap::new();
            for sentence in &sentences {
                for (i, &a) in sentence.iter().enumerate() {
                    for (j, &b) in sentence.iter().enumerate() {
                        let near = i.abs_diff(j) <= size && (i < j || symmetric && i != j);
                        if near {
                            let cell = twin.entry((a, b)).or_default();
                            cell.0 += 1;
                            cell.1 += 1.0 / i.abs_diff(j) as f64;
                        }
                    }
                }
            }
            let window = |weighting| Window { size, symmetric, weighting };
            let counts = cooccurrences(&corpus(&sentences), &window(Weighting::Uniform), &NEVER).unwrap();
            let pairs: Vec<_> = counts.rows.iter().copied().zip(counts.columns.iter().copied()).collect();
            prop_assert_eq!(&pairs, &twin.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!(counts.values, Values::Counts(twin.values().map(|cell| cell.0).collect()));
            let weights = cooccurrences(&corpus(&sentences), &window(Weighting::Harmonic), &NEVER).unwrap();
            let Values::Weights(weights) = weights.values else { panic!("counts") };
            for (weight, cell) in weights.iter().zip(twin.values()) {
                prop_assert!((weight - cell.1).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn rare_words_go_before_distances_count() {
        let corpus = corpus(&[vec![3, 1, 3, 2], vec![2, 3]]);
        let kept = frequent(&corpus, 2).unwrap();
        assert_eq!(kept, [3, 2]);
        let restricted = restricted(&corpus, &kept).unwrap();
        assert_eq!((restricted.tokens, restricted.offsets), (vec![0, 0, 1, 1, 0], vec![0, 3, 5]));
    }

    #[test]
    fn windows_are_checked() {
        let window = |size, weighting| Window { size, symmetric: true, weighting };
        let refused =
            |size, weighting| cooccurrences(&corpus(&[]), &window(size, weighting), &NEVER).is_err();
        assert!(refused(0, Weighting::Uniform) && refused(65, Weighting::Harmonic));
        assert!(!refused(65, Weighting::Uniform));
    }
}
