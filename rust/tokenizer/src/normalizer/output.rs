//! Text that is mostly copied: what stays is copied when something after it changes.

use std::borrow::Cow;
use std::ops::Range;

pub(super) struct Output<'a> {
    text: &'a str,
    /// What comes before this byte is in `result`.
    done: usize,
    result: Option<String>,
}

impl<'a> Output<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, done: 0, result: None }
    }

    /// Leave out these bytes, which come after all that were left out before; what is pushed takes their place.
    pub(super) fn replace(&mut self, range: Range<usize>) -> &mut String {
        let text = self.text;
        let result = self.result.get_or_insert_with(|| String::with_capacity(text.len() + text.len() / 8));
        result.push_str(&text[self.done..range.start]);
        self.done = range.end;
        result
    }

    pub(super) fn finish(self) -> Cow<'a, str> {
        match self.result {
            None => Cow::Borrowed(self.text),
            Some(mut result) => {
                result.push_str(&self.text[self.done..]);
                Cow::Owned(result)
            }
        }
    }
}

/// How many bytes at the start all are `good`, which must be cheap: 32 at a time without branches.
pub(super) fn run(bytes: &[u8], good: impl Fn(u8) -> bool) -> usize {
    let (chunks, _) = bytes.as_chunks::<32>();
    let all = |chunk: &&[u8; 32]| chunk.iter().fold(0, |bad, &byte| bad | u8::from(!good(byte))) == 0;
    let whole = chunks.iter().take_while(all).count() * 32;
    whole + bytes[whole..].iter().take_while(|&&byte| good(byte)).count()
}

/// Whether any byte is `wanted`, 32 at a time as above.
pub(super) fn any(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> bool {
    let has = |chunk: &[u8]| chunk.iter().fold(0, |found, &byte| found | u8::from(wanted(byte))) != 0;
    let (chunks, rest) = bytes.as_chunks::<32>();
    chunks.iter().any(|chunk| has(chunk)) || has(rest)
}

/// The character at byte `at`, which must be the start of one.
pub(super) fn character_at(text: &str, at: usize) -> char {
    text[at..].chars().next().unwrap_or_default()
}
