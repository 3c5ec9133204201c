//! Scores of whole documents and of lists of candidates.

use ferrolm_base::{Cancel, Cancelled};
use rayon::prelude::*;

use crate::model::Model;
use crate::query::{Ends, Total};
use crate::text::{lines, split};

/// Documents that one worker scores between two looks at the cancel flag.
const GROUP: usize = 64;

impl Model {
    /// The sums for each document, whose lines are sentences; lines without words are skipped.
    pub fn document_totals(
        &self,
        documents: &[&str],
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<Vec<Total>, Cancelled> {
        let has_words = |line: &&str| split(line).next().is_some();
        self.text_totals(documents, ends, cancel, |document| lines(document).filter(has_words).collect())
    }

    /// The sums for each sentence; line ends inside are white space.
    pub fn sentence_totals(
        &self,
        sentences: &[&str],
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<Vec<Total>, Cancelled> {
        self.text_totals(sentences, ends, cancel, |sentence| vec![sentence])
    }

    fn text_totals<'a>(
        &self,
        texts: &[&'a str],
        ends: Ends,
        cancel: &Cancel,
        sentences: impl Fn(&'a str) -> Vec<&'a str> + Sync,
    ) -> Result<Vec<Total>, Cancelled> {
        let groups = texts.par_chunks(GROUP).map(|group| {
            cancel.check()?;
            let (mut words, mut ranges, mut owners) = (Vec::new(), Vec::new(), Vec::new());
            for (owner, text) in group.iter().enumerate() {
                for sentence in sentences(text) {
                    let start = words.len();
                    words.extend(split(sentence).map(|word| self.vocabulary.inner_of(word)));
                    ranges.push(start..words.len());
                    owners.push(owner);
                }
            }
            let totals = self.group_totals(&ranges, |position| words[position], ends, cancel)?;
            let mut sums = vec![Total::default(); group.len()];
            for (owner, total) in owners.into_iter().zip(totals) {
                sums[owner] = sums[owner] + total;
            }
            Ok(sums)
        });
        Ok(groups.collect::<Result<Vec<_>, Cancelled>>()?.concat())
    }
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::*;
    use crate::Options;
    use crate::text::Text;
    use crate::train::from_text;

    #[test]
    fn documents_are_their_lines_and_sentences_are_whole() {
        let options = Options { order: 2, ..Options::default() };
        let (model, _) = from_text(Text::Lines("a b\nb a a\nc"), false, &options, &NEVER).unwrap();
        let ends = Ends { begin: true, end: true };
        let documents = ["a b\n\n c d\n", "", "b"];
        let totals = model.document_totals(&documents, ends, &NEVER).unwrap();
        let expected = model.total(&["a b", "c d"], ends, &NEVER).unwrap();
        assert_eq!(totals, [expected, Total::default(), model.total(&["b"], ends, &NEVER).unwrap()]);
        let whole = model.sentence_totals(&documents[..1], ends, &NEVER).unwrap();
        assert_eq!(whole, [model.total(&["a b c d"], ends, &NEVER).unwrap()]);
        assert_eq!(model.sentence_totals(&[""], ends, &NEVER).unwrap()[0].tokens, 1);
    }
}
