use super::*;
use crate::Corpus;
use crate::cooccurrence::tests::corpus;
use crate::cooccurrence::{CountSettings, MIN_MEMORY, Source};

/// Words of one topic (even numbers, odd numbers) mostly meet each other.
fn two_topics() -> Corpus {
    let mut random = Random::new(7, 0, 0);
    let mut sentence = || {
        let topic = random.below(2);
        let mut word = || 2 * random.below(20) + (topic ^ u32::from(random.below(10) == 0));
        (0..8).map(|_| word()).collect()
    };
    corpus(&(0..1500).map(|_| sentence()).collect::<Vec<_>>())
}

fn pairs(corpus: &Corpus, memory_limit: u64) -> Pairs {
    let settings = CountSettings { window: 10, symmetric: true, memory_limit, workers: 1, directory: None };
    Pairs::count(&Source::new(corpus), &settings, 1, &Cancel::new()).unwrap()
}

const EPOCH: EpochSettings =
    EpochSettings { x_max: 10.0, alpha: 0.75, learning_rate: 0.05, workers: 1, seed: 1 };

fn trained(corpus: &Corpus, pairs: &Pairs, size: usize, workers: usize) -> (Parameters, Vec<f64>) {
    let mut parameters = Parameters::new(corpus.words().len(), size, 1).unwrap();
    let epoch =
        |seed| parameters.epoch(pairs, &EpochSettings { workers, seed, ..EPOCH }, &Cancel::new()).unwrap();
    let losses = (0..12).map(epoch).collect();
    (parameters, losses)
}

#[test]
fn any_number_of_workers_finds_the_topics_alike() {
    let corpus = two_topics();
    let pairs = pairs(&corpus, 1 << 24);
    let (one, losses) = trained(&corpus, &pairs, 16, 1);
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
    for workers in 2..=3 {
        let (more, same) = trained(&corpus, &pairs, 16, workers);
        assert!(more.sides() == one.sides() && same == losses);
    }
    let [words, contexts] = one.sides();
    let vector = |row: usize| -> Vec<f32> {
        let rows = words.values[row * 17..].iter().zip(&contexts.values[row * 17..]);
        rows.take(16).map(|(word, context)| word + context).collect()
    };
    let cosine = |a: &[f32], b: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    let (mut same, mut other) = ((0.0, 0.0), (0.0, 0.0));
    for (i, a) in corpus.words().iter().enumerate() {
        for (j, b) in corpus.words().iter().enumerate().skip(i + 1) {
            let topic = |word: &str| word.parse::<u32>().unwrap() % 2;
            let sum = if topic(a) == topic(b) { &mut same } else { &mut other };
            sum.0 += cosine(&vector(i), &vector(j));
            sum.1 += 1.0;
        }
    }
    assert!(same.0 / same.1 > other.0 / other.1 + 0.3, "{same:?} {other:?}");
}

#[test]
fn pairs_on_disk_are_those_in_memory() {
    let mut random = Random::new(5, 0, 0);
    let corpus = corpus(&[(0..4000).map(|_| random.below(150)).collect()]);
    let [memory, disk] = [1 << 26, MIN_MEMORY].map(|limit| pairs(&corpus, limit));
    assert!(!memory.on_disk_now() && disk.on_disk_now() && disk.chunks() > 10);
    let all = |pairs: &Pairs| {
        let mut all = Vec::new();
        pairs.for_each(|word, context, count| all.push((word, context, count.to_bits()))).unwrap();
        all.sort_unstable();
        all
    };
    assert!(all(&memory) == all(&disk) && all(&disk).len() as u64 == disk.len());
    let (_, losses) = trained(&corpus, &disk, 4, 2);
    assert!(losses[11] < losses[0], "{losses:?}");
}

#[test]
fn a_run_can_be_continued() {
    let corpus = two_topics();
    let pairs = pairs(&corpus, 1 << 24);
    // Sizes whose biases fall on every lane of a block.
    for size in [1, 5, 6, 7, 8] {
        let mut whole = Parameters::new(corpus.words().len(), size, 1).unwrap();
        whole.epoch(&pairs, &EPOCH, &Cancel::new()).unwrap();
        let [words, contexts] = whole.sides();
        let mut rest = Parameters::from_sides(corpus.words().len(), size, &words, &contexts).unwrap();
        for parameters in [&mut whole, &mut rest] {
            parameters.epoch(&pairs, &EPOCH, &Cancel::new()).unwrap();
        }
        assert!(whole.sides() == rest.sides());
    }
}

#[test]
fn few_words_and_none() {
    let corpus = corpus(&[vec![1]]);
    let nothing = pairs(&corpus, MIN_MEMORY);
    assert!(nothing.is_empty());
    let (parameters, losses) = trained(&corpus, &nothing, 3, 2);
    assert!(losses.iter().all(|&loss| loss == 0.0));
    assert!(parameters.sides()[0].values.iter().all(|value| value.is_finite()));
}

#[test]
fn settings_flags_and_other_vocabularies_are_errors() {
    let corpus = two_topics();
    let pairs = pairs(&corpus, 1 << 24);
    let mut parameters = Parameters::new(corpus.words().len(), 4, 1).unwrap();
    for (settings, words) in [
        (EpochSettings { x_max: 0.0, ..EPOCH }, "x_max is 0"),
        (EpochSettings { alpha: f32::NAN, ..EPOCH }, "alpha is NaN"),
        (EpochSettings { learning_rate: -1.0, ..EPOCH }, "learning_rate is -1"),
        (EpochSettings { workers: 0, ..EPOCH }, "workers is 0"),
        (EpochSettings { workers: usize::MAX, ..EPOCH }, "at most 1024"),
    ] {
        let error = parameters.epoch(&pairs, &settings, &Cancel::new()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let cancel = Cancel::new();
    cancel.cancel();
    let cancelled = parameters.epoch(&pairs, &EPOCH, &cancel);
    assert!(matches!(cancelled, Err(EmbeddingError::Cancelled(_))));
    let error = Parameters::new(3, 4, 1).unwrap().epoch(&pairs, &EPOCH, &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("pairs is of 40 words"), "{error}");
    assert!(Parameters::new(3, 0, 1).unwrap_err().to_string().contains("vector_size is 0"));
    let [mut words, contexts] = parameters.sides();
    words.squares[3] = 0.0;
    let error = Parameters::from_sides(corpus.words().len(), 4, &words, &contexts).unwrap_err();
    assert!(error.to_string().contains("sum of squares is not positive"), "{error}");
}
