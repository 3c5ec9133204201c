//! The pairs of a corpus before the first merge.

use ferrolm_base::Cancel;

use super::super::hash::FastMap;
use super::super::progress::Stage;
use super::super::{Progress, TrainError};
use super::corpus::Corpus;
use super::queue::{PairKey, key};

/// Words between two looks at the cancel flag.
const POLL: usize = 4096;

/// Every pair with its count and the words that have it.
pub(super) struct Counted {
    /// Pair, count, and the start and number of its words in `words`.
    pub(super) pairs: Vec<(PairKey, i64, usize, u32)>,
    pub(super) words: Vec<u32>,
}

impl Counted {
    pub(super) fn new(corpus: &Corpus, progress: &Progress, cancel: &Cancel) -> Result<Self, TrainError> {
        progress.start(Stage::CountPairs, 0);
        let mut numbers = FastMap::<PairKey, u32>::default();
        // By number: the pair, its count, its words, and the word that had it last.
        let mut found: Vec<(PairKey, i64, u32, u32)> = Vec::new();
        let mut occurrences = Vec::new();
        for (at, word) in corpus.words().enumerate() {
            if at % POLL == 0 {
                cancel.check()?;
            }
            let count = corpus.count(word);
            for two in corpus.symbols(word).windows(2) {
                let key = key(two[0], two[1]);
                let number = *numbers.entry(key).or_insert_with(|| {
                    found.push((key, 0, 0, u32::MAX));
                    found.len() as u32 - 1
                });
                let (_, total, words, last) = &mut found[number as usize];
                *total += count;
                if *last != word {
                    *last = word;
                    *words += 1;
                    occurrences.push((number, word));
                }
            }
        }
        let mut start = 0;
        let pairs: Vec<_> = found
            .iter()
            .map(|&(key, count, words, _)| {
                start += words as usize;
                (key, count, start - words as usize, words)
            })
            .collect();
        let mut ends: Vec<_> = pairs.iter().map(|&(_, _, start, _)| start).collect();
        let mut words = vec![0; occurrences.len()];
        for (number, word) in occurrences {
            let end = &mut ends[number as usize];
            words[*end] = word;
            *end += 1;
        }
        Ok(Self { pairs, words })
    }
}
