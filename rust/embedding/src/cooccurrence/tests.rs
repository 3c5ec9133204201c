use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::CorpusBuilder;
use crate::random::Random;

/// Words are numbers.
pub(crate) fn corpus(sentences: &[Vec<u32>]) -> Corpus {
    let mut builder = CorpusBuilder::new();
    for sentence in sentences {
        sentence.iter().try_for_each(|word| builder.push(&word.to_string())).unwrap();
        builder.end_sentence();
    }
    builder.finish(1).unwrap()
}

fn counted(source: &Source<'_>, settings: &CountSettings) -> (BTreeMap<(u32, u32), f32>, bool) {
    let counts = count(source, settings, &Cancel::new()).unwrap();
    let (spilled, at_most) = (counts.spilled(), counts.at_most());
    let mut found = BTreeMap::new();
    let visit = |word, context, count| {
        assert!(found.insert((word, context), count).is_none(), "{word} {context} came twice");
        Ok(())
    };
    counts.for_each(&Cancel::new(), visit).unwrap();
    assert!(found.len() as u64 <= at_most);
    (found, spilled)
}

/// The definition, word by word.
fn twin(corpus: &Corpus, settings: &CountSettings) -> BTreeMap<(u32, u32), f64> {
    let mut counts = BTreeMap::new();
    for sentence in corpus.sentences() {
        for (at, &word) in sentence.iter().enumerate() {
            for (other, &context) in sentence.iter().enumerate() {
                let distance = at.abs_diff(other);
                let near = distance > 0 && distance <= settings.window as usize;
                if near && (settings.symmetric || other < at) {
                    *counts.entry((word, context)).or_insert(0.0) += 1.0 / distance as f64;
                }
            }
        }
    }
    counts
}

fn assert_equal(found: &BTreeMap<(u32, u32), f32>, expected: &BTreeMap<(u32, u32), f64>) {
    assert!(found.keys().eq(expected.keys()));
    for (pair, count) in expected {
        let relative = f64::from(found[pair]) / count - 1.0;
        assert!(relative.abs() < 2e-7, "{pair:?}: {} {count}", found[pair]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn counts_are_those_of_the_definition(
        sentences in prop::collection::vec(prop::collection::vec(0u32..30, 0..20), 1..20),
        window in 1u32..30,
        symmetric: bool,
        workers in 1usize..4,
    ) {
        prop_assume!(sentences.iter().any(|sentence| !sentence.is_empty()));
        let corpus = corpus(&sentences);
        let settings = CountSettings { window, symmetric, memory_limit: MIN_MEMORY, workers, directory: None };
        assert_equal(&counted(&Source::new(&corpus), &settings).0, &twin(&corpus, &settings));
    }
}

#[test]
fn runs_on_disk_change_nothing() {
    let mut random = Random::new(3, 0, 0);
    let mut sentence = || (0..40).map(|_| random.below(1500) * random.below(1500) / 1500).collect();
    let corpus = corpus(&(0..400).map(|_| sentence()).collect::<Vec<_>>());
    for symmetric in [true, false] {
        let settings =
            CountSettings { window: 10, symmetric, memory_limit: MIN_MEMORY, workers: 1, directory: None };
        let (small, spilled) = counted(&Source::new(&corpus), &settings);
        assert!(spilled);
        assert_equal(&small, &twin(&corpus, &settings));
        for workers in 1..=3 {
            let settings = CountSettings { memory_limit: 1 << 24, workers, ..settings.clone() };
            let (large, spilled) = counted(&Source::new(&corpus), &settings);
            assert!(!spilled && large == small);
        }
    }
}

#[test]
fn words_of_another_vocabulary_are_passed_over() {
    let corpus = corpus(&[vec![1, 2, 3, 1], vec![2]]);
    let source = Source::within(&corpus, &["3".to_owned(), "1".to_owned(), "9".to_owned()]);
    let settings =
        CountSettings { window: 1, symmetric: false, memory_limit: MIN_MEMORY, workers: 2, directory: None };
    let expected = BTreeMap::from([((0, 1), 1.0), ((1, 0), 1.0)]);
    assert_eq!(counted(&source, &settings).0, expected);
}

#[test]
fn the_table_takes_what_it_may_and_no_more() {
    for symmetric in [true, false] {
        for cells in [0, 1, 10, 1000, 5000] {
            let product = largest_product(60, symmetric, cells);
            let filled = |product| Dense::new(&(0..60), 60, symmetric, product);
            assert!(filled(product).size() as u64 <= cells);
            assert!(product == 3600 || filled(product + 1).size() as u64 > cells);
        }
    }
}

#[test]
fn settings_are_named() {
    let corpus = corpus(&[vec![1]]);
    let good =
        CountSettings { window: 1, symmetric: true, memory_limit: MIN_MEMORY, workers: 1, directory: None };
    for (settings, words) in [
        (CountSettings { window: 0, ..good.clone() }, "window is 0"),
        (
            CountSettings { memory_limit: 1000, ..good.clone() },
            "memory_limit is 1000 bytes: expected at least 65536",
        ),
        (CountSettings { workers: 0, ..good.clone() }, "workers is 0"),
        (CountSettings { workers: usize::MAX, ..good.clone() }, "at most 1024"),
    ] {
        let error = count(&Source::new(&corpus), &settings, &Cancel::new()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let cancel = Cancel::new();
    cancel.cancel();
    let long = self::corpus(&[vec![1; CANCEL_INTERVAL]]);
    assert!(matches!(count(&Source::new(&long), &good, &cancel), Err(EmbeddingError::Cancelled(_))));
}
