//! Byte-pair encoding (Sennrich et al., 2016) over the characters of a piece, with every option of the
//! tokenizer.json format.
//!
//! This is the exact, general form. For byte-level pipelines [`crate::fast`] computes the same ids from bytes.

mod dropout;
mod merge;
mod merges;

pub use crate::model::vocabulary::Vocabulary;
pub use merge::{Symbol, merge_all};
pub use merges::{Merge, Merges, NO_RANK};

use crate::error::{Result, TokenizerError};
use crate::model::wordlevel::missing_unk;

/// Options of the model, named as in tokenizer.json.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BpeOptions {
    /// Probability of skipping a merge while encoding, anew for each piece (Provilkov et al., 2020). Unless it is
    /// none or 0, `ignore_merges` does not count.
    pub dropout: Option<f32>,
    /// Stands for characters that are not in the vocabulary; without it they vanish.
    pub unk_token: Option<String>,
    /// Precedes every character but the first of a piece.
    pub continuing_subword_prefix: Option<String>,
    /// Follows the last character of a piece.
    pub end_of_word_suffix: Option<String>,
    /// Neighbouring unknown characters share one unknown token.
    pub fuse_unk: bool,
    /// Unknown characters become `<0xNN>` tokens when all their bytes have one.
    pub byte_fallback: bool,
    /// A piece that is a token is that token, whatever the merges make of it.
    pub ignore_merges: bool,
}

/// A vocabulary, its merges and the options.
#[derive(Debug, Clone)]
pub struct Bpe {
    vocabulary: Vocabulary,
    merges: Merges,
    options: BpeOptions,
    unk_id: Option<u32>,
}

impl Bpe {
    /// # Errors
    /// Ids far beyond the number of tokens, merges of unknown tokens, a dropout that is not between 0 and 1.
    pub fn new<'a>(
        entries: impl ExactSizeIterator<Item = (&'a str, u32)> + Clone,
        pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
        options: BpeOptions,
    ) -> Result<Self> {
        let vocabulary = Vocabulary::new(entries)?;
        let prefix = options.continuing_subword_prefix.as_deref().unwrap_or("");
        let merges = Merges::new(pairs, &vocabulary, prefix)?;
        Self { vocabulary, merges, options: BpeOptions::default(), unk_id: None }.with_options(options)
    }

    /// From tables that are made already.
    pub(crate) fn from_parts(vocabulary: Vocabulary, merges: Merges, options: BpeOptions) -> Result<Self> {
        Self { vocabulary, merges, options: BpeOptions::default(), unk_id: None }.with_options(options)
    }

    /// The same vocabulary and merges under other options.
    pub fn with_options(mut self, options: BpeOptions) -> Result<Self> {
        if let Some(p) = options.dropout.filter(|p| !(0.0..=1.0).contains(p)) {
            return Err(TokenizerError::at("model.dropout", format!("{p} is not between 0 and 1")));
        }
        self.unk_id = options.unk_token.as_deref().and_then(|token| self.vocabulary.id(token));
        self.options = options;
        Ok(self)
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub fn merges(&self) -> &Merges {
        &self.merges
    }

    pub fn options(&self) -> &BpeOptions {
        &self.options
    }

    /// Whether the tokens of a piece are drawn at random.
    pub fn is_random(&self) -> bool {
        self.options.dropout.is_some_and(|dropout| dropout != 0.0)
    }

    /// Tokens of one piece, appended to `symbols`.
    pub fn tokenize(&self, piece: &str, symbols: &mut Vec<Symbol>) -> Result<()> {
        if self.options.ignore_merges
            && !self.is_random()
            && !piece.is_empty()
            && let Some(id) = self.vocabulary.id(piece)
        {
            symbols.push(Symbol { id, len: piece.len() as u32 });
            return Ok(());
        }
        let mut word = Vec::with_capacity(piece.len());
        self.characters(piece, &mut word)?;
        match self.options.dropout {
            Some(dropout) if dropout != 0.0 => dropout::merge_some(&mut word, &self.merges, dropout),
            _ => merge_all(&mut word, &self.merges),
        }
        symbols.append(&mut word);
        Ok(())
    }

    /// The characters of a piece as symbols, unknown ones resolved as the options say.
    fn characters(&self, piece: &str, word: &mut Vec<Symbol>) -> Result<()> {
        let mut pending: Option<Symbol> = None;
        let mut spelled = String::new();
        for (at, character) in piece.char_indices() {
            let len = character.len_utf8();
            spelled.clear();
            if at > 0 {
                spelled.push_str(self.options.continuing_subword_prefix.as_deref().unwrap_or(""));
            }
            spelled.push(character);
            if at + len == piece.len() {
                spelled.push_str(self.options.end_of_word_suffix.as_deref().unwrap_or(""));
            }
            let len = len as u32;
            if let Some(id) = self.vocabulary.id(&spelled) {
                word.extend(pending.take());
                word.push(Symbol { id, len });
            } else if self.options.byte_fallback && self.push_bytes(&spelled, word) {
                // As in the reference, an unknown token before these bytes still waits, and comes after them.
            } else if let Some(token) = &self.options.unk_token {
                let id = self.unk_id.ok_or_else(|| missing_unk(token))?;
                pending = match pending {
                    Some(before) if self.options.fuse_unk => {
                        Some(Symbol { id: before.id, len: before.len + len })
                    }
                    before => {
                        word.extend(before);
                        Some(Symbol { id, len })
                    }
                };
            }
        }
        word.extend(pending);
        Ok(())
    }

    /// The `<0xNN>` tokens of `text`, if the vocabulary has all of them.
    fn push_bytes(&self, text: &str, word: &mut Vec<Symbol>) -> bool {
        let ids: Option<Vec<u32>> =
            text.bytes().map(|byte| self.vocabulary.id(&format!("<0x{byte:02X}>"))).collect();
        let found = ids.is_some();
        word.extend(ids.into_iter().flatten().map(|id| Symbol { id, len: 1 }));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(bpe: &Bpe, piece: &str) -> Vec<(u32, u32)> {
        let mut symbols = Vec::new();
        bpe.tokenize(piece, &mut symbols).unwrap();
        symbols.iter().map(|symbol| (symbol.id, symbol.len)).collect()
    }

    fn model(options: BpeOptions) -> Bpe {
        let tokens = ["<unk>", "a", "b", "ab", "abb", "<0xC3>", "<0xA9>"];
        Bpe::new(tokens.into_iter().zip(0..tokens.len() as u32), [("a", "b")].into_iter(), options).unwrap()
    }

    #[test]
    fn unknown_characters_vanish_or_become_the_unknown_token() {
        assert_eq!(ids(&model(BpeOptions::default()), "axb"), [(3, 2)]);
        let unk = BpeOptions { unk_token: Some("<unk>".into()), ..BpeOptions::default() };
        assert_eq!(ids(&model(unk.clone()), "axyé"), [(1, 1), (0, 1), (0, 1), (0, 2)]);
        let fused = BpeOptions { fuse_unk: true, ..unk.clone() };
        assert_eq!(ids(&model(fused), "axyéb"), [(1, 1), (0, 4), (2, 1)]);
        let bytes = BpeOptions { byte_fallback: true, ..unk };
        assert_eq!(ids(&model(bytes), "aé"), [(1, 1), (5, 1), (6, 1)]);
    }

    #[test]
    fn ignore_merges_takes_whole_tokens() {
        assert_eq!(ids(&model(BpeOptions::default()), "abb"), [(3, 2), (2, 1)]);
        let whole = BpeOptions { ignore_merges: true, ..BpeOptions::default() };
        assert_eq!(ids(&model(whole), "abb"), [(4, 3)]);
    }

    #[test]
    fn wrong_dropout_and_unknown_merges_are_refused_with_their_place() {
        let dropout = BpeOptions { dropout: Some(1.5), ..BpeOptions::default() };
        let error = Bpe::new([("a", 0)].into_iter(), [].into_iter(), dropout).unwrap_err();
        assert!(error.to_string().contains("model.dropout"), "{error}");
        let error = Bpe::new([("a", 0)].into_iter(), [("a", "z")].into_iter(), BpeOptions::default());
        assert!(error.unwrap_err().to_string().contains("model.merges[0]"));
    }
}
