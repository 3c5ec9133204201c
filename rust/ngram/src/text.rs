//! Text to numbered words, in parallel, numbered as if read from the front by one thread.
//!
//! The text is cut into pieces of a fixed size, so the result does not depend on the number of threads: each piece
//! numbers its words for itself, then the pieces' words are numbered together in order, then each piece is renumbered.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::corpus::{Corpus, Markers, check_size};
use crate::error::{NgramError, Result};
use crate::words::WordTable;

/// Where sentences come from.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// One sentence a line.
    Lines(&'a str),
    /// One sentence an item; line ends inside an item are white space.
    Sentences(&'a [&'a str]),
}

/// What to do with words that have a meaning of their own (`<s>`, `</s>`, `<unk>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// They are words like others.
    Plain,
    /// They are an error.
    Refuse,
    /// They are skipped as if they were white space.
    Skip,
}

const PIECE_BYTES: usize = 1 << 21;
/// Sentences between two looks at the cancel flag.
const POLL: usize = 256;

/// Words are separated by these ASCII characters (those of `lmplz`, and vertical tab and form feed).
#[inline]
pub fn is_space(byte: u8) -> bool {
    byte <= b' ' && matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0 | 0x0B | 0x0C)
}

/// The words of one sentence.
pub fn split(sentence: &str) -> Words<'_> {
    Words { rest: sentence }
}

/// Iterator over the words of a sentence, made by [`split`].
pub struct Words<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        let start = bytes.iter().position(|&byte| !is_space(byte))?;
        let length = bytes[start..].iter().position(|&byte| is_space(byte)).unwrap_or(bytes.len() - start);
        // Separators are ASCII, so both cuts are between characters.
        let word = &self.rest[start..start + length];
        self.rest = &self.rest[start + length..];
        Some(word)
    }
}

/// Number the words of `text`; those of `words` keep their numbers, new ones follow.
pub fn read(
    text: Text<'_>,
    words: &mut WordTable,
    markers: Option<Markers>,
    reserved: Reserved,
    cancel: &Cancel,
) -> Result<Corpus> {
    let pieces = pieces(text);
    let parts: Vec<Part> =
        pieces.par_iter().map(|piece| number(*piece, reserved, cancel)).collect::<Result<_>>()?;
    let maps: Vec<Vec<u32>> =
        parts.iter().map(|part| part.words.iter().map(|word| words.insert(word)).collect()).collect();
    let total: usize = parts.iter().map(|part| part.size(markers)).sum();
    check_size(total)?;
    let mut tokens = vec![0; total];
    let mut targets = Vec::with_capacity(parts.len());
    let mut rest = tokens.as_mut_slice();
    for part in &parts {
        let (target, after) = rest.split_at_mut(part.size(markers));
        targets.push(target);
        rest = after;
    }
    targets
        .into_par_iter()
        .zip(&parts)
        .zip(&maps)
        .for_each(|((target, part), map)| part.write(target, map, markers));
    let added = if markers.is_some() { 2 } else { 0 };
    let mut offsets = vec![0];
    let mut end = 0;
    for length in parts.iter().flat_map(|part| &part.lengths) {
        end += *length as usize + added;
        offsets.push(end);
    }
    Ok(Corpus { tokens, offsets, bound: words.len() as u32 })
}

/// A piece, numbered for itself.
struct Part {
    words: WordTable,
    tokens: Vec<u32>,
    /// Number of words of each sentence.
    lengths: Vec<u32>,
}

impl Part {
    fn size(&self, markers: Option<Markers>) -> usize {
        self.tokens.len() + if markers.is_some() { 2 * self.lengths.len() } else { 0 }
    }

    fn write(&self, target: &mut [u32], map: &[u32], markers: Option<Markers>) {
        let mut target = target.iter_mut();
        let mut tokens = self.tokens.iter();
        for &length in &self.lengths {
            let sentence = tokens.by_ref().take(length as usize).map(|&token| map[token as usize]);
            let marked = markers.map(|m| m.begin).into_iter().chain(sentence).chain(markers.map(|m| m.end));
            // The target comes second: zip must not take a slot when the sentence is over.
            for (token, slot) in marked.zip(target.by_ref()) {
                *slot = token;
            }
        }
    }
}

fn number(piece: Text<'_>, reserved: Reserved, cancel: &Cancel) -> Result<Part> {
    let mut part = Part { words: WordTable::new(), tokens: Vec::new(), lengths: Vec::new() };
    match piece {
        Text::Lines(text) => {
            for (index, line) in lines(text).enumerate() {
                part.push(line, reserved)?;
                if index.is_multiple_of(POLL) {
                    cancel.check()?;
                }
            }
        }
        Text::Sentences(sentences) => {
            for (index, sentence) in sentences.iter().enumerate() {
                part.push(sentence, reserved)?;
                if index.is_multiple_of(POLL) {
                    cancel.check()?;
                }
            }
        }
    }
    Ok(part)
}

impl Part {
    fn push(&mut self, sentence: &str, reserved: Reserved) -> Result<()> {
        let before = self.tokens.len();
        for word in split(sentence) {
            if reserved != Reserved::Plain
                && word.starts_with('<')
                && matches!(word, "<s>" | "</s>" | "<unk>")
            {
                if reserved == Reserved::Skip {
                    continue;
                }
                let message = format!(
                    "the text contains the word {word}, which has a meaning of its own; skip_symbols=True skips such words"
                );
                return Err(NgramError::InvalidArgument(message));
            }
            self.tokens.push(self.words.insert(word));
        }
        self.lengths.push((self.tokens.len() - before) as u32);
        Ok(())
    }
}

/// All sentences of a text.
pub fn sentences(text: Text<'_>) -> Vec<&str> {
    match text {
        Text::Lines(text) => lines(text).collect(),
        Text::Sentences(sentences) => sentences.to_vec(),
    }
}

/// Lines end with a line feed; the last one need not.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    (!text.is_empty()).then(|| body.split('\n')).into_iter().flatten()
}

fn pieces(text: Text<'_>) -> Vec<Text<'_>> {
    let mut pieces = Vec::new();
    match text {
        Text::Lines(mut rest) => {
            while rest.len() > PIECE_BYTES {
                let Some(end) = rest.as_bytes()[PIECE_BYTES..].iter().position(|&b| b == b'\n') else {
                    break;
                };
                let (piece, after) = rest.split_at(PIECE_BYTES + end + 1);
                pieces.push(Text::Lines(piece));
                rest = after;
            }
            pieces.push(Text::Lines(rest));
        }
        Text::Sentences(sentences) => {
            let (mut start, mut size) = (0, 0);
            for (index, sentence) in sentences.iter().enumerate() {
                size += sentence.len() + 1;
                if size > PIECE_BYTES {
                    pieces.push(Text::Sentences(&sentences[start..=index]));
                    (start, size) = (index + 1, 0);
                }
            }
            pieces.push(Text::Sentences(&sentences[start..]));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::*;

    #[test]
    fn lines_are_sentences_and_the_last_line_feed_adds_none() {
        let count = |text| lines(text).count();
        assert_eq!((count(""), count("a"), count("a\n"), count("a\n\n"), count("\n")), (0, 1, 1, 2, 1));
    }

    #[test]
    fn words_are_numbered_by_first_appearance_over_many_pieces() {
        let lines: Vec<String> = (0..400_000).map(|i| format!("word{} x{}\n", i % 70_000, i % 3)).collect();
        let text = lines.concat();
        let mut words = WordTable::new();
        let corpus = read(Text::Lines(&text), &mut words, None, Reserved::Plain, &NEVER).unwrap();
        assert!(text.len() > 2 * PIECE_BYTES);
        let mut twin = WordTable::new();
        let tokens: Vec<u32> = text.split_whitespace().map(|word| twin.insert(word)).collect();
        assert_eq!(corpus.tokens, tokens);
        assert_eq!(corpus.offsets.len(), 400_001);
        let sentences: Vec<&str> = text.lines().collect();
        let mut again = WordTable::new();
        assert_eq!(
            read(Text::Sentences(&sentences), &mut again, None, Reserved::Plain, &NEVER).unwrap(),
            corpus
        );
    }

    #[test]
    fn reserved_words_are_refused_skipped_or_plain() {
        let read = |reserved| read(Text::Lines("a <s> b"), &mut WordTable::new(), None, reserved, &NEVER);
        assert!(read(Reserved::Refuse).unwrap_err().to_string().contains("<s>"));
        assert_eq!(read(Reserved::Skip).unwrap().tokens, [0, 1]);
        assert_eq!(read(Reserved::Plain).unwrap().tokens, [0, 1, 2]);
    }
}
