//! The two ways to normalize give one text.

use proptest::prelude::*;

use super::*;
use crate::pattern::Pattern;

fn all() -> Vec<Normalizer> {
    let bert = |bits: u8| {
        Normalizer::Bert(Bert {
            clean_text: bits & 1 != 0,
            handle_chinese_chars: bits & 2 != 0,
            strip_accents: (bits & 4 != 0).then_some(bits & 8 != 0),
            lowercase: bits & 16 != 0,
        })
    };
    let mut all: Vec<Normalizer> = (0..32).map(bert).collect();
    all.extend([Form::Nfc, Form::Nfd, Form::Nfkc, Form::Nfkd].map(Normalizer::Unicode));
    all.extend([
        Normalizer::Strip { left: true, right: true },
        Normalizer::Strip { left: false, right: true },
        Normalizer::StripAccents,
        Normalizer::Lowercase,
        Normalizer::Nmt,
        Normalizer::Prepend("▁".into()),
        Normalizer::ByteLevel,
        Normalizer::Replace(Replace { pattern: Pattern::literal("a"), content: "é".into() }),
        Normalizer::Sequence(vec![
            Normalizer::Strip { left: true, right: false },
            Normalizer::Prepend("x".into()),
            Normalizer::Strip { left: true, right: true },
        ]),
    ]);
    all
}

const HARD: &str = "[aÅéİΣ漢각가각\u{fa1e}ﬁ\u{301}\u{323}\u{334}\u{345}\u{34f}\u{302e}\u{9be}\u{9c7}\u{1d165}\u{1d16d} \r\n\u{0}\u{3000}\u{e000}]{0,12}";

proptest! {
    #[test]
    fn plain_text_is_that_of_aligned_text(text in prop_oneof![HARD, "\\PC{0,12}"]) {
        for normalizer in all() {
            let mut aligned = NormalizedString::new(&text);
            normalizer.normalize(&mut aligned).unwrap();
            let plain = normalizer.normalize_plain(&text).unwrap();
            prop_assert_eq!(&*plain, aligned.get(), "{:?}", normalizer);
            if aligned.is_unchanged() {
                let borrowed = matches!(plain, Cow::Borrowed(_));
                prop_assert!(borrowed || plain == text.as_str());
            }
        }
    }
}
