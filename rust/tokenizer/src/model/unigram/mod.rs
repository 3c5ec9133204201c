//! Unigram (Kudo, 2018): the pieces of a text with the largest sum of scores.
//!
//! Characters that no piece stands for alone are unknown, ten below the smallest score; neighbouring unknown ones are
//! one token. Sums are in double precision and, of equal ones, the path found first wins: results depend on both.

mod lattice;
mod sample;
mod viterbi;

use std::cell::RefCell;

pub use viterbi::Scratch;

use crate::error::{Result, TokenizerError};
use crate::model::PieceToken;
use crate::model::automaton::{Automaton, NO_VALUE};
use crate::model::vocabulary::Vocabulary;

/// Options of the model, named as in tokenizer.json, and those of sampling, which no file has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UnigramOptions {
    /// Place of the unknown token in the vocabulary.
    pub unk_id: Option<usize>,
    /// Unknown text becomes `<0xNN>` tokens when all its bytes have one.
    pub byte_fallback: bool,
    /// Sample from all ways to cut a text, smoothed by this exponent, unless it is 0.
    pub alpha: Option<f64>,
    /// Sample from so many best ways only, if alpha is set.
    pub nbest_size: Option<usize>,
}

/// Pieces with scores, and the options.
#[derive(Debug, Clone)]
pub struct Unigram {
    vocabulary: Vocabulary,
    options: UnigramOptions,
    /// All pieces; values are ids.
    automaton: Automaton,
    /// By id.
    pieces: Vec<Piece>,
    unk_score: f64,
    /// `<0xNN>` tokens by byte.
    bytes: Vec<Option<u32>>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    score: f64,
    /// In bytes.
    length: u32,
    /// The longest other piece that this one ends with, or [`NO_VALUE`].
    shorter: u32,
}

/// How far below the smallest score unknown characters are.
const UNK_PENALTY: f64 = 10.0;

/// Buffers of more bytes of text than this are not kept from piece to piece.
const KEPT: usize = 1 << 16;

/// A stretch of a path: a piece, or unknown characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    id: u32,
    start: u32,
    end: u32,
}

impl Unigram {
    /// # Errors
    /// An `unk_id` beyond the vocabulary, or a vocabulary beyond the limits of a trie.
    pub fn new<'a>(
        entries: impl ExactSizeIterator<Item = (&'a str, f64)> + Clone,
        options: UnigramOptions,
    ) -> Result<Self> {
        if let Some(unk_id) = options.unk_id.filter(|&unk_id| unk_id >= entries.len()) {
            let found = match entries.len() {
                0 => "the vocabulary is empty".to_owned(),
                size => format!("{unk_id} is beyond the vocabulary of {size} pieces"),
            };
            return Err(TokenizerError::at("model.unk_id", found));
        }
        let vocabulary = Vocabulary::list(entries.clone().map(|(piece, _)| piece))?;
        let mut pieces: Vec<Piece> = entries
            .clone()
            .map(|(piece, score)| Piece { score, length: piece.len() as u32, shorter: NO_VALUE })
            .collect();
        let keys = entries.map(|(piece, _)| piece.as_bytes()).zip(0..).collect();
        let automaton = Automaton::new(keys, |id, shorter| pieces[id as usize].shorter = shorter)?;
        // Not f64::min, which does not tell what it makes of scores that are no numbers.
        let smallest =
            pieces.iter().fold(
                f64::INFINITY,
                |smallest, piece| {
                    if piece.score < smallest { piece.score } else { smallest }
                },
            );
        let bytes = (0..=255u8).map(|byte| vocabulary.id(&format!("<0x{byte:02X}>"))).collect();
        Ok(Self { vocabulary, options, automaton, pieces, unk_score: smallest - UNK_PENALTY, bytes })
    }

    /// The same pieces, some of which are never found in text, as SentencePiece's control symbols. No tokenizer.json
    /// can say so.
    pub(crate) fn with_hidden(mut self, is_hidden: impl Fn(u32) -> bool) -> Result<Self> {
        let Self { vocabulary, pieces, .. } = &mut self;
        let visible = || (0..vocabulary.id_bound() as u32).filter(|&id| !is_hidden(id));
        let keys = visible().map(|id| (vocabulary.token(id).unwrap_or("").as_bytes(), id)).collect();
        let scores = visible().filter_map(|id| pieces.get(id as usize));
        let smallest = scores.map(|piece| piece.score).fold(f64::INFINITY, f64::min);
        for piece in pieces.iter_mut() {
            piece.shorter = NO_VALUE;
        }
        let automaton = Automaton::new(keys, |id, shorter| pieces[id as usize].shorter = shorter)?;
        self.automaton = automaton;
        self.unk_score = smallest - UNK_PENALTY;
        Ok(self)
    }

    /// The same pieces with other options of sampling.
    #[must_use]
    pub fn with_sampling(mut self, alpha: Option<f64>, nbest_size: Option<usize>) -> Self {
        self.options.alpha = alpha;
        self.options.nbest_size = nbest_size;
        self
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub fn options(&self) -> &UnigramOptions {
        &self.options
    }

    /// Pieces and scores by id.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&str, f64)> {
        let piece =
            |(id, piece): (usize, &Piece)| (self.vocabulary.token(id as u32).unwrap_or(""), piece.score);
        self.pieces.iter().enumerate().map(piece)
    }

    /// Whether the tokens of a text are drawn at random.
    pub fn is_random(&self) -> bool {
        self.options.alpha.is_some_and(|alpha| alpha != 0.0)
    }

    /// Append the ids of a text.
    ///
    /// # Errors
    /// Unknown text when there is no unknown token.
    pub fn push_ids(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) -> Result<()> {
        self.encode(text, scratch, |token| ids.push(token.id))
    }

    /// Append the tokens of a text.
    pub fn tokenize(&self, text: &str, tokens: &mut Vec<PieceToken>) -> Result<()> {
        thread_local! {
            static SCRATCH: RefCell<Scratch> = RefCell::default();
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let result = self.encode(text, scratch, |token| tokens.push(token));
            if text.len() > KEPT {
                *scratch = Scratch::default();
            }
            result
        })
    }

    fn encode(&self, text: &str, scratch: &mut Scratch, mut emit: impl FnMut(PieceToken)) -> Result<()> {
        if text.len() >= u32::MAX as usize {
            let (what, limit) = ("bytes of a text for a Unigram model", u32::MAX as usize - 1);
            return Err(TokenizerError::Limit { what, found: text.len(), limit });
        }
        if text.is_empty() {
            return Ok(());
        }
        match self.options.alpha {
            Some(alpha) if alpha != 0.0 => self.sample(text, alpha, &mut scratch.steps)?,
            _ => self.best_path(text, scratch)?,
        }
        let unk_id = self.options.unk_id.map(|id| id as u32);
        let mut steps = scratch.steps.iter().rev().copied().peekable();
        while let Some(mut step) = steps.next() {
            if Some(step.id) == unk_id {
                while let Some(next) = steps.next_if(|next| next.id == step.id) {
                    step.end = next.end;
                }
                self.unknown(text, step, &mut emit);
            } else {
                emit(PieceToken { id: step.id, start: step.start, end: step.end, verbatim: false });
            }
        }
        Ok(())
    }

    /// Tokens of characters that are unknown one by one.
    #[cold]
    fn unknown(&self, text: &str, Step { id, start, end }: Step, emit: &mut impl FnMut(PieceToken)) {
        let text = &text.as_bytes()[start as usize..end as usize];
        // Together they may be a piece, of a score that is worse than theirs.
        if let Some(id) =
            self.automaton.find(text).filter(|&id| self.pieces[id as usize].length == end - start)
        {
            emit(PieceToken { id, start, end, verbatim: false });
            return;
        }
        let of_byte = |&byte: &u8| self.bytes[usize::from(byte)];
        if self.options.byte_fallback && text.iter().all(|byte| of_byte(byte).is_some()) {
            // Each stands for all the text that was unknown, as in the reference.
            text.iter()
                .filter_map(of_byte)
                .for_each(|id| emit(PieceToken { id, start, end, verbatim: false }));
        } else {
            emit(PieceToken { id, start, end, verbatim: true });
        }
    }
}

#[cold]
fn missing_unk() -> TokenizerError {
    TokenizerError::MissingUnknownPiece
}

#[cfg(test)]
mod tests;
