//! What is made in files is what is made in memory, to the bit; interrupted work goes on where it was.

use std::path::PathBuf;

use ferrolm_base::cancel::NEVER;
use proptest::prelude::*;

use super::collect::{Input, Place, Units};
use super::plan::Training;
use crate::error::Result;
use crate::flm;
use crate::model::Model;
use crate::options::{Options, Smoothing};
use crate::text::{Reserved, Text};
use crate::train;

/// Sentences of few words, so that n-grams repeat.
fn texts() -> impl Strategy<Value = Vec<Vec<u32>>> {
    let rare = prop::collection::vec(0u32..30, 0..40);
    let common = prop::collection::vec(0u32..4, 0..12);
    prop::collection::vec(prop_oneof![rare, common], 1..40)
}

fn lines(sentences: &[Vec<u32>]) -> String {
    let line = |sentence: &Vec<u32>| {
        let words: Vec<String> = sentence.iter().map(|id| format!("w{id}")).collect();
        words.join(" ") + "\n"
    };
    sentences.iter().map(line).collect()
}

fn flat(sentences: &[Vec<u32>]) -> (Vec<u32>, Vec<i64>) {
    let ends = sentences.iter().scan(0, |end, s| {
        *end += s.len() as i64;
        Some(*end)
    });
    (sentences.concat(), [0].into_iter().chain(ends).collect())
}

fn bytes(model: &Model, directory: &std::path::Path) -> Vec<u8> {
    let path = directory.join("model.flm");
    flm::save(model, &path, &NEVER).unwrap();
    std::fs::read(path).unwrap()
}

fn run(training: &mut Training) -> Result<()> {
    (0..training.close(&NEVER)?).try_for_each(|stage| training.run(stage, &NEVER))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_model_made_in_files_is_the_one_made_in_memory(
        sentences in texts(),
        cuts in prop::collection::vec(0usize..40, 0..4),
        order in 1usize..6,
        prune in prop::collection::vec(0u32..3, 0..3),
        interpolate_unigrams in any::<bool>(),
        over_ids in any::<bool>(),
        smoothing in prop::sample::select(vec![
            Smoothing::KneserNey,
            Smoothing::KneserNey,
            Smoothing::WittenBell,
            Smoothing::Absolute { discounts: vec![] },
            Smoothing::AddK { k: 0.5 },
            Smoothing::StupidBackoff { factor: 0.4 },
        ]),
        limited in any::<bool>(),
    ) {
        let mut prune = prune;
        prune.sort_unstable();
        prune.truncate(order);
        let interpolate_unigrams = interpolate_unigrams || matches!(smoothing, Smoothing::AddK { .. });
        let words = (0..4).chain(20..24).map(|id| if over_ids { id.to_string() } else { format!("w{id}") });
        let vocabulary = limited.then(|| words.collect());
        let options =
            Options { order, smoothing, prune, interpolate_unigrams, vocabulary, ..Options::default() };
        let directory = tempfile::tempdir().unwrap();
        let mut cuts: Vec<usize> = cuts.iter().map(|&cut| cut.min(sentences.len())).collect();
        cuts.extend([0, sentences.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &sentences[pair[0]..pair[1]]);
        let units = if over_ids { Units::Ids(Some(31)) } else { Units::Words(Reserved::Refuse) };
        let mut training = Training::new(Place::Nameless(None), 0, units, &options).unwrap();
        for piece in pieces {
            let (ids, offsets) = flat(piece);
            let text = lines(piece);
            let input = if over_ids {
                Input::Ids { ids: &ids, offsets: &offsets }
            } else {
                Input::Text(Text::Lines(&text))
            };
            training.push(input, &NEVER).unwrap();
        }
        run(&mut training).unwrap();
        let (model, reports) = training.finish(&NEVER).unwrap();
        let (expected, expected_reports) = if over_ids {
            let (ids, offsets) = flat(&sentences);
            train::from_ids(&ids, &offsets, 31, &options, &NEVER).unwrap()
        } else {
            train::from_text(Text::Lines(&lines(&sentences)), false, &options, &NEVER).unwrap()
        };
        prop_assert_eq!(reports, expected_reports);
        prop_assert_eq!(bytes(&model, directory.path()), bytes(&expected, directory.path()));
    }

    #[test]
    fn interrupted_work_goes_on_where_it_was(sentences in texts(), stop in 0usize..20, cut in 0usize..40) {
        let options = Options { order: 3, prune: vec![0, 0, 1], ..Options::default() };
        let directory = tempfile::tempdir().unwrap();
        let place: PathBuf = directory.path().join("work");
        let place = Place::Kept { directory: &place, work: "test" };
        let units = Units::Words(Reserved::Refuse);
        let (front, back) = sentences.split_at(cut.min(sentences.len()));
        let pieces = [lines(front), lines(back)];
        let mut training = Training::new(place, 0, units, &options).unwrap();
        for piece in &pieces[..(stop + 1).min(2)] {
            training.push(Input::Text(Text::Lines(piece)), &NEVER).unwrap();
        }
        if stop > 2 {
            let stages = training.close(&NEVER).unwrap();
            (0..stages.min(stop - 2)).for_each(|stage| training.run(stage, &NEVER).unwrap());
        }
        drop(training);
        let mut training = Training::new(place, 0, units, &options).unwrap();
        for piece in &pieces[training.completed() as usize..] {
            training.push(Input::Text(Text::Lines(piece)), &NEVER).unwrap();
        }
        run(&mut training).unwrap();
        let (model, _) = training.finish(&NEVER).unwrap();
        let (expected, _) =
            train::from_text(Text::Lines(&lines(&sentences)), false, &options, &NEVER).unwrap();
        prop_assert_eq!(bytes(&model, directory.path()), bytes(&expected, directory.path()));
        prop_assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "only model.flm is left");
    }
}
