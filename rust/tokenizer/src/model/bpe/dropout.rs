//! Merging while merges are skipped at random (BPE-dropout, Provilkov et al., 2020).

use std::cmp::Reverse;

use super::merge::{Merging, Symbol};
use super::merges::Merges;
use crate::model::random::Random;

/// Merge `symbols` in place; a pair whose turn comes is skipped with probability `dropout`, until another has merged.
/// A piece of `n` symbols takes about `n log n / (1 - dropout)`.
pub(super) fn merge_some(symbols: &mut Vec<Symbol>, merges: &Merges, dropout: f32) {
    let (mut merging, mut queue) = Merging::new(symbols, merges);
    let mut skipped = Vec::new();
    Random::with(|random| {
        while let Some(candidate) = queue.pop() {
            if random.unit() < f64::from(dropout) {
                skipped.push(candidate);
                continue;
            }
            queue.extend(skipped.drain(..));
            let Reverse(candidate) = candidate;
            merging.merge(candidate, &mut queue);
        }
    });
    merging.into_symbols(symbols);
}

#[cfg(test)]
mod tests {
    use crate::model::bpe::{Bpe, BpeOptions};

    fn ids(dropout: f32, piece: &str) -> Vec<u32> {
        let options = BpeOptions { dropout: Some(dropout), ..BpeOptions::default() };
        let vocab = [("a", 0), ("b", 1), ("ab", 2), ("abab", 3)];
        let model = Bpe::new(vocab.into_iter(), [("a", "b"), ("ab", "ab")].into_iter(), options).unwrap();
        let mut symbols = Vec::new();
        model.tokenize(piece, &mut symbols).unwrap();
        symbols.iter().map(|symbol| symbol.id).collect()
    }

    #[test]
    fn from_no_merge_dropped_to_none_left() {
        assert_eq!((ids(0.0, "abab"), ids(1.0, "abab")), (vec![3], vec![0, 1, 0, 1]));
        let drawn: std::collections::HashSet<_> = (0..300).map(|_| ids(0.5, "abab")).collect();
        assert!(drawn.len() > 3 && drawn.contains(&vec![3]), "{drawn:?}");
        assert!((0..100).all(|_| ids(0.3, "aab").iter().all(|&id| id < 3)));
    }
}
