//! Learning and tagging from outside: what is learnt, what a file keeps, what random input does.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use ferrolm_base::Cancel;
use ferrolm_tagging::{Scheme, Sentences, Settings, Tagger, TaggingError, Trainer};
use proptest::prelude::*;

type Lines<'a> = &'a [&'a str];

fn sentences(lines: Lines<'_>) -> Sentences {
    lines.iter().map(|line| line.split_whitespace()).collect()
}

fn learnt(words: &Sentences, tags: &Sentences, settings: Settings, epochs: usize) -> Tagger {
    let cancel = Cancel::new();
    let mut trainer = Trainer::new(words, tags, settings, &cancel).unwrap();
    for _ in 0..epochs {
        trainer.epoch(&cancel).unwrap();
    }
    trainer.tagger(0.0, "{}".into())
}

fn tagged(tagger: &Tagger, lines: Lines<'_>) -> Vec<String> {
    let words = sentences(lines);
    let tags = tagger.tag(&words, &Cancel::new()).unwrap();
    let names = |sentence| {
        let places: std::ops::Range<usize> = words.places(sentence);
        let names: Vec<_> =
            tags[places].iter().map(|&tag| tagger.tags()[usize::from(tag)].as_str()).collect();
        names.join(" ")
    };
    (0..words.len()).map(names).collect()
}

fn dogs() -> Tagger {
    let words = sentences(&["the dog barks", "a cat sleeps", "the old dog sleeps", "dogs bark loudly ."]);
    let tags = sentences(&["DET NOUN VERB", "DET NOUN VERB", "DET ADJ NOUN VERB", "NOUN VERB ADV PUNCT"]);
    learnt(&words, &tags, Settings::default(), 8)
}

fn names() -> Tagger {
    let words = sentences(&["Ann Lee lives in New York", "he lives in Oslo", "Bob met Ann Lee"]);
    let tags = sentences(&["B-PER I-PER O O B-LOC I-LOC", "O O O B-LOC", "B-PER O B-PER I-PER"]);
    learnt(&words, &tags, Settings::default(), 8)
}

#[test]
fn it_learns_and_keeps_what_it_learnt() {
    let tagger = dogs();
    assert_eq!(tagged(&tagger, &["the cat barks", ""]), ["DET NOUN VERB", ""]);
    let copy = Tagger::from_bytes(&tagger.to_bytes()).unwrap();
    assert_eq!(copy.to_bytes(), tagger.to_bytes());
    assert_eq!((copy.info(), copy.scheme(), copy.tags()), ("{}", Scheme::Free, tagger.tags()));
    assert_eq!(tagged(&copy, &["a dog sleeps loudly ."]), ["DET NOUN VERB ADV PUNCT"]);
}

#[test]
fn entities_are_whole_whatever_is_asked() {
    let tagger = names();
    assert_eq!(tagger.scheme(), Scheme::Bio);
    assert_eq!(tagged(&tagger, &["Ann Lee met Bob in Oslo"]), ["B-PER I-PER O B-PER O B-LOC"]);
    for line in tagged(&tagger, &["York Lee Lee New Lee", "Lee", "in York York in Lee York"]) {
        let mut before = "O";
        for tag in line.split(' ') {
            let inside = tag.strip_prefix("I-");
            assert!(inside.is_none_or(|kind| before.len() > 2 && &before[2..] == kind), "{line}");
            before = tag;
        }
    }
}

#[test]
fn constraints_follow_the_examples() {
    let (words, broken) = (sentences(&["a b c"]), sentences(&["O I-X O"]));
    let with = |constraints| {
        let settings = Settings { constraints, ..Settings::default() };
        Trainer::new(&words, &broken, settings, &Cancel::new())
            .map(|trainer| trainer.tagger(0.0, String::new()).scheme())
    };
    assert_eq!(with(None).unwrap(), Scheme::Free);
    let bio = sentences(&["B-X I-X O"]);
    let tagger = learnt(&words, &bio, Settings { constraints: Some(false), ..Settings::default() }, 1);
    assert_eq!(tagger.scheme(), Scheme::Free);
    let single = learnt(&words, &sentences(&["B-X E-X S-X"]), Settings::default(), 3);
    assert_eq!(single.scheme(), Scheme::Bioes);
    let mixed = sentences(&["B-X O I-X"]);
    let settings = Settings { constraints: Some(true), ..Settings::default() };
    let error = Trainer::new(&words, &mixed, settings, &Cancel::new()).err().unwrap().to_string();
    assert!(error.contains("sentence 0 has \"I-X\" after \"O\""), "{error}");
}

#[test]
fn examples_that_do_not_fit_are_refused() {
    let new = |words: Lines<'_>, tags: Lines<'_>| {
        Trainer::new(&sentences(words), &sentences(tags), Settings::default(), &Cancel::new()).err().unwrap()
    };
    assert!(new(&["a b"], &["X"]).to_string().contains("sentence 0 has 2 words and 1 tags"));
    assert!(matches!(new(&["a"], &[]), TaggingError::Sentences { words: 1, tags: 0 }));
    assert!(matches!(new(&["", ""], &["", ""]), TaggingError::Empty));
    let many: Vec<String> = (0..5000).map(|tag| tag.to_string()).collect();
    let line = many.join(" ");
    assert!(matches!(new(&[&line], &[&line]), TaggingError::TooManyTags { .. }));
}

#[test]
fn every_damage_to_a_file_is_noticed() {
    let bytes = names().to_bytes();
    for length in 0..bytes.len() {
        assert!(Tagger::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
    }
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x41;
        assert!(Tagger::from_bytes(&damaged).is_err(), "byte {place}");
    }
    assert!(Tagger::from_bytes(&[bytes, vec![0]].concat()).is_err());
}

#[test]
fn a_sentence_of_a_million_words_is_a_sentence() {
    let tagger = dogs();
    let words: Sentences = [std::iter::repeat_n("dog", 500_000).chain(std::iter::repeat_n("xyz-9", 500_000))]
        .into_iter()
        .collect();
    assert_eq!(tagger.tag(&words, &Cancel::new()).unwrap().len(), 1_000_000);
}

#[test]
fn a_raised_flag_stops_learning_and_tagging() {
    let cancel = Cancel::new();
    let words = sentences(&["a b"]);
    let mut trainer = Trainer::new(&words, &words, Settings::default(), &cancel).unwrap();
    cancel.cancel();
    assert!(matches!(trainer.epoch(&cancel), Err(TaggingError::Cancelled(_))));
    assert!(matches!(dogs().tag(&words, &cancel), Err(TaggingError::Cancelled(_))));
}

#[test]
fn any_number_of_threads_gives_the_same_tags() {
    let tagger = dogs();
    let line = "the dog barks a zebra-9 . Dogs loudly sleeping cat";
    let words: Sentences =
        (0..4000).map(|skip| line.split(' ').cycle().skip(skip % 7).take(skip % 12)).collect();
    let tags: Vec<_> = [1, 2, 3]
        .map(|threads| {
            ferrolm_base::pool::set_num_threads(threads);
            ferrolm_base::pool::install(|| tagger.tag(&words, &Cancel::new()).unwrap())
        })
        .into();
    assert!(tags.iter().all(|each| *each == tags[0]));
}

/// Found by fuzzing: such a file could be read, and what it was saved to could not.
#[test]
fn a_key_without_weights_is_refused() {
    let payload = [1, 0, 0, 77, 0, 0, 1, 30, 1, 0, 1, 0, 0, 1, 226, 255, 0, 0];
    let sum = payload.iter().fold(0xCBF2_9CE4_8422_2325_u64, |sum, &byte: &u8| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let mut file = b"FLMTAG01\x01\0\0\0".to_vec();
    file.extend((payload.len() as u64).to_le_bytes());
    file.extend(payload);
    file.extend(sum.to_le_bytes());
    assert_eq!(Tagger::from_bytes(&file).err().as_deref(), Some("a key without weights"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Learning from anything and tagging anything: a tag for each word, the same after a round trip through bytes.
    #[test]
    fn random_words_have_tags(
        examples in prop::collection::vec(prop::collection::vec((".{0,6}", "[A-C]|B-X|I-X|O"), 0..6), 1..6),
        asked in prop::collection::vec(prop::collection::vec("\\PC{0,8}|[a-z]{1,3}", 0..7), 0..5),
    ) {
        let column = |first: bool| -> Sentences {
            let pick = |pair: &'_ (String, String)| if first { pair.0.clone() } else { pair.1.clone() };
            let made: Vec<Vec<String>> = examples.iter().map(|each| each.iter().map(pick).collect()).collect();
            made.iter().map(|each| each.iter().map(String::as_str)).collect()
        };
        let (words, tags) = (column(true), column(false));
        prop_assume!(words.num_words() > 0);
        let tagger = learnt(&words, &tags, Settings::default(), 2);
        let asked: Sentences = asked.iter().map(|each| each.iter().map(String::as_str)).collect();
        let found = tagger.tag(&asked, &Cancel::new()).unwrap();
        prop_assert_eq!(found.len(), asked.num_words());
        prop_assert!(found.iter().all(|&tag| usize::from(tag) < tagger.tags().len()));
        let copy = Tagger::from_bytes(&tagger.to_bytes()).unwrap();
        prop_assert_eq!(copy.tag(&asked, &Cancel::new()).unwrap(), found);
    }

    #[test]
    fn random_bytes_are_no_tagger(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Tagger::from_bytes(&bytes).is_err());
        prop_assert!(Tagger::from_bytes(&[b"FLMTAG01\x01\0\0\0".as_slice(), &bytes].concat()).is_err());
    }
}
