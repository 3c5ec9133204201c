use proptest::prelude::*;

use super::*;
use crate::split::Family;

fn starts<P: Pattern>(text: &str, pattern: P, level: Level) -> Vec<usize> {
    let mut scanner = Scanner::new(text, pattern, level);
    let (mut buffer, mut starts) = ([0; BATCH], Vec::new());
    loop {
        match scanner.fill(&mut buffer) {
            0 => return starts,
            count => starts.extend(buffer[..count].iter().map(|&start| start as usize)),
        }
    }
}

fn check(text: &str) {
    for family in Family::ALL {
        let mut expected = Vec::new();
        family.split(text, |range| expected.push(range.start));
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            if level <= simd::detected() {
                let found = match family.words() {
                    Some(words) if words.cased => starts(text, ByWords::<true>(words), level),
                    Some(words) => starts(text, ByWords::<false>(words), level),
                    None if family == Family::DeepSeek => starts(text, DeepSeek, level),
                    None if family == Family::Gpt2Digits => starts(text, Gpt2::<true>, level),
                    None => starts(text, Gpt2::<false>, level),
                };
                assert_eq!(found, expected, "{family:?} {level:?} {text:?}");
            }
        }
    }
}

#[test]
fn every_character_at_every_place_of_a_block() {
    for character in ('\u{0}'..=char::MAX).step_by(23).chain(('\u{0}'..'\u{3100}').step_by(2)) {
        let place = character as usize % 70;
        check(&format!("{}{character}s {character} 1{character}", "a".repeat(place)));
    }
}

#[test]
fn contractions_and_white_space_across_blocks() {
    for middle in [
        "'s",
        "'re",
        "'LL'd",
        " 's",
        "\u{3000}\u{3000}x",
        "\u{a0} x",
        "  \u{2003}",
        "\n\n ",
        "''ve",
        "'\u{17f}",
    ] {
        for before in 55..70 {
            for after in ["", "x", " ", " x", "  ", "\u{e9}", "1"] {
                check(&format!("{}{middle}{after}", "b".repeat(before)));
                check(&format!("{}{middle}{after}{}", ".".repeat(before), "c".repeat(80)));
            }
        }
    }
}

const PARTS: &[&str] = &[
    " ",
    " ",
    "  ",
    "\n",
    "\n",
    "\r\n",
    "\t",
    "\u{a0}",
    "\u{3000}",
    "\u{2003} ",
    "'",
    "'s",
    "'S",
    "'re",
    "'lL",
    "'\u{17f}",
    "a",
    "b",
    "A",
    "Zq",
    "word",
    "XML",
    "9",
    "12",
    "12345678",
    "\u{664}\u{665}",
    "\u{bd}",
    "!",
    "?!",
    "/",
    "//",
    "-",
    "\u{ab}",
    "\u{201c}",
    "\u{e9}",
    "\u{c9}",
    "\u{1c5}",
    "\u{2b0}",
    "\u{17f}",
    "\u{6f22}\u{5b57}",
    "\u{6f22}",
    "\u{304b}",
    "\u{30fb}",
    "\u{3099}",
    "\u{3040}",
    "\u{1f44d}",
    "\u{2764}\u{fe0f}",
    "\u{301}",
    "\u{301}",
    "\u{200d}",
    "\u{200b}",
    "\u{1d165}",
    "\u{10ffff}",
    "\0",
    "_",
    "\u{928}\u{93f}",
    "                                                            ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 3000 } else { 30_000 }))]
    #[test]
    fn equal_to_the_definitions(parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..120)) {
        check(&parts.concat());
    }

    #[test]
    fn equal_where_little_is_different(
        parts in proptest::collection::vec(
            proptest::sample::select(vec!["!", "/", "\n", "\u{301}", "a", "A", "\u{6f22}", " ", "'s", "\u{200b}", "1"]), 0..150
        ),
    ) {
        check(&parts.concat());
    }
}
