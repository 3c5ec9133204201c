//! The numbers of a document that the rules of Gopher look at.

use std::collections::HashSet;

use crate::quality::repetition::{Repeats, Words, repeats};
use crate::quality::{characters, for_each_word, lower_case};

/// Shares are of all words, lines or characters; zero for an empty document.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Statistics {
    /// Words with a letter or digit.
    pub words: usize,
    /// Of these, in characters.
    pub mean_word_length: f64,
    /// Number signs for each word.
    pub hash_ratio: f64,
    /// Ellipses for each word.
    pub ellipsis_ratio: f64,
    /// Lines that begin with a bullet or hyphen.
    pub bullet_lines: f64,
    /// Lines that end with an ellipsis.
    pub ellipsis_lines: f64,
    /// Words with a letter.
    pub alphabetic_words: f64,
    /// Different stop words that occur.
    pub stop_words: usize,
    pub duplicate_lines: f64,
    pub duplicate_paragraphs: f64,
    pub duplicate_line_characters: f64,
    pub duplicate_paragraph_characters: f64,
    /// Characters of the most frequent 2-, 3- and 4-gram.
    pub top_ngrams: [f64; 3],
    /// Characters of repeated 5- to 10-grams.
    pub duplicate_ngrams: [f64; 6],
}

/// What a pass over the words counts.
#[derive(Default)]
struct WordCounts<'s> {
    all: usize,
    proper: usize,
    proper_characters: usize,
    alphabetic: usize,
    stop_words: HashSet<&'s str>,
    list: Words,
}

impl Statistics {
    pub fn of(text: &str, stop_words: &HashSet<String>, segmented: bool) -> Self {
        let counts = WordCounts::of(text, stop_words, segmented);
        let (top, duplicate) = counts.list.repetition();
        let length = characters(text);
        let lines = pieces(text, 1);
        let paragraphs = pieces(text.trim(), 2);
        Self {
            words: counts.proper,
            mean_word_length: share(counts.proper_characters, counts.proper),
            hash_ratio: share(count(text, b'#'), counts.all),
            ellipsis_ratio: share(ellipses(text), counts.all),
            alphabetic_words: share(counts.alphabetic, counts.all),
            stop_words: counts.stop_words.len(),
            duplicate_lines: share(lines.repeated, lines.pieces),
            duplicate_paragraphs: share(paragraphs.repeated, paragraphs.pieces),
            duplicate_line_characters: share(lines.characters, length),
            duplicate_paragraph_characters: share(paragraphs.characters, length),
            top_ngrams: top.map(|characters| share(characters, length)),
            duplicate_ngrams: duplicate.map(|characters| share(characters, length)),
            ..Self::of_lines(text)
        }
    }

    fn of_lines(text: &str) -> Self {
        let (mut lines, mut bullets, mut ellipses) = (0, 0, 0);
        for line in text.lines() {
            lines += 1;
            bullets += usize::from(line.trim_start().starts_with(['•', '-', '*']));
            let end = line.trim_end();
            ellipses += usize::from(end.ends_with("...") || end.ends_with('…'));
        }
        Self {
            bullet_lines: share(bullets, lines),
            ellipsis_lines: share(ellipses, lines),
            ..Self::default()
        }
    }
}

impl<'s> WordCounts<'s> {
    fn of(text: &str, stop_words: &'s HashSet<String>, segmented: bool) -> Self {
        let mut counts = Self::default();
        let longest = stop_words.iter().map(String::len).max().unwrap_or(0);
        let mut lower = String::new();
        for_each_word(text, segmented, |word| {
            counts.push(word);
            // Two bytes more, because lower case may be shorter.
            if counts.stop_words.len() < stop_words.len() {
                let core = word.trim_matches(|c: char| !c.is_alphanumeric());
                if core.len() <= longest + 2 {
                    lower_case(core, &mut lower);
                    counts.stop_words.extend(stop_words.get(&lower).map(String::as_str));
                }
            }
        });
        counts
    }

    fn push(&mut self, word: &str) {
        let length = characters(word);
        self.all += 1;
        self.list.push(word, length);
        let first = word.chars().next().is_some_and(char::is_alphabetic);
        let alphabetic = first || word.chars().any(char::is_alphabetic);
        self.alphabetic += usize::from(alphabetic);
        if alphabetic || word.chars().any(char::is_alphanumeric) {
            self.proper += 1;
            self.proper_characters += length;
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn count(text: &str, byte: u8) -> usize {
    text.bytes().filter(|&other| other == byte).count()
}

fn ellipses(text: &str) -> usize {
    text.matches("...").count() + if text.is_ascii() { 0 } else { text.matches('…').count() }
}

/// Repeats among the pieces of `text` between runs of `breaks` line feeds or more.
fn pieces(text: &str, breaks: usize) -> Repeats {
    let feeds = count(text, b'\n');
    if breaks == 1 {
        let lines = text.split('\n').filter(|line| !line.is_empty());
        return repeats(lines, feeds + 1);
    }
    let mut rest = Some(text);
    let paragraphs = std::iter::from_fn(|| {
        let here = rest?;
        let Some((paragraph, after)) = here.split_once("\n\n") else {
            return rest.take();
        };
        rest = Some(after.trim_start_matches('\n'));
        Some(paragraph)
    });
    repeats(paragraphs, feeds / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(text: &str) -> Statistics {
        let stop_words = ["the", "of", "is"].map(String::from).into();
        Statistics::of(text, &stop_words, false)
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn words_and_marks_are_counted() {
        let found = measure("The top... of #1 — THE 42 über…\n- is\n");
        assert_eq!((found.words, found.stop_words), (8, 3));
        assert!(near(found.alphabetic_words, 6.0 / 10.0));
        assert!(near(found.hash_ratio, 0.1) && near(found.ellipsis_ratio, 0.2));
        assert!(near(found.bullet_lines, 0.5) && near(found.ellipsis_lines, 0.5));
        assert!(near(found.mean_word_length, f64::from(3 + 6 + 2 + 2 + 3 + 2 + 5 + 2) / 8.0));
    }

    #[test]
    fn lines_and_paragraphs_repeat() {
        let found = measure("a b\nc\n\na b\nc\n\n\nd\nd");
        assert!(near(found.duplicate_lines, 3.0 / 6.0) && near(found.duplicate_paragraphs, 1.0 / 3.0));
        assert!(near(found.duplicate_line_characters, 5.0 / 18.0));
        assert!(near(found.duplicate_paragraph_characters, 5.0 / 18.0));
    }

    #[test]
    fn an_empty_text_has_zeros() {
        assert_eq!(measure(""), Statistics::default());
        assert_eq!(measure(" \n\n ").words, 0);
    }

    #[test]
    fn scripts_without_spaces_have_words() {
        let found = Statistics::of("我们今天去北京大学。", &HashSet::new(), true);
        assert_eq!(found.words, 5);
    }
}
