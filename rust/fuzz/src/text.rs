//! Any text by all that looks at text: places lie between characters, and what was seen is known again.

use ferrolm_base::cancel::NEVER;
use ferrolm_text::duplicates::{NearDuplicates, SeenTexts, Sketcher, Unit};
use ferrolm_text::personal::{self, Kind};
use ferrolm_text::quality::{C4, C4Rules, Gopher, named};
use ferrolm_text::segment;

/// The first byte has settings, the others are the text.
pub fn text(data: &[u8]) {
    let Some((&settings, text)) = data.split_first() else { return };
    let text = &*String::from_utf8_lossy(text);
    words(text);
    personal_data(text);
    quality(text, settings & 1 == 1);
    duplicates(text, usize::from(settings >> 1 & 3) + 1);
}

fn words(text: &str) {
    let mut end = 0;
    for range in segment::words(text) {
        assert!(end <= range.start && range.start < range.end, "words overlap");
        assert!(text.get(range.clone()).is_some(), "a word does not lie between characters");
        end = range.end;
    }
}

fn personal_data(text: &str) {
    let mut end = 0;
    let found = personal::find(text, &Kind::ALL);
    for one in &found {
        assert!(end <= one.range.start && one.range.start < one.range.end, "places overlap");
        assert!(text.get(one.range.clone()).is_some(), "a place does not lie between characters");
        end = one.range.end;
    }
    let masked = personal::mask(text, &Kind::ALL, |_| "[]");
    assert_eq!(masked.is_none(), found.is_empty());
}

fn quality(text: &str, segmented: bool) {
    let gopher =
        Gopher::new(&[("min_words".to_owned(), 3.0)], std::iter::once("the".to_owned()).collect(), segmented);
    let Ok(gopher) = gopher else { unreachable!("the rule has a name") };
    for (name, value) in named(&gopher.statistics(text)) {
        assert!(value.is_finite() && value >= 0.0, "{name} is {value}");
    }
    gopher.violations(text);
    let rules = C4Rules {
        min_sentences: 1,
        min_line_words: 1,
        max_word_length: 100,
        terminal_punctuation: ".!?\"".to_owned(),
        javascript: true,
        policy: true,
        lorem_ipsum: true,
        curly_bracket: false,
        citations: true,
        segmented,
    };
    let _ = C4::new(rules, &["bad".to_owned(), "so bad".to_owned()]).clean(text);
}

fn duplicates(text: &str, ngram: usize) {
    let sketcher = Sketcher { ngram, bins: 16, seed: 1 };
    let mut near = NearDuplicates::new(0.5, sketcher).unwrap();
    let sketch = sketcher.sketch(text);
    near.add_all(vec![sketch.clone()], &NEVER).unwrap();
    let again = near.add(sketch).unwrap().expect("the same text is a duplicate");
    assert_eq!((again.text, again.jaccard), (0, 1.0));
    let mut seen = SeenTexts::new(false);
    assert!(seen.add(text) && !seen.add(text) && seen.contains(text));
    let mut seen = SeenTexts::new(true);
    let once = seen.without_repeats(text, Unit::Line, 1);
    assert!(once.len() <= text.len());
    assert_eq!(SeenTexts::new(true).without_repeats(&once, Unit::Line, 1), once);
}
