//! Several models over one vocabulary: the words that any of them knows.
//!
//! A word that a model does not know is its `<unk>`. Where probabilities are mixed, that model gives it none, and its
//! probability of `<unk>` to `<unk>` alone, as SRILM does: each model's probabilities then sum to one over the
//! united vocabulary.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::{Corpus, check_offsets};
use crate::error::{NgramError, Result};
use crate::model::Model;
use crate::text::{self, Text};
use crate::vocabulary::{BOS, EOS, UNK, Vocabulary};

/// A word or an n-gram that the other side does not have.
pub(crate) const NONE: u32 = u32::MAX;

/// The united vocabulary of some models, and how its inner numbers and theirs correspond.
pub(crate) struct Lexicon {
    pub vocabulary: Vocabulary,
    /// By model: its number of each of ours; that of its `<unk>` for words that it does not know.
    pub to_model: Vec<Vec<u32>>,
    /// By model: our number of each of its own; [`NONE`] for pruned ones.
    pub from_model: Vec<Vec<u32>>,
}

impl Lexicon {
    pub fn of(models: &[&Model]) -> Result<Self> {
        let complain = |message: String| Err(NgramError::InvalidArgument(message));
        let Some(first) = models.first().map(|model| model.vocabulary()) else {
            return complain("there are no models to interpolate".to_owned());
        };
        for (number, model) in models.iter().enumerate() {
            let other = model.vocabulary();
            if other.is_ids() != first.is_ids() {
                return complain(format!(
                    "model {number} is over {}, but model 0 is not",
                    if other.is_ids() { "ids" } else { "words" }
                ));
            }
            if first.is_ids() && other.size() != first.size() {
                return complain(format!(
                    "model {number} has a vocab_size of {}, but model 0 has {}; models over ids need the same",
                    other.size(),
                    first.size()
                ));
            }
        }
        let vocabulary = if first.is_ids() { united_ids(models, first) } else { united_words(models) }?;
        let pairs: Vec<_> = models.par_iter().map(|model| numbers(&vocabulary, model)).collect();
        let (to_model, from_model) = pairs.into_iter().unzip();
        Ok(Self { vocabulary, to_model, from_model })
    }

    /// Whether model `i` knows our word, which it does of `<unk>`.
    pub fn knows(&self, i: usize, word: u32) -> bool {
        let theirs = self.to_model[i][word as usize];
        self.from_model[i].get(theirs as usize) == Some(&word)
    }

    /// Our numbers of all words that can follow others: not those of `<s>` and of pruned ones.
    pub fn predicted(&self) -> Vec<u32> {
        let kept = (0..self.vocabulary.size()).filter(|&number| self.vocabulary.is_kept(number));
        let kept = kept.filter(|&number| number != self.vocabulary.bos());
        kept.map(|number| self.vocabulary.inner(number)).collect()
    }

    /// The sentences of a text in our numbers, without markers.
    pub fn read_text(&self, text: Text<'_>, cancel: &Cancel) -> Result<Corpus> {
        let sentences = text::sentences(text);
        let words = |sentence: &&str| -> Result<Vec<u32>> {
            cancel.check()?;
            Ok(text::split(sentence).map(|word| self.vocabulary.inner_of(word)).collect())
        };
        let numbered: Vec<Vec<u32>> = sentences.par_iter().map(words).collect::<Result<_>>()?;
        let mut offsets = vec![0];
        offsets.extend(numbered.iter().scan(0, |end, sentence| {
            *end += sentence.len();
            Some(*end)
        }));
        Ok(Corpus { tokens: numbered.concat(), offsets, bound: self.vocabulary.size() })
    }

    /// Sequences of ids in our numbers; ids that no model knows are `<unk>`.
    pub fn read_ids(&self, ids: &[u32], offsets: &[i64]) -> Result<Corpus> {
        check_offsets(offsets, ids.len())?;
        Ok(Corpus {
            tokens: ids.par_iter().map(|&id| self.vocabulary.inner(id)).collect(),
            offsets: offsets.iter().map(|&offset| offset as usize).collect(),
            bound: self.vocabulary.size(),
        })
    }
}

/// The words of all models, as they first appear in the first, then in the second ...
fn united_words(models: &[&Model]) -> Result<Vocabulary> {
    let mut words = Vocabulary::special_words();
    for vocabulary in models.iter().map(|model| model.vocabulary()) {
        for number in (0..vocabulary.size()).filter(|&number| vocabulary.is_kept(number)) {
            words.insert(&vocabulary.text(number));
        }
    }
    Vocabulary::of_words(words)
}

fn united_ids(models: &[&Model], first: &Vocabulary) -> Result<Vocabulary> {
    let mut vocabulary = Vocabulary::of_ids(first.unk())?;
    for number in 0..vocabulary.size() {
        if !models.iter().any(|model| model.vocabulary().is_kept(number)) {
            vocabulary.prune(number);
        }
    }
    Ok(vocabulary)
}

/// The numbers of `model` for those of `vocabulary`, and the other way round.
fn numbers(vocabulary: &Vocabulary, model: &Model) -> (Vec<u32>, Vec<u32>) {
    let theirs = model.vocabulary();
    let mut to_model = vec![theirs.inner_unk(); vocabulary.size() as usize];
    let mut from_model = vec![NONE; theirs.size() as usize];
    for number in (0..vocabulary.size()).filter(|&number| vocabulary.is_kept(number)) {
        let ours = vocabulary.inner(number);
        let known = if theirs.is_ids() { Some(number) } else { theirs.number(&vocabulary.text(number)) };
        let Some(known) = known.filter(|&known| theirs.is_kept(known)) else { continue };
        to_model[ours as usize] = theirs.inner(known);
        from_model[theirs.inner(known) as usize] = ours;
    }
    for special in [UNK, BOS, EOS] {
        from_model[theirs.inner_of(special) as usize] = vocabulary.inner_of(special);
    }
    (to_model, from_model)
}
