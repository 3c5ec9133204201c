//! Passages that a corpus has more than once.
//!
//! Rolling hashes of all n-grams of the least length are sorted with their positions, so that each position knows the
//! first one with the same hash. Documents are then walked from the front: where the words at a position are those at
//! the first one, which is checked word by word, the span is followed for as long as the words agree. Each word is
//! compared a bounded number of times: linear beside the sort.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::{NgramError, Result};

/// A passage that occurred before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedSpan {
    pub document: usize,
    /// Of the first word, within its document.
    pub start: usize,
    /// Words.
    pub length: usize,
    /// Where the words occurred before: the first place in the corpus that has the first `length` words asked for.
    pub source: usize,
    pub source_start: usize,
}

const BASE: u64 = 0xD605_BBB5_8C8A_BCFD;

/// The passages of at least `length` words that occurred before, in the same document or an earlier one.
///
/// Each goes on to the right for as long as the words are those after its source, and the next one begins with the
/// first `length` words that end beyond it and occurred before: spans may overlap by less than `length` words.
pub fn repeated_spans(corpus: &Corpus, length: usize, cancel: &Cancel) -> Result<Vec<RepeatedSpan>> {
    if length == 0 {
        return Err(NgramError::InvalidArgument("length is 0, expected 1 or more".to_owned()));
    }
    if corpus.sentences().all(|document| document.len() < length) {
        return Ok(Vec::new());
    }
    let first = first_alike(corpus, length, cancel)?;
    let documents: Vec<_> = corpus.sentences().collect();
    let spans = documents.into_par_iter().enumerate().map(|(document, range)| {
        cancel.check()?;
        let mut spans = Vec::new();
        let mut position = range.start;
        while position + length <= range.end {
            let source = first[position] as usize;
            let end =
                if source < position { common_end(corpus, position, source, range.end) } else { position };
            if end < position + length {
                position += 1;
                continue;
            }
            let (owner, source_start) = locate(corpus, source);
            let start = position - range.start;
            spans.push(RepeatedSpan { document, start, length: end - position, source: owner, source_start });
            position = end + 1 - length;
        }
        Ok(spans)
    });
    Ok(spans.collect::<Result<Vec<_>>>()?.concat())
}

/// For each position, the first one whose next `length` words have the same hash; itself where too few are left.
fn first_alike(corpus: &Corpus, length: usize, cancel: &Cancel) -> Result<Vec<u32>> {
    let oldest = (0..length).fold(1u64, |power, _| power.wrapping_mul(BASE));
    let value = |position: usize| u64::from(corpus.tokens[position]) + 1;
    let documents: Vec<_> = corpus.sentences().filter(|document| document.len() >= length).collect();
    let mut hashes: Vec<(u64, u32)> = documents
        .into_par_iter()
        .flat_map_iter(|document| {
            let mut sum = 0u64;
            let start = document.start;
            document.filter_map(move |position| {
                sum = sum.wrapping_mul(BASE).wrapping_add(value(position));
                let first = (position + 1).checked_sub(length).filter(|&first| first >= start)?;
                if first > start {
                    sum = sum.wrapping_sub(value(first - 1).wrapping_mul(oldest));
                }
                Some((sum, first as u32))
            })
        })
        .collect();
    cancel.check()?;
    hashes.par_sort_unstable();
    cancel.check()?;
    let mut first: Vec<u32> = (0..corpus.tokens.len() as u32).collect();
    for alike in hashes.chunk_by(|a, b| a.0 == b.0) {
        for &(_, position) in alike {
            first[position as usize] = alike[0].1;
        }
    }
    Ok(first)
}

/// Where the words from `position` on, up to `end`, stop being those from `source` on in its document.
fn common_end(corpus: &Corpus, position: usize, source: usize, end: usize) -> usize {
    let after = corpus.offsets.partition_point(|&offset| offset <= source);
    let source_end = corpus.offsets[after];
    let pairs = corpus.tokens[position..end].iter().zip(&corpus.tokens[source..source_end]);
    position + pairs.take_while(|(a, b)| a == b).count()
}

/// The document of a position, and the place there.
fn locate(corpus: &Corpus, position: usize) -> (usize, usize) {
    let document = corpus.offsets.partition_point(|&offset| offset <= position) - 1;
    (document, position - corpus.offsets[document])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use ferrolm_base::cancel::NEVER;
    use proptest::prelude::*;

    use super::*;

    fn corpus(documents: &[Vec<u32>]) -> Corpus {
        let mut offsets = vec![0];
        offsets.extend(documents.iter().scan(0, |end, d| {
            *end += d.len();
            Some(*end)
        }));
        Corpus { tokens: documents.concat(), offsets, bound: 3 }
    }

    fn twin(documents: &[Vec<u32>], length: usize) -> Vec<RepeatedSpan> {
        let mut first: HashMap<&[u32], (usize, usize)> = HashMap::new();
        let mut spans = Vec::new();
        for (number, document) in documents.iter().enumerate() {
            let mut next = 0;
            for start in 0..(document.len() + 1).saturating_sub(length) {
                let source = *first.entry(&document[start..start + length]).or_insert((number, start));
                if source != (number, start) && start >= next {
                    let same = document[start..].iter().zip(&documents[source.0][source.1..]);
                    let same = same.take_while(|(a, b)| a == b).count();
                    let (source, source_start) = source;
                    spans.push(RepeatedSpan { document: number, start, length: same, source, source_start });
                    next = start + same + 1 - length;
                }
            }
        }
        spans
    }

    proptest! {
        #[test]
        fn spans_are_those_of_a_map(
            documents in prop::collection::vec(prop::collection::vec(0u32..3, 0..25), 0..6),
            length in 1usize..7,
        ) {
            prop_assert_eq!(repeated_spans(&corpus(&documents), length, &NEVER).unwrap(), twin(&documents, length));
        }
    }

    #[test]
    fn a_copied_passage_is_one_span() {
        let documents = [vec![0, 1, 2, 0, 0, 1], vec![2, 2, 1, 2, 0, 0, 2]];
        let spans = repeated_spans(&corpus(&documents), 3, &NEVER).unwrap();
        assert_eq!(spans, [RepeatedSpan { document: 1, start: 2, length: 4, source: 0, source_start: 1 }]);
        assert!(repeated_spans(&corpus(&documents), usize::MAX, &NEVER).unwrap().is_empty());
        assert!(repeated_spans(&corpus(&documents), 0, &NEVER).is_err());
    }
}
