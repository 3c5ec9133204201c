use proptest::prelude::*;

use super::*;

fn model<'a>(tokens: impl IntoIterator<Item = &'a str>, options: WordPieceOptions) -> WordPiece {
    let entries: Vec<(&str, u32)> = tokens.into_iter().zip(0..).collect();
    WordPiece::new(Vocabulary::new(entries.into_iter()).unwrap(), options).unwrap()
}

/// The definition, from the reading of the longest first.
fn slow(model: &WordPiece, word: &str) -> Option<Vec<(u32, usize)>> {
    if word.chars().count() > model.options.max_input_chars_per_word {
        return None;
    }
    let (mut tokens, mut start) = (Vec::new(), 0);
    while start < word.len() {
        let ends = (start + 1..=word.len()).rev().filter(|&end| word.is_char_boundary(end));
        let prefix = if start > 0 { model.options.continuing_subword_prefix.as_str() } else { "" };
        let (id, end) = ends
            .into_iter()
            .find_map(|end| Some((model.vocabulary.id(&format!("{prefix}{}", &word[start..end]))?, end)))?;
        tokens.push((id, end));
        start = end;
    }
    Some(tokens)
}

fn fast(model: &WordPiece, word: &str) -> Option<Vec<(u32, usize)>> {
    let mut tokens = Vec::new();
    model.split(word, |id, end| tokens.push((id, end))).unwrap().then_some(tokens)
}

fn continuations(model: &WordPiece, word: &str) -> Option<Vec<(u32, usize)>> {
    let (id, end, _) = model.longest(model.trie.node(ROOT), word.as_bytes(), 0);
    if word.is_empty() {
        return Some(Vec::new());
    }
    let mut tokens = vec![(id, end)];
    let rest = model.continuations().unwrap().split(word.as_bytes(), end, |id, end| tokens.push((id, end)));
    (id != NO_VALUE && rest).then_some(tokens)
}

proptest! {
    #[test]
    fn both_algorithms_follow_the_definition(
        tokens in proptest::collection::vec("#{0,2}[abé]{0,5}", 0..40),
        prefix in "#{0,2}",
        words in proptest::collection::vec("#{0,2}[abé]{0,12}", 20),
        max_input_chars_per_word in 3usize..15,
    ) {
        let options = WordPieceOptions { continuing_subword_prefix: prefix, ..WordPieceOptions::default() };
        let model = model(tokens.iter().map(String::as_str), options.clone());
        for word in &words {
            let expected = slow(&model, word);
            prop_assert_eq!(fast(&model, word), expected.clone());
            prop_assert_eq!(continuations(&model, word), expected);
        }
        let model = model.with_options(WordPieceOptions { max_input_chars_per_word, ..options });
        for word in &words {
            prop_assert_eq!(fast(&model, word), slow(&model, word));
        }
    }
}

#[test]
fn a_long_word_is_linear_even_when_every_place_reads_to_its_end() {
    let long = format!("##{}b", "a".repeat(200_000));
    let options = WordPieceOptions { max_input_chars_per_word: usize::MAX, ..WordPieceOptions::default() };
    let model = model(["[UNK]", "a", "##a", &long], options);
    let mut ids = Vec::new();
    model.push_ids(&"a".repeat(200_000), &mut ids).unwrap();
    assert_eq!((ids.len(), ids[0], ids[199_999]), (200_000, 1, 2));
}

#[test]
fn unknown_words_are_one_token_or_an_error_without_one() {
    let known = model(["[UNK]", "a", "##b"], WordPieceOptions::default());
    let mut ids = vec![7];
    known.push_ids("abc", &mut ids).unwrap();
    known.push_ids("", &mut ids).unwrap();
    assert_eq!(ids, [7, 0]);
    let without = model(["a"], WordPieceOptions::default());
    assert!(without.push_ids("b", &mut ids).unwrap_err().to_string().contains("[UNK]"));
}
