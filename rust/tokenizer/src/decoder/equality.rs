//! The table and the stream are equal to the definition, on hostile vocabularies.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::added::AddedToken;
use crate::model::{Bpe, BpeOptions, Model};
use crate::pattern::Pattern;
use crate::tokenizer::Tokenizer;

/// Pieces of words, bytes by both spellings, unfinished characters, tokens without text and long ones.
const TOKENS: [&str; 34] = [
    "a", " ", "  ", "▁", "▁▁", "▁a", "a▁", "b▁c", "##a", "##", "#", "don", "'t", " '", " n't", " .", "do",
    "not", "<0x41>", "<0xE6>", "<0xBC>", "<0xA2>", "<0xEF>", "<0xBF>", "<0xBD>", "<0x20>", "<0xZZ>",
    "\u{fffd}", "é漢", "Ã", "©", "æ", "¼", "ï",
];
const ADDED: [&str; 5] = ["<s>", "</s>", "Ġx", "<0x42>", "▁y"];
/// Ids beyond the vocabulary are unknown.
const IDS: u32 = (TOKENS.len() + 2 + ADDED.len() + 3) as u32;

fn tokenizer(decoder: Option<Decoder>) -> Tokenizer {
    let long = ["▁long".repeat(9), "l".repeat(15)];
    let tokens: Vec<&str> = TOKENS.iter().copied().chain(long.iter().map(String::as_str)).collect();
    let vocab = tokens.iter().enumerate().map(|(id, &token)| (token, id as u32));
    let bpe = Bpe::new(vocab, [].into_iter(), BpeOptions::default()).unwrap();
    let mut tokenizer = Tokenizer::new(Model::Bpe(Arc::new(bpe)));
    let added = ADDED.iter().enumerate().map(|(index, token)| AddedToken::new(*token, index < 3));
    tokenizer.add_tokens(added).unwrap();
    tokenizer.set_decoder(decoder);
    tokenizer
}

fn part() -> impl Strategy<Value = Decoder> {
    let literal = |from: &str, content: &str| (Pattern::literal(from), content.to_owned());
    let replace = |(pattern, content)| Decoder::Replace(Replace { pattern, content });
    let mut parts = vec![
        Decoder::Fuse,
        Decoder::ByteFallback,
        Decoder::ByteLevel(ByteLevel::default()),
        Decoder::Bpe(BpeDecoder { suffix: "▁".into() }),
        Decoder::Ctc(Ctc { pad_token: "a".into(), word_delimiter_token: "▁".into(), cleanup: true }),
        replace(literal("▁", " ")),
        replace(literal("", "x")),
        replace(literal("a", "<0xE6>")),
        replace((Pattern::regex(r"\s+$|^▁").unwrap(), "-".into())),
    ];
    parts.extend(
        [true, false].map(|cleanup| Decoder::WordPiece(WordPiece { cleanup, ..WordPiece::default() })),
    );
    let schemes = [PrependScheme::First, PrependScheme::Never];
    parts.extend(
        schemes
            .map(|prepend_scheme| Decoder::Metaspace(Metaspace { prepend_scheme, ..Metaspace::default() })),
    );
    let strips = [(' ', 1, 0), (' ', 0, 2), ('▁', 3, 0), ('\u{fffd}', 2, 0), (' ', usize::MAX, 0)];
    parts.extend(strips.map(|(content, start, stop)| Decoder::Strip(Strip { content, start, stop })));
    select(parts)
}

fn decoder() -> impl Strategy<Value = Option<Decoder>> {
    let some = prop_oneof![part(), vec(part(), 0..5).prop_map(Decoder::Sequence)];
    proptest::option::weighted(0.95, some)
}

/// Short runs of neighbouring ids make characters whole.
fn ids() -> impl Strategy<Value = Vec<u32>> {
    let run = (0..IDS, 1..5_u32).prop_map(|(start, length)| (start..start + length).collect::<Vec<_>>());
    vec(run, 0..12).prop_map(|runs| runs.concat())
}

/// The stream as its package defines it.
#[derive(Default)]
struct Reference {
    ids: Vec<u32>,
    prefix: String,
    prefix_index: usize,
}

impl Reference {
    /// None for an error, as opposed to no text yet.
    #[expect(clippy::option_option, reason = "what the package has")]
    fn step(&mut self, tokenizer: &Tokenizer, new: &[u32], skip: bool) -> Option<Option<String>> {
        let decode = |ids: &[u32]| tokenizer.decode_by_chain(ids, skip).unwrap();
        if self.prefix.is_empty() && !self.ids.is_empty() {
            let prefix = decode(&self.ids);
            if !prefix.ends_with('\u{fffd}') {
                (self.prefix, self.prefix_index) = (prefix, self.ids.len());
            }
        }
        self.ids.extend(new);
        let text = decode(&self.ids);
        if text.len() <= self.prefix.len() || text.ends_with('\u{fffd}') {
            return Some(None);
        }
        let fresh = text.strip_prefix(&self.prefix)?.to_owned();
        let kept = self.ids.len() - self.prefix_index;
        self.ids.drain(..self.prefix_index);
        self.prefix = decode(&self.ids);
        self.prefix_index = kept;
        Some(Some(fresh))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_table_is_equal_to_the_chain(decoder in decoder(), ids in ids(), skip: bool) {
        let tokenizer = tokenizer(decoder);
        let expected = tokenizer.decode_by_chain(&ids, skip).unwrap();
        prop_assert_eq!(&tokenizer.decode(&ids, skip).unwrap(), &expected);
        let many: Vec<u32> = (0..10_000).map(|at| at % IDS).collect();
        prop_assert_eq!(tokenizer.decode(&many, skip).unwrap(), tokenizer.decode_by_chain(&many, skip).unwrap());
        prop_assert_eq!(&tokenizer.decode(&ids, skip).unwrap(), &expected);
    }

    #[test]
    fn the_stream_is_equal_to_its_definition(
        decoder in decoder(),
        start in ids(),
        steps in vec(vec(0..IDS, 0..3), 0..40),
        skip: bool,
    ) {
        let tokenizer = tokenizer(decoder);
        let mut reference = Reference { ids: start.clone(), ..Reference::default() };
        let mut stream = DecodeStream::new(start, skip);
        for new in steps {
            let expected = reference.step(&tokenizer, &new, skip);
            prop_assert_eq!(stream.step(&tokenizer, &new).ok(), expected);
        }
    }
}

#[test]
fn characters_that_are_never_finished_take_linear_time() {
    let tokenizer = tokenizer(Some(Decoder::Sequence(vec![Decoder::ByteFallback, Decoder::Fuse])));
    let byte = tokenizer.token_to_id("<0xE6>").unwrap();
    let mut stream = DecodeStream::default();
    for _ in 0..200_000 {
        assert_eq!(stream.step(&tokenizer, &[byte]).unwrap(), None);
    }
}
