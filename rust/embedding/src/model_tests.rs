//! What models learn, and that they repeat themselves and survive files.

use ferrolm_base::Cancel;
use ferrolm_base::cancel::NEVER;

use crate::random::Random;
use crate::*;

/// Words of one topic only ever meet each other.
fn two_topics() -> Corpus {
    let mut builder = CorpusBuilder::new();
    let mut random = Random::new(7, 0, 0);
    for _ in 0..1000 {
        let topic = random.below(2);
        for _ in 0..8 {
            builder.push(&format!("{topic}-{}", random.below(10))).unwrap();
        }
        builder.end_sentence();
    }
    builder.finish(1).unwrap()
}

fn small() -> Settings {
    Settings { vector_size: 20, sample: 0.0, ..Settings::default() }
}

fn trained(corpus: &Corpus, settings: Settings, epochs: u32, workers: usize) -> Model {
    let mut model = Model::new(corpus, settings).unwrap();
    for epoch in 0..epochs {
        model.train(corpus, &pass(epoch, epochs, workers), &NEVER).unwrap();
    }
    model
}

fn pass(epoch: u32, epochs: u32, workers: usize) -> Pass {
    Pass { epoch, epochs, alpha: 0.025, min_alpha: 1e-4, workers, compute_loss: false }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Mean cosine of words of the same topic, and of different ones.
fn separation(model: &Model) -> (f32, f32) {
    let vectors = model.vectors();
    let rows: Vec<&[f32]> = vectors.chunks_exact(20).collect();
    let words: Vec<&str> = model.words().collect();
    let (mut same, mut other) = ((0.0, 0u8), (0.0, 0u8));
    for (i, a) in words.iter().enumerate() {
        for (j, b) in words.iter().enumerate().skip(i + 1) {
            let sum = if a[..1] == b[..1] { &mut same } else { &mut other };
            sum.0 += cosine(rows[i], rows[j]);
            sum.1 += 1;
        }
    }
    (same.0 / f32::from(same.1), other.0 / f32::from(other.1))
}

#[test]
fn words_that_meet_become_similar_in_every_way_of_training() {
    let corpus = two_topics();
    let subwords = Some(SubwordSettings { min_n: 3, max_n: 4, bucket: 500 });
    for architecture in [Architecture::SkipGram, Architecture::Cbow] {
        for (hierarchical, negative) in [(false, 5), (true, 0), (true, 9)] {
            for (workers, subwords) in [(1, None), (2, None), (3, None), (1, subwords)] {
                let settings = Settings { architecture, negative, hierarchical, subwords, ..small() };
                let (same, other) = separation(&trained(&corpus, settings.clone(), 5, workers));
                assert!(same > other + 0.3, "{settings:?} {workers}: {same} {other}");
            }
        }
    }
}

#[test]
fn one_worker_repeats_itself_and_seeds_differ() {
    let corpus = two_topics();
    let run = |seed| trained(&corpus, Settings { seed, ..small() }, 1, 1).vectors();
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn the_loss_falls() {
    let corpus = two_topics();
    let mut model = Model::new(&corpus, small()).unwrap();
    let mut losses = (0..3).map(|epoch| {
        let pass = Pass { compute_loss: true, ..pass(epoch, 3, 1) };
        model.train(&corpus, &pass, &NEVER).unwrap()
    });
    let (first, last) = (losses.next().unwrap(), losses.last().unwrap());
    assert_eq!(first.words, 8_000);
    // Untrained: log 2 for each of up to six predictions.
    assert!(first.loss < 8_000.0 * 6.0 * 0.6932 && first.loss > 0.0);
    assert!(last.loss < first.loss * 0.9, "{first:?} {last:?}");
}

#[test]
fn a_raised_flag_and_bad_settings_are_errors() {
    let corpus = two_topics();
    let cancel = Cancel::new();
    cancel.cancel();
    for workers in [1, 2] {
        let mut model = Model::new(&corpus, small()).unwrap();
        let result = model.train(&corpus, &pass(0, 1, workers), &cancel);
        assert!(matches!(result, Err(EmbeddingError::Cancelled(_))));
    }
    let error = Model::new(&corpus, Settings { window: 0, ..small() }).unwrap_err();
    assert!(error.to_string().contains("window is 0"), "{error}");
}

#[test]
fn new_words_join_and_old_ones_stay() {
    let corpus = two_topics();
    let mut model = trained(&corpus, small(), 1, 1);
    let before = model.vectors();
    let mut builder = CorpusBuilder::new();
    builder.push_text("0-1 new 0-2 new").unwrap();
    let more = builder.finish(1).unwrap();
    assert_eq!(model.train(&more, &pass(0, 1, 1), &NEVER).unwrap().words, 2);
    model.extend(&more).unwrap();
    assert_eq!(model.num_words(), 21);
    assert_eq!(model.words().last(), Some("new"));
    assert_eq!(model.vectors()[..20].len(), before[..20].len());
    assert_eq!(model.train(&more, &pass(0, 1, 1), &NEVER).unwrap().words, 4);
}

#[test]
fn files_give_back_a_model_that_goes_on_alike() {
    let corpus = two_topics();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    let subwords = Some(SubwordSettings { min_n: 2, max_n: 3, bucket: 50 });
    for settings in [small(), Settings { hierarchical: true, subwords, ..small() }] {
        let mut model = trained(&corpus, settings, 1, 1);
        model.save(&path, "a note", &NEVER).unwrap();
        let (mut loaded, note) = Model::load(&path, &NEVER).unwrap();
        assert_eq!(note, "a note");
        for model in [&mut model, &mut loaded] {
            model.train(&corpus, &pass(0, 1, 1), &NEVER).unwrap();
        }
        assert_eq!(model.vectors(), loaded.vectors());
        assert_eq!(model.vector("0-new"), loaded.vector("0-new"));
        assert_eq!(model.output_vectors(), loaded.output_vectors());
    }
}

#[test]
fn damaged_files_are_errors() {
    let corpus = two_topics();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    let settings = Settings { vector_size: 2, ..small() };
    Model::new(&corpus, settings).unwrap().save(&path, "", &NEVER).unwrap();
    let good = std::fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        std::fs::write(&path, &bad).unwrap();
        assert!(Model::load(&path, &NEVER).is_err(), "{at}");
        std::fs::write(&path, &good[..at]).unwrap();
        assert!(Model::load(&path, &NEVER).is_err(), "{at}");
    }
}
