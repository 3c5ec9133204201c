//! Skip-grams (Guthrie et al. 2006): n words of a sentence in their order, with up to k others left out between them.

use ferrolm_base::Cancel;

use crate::corpus::Corpus;
use crate::count::{Counts, OrderCounts};
use crate::error::{NgramError, Result};
use crate::runs::{Key, Run, Sums, Wide, sum_positions};
use crate::words::WordTable;

/// Words of the longest skip-grams: eight words of 32 bits fit into a key.
pub const MAX_SKIP_ORDER: usize = 8;
/// Skip-grams that start at one word; more are a mistake.
const MAX_FROM_A_WORD: u128 = 1 << 20;

/// Count the skip-grams of `n` words that leave out at most `k`, within the sentences of `corpus`.
pub fn skip_grams(
    corpus: &Corpus,
    words: Option<WordTable>,
    n: usize,
    k: usize,
    cancel: &Cancel,
) -> Result<Counts> {
    if n == 0 || n > MAX_SKIP_ORDER {
        let message = format!("n is {n}, expected 1 to {MAX_SKIP_ORDER}");
        return Err(NgramError::InvalidArgument(message));
    }
    let from_a_word = choose(n.saturating_add(k).saturating_sub(1), n - 1);
    if from_a_word > MAX_FROM_A_WORD {
        let message = format!(
            "n is {n} and k is {k}: {from_a_word} skip-grams would start at each word, more than the {MAX_FROM_A_WORD} allowed"
        );
        return Err(NgramError::Limit(message));
    }
    let bits = (u32::BITS - corpus.bound.saturating_sub(1).leading_zeros()).max(1);
    let order = match n as u32 * bits {
        0..=64 => counted::<u64>(corpus, n, k, bits, cancel)?,
        65..=128 => counted::<u128>(corpus, n, k, bits, cancel)?,
        _ => counted::<Wide>(corpus, n, k, bits, cancel)?,
    };
    Ok(Counts { orders: vec![order], words, tokens: corpus.tokens.len() as u64 })
}

/// Ways to choose `few` of `many`, or more than are allowed.
fn choose(many: usize, few: usize) -> u128 {
    let mut ways = 1;
    for taken in 0..few {
        ways = ways * (many - taken) as u128 / (taken + 1) as u128;
        if ways > MAX_FROM_A_WORD << 32 {
            break;
        }
    }
    ways
}

fn counted<K: Key>(corpus: &Corpus, n: usize, k: usize, bits: u32, cancel: &Cancel) -> Result<OrderCounts> {
    let run: Run<K, u64> = sum_positions(corpus, cancel, |sums, position, end| {
        let head = K::default().append(corpus.tokens[position], bits);
        let last = end.min(position.saturating_add(n).saturating_add(k));
        extend(sums, head, &corpus.tokens[position + 1..last], n - 1, bits);
    })?;
    let mut keys = vec![0; run.len() * n];
    for (words, &(mut key, _)) in keys.chunks_exact_mut(n).zip(&run) {
        for word in words.iter_mut().rev() {
            (*word, key) = key.split_last(bits);
        }
    }
    let counts = run.iter().map(|&(_, count)| count).collect();
    Ok(OrderCounts { order: n as u8, keys: keys.into(), counts })
}

/// Add every way to append `missing` words of `rest`, in their order, to `key`.
fn extend<K: Key>(sums: &mut Sums<K, u64>, key: K, rest: &[u32], missing: usize, bits: u32) {
    if missing == 0 {
        sums.add(key, 1);
        return;
    }
    for next in 0..(rest.len() + 1).saturating_sub(missing) {
        extend(sums, key.append(rest[next], bits), &rest[next + 1..], missing - 1, bits);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    /// All subsequences of `n` words that span at most `n + k`.
    fn twin(sentences: &[Vec<u32>], n: usize, k: usize) -> BTreeMap<Vec<u32>, u64> {
        let mut counts = BTreeMap::new();
        for sentence in sentences {
            for chosen in 0u32..1 << sentence.len() {
                let places: Vec<usize> =
                    (0..sentence.len()).filter(|place| chosen >> place & 1 == 1).collect();
                if places.len() == n && places[n - 1] - places[0] < n + k {
                    *counts.entry(places.iter().map(|&place| sentence[place]).collect()).or_default() += 1;
                }
            }
        }
        counts
    }

    proptest! {
        #[test]
        fn counts_are_those_of_all_subsequences(
            sentences in prop::collection::vec(prop::collection::vec(0u32..4, 0..9), 0..6),
            (n, k) in (1usize..6, 0usize..5),
            bound in prop::sample::select(vec![4, 1 << 20, u32::MAX]),
        ) {
            let mut offsets = vec![0];
            offsets.extend(sentences.iter().scan(0, |end, s| { *end += s.len(); Some(*end) }));
            let corpus = Corpus { tokens: sentences.concat(), offsets, bound };
            let counts = skip_grams(&corpus, None, n, k, &NEVER).unwrap();
            let twin = twin(&sentences, n, k);
            prop_assert_eq!(&*counts.orders[0].keys, &twin.keys().flatten().copied().collect::<Vec<_>>());
            prop_assert_eq!(&*counts.orders[0].counts, &twin.values().copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn too_many_are_refused() {
        let corpus = Corpus { tokens: vec![0], offsets: vec![0, 1], bound: 1 };
        let refused = |n, k| skip_grams(&corpus, None, n, k, &NEVER).unwrap_err().to_string();
        assert!(refused(0, 1).contains("n is 0") && refused(9, 1).contains("n is 9"));
        assert!(refused(8, 500).contains("k is 500") && refused(8, usize::MAX).contains("would start"));
        assert!(skip_grams(&corpus, None, 1, 500, &NEVER).is_ok());
    }
}
