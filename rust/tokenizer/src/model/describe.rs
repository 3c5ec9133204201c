//! A model on one line, as the `tokenizers` package prints it in Python: strings in double quotes, long lists cut.

use std::fmt::{self, Display, Write};

use super::{Model, Vocabulary};
use crate::file::merge_texts;

impl Model {
    /// `Type(option=value, ..., vocab=...)` with the first `elements` of each list.
    pub fn describe(&self, elements: usize) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_to(&mut text, elements);
        text
    }

    fn write_to(&self, out: &mut String, elements: usize) -> fmt::Result {
        match self {
            Self::Bpe(model) => {
                let options = model.options();
                write!(out, "BPE(dropout={}", optional(options.dropout.map(f64::from)))?;
                write!(out, ", unk_token={}", optional(options.unk_token.as_ref().map(quoted)))?;
                let prefix = options.continuing_subword_prefix.as_ref().map(quoted);
                write!(out, ", continuing_subword_prefix={}", optional(prefix))?;
                let suffix = options.end_of_word_suffix.as_ref().map(quoted);
                write!(out, ", end_of_word_suffix={}", optional(suffix))?;
                write!(out, ", fuse_unk={}", boolean(options.fuse_unk))?;
                write!(out, ", byte_fallback={}", boolean(options.byte_fallback))?;
                write!(out, ", ignore_merges={}, vocab=", boolean(options.ignore_merges))?;
                map(out, model.vocabulary(), elements)?;
                let merges = merge_texts(model.vocabulary(), model.merges());
                let merges =
                    merges.iter().map(|(left, right)| format!("({}, {})", quoted(left), quoted(right)));
                write!(out, ", merges=[{}])", listed(merges, elements))
            }
            Self::WordPiece(model) => {
                let options = model.options();
                write!(out, "WordPiece(unk_token={}", quoted(&options.unk_token))?;
                write!(out, ", continuing_subword_prefix={}", quoted(&options.continuing_subword_prefix))?;
                write!(out, ", max_input_chars_per_word={}, vocab=", options.max_input_chars_per_word)?;
                map(out, model.vocabulary(), elements)?;
                write!(out, ")")
            }
            Self::WordLevel(model) => {
                write!(out, "WordLevel(vocab=")?;
                map(out, model.vocabulary(), elements)?;
                write!(out, ", unk_token={})", quoted(model.unk_token()))
            }
            Self::Unigram(model) => {
                let options = model.options();
                let pieces = model.entries().map(|(piece, score)| format!("({}, {score})", quoted(piece)));
                write!(out, "Unigram(unk_id={}", optional(options.unk_id))?;
                write!(out, ", vocab=[{}]", listed(pieces, elements))?;
                write!(out, ", byte_fallback={})", boolean(options.byte_fallback))
            }
        }
    }
}

fn quoted(text: impl Display) -> String {
    format!("\"{text}\"")
}

fn optional(value: Option<impl Display>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| value.to_string())
}

fn boolean(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn map(out: &mut String, vocabulary: &Vocabulary, elements: usize) -> fmt::Result {
    let entries = vocabulary.iter().map(|(id, token)| format!("{}:{id}", quoted(token)));
    write!(out, "{{{}}}", listed(entries, elements))
}

fn listed(items: impl Iterator<Item = String>, elements: usize) -> String {
    let mut items = items.fuse();
    let mut shown: Vec<String> = items.by_ref().take(elements).collect();
    if items.next().is_some() {
        shown.push("...".to_owned());
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Unigram, UnigramOptions};

    #[test]
    fn numbers_are_written_in_full_and_lists_are_cut() {
        let pieces = [("<unk>", 0.0), ("a", -1.5), ("b", -1e-7), ("c", 1e20)];
        let options = UnigramOptions { unk_id: Some(0), ..UnigramOptions::default() };
        let model = Model::Unigram(Arc::new(Unigram::new(pieces.into_iter(), options).unwrap()));
        let expected = "Unigram(unk_id=0, vocab=[(\"<unk>\", 0), (\"a\", -1.5), (\"b\", -0.0000001), ...], ";
        assert_eq!(model.describe(3), format!("{expected}byte_fallback=False)"));
    }
}
