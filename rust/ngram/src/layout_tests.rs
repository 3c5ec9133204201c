//! The other layouts answer what the plain one does, and survive their files.

use ferrolm_base::cancel::NEVER;
use proptest::prelude::*;

use crate::options::Options;
use crate::train::from_ids;
use crate::{Ends, Model, flm};

const IDS: u32 = 9;

fn flat(sequences: &[Vec<u32>]) -> (Vec<u32>, Vec<i64>) {
    let ends = sequences.iter().scan(0, |sum, sequence| {
        *sum += sequence.len() as i64;
        Some(*sum)
    });
    (sequences.concat(), [0].into_iter().chain(ends).collect())
}

fn model(train: &[Vec<u32>], order: usize, prune: u32) -> Model {
    let (ids, offsets) = flat(train);
    let options = Options { order, prune: vec![0, prune][..order.min(2)].to_vec(), ..Options::default() };
    from_ids(&ids, &offsets, IDS, &options, &NEVER).unwrap().0
}

/// The same model in the layout number `layout`.
fn laid_out(model: &Model, layout: usize) -> Model {
    match layout {
        0 => model.compact(None, &NEVER),
        1 => model.compact(Some(3), &NEVER),
        _ => model.hashed(&NEVER),
    }
    .unwrap()
}

fn scores(model: &Model, sequences: &[Vec<u32>], ends: Ends) -> Vec<f32> {
    let (ids, offsets) = flat(sequences);
    model.token_scores(&ids, &offsets, ends, &NEVER).unwrap()
}

fn bytes(model: &Model, folder: &tempfile::TempDir, name: &str) -> Vec<u8> {
    let path = folder.path().join(name);
    flm::save(model, &path, &NEVER).unwrap();
    std::fs::read(path).unwrap()
}

proptest! {
    #[test]
    fn all_layouts_answer_the_same(
        train in prop::collection::vec(prop::collection::vec(0u32..IDS, 0..12), 1..30),
        test in prop::collection::vec(prop::collection::vec(0u32..12, 0..12), 0..40),
        (order, prune) in (1usize..6, 0u32..2),
        (begin, end, hashed) in any::<(bool, bool, bool)>(),
    ) {
        let plain = model(&train, order, prune);
        let other = laid_out(&plain, if hashed { 2 } else { 0 });
        prop_assert_eq!((plain.layout(), other.layout()), ("plain", if hashed { "hashed" } else { "compact" }));
        prop_assert_eq!(other.counts(), plain.counts());
        let ends = Ends { begin, end };
        prop_assert_eq!(scores(&other, &test, ends), scores(&plain, &test, ends));
        for sequence in &test {
            let mut states = [&plain, &other].map(|model| model.context(sequence, begin));
            prop_assert_eq!(plain.next_logprobs(states[0]), other.next_logprobs(states[1]));
            prop_assert_eq!(plain.most_probable(states[0], 5, &NEVER), other.most_probable(states[1], 5, &NEVER));
            for &id in sequence {
                prop_assert_eq!(plain.state_words(states[0]), other.state_words(states[1]));
                let inner = plain.vocabulary().inner(id);
                let steps = [plain.step(states[0], inner), other.step(states[1], inner)];
                prop_assert_eq!(steps[0].0, steps[1].0);
                states = steps.map(|step| step.1);
            }
        }
    }

    #[test]
    fn nothing_is_lost_on_the_way_back_or_in_a_file(
        train in prop::collection::vec(prop::collection::vec(0u32..IDS, 0..12), 1..30),
        (order, prune) in (1usize..6, 0u32..2),
        (mapped, layout) in (any::<bool>(), 0usize..3),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let plain = model(&train, order, prune);
        let other = laid_out(&plain, layout);
        let expanded = other.expand(&NEVER).unwrap();
        if layout != 1 {
            prop_assert_eq!(bytes(&expanded, &folder, "expanded"), bytes(&plain, &folder, "plain"));
        }
        let written = bytes(&other, &folder, "other");
        let loaded = flm::load(&folder.path().join("other"), mapped, &NEVER).unwrap();
        prop_assert_eq!(loaded.layout(), other.layout());
        prop_assert_eq!(bytes(&loaded, &folder, "again"), written.clone());
        prop_assert_eq!(bytes(&laid_out(&expanded, layout), &folder, "twice"), written);
    }

    #[test]
    fn damage_is_an_error(
        train in prop::collection::vec(prop::collection::vec(0u32..IDS, 0..12), 1..30),
        (order, layout) in (1usize..5, 1usize..3),
        (place, bits, cut) in (any::<prop::sample::Index>(), 1u8.., any::<bool>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut written = bytes(&laid_out(&model(&train, order, 0), layout), &folder, "model");
        let place = place.index(written.len());
        if cut { written.truncate(place) } else { written[place] ^= bits }
        let path = folder.path().join("damaged");
        std::fs::write(&path, written).unwrap();
        prop_assert!(flm::load(&path, false, &NEVER).is_err());
    }
}

#[test]
fn quantized_values_are_close_and_contexts_stay_contexts() {
    // A text without patterns, so that there are more values than codes.
    let word = |i: u64| ((i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % u64::from(IDS)) as u32;
    let train: Vec<Vec<u32>> = (0..400).map(|i| (0..10).map(|j| word(10 * i + j)).collect()).collect();
    let plain = model(&train, 4, 0);
    let mut errors = Vec::new();
    for bits in [2, 4, 6] {
        let compact = plain.compact(Some(bits), &NEVER).unwrap();
        assert!(compact.bytes() < plain.bytes());
        let ends = Ends { begin: true, end: true };
        let pairs = scores(&plain, &train, ends).into_iter().zip(scores(&compact, &train, ends));
        errors.push(pairs.map(|(one, other)| (one - other).abs()).fold(0.0, f32::max));
        for context in train.iter().take(50) {
            let states = [&plain, &compact].map(|model| model.context(&context[..4], true));
            assert_eq!(states[0], states[1]);
        }
    }
    assert!(errors.is_sorted_by(|a, b| a >= b) && errors[0] > 0.05 && errors[2] < 0.05, "{errors:?}");
}

#[test]
fn bits_have_limits() {
    let plain = model(&[vec![1, 2]], 2, 0);
    let message = plain.compact(Some(1), &NEVER).err().unwrap().to_string();
    assert_eq!(message, "bits is 1, but must be 2 to 24");
}
