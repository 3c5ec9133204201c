use std::time::Instant;

use proptest::prelude::*;

use super::*;

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const POSSESSIVE: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DIGITS: &str = r"\d{1,3}(?=(?:\d{3})*\b)";

/// The matches of both engines, as far as the first can do it.
fn both(pattern: &str, text: &str) -> (Option<Vec<Range<usize>>>, Vec<Range<usize>>) {
    let node = syntax::parse(pattern).unwrap();
    let matches = |engine: Engine| {
        let pattern =
            Pattern { source: Arc::new(Source::Regex(pattern.to_owned())), engine: Arc::new(engine) };
        let mut matches = Vec::new();
        pattern.find(text, &mut |range| matches.push(range)).unwrap();
        matches
    };
    let regular = Regular::new(&node).map(Engine::Regular).map(matches);
    (regular, matches(Engine::Backtracker(Backtracker::new(&node).unwrap())))
}

#[test]
fn patterns_of_tokenizers_are_regular() {
    for pattern in [GPT2, CL100K, POSSESSIVE, O200K] {
        assert!(Regular::new(&syntax::parse(pattern).unwrap()).is_some(), "{pattern}");
    }
    assert!(Regular::new(&syntax::parse(DIGITS).unwrap()).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The automaton, with what stands for `\s+(?!\S)`, against looking ahead and backtracking.
    #[test]
    fn engines_agree(text in "[ab1A' \\n\\r\\t\\u{a0}\\u{3000}éß漢!,.]{0,24}") {
        let others = [
            r"\s+(?!\S)", r"a|\s+(?!\S)", r"\s+(?!\S)|\s", r"(\s+(?!\S)|\s+)", r"a+(?![^a])|b",
            r"\s++$|a", r"^a", r"b?+a++", r"\w+$", r"(?i)a|é+?", r"a{2}?|b{,2}", r"(?:a|ab)(?:c|1)?", "x*",
        ];
        for pattern in [GPT2, CL100K, POSSESSIVE, O200K].iter().chain(&others) {
            let (regular, backtracking) = both(pattern, &text);
            prop_assert_eq!(regular.as_ref(), Some(&backtracking), "{}", pattern);
        }
    }

    #[test]
    fn ranges_cover_the_text(text in "[ab \\n1é]{0,20}", at in 0usize..5) {
        let pattern = [GPT2, DIGITS, "a*", r"(?=a)", r"(.)\1"][at];
        let mut end = 0;
        for (range, _) in Pattern::regex(pattern).unwrap().find_all(&text).unwrap() {
            prop_assert_eq!(range.start, end);
            end = range.end;
        }
        prop_assert_eq!(end, text.len());
    }
}

/// Sizes of classes over all code points, as the reference's engine has them: Unicode 16.
#[test]
fn classes_are_pinned() {
    let pinned = [
        (r"\w", 144_671),
        (r"[\w]", 144_665),
        (r"\s", 25),
        (r"\d", 760),
        (r"\h", 22),
        (".", 1_112_063),
        (r"\p{L}", 141_028),
        (r"\p{N}", 1_911),
        (r"\p{P}", 855),
        (r"\p{S}", 8_514),
        (r"\p{M}", 2_501),
        (r"\p{Lu}", 1_858),
        (r"\p{Ll}", 2_258),
        (r"\p{Lt}", 31),
        (r"\p{Lm}", 404),
        (r"\p{Lo}", 136_477),
        (r"\p{Han}", 99_030),
        (r"\p{Hiragana}", 381),
        (r"\p{Hangul}", 11_739),
        (r"\p{Cn}", 819_533),
        (r"\p{Punct}", 855),
        ("[[:punct:]]", 9_369),
        ("[[:print:]]", 292_464),
        ("[[:graph:]]", 292_447),
        ("[[:alnum:]]", 143_519),
    ];
    for (pattern, size) in pinned {
        let syntax::Node::Class(class) = unwrapped(syntax::parse(pattern).unwrap()) else {
            panic!("{pattern}")
        };
        let found: u32 = class.ranges().iter().map(|range| size_of_range(range.start(), range.end())).sum();
        assert_eq!(found, size, "{pattern}");
    }
}

fn unwrapped(node: syntax::Node) -> syntax::Node {
    match node {
        syntax::Node::Concat(mut nodes) if nodes.len() == 1 => nodes.remove(0),
        other => other,
    }
}

/// Characters of a range, which may lie around the surrogates.
fn size_of_range(start: char, end: char) -> u32 {
    let all = end as u32 - start as u32 + 1;
    if start <= '\u{d7ff}' && end >= '\u{e000}' { all - 0x800 } else { all }
}

#[test]
fn any_text_takes_linear_time() {
    let size = 1 << 18;
    for unit in [" ", "a", "A", "1", "\u{301}", "\n", "'", " a", "漢"] {
        let text = unit.repeat(size / unit.len());
        for pattern in [GPT2, CL100K, POSSESSIVE, O200K, DIGITS, r"(?>a|ab)+c|(?<=a)b", r"(?!.*x)a"] {
            let start = Instant::now();
            Pattern::regex(pattern).unwrap().find_all(&text).unwrap();
            assert!(start.elapsed().as_secs() < 10, "{pattern} on {unit:?}");
        }
    }
}

#[test]
fn too_many_steps_are_an_error() {
    let pattern = Pattern::regex(r"(a*)*\1b").unwrap();
    assert!(matches!(pattern.find_all(&"a".repeat(3_000)), Err(TokenizerError::Limit { .. })));
}

#[test]
fn errors_say_what_and_where() {
    for (pattern, wanted) in [
        ("ab)", "closing parenthesis without an opening one, at character 2"),
        ("a[b", "class without its closing"),
        ("a**+?{1}(?P<x>y)", "unknown option '<' of a group, at character 11"),
        (r"\p{Foo}", "unknown or unsupported property \"Foo\", at character 0"),
        (r"x\X", "text segmentation is not supported, at character 1"),
    ] {
        let error = Pattern::regex(pattern).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    assert!(Pattern::regex(&"(".repeat(1 << 15)).is_err());
    assert!(Pattern::regex(&format!("a{}", "{9}".repeat(40))).is_err());
}
