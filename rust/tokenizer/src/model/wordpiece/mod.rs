//! WordPiece (Schuster and Nakajima, 2012): the longest token that a word begins with, then the longest that its
//! rest begins with, and so on; one unknown token for the word if that fails anywhere.
//!
//! Tokens lie in one trie. Those that continue a word begin with a prefix, so that looking for them begins where the
//! prefix leads. Looking for the longest token may read far beyond it, in vain; should a word make that happen
//! more often than a few times its length, [`linear`] goes on, so that no word and no vocabulary take more
//! than linear time.

mod linear;

use std::sync::OnceLock;

use crate::error::Result;
use crate::model::automaton::{NO_VALUE, Node, ROOT, Trie};
use crate::model::vocabulary::Vocabulary;
use crate::model::wordlevel::missing_unk;
use linear::Continuations;

/// Options of the model, named as in tokenizer.json.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordPieceOptions {
    /// Stands for words that are not made of tokens.
    pub unk_token: String,
    /// Precedes tokens that do not begin a word.
    pub continuing_subword_prefix: String,
    /// Words of more characters are unknown.
    pub max_input_chars_per_word: usize,
}

impl Default for WordPieceOptions {
    fn default() -> Self {
        let (unk_token, continuing_subword_prefix) = ("[UNK]".into(), "##".into());
        Self { unk_token, continuing_subword_prefix, max_input_chars_per_word: 100 }
    }
}

/// A vocabulary and the options.
#[derive(Debug, Clone)]
pub struct WordPiece {
    vocabulary: Vocabulary,
    options: WordPieceOptions,
    trie: Trie,
    /// Where the continuing prefix leads in the trie.
    continuing: Option<Node>,
    unk_id: Option<u32>,
    /// Made when first needed.
    continuations: OnceLock<Continuations>,
}

/// Bytes read in vain, for each byte of the word, that are cheaper than another algorithm.
const PATIENCE: usize = 4;

impl WordPiece {
    /// # Errors
    /// A vocabulary beyond the limits of a trie.
    pub fn new(vocabulary: Vocabulary, options: WordPieceOptions) -> Result<Self> {
        let trie = Trie::new(vocabulary.entries().map(|(token, id)| (token.as_bytes(), id)).collect())?;
        let this = Self {
            vocabulary,
            continuing: None,
            unk_id: None,
            trie,
            options: WordPieceOptions::default(),
            continuations: OnceLock::new(),
        };
        Ok(this.with_options(options))
    }

    /// The same vocabulary under other options.
    #[must_use]
    pub fn with_options(mut self, options: WordPieceOptions) -> Self {
        self.continuing = self.trie.find(options.continuing_subword_prefix.as_bytes());
        self.unk_id = self.vocabulary.id(&options.unk_token);
        self.options = options;
        self.continuations = OnceLock::new();
        self
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub fn options(&self) -> &WordPieceOptions {
        &self.options
    }

    /// Append the ids of a word.
    ///
    /// # Errors
    /// An unknown word when the unknown token is not in the vocabulary.
    pub fn push_ids(&self, word: &str, ids: &mut Vec<u32>) -> Result<()> {
        let before = ids.len();
        if self.split(word, |id, _| ids.push(id))? {
            return Ok(());
        }
        ids.truncate(before);
        ids.push(self.unknown()?);
        Ok(())
    }

    /// The id of unknown words.
    pub(super) fn unknown(&self) -> Result<u32> {
        self.unk_id.ok_or_else(|| missing_unk(&self.options.unk_token))
    }

    /// Emit each token of a word and where it ends. False if the word is unknown; what was emitted is void then.
    #[inline]
    pub(super) fn split(&self, word: &str, mut emit: impl FnMut(u32, usize)) -> Result<bool> {
        let longest = self.options.max_input_chars_per_word;
        if word.len() > longest && word.chars().count() > longest {
            return Ok(false);
        }
        let word = word.as_bytes();
        let mut from = self.trie.node(ROOT);
        let mut start = 0;
        let mut vain = 0;
        while start < word.len() {
            let (id, end, read) = self.longest(from, word, start);
            if id == NO_VALUE {
                return Ok(false);
            }
            emit(id, end);
            start = end;
            vain += read - end;
            match self.continuing {
                Some(node) => from = node,
                None => return Ok(start == word.len()),
            }
            if vain > PATIENCE * word.len() && start < word.len() {
                return Ok(self.continuations()?.split(word, start, emit));
            }
        }
        Ok(true)
    }

    /// The longest token at `start`, where it ends, and up to where the word was read.
    #[inline(always)]
    fn longest(&self, mut node: Node, word: &[u8], start: usize) -> (u32, usize, usize) {
        let (mut id, mut end, mut read) = (NO_VALUE, start, start);
        for &byte in &word[start..] {
            let Some((_, child)) = self.trie.child(node, byte) else { break };
            node = child;
            read += 1;
            if node.value() != NO_VALUE {
                (id, end) = (node.value(), read);
            }
        }
        (id, end, read)
    }

    fn continuations(&self) -> Result<&Continuations> {
        if let Some(made) = self.continuations.get() {
            return Ok(made);
        }
        let prefix = self.options.continuing_subword_prefix.as_str();
        let made = Continuations::new(self.vocabulary.entries(), prefix)?;
        Ok(self.continuations.get_or_init(|| made))
    }
}

#[cfg(test)]
mod tests;
