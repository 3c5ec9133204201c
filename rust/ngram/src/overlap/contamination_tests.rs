//! Overlaps against looking for every span of every example in every document.

use ferrolm_base::cancel::NEVER;
use proptest::prelude::*;

use super::*;

fn flat(sequences: &[Vec<u32>]) -> (Vec<u32>, Vec<i64>) {
    let mut offsets = vec![0];
    offsets.extend(sequences.iter().scan(0, |end, s| {
        *end += s.len() as i64;
        Some(*end)
    }));
    (sequences.concat(), offsets)
}

fn occurs(documents: &[Vec<u32>], span: &[u32]) -> bool {
    documents.iter().any(|document| document.windows(span.len()).any(|window| window == span))
}

fn twin(example: &[u32], documents: &[Vec<u32>], n: usize, min_length: usize) -> Overlap {
    let mut overlap = Overlap { words: example.len(), ..Overlap::default() };
    if example.len() < min_length {
        return overlap;
    }
    let needed = n.min(example.len());
    overlap.ngrams = example.len() + 1 - needed;
    let mut covered = vec![false; example.len()];
    for start in 0..overlap.ngrams {
        if occurs(documents, &example[start..start + needed]) {
            overlap.found += 1;
            covered[start..start + needed].fill(true);
        }
    }
    overlap.covered = covered.iter().filter(|&&covered| covered).count();
    for length in needed..=example.len() {
        let mut starts = 0..=example.len() - length;
        if let Some(start) = starts.find(|&start| occurs(documents, &example[start..start + length])) {
            (overlap.longest, overlap.longest_start) = (length, start);
        }
    }
    overlap
}

proptest! {
    #[test]
    fn overlaps_are_those_of_looking_everywhere(
        examples in prop::collection::vec(prop::collection::vec(0u32..3, 0..14), 1..6),
        documents in prop::collection::vec(prop::collection::vec(0u32..4, 0..30), 0..6),
        (min_length, more) in (1usize..5, 0usize..4),
    ) {
        let n = min_length + more;
        let (ids, offsets) = flat(&examples);
        let found = Contamination::of_ids(&ids, &offsets, n, min_length, &NEVER).unwrap();
        let (ids, offsets) = flat(&documents);
        // In two parts, the later first: the order does not matter.
        let half = documents.len() / 2;
        let middle = offsets[half] as usize;
        let later: Vec<i64> = offsets[half..].iter().map(|offset| offset - middle as i64).collect();
        found.add_ids(&ids[middle..], &later, half as u64, &NEVER).unwrap();
        found.add_ids(&ids[..middle], &offsets[..=half], 0, &NEVER).unwrap();
        for (example, mut overlap) in examples.iter().zip(found.overlaps()) {
            if let Some(document) = overlap.document.take() {
                let span = &example[overlap.longest_start..overlap.longest_start + overlap.longest];
                prop_assert!(occurs(&documents[document as usize..=document as usize], span));
            }
            prop_assert_eq!(overlap, twin(example, &documents, n, min_length));
        }
    }
}

#[test]
fn texts_are_compared_by_their_words() {
    let tests = ["The quick, brown fox jumps!", "over a lazy dog", "no"];
    let found = Contamination::of_texts(&tests, Words::Normalized, 3, 2, &NEVER).unwrap();
    found.add_texts(&["nothing", "a quick quick brown FOX", "an over a lazy cat"], 10, &NEVER).unwrap();
    let overlaps = found.overlaps();
    assert_eq!((overlaps[0].found, overlaps[0].ngrams, overlaps[0].covered), (1, 3, 3));
    assert_eq!((overlaps[0].document, overlaps[1].document), (Some(11), Some(12)));
    assert_eq!(found.span(0, overlaps[0].longest_start, overlaps[0].longest).unwrap(), "quick brown fox");
    assert_eq!(overlaps[2], Overlap { words: 1, ..Overlap::default() });
    assert!(found.add_ids(&[1], &[0, 1], 0, &NEVER).is_err());
    assert!(
        found.add_texts(&["a"], DOCUMENT_MASK, &NEVER).unwrap_err().to_string().contains("document numbers")
    );
}

#[test]
fn lengths_are_checked() {
    for (n, min_length) in [(0, 0), (3, 0), (2, 3)] {
        assert!(Contamination::of_ids(&[], &[0], n, min_length, &NEVER).is_err());
    }
}

#[test]
fn examples_that_are_all_too_short_have_no_overlap() {
    for n in [6, 1 << 33, usize::MAX] {
        let tests = Contamination::of_texts(&["a b c"], Words::Exact, n, 5, &NEVER).unwrap();
        tests.add_texts(&["a b c a b c a b c", ""], 0, &NEVER).unwrap();
        assert_eq!(tests.overlaps(), [Overlap { words: 3, ..Overlap::default() }]);
    }
}
