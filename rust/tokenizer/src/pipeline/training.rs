//! Text to the words that a trainer counts.

use crate::error::Result;
use crate::tokenizer::Tokenizer;

impl Tokenizer {
    /// Emit the pieces that the model would see of `text`; added tokens are pieces of their own, as in the reference.
    pub(crate) fn training_pieces(&self, text: &str, emit: &mut dyn FnMut(&str)) -> Result<()> {
        for segment in self.segments(text) {
            if segment.added.is_some() {
                emit(&text[segment.range]);
            } else {
                self.pieces(text, segment.range).iter().for_each(|piece| emit(&piece.text));
            }
        }
        Ok(())
    }
}
