//! Any text, by the way that is taken and by what the parts of the tokenizer say: the same ids, offsets and words.

use std::sync::{Arc, LazyLock};

use ferrolm_tokenizer::pre_tokenized::PreTokenizedString;
use ferrolm_tokenizer::pre_tokenizer::{Custom, CustomPreTokenizer, PreTokenizer};
use ferrolm_tokenizer::{Encoding, Input, Result, Tokenizer, file};

use super::families;

/// A tokenizer, and the same one in a form that no fast way is known for.
struct Pair {
    fast: Arc<Tokenizer>,
    plain: Arc<Tokenizer>,
}

struct Nothing;

impl CustomPreTokenizer for Nothing {
    fn pre_tokenize(&self, _: &mut PreTokenizedString) -> Result<()> {
        Ok(())
    }
}

static PAIRS: LazyLock<Vec<Pair>> =
    LazyLock::new(|| families::files().iter().map(|json| pair(json)).collect());

fn pair(json: &str) -> Pair {
    let fast = file::from_json(json.as_bytes(), "family").expect("the files are good");
    let mut plain = fast.clone();
    let mut parts: Vec<_> = fast.pre_tokenizer().cloned().into_iter().collect();
    parts.push(PreTokenizer::Custom(Custom(Arc::new(Nothing))));
    plain.set_pre_tokenizer(Some(PreTokenizer::Sequence(parts)));
    Pair { fast: Arc::new(fast), plain: Arc::new(plain) }
}

/// The first byte chooses the tokenizer, the others are the text.
pub fn encode(data: &[u8]) {
    let Some((&choice, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let pair = &PAIRS[usize::from(choice) % PAIRS.len()];
    let (ours, expected) = (details(&pair.fast, &text), details(&pair.plain, &text));
    let ids = |tokenizer: &Tokenizer| {
        let mut ids = Vec::new();
        tokenizer.push_ids_special(&text, true, &mut ids).expect("any text has ids");
        ids
    };
    // Twice, as what was seen before is remembered.
    for _ in 0..2 {
        assert_eq!(ids(&pair.fast), expected.ids, "ids of {text:?}");
    }
    assert_eq!(ids(&pair.plain), expected.ids, "plain ids of {text:?}");
    assert_eq!(ours.ids, expected.ids, "ids of the encoding of {text:?}");
    assert_eq!(ours.offsets, expected.offsets, "offsets of {text:?}");
    assert_eq!(ours.words, expected.words, "words of {text:?}");
    assert_eq!(ours.texts.len(), expected.texts.len());
    pair.fast.decode(&ours.ids, false).expect("ids can be decoded");
}

fn details(tokenizer: &Arc<Tokenizer>, text: &str) -> Encoding {
    let encoding = tokenizer.encode_lazy(&Input::Text(text), None, true, true).expect("any text has ids");
    encoding.full().expect("and details").clone()
}
