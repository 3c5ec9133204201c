//! The loop that merges the most frequent pair until the vocabulary is full.

use ferrolm_base::{Cancel, Cancelled};

use super::BpeOptions;
use super::corpus::Corpus;
use super::hash::FastMap;
use super::pairs::Pairs;
use super::vocabulary::Vocabulary;

/// Words between two looks at the cancel flag.
const POLL: usize = 4096;

/// Learn merges, in order, and add their tokens to `vocabulary`.
pub(super) fn learn(
    mut corpus: Corpus,
    options: &BpeOptions,
    vocabulary: &mut Vocabulary,
    cancel: &Cancel,
) -> Result<Vec<(u32, u32)>, Cancelled> {
    let longest = options.max_token_length.unwrap_or(usize::MAX);
    // Length in characters of the text, without prefixes and suffixes: every token of the alphabet counts one.
    let mut lengths = vec![1usize; vocabulary.len()];
    let mut pairs = count_pairs(&corpus, cancel)?;
    let mut merges = Vec::new();
    while vocabulary.len() < options.vocab_size {
        let Some((pair, count, words)) = pairs.pop() else { break };
        if count < options.min_frequency.max(1) {
            break;
        }
        let merged = vocabulary.id_or_insert(&merged_token(vocabulary, pair, options));
        let length = lengths[pair.0 as usize] + lengths[pair.1 as usize];
        if merged as usize == lengths.len() {
            lengths.push(length);
        }
        merges.push(pair);
        let fits = |left: u32, right: u32| lengths[left as usize] + lengths[right as usize] < longest;
        for chunk in words.chunks(POLL) {
            cancel.check()?;
            for &word in chunk {
                let count = corpus.counts[word as usize];
                corpus.merge(word as usize, pair, merged, fits, |left, right, by| {
                    pairs.change(left, right, by * count, word);
                });
            }
        }
        pairs.enqueue_gained();
    }
    Ok(last_of_each(&merges))
}

fn count_pairs(corpus: &Corpus, cancel: &Cancel) -> Result<Pairs, Cancelled> {
    let mut pairs = Pairs::default();
    for word in 0..corpus.len() {
        if word % POLL == 0 {
            cancel.check()?;
        }
        for pair in corpus.word(word).windows(2) {
            pairs.change(pair[0], pair[1], corpus.counts[word], word as u32);
        }
    }
    pairs.enqueue_gained();
    Ok(pairs)
}

fn merged_token(vocabulary: &Vocabulary, pair: (u32, u32), options: &BpeOptions) -> String {
    let right = vocabulary.token(pair.1);
    let right = right.strip_prefix(options.continuing_subword_prefix.as_str()).unwrap_or(right);
    format!("{}{right}", vocabulary.token(pair.0))
}

/// A pair that was merged more than once has the rank of its last merge, as in `tokenizers`.
fn last_of_each(merges: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let last: FastMap<u64, usize> =
        merges.iter().enumerate().map(|(rank, &pair)| (key(pair), rank)).collect();
    let is_last =
        |(rank, pair): (usize, &(u32, u32))| (last.get(&key(*pair)) == Some(&rank)).then_some(*pair);
    merges.iter().enumerate().filter_map(is_last).collect()
}

fn key(pair: (u32, u32)) -> u64 {
    u64::from(pair.0) << 32 | u64::from(pair.1)
}
