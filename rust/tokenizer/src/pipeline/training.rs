//! Text to the words that a trainer counts.

use std::borrow::Cow;

use crate::decoder::PrependScheme;
use crate::error::Result;
use crate::pre_tokenizer::{Metaspace, PreTokenizer};
use crate::tokenizer::Tokenizer;

impl Tokenizer {
    /// Emit the pieces that the model would see of `text`; added tokens are pieces of their own, as in the reference.
    pub(crate) fn training_pieces(&self, text: &str, emit: &mut dyn FnMut(&str)) -> Result<()> {
        if !self.added_vocabulary().ids().is_empty() {
            return self.emit_general(text, emit);
        }
        // Where pieces come from is of no interest, so that text alone will do.
        match self.pre_tokenizer() {
            None => emit(&self.normalized(text)?),
            Some(part) if part.only_cuts() => cut(part, &self.normalized(text)?, emit)?,
            // What is first in normalized text need not be first in the text, which only alignments tell.
            Some(part @ PreTokenizer::Metaspace(settings))
                if settings.prepend_scheme != PrependScheme::First || self.normalizer().is_none() =>
            {
                cut(part, &replaced(&self.normalized(text)?, settings), emit)?;
            }
            Some(_) => self.emit_general(text, emit)?,
        }
        Ok(())
    }

    fn normalized<'a>(&self, text: &'a str) -> Result<Cow<'a, str>> {
        self.normalizer().map_or(Ok(Cow::Borrowed(text)), |normalizer| normalizer.normalize_plain(text))
    }

    fn emit_general(&self, text: &str, emit: &mut dyn FnMut(&str)) -> Result<()> {
        for split in self.pre_tokenized(text)?.splits() {
            emit(split.text.get());
        }
        Ok(())
    }
}

fn cut(part: &PreTokenizer, text: &str, emit: &mut dyn FnMut(&str)) -> Result<()> {
    part.pieces(text, &mut |range| emit(text.get(range).unwrap_or_default()))
}

/// What `Metaspace` makes of a whole text before it cuts.
fn replaced(text: &str, settings: &Metaspace) -> String {
    let replacement = settings.replacement;
    let mut replaced = String::with_capacity(text.len() + text.len() / 2 + 4);
    if settings.prepend_scheme != PrependScheme::Never
        && !text.is_empty()
        && !text.starts_with([replacement, ' '])
    {
        replaced.push(replacement);
    }
    replaced.extend(text.chars().map(|character| if character == ' ' { replacement } else { character }));
    replaced
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Bpe, BpeOptions, Model};
    use crate::normalizer::Normalizer;

    fn emitted(pieces: impl FnOnce(&mut dyn FnMut(&str)) -> Result<()>) -> Vec<String> {
        let mut emitted = Vec::new();
        pieces(&mut |piece| emitted.push(piece.to_owned())).unwrap();
        emitted.retain(|piece| !piece.is_empty());
        emitted
    }

    proptest! {
        #[test]
        fn both_ways_emit_the_same(text in "[ ▁aÉé1.\\n]{0,20}", part in 0..6usize, normalized: bool) {
            let bpe = Bpe::new([("a", 0)].into_iter(), [].into_iter(), BpeOptions::default()).unwrap();
            let mut tokenizer = Tokenizer::new(Model::Bpe(bpe.into()));
            let metaspace = |prepend_scheme| {
                PreTokenizer::Metaspace(Metaspace { replacement: '▁', prepend_scheme, split: true })
            };
            tokenizer.set_pre_tokenizer([
                None,
                Some(PreTokenizer::Bert),
                Some(metaspace(PrependScheme::Always)),
                Some(metaspace(PrependScheme::First)),
                Some(metaspace(PrependScheme::Never)),
                Some(PreTokenizer::Sequence(vec![PreTokenizer::WhitespaceSplit, PreTokenizer::Bert])),
            ][part].clone());
            let normalizer = Normalizer::Sequence(vec![
                Normalizer::Strip { left: true, right: true },
                Normalizer::Lowercase,
                Normalizer::StripAccents,
            ]);
            tokenizer.set_normalizer(normalized.then_some(normalizer)).unwrap();
            let expected = emitted(|emit| tokenizer.emit_general(&text, emit));
            prop_assert_eq!(emitted(|emit| tokenizer.training_pieces(&text, emit)), expected);
        }
    }
}
