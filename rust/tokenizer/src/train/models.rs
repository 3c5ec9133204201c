//! From what was learnt to models.

use super::{TrainedBpe, TrainedUnigram, TrainedWordLevel};
use crate::error::Result;
use crate::model::{
    Bpe, BpeOptions, Unigram, UnigramOptions, Vocabulary, WordLevel, WordPiece, WordPieceOptions,
};

impl TrainedBpe {
    fn entries(&self) -> impl ExactSizeIterator<Item = (&str, u32)> + Clone {
        self.tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id as u32))
    }

    /// # Errors
    /// More tokens or merges than a model takes, options that it does not take.
    pub fn into_bpe(self, options: BpeOptions) -> Result<Bpe> {
        let token = |id: u32| self.tokens.get(id as usize).map_or("", String::as_str);
        let pairs = self.merges.iter().map(|&(left, right)| (token(left), token(right)));
        Bpe::new(self.entries(), pairs, options)
    }

    /// The model that has the tokens and no merges.
    pub fn into_word_piece(self, options: WordPieceOptions) -> Result<WordPiece> {
        WordPiece::new(Vocabulary::new(self.entries())?, options)
    }
}

impl TrainedUnigram {
    pub fn into_unigram(self) -> Result<Unigram> {
        let options = UnigramOptions { unk_id: self.unk_id, ..UnigramOptions::default() };
        Unigram::new(self.pieces.iter().map(|(piece, score)| (piece.as_str(), *score)), options)
    }
}

impl TrainedWordLevel {
    pub fn into_word_level(self, unk_token: String) -> Result<WordLevel> {
        let entries = self.tokens.iter().map(|(token, id)| (token.as_str(), *id));
        Ok(WordLevel::new(Vocabulary::new(entries)?, unk_token))
    }
}
