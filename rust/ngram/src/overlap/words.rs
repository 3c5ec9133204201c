//! Words as they are compared: in lower case and without punctuation, or as they stand.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::Corpus;
use crate::error::Result;
use crate::text::{Reserved, Text, split};
use crate::words::WordTable;

/// Which words are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Those equal in lower case once all but letters and digits is taken out; what is then empty is no word.
    Normalized,
    /// Those equal as they stand between white space.
    Exact,
}

impl Words {
    /// Call `each` with the words of `text`.
    pub fn each(self, text: &str, mut each: impl FnMut(&str)) {
        if self == Self::Exact {
            split(text).for_each(each);
            return;
        }
        let mut word = String::new();
        for part in text.split_whitespace() {
            word.clear();
            if part.is_ascii() {
                let letters = part.bytes().filter(u8::is_ascii_alphanumeric);
                word.extend(letters.map(|letter| char::from(letter.to_ascii_lowercase())));
            } else {
                let letters = part.chars().flat_map(char::to_lowercase);
                word.extend(letters.filter(|letter| letter.is_alphanumeric()));
            }
            if !word.is_empty() {
                each(&word);
            }
        }
    }
}

/// Number the words of documents, by first appearance.
pub fn read(documents: &[&str], words: Words, cancel: &Cancel) -> Result<(Corpus, WordTable)> {
    let mut table = WordTable::new();
    let corpus = if words == Words::Exact {
        crate::text::read(Text::Sentences(documents), &mut table, None, Reserved::Plain, cancel)?
    } else {
        let normalized: Vec<String> = documents
            .par_iter()
            .map(|document| {
                cancel.check()?;
                let mut joined = String::with_capacity(document.len());
                words.each(document, |word| {
                    joined.push_str(word);
                    joined.push(' ');
                });
                Ok(joined)
            })
            .collect::<Result<_>>()?;
        let normalized: Vec<&str> = normalized.iter().map(String::as_str).collect();
        crate::text::read(Text::Sentences(&normalized), &mut table, None, Reserved::Plain, cancel)?
    };
    Ok((corpus, table))
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::*;

    #[test]
    fn punctuation_and_case_do_not_matter() {
        let text = "Don't STOP -- it's \u{a0}Äß! (42)";
        let mut words = Vec::new();
        Words::Normalized.each(text, |word| words.push(word.to_owned()));
        assert_eq!(words, ["dont", "stop", "its", "äß", "42"]);
        let (corpus, table) = read(&["A b.", "", "b, a"], Words::Normalized, &NEVER).unwrap();
        assert_eq!((corpus.tokens, corpus.offsets), (vec![0, 1, 1, 0], vec![0, 2, 2, 4]));
        assert_eq!(table.iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(read(&["A b."], Words::Exact, &NEVER).unwrap().1.iter().collect::<Vec<_>>(), ["A", "b."]);
    }
}
