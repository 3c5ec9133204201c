//! The compact layout answers what the fast one does, and survives its file.

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
    fn compact_models_answer_as_fast_ones(
        train in prop::collection::vec(prop::collection::vec(0u32..IDS, 0..12), 1..30),
        test in prop::collection::vec(prop::collection::vec(0u32..12, 0..12), 0..40),
        (order, prune) in (1usize..6, 0u32..2),
        (begin, end) in any::<(bool, bool)>(),
    ) {
        let fast = model(&train, order, prune);
        let compact = fast.compact(None, &NEVER).unwrap();
        prop_assert!(compact.is_compact() && !fast.is_compact());
        prop_assert_eq!(compact.counts(), fast.counts());
        let ends = Ends { begin, end };
        prop_assert_eq!(scores(&compact, &test, ends), scores(&fast, &test, ends));
        for sequence in &test {
            let states = [&fast, &compact].map(|model| model.context(sequence, begin));
            prop_assert_eq!(states[0], states[1]);
            prop_assert_eq!(fast.state_words(states[0]), compact.state_words(states[1]));
            prop_assert_eq!(fast.next_logprobs(states[0]), compact.next_logprobs(states[1]));
            prop_assert_eq!(fast.most_probable(states[0], 5), compact.most_probable(states[1], 5));
            let mut states = states;
            for &id in sequence {
                let inner = fast.vocabulary().inner(id);
                let steps = [fast.step(states[0], inner), compact.step(states[1], inner)];
                prop_assert_eq!(steps[0], steps[1]);
                states = steps.map(|step| step.1);
            }
        }
    }

    #[test]
    fn nothing_is_lost_on_the_way_back_or_in_a_file(
        train in prop::collection::vec(prop::collection::vec(0u32..IDS, 0..12), 1..30),
        (order, prune) in (1usize..6, 0u32..2),
        (mapped, bits) in (any::<bool>(), prop_oneof![Just(None), (2u32..5).prop_map(Some)]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let fast = model(&train, order, prune);
        let compact = fast.compact(bits, &NEVER).unwrap();
        let expanded = compact.expand(&NEVER).unwrap();
        if bits.is_none() {
            prop_assert_eq!(bytes(&expanded, &folder, "expanded"), bytes(&fast, &folder, "fast"));
        }
        let written = bytes(&compact, &folder, "compact");
        let loaded = flm::load(&folder.path().join("compact"), mapped, &NEVER).unwrap();
        prop_assert!(loaded.is_compact());
        prop_assert_eq!(bytes(&loaded, &folder, "again"), written.clone());
        prop_assert_eq!(bytes(&expanded.compact(bits, &NEVER).unwrap(), &folder, "twice"), written);
    }

    #[test]
    fn damage_is_an_error(
        train in prop::collection::vec(prop::collection::vec(0u32..IDS, 0..12), 1..30),
        order in 1usize..5,
        (place, bits, cut) in (any::<prop::sample::Index>(), 1u8.., any::<bool>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut written = bytes(&model(&train, order, 0).compact(Some(4), &NEVER).unwrap(), &folder, "model");
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
    let fast = model(&train, 4, 0);
    let mut errors = Vec::new();
    for bits in [2, 4, 6] {
        let compact = fast.compact(Some(bits), &NEVER).unwrap();
        assert!(compact.bytes() < fast.bytes());
        let ends = Ends { begin: true, end: true };
        let pairs = scores(&fast, &train, ends).into_iter().zip(scores(&compact, &train, ends));
        errors.push(pairs.map(|(one, other)| (one - other).abs()).fold(0.0, f32::max));
        for context in train.iter().take(50) {
            let states = [&fast, &compact].map(|model| model.context(&context[..4], true));
            assert_eq!(states[0], states[1]);
        }
    }
    assert!(errors.is_sorted_by(|a, b| a >= b) && errors[0] > 0.05 && errors[2] < 0.05, "{errors:?}");
}

#[test]
fn bits_have_limits() {
    let fast = model(&[vec![1, 2]], 2, 0);
    let message = fast.compact(Some(1), &NEVER).err().unwrap().to_string();
    assert_eq!(message, "bits is 1, but must be 2 to 24");
}
