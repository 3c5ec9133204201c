//! A text file as a corpus: a sentence on each line, words separated by white space.
//!
//! One thread reads blocks of some megabytes, which end at a line's end (or, in very long lines, between words); the
//! pool splits and counts several at once, and what they found is put together in order: words are numbered as
//! they first come whatever the number of threads. Memory: two blocks for each thread, and the vocabulary.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ferrolm_base::{Cancel, FileError, pool};
use rayon::prelude::*;

use crate::corpus::{END, split_words};
use crate::words::WordTable;
use crate::{CorpusBuilder, EmbeddingError};

const BLOCK: usize = 4 << 20;

/// A single word may not be longer: so that a file without white space is an error and not a word.
const LONGEST_WORD: usize = 1 << 20;

/// Add the sentences of a file to a corpus.
///
/// # Errors
/// If the file cannot be read, is no UTF-8, has a word of more than a mebibyte, or `cancel` is raised.
pub fn read_text_file(
    builder: &mut CorpusBuilder,
    path: &Path,
    cancel: &Cancel,
) -> Result<(), EmbeddingError> {
    read_blocks(builder, path, BLOCK, cancel)
}

fn read_blocks(
    builder: &mut CorpusBuilder,
    path: &Path,
    block: usize,
    cancel: &Cancel,
) -> Result<(), EmbeddingError> {
    let file = File::open(path).map_err(|error| FileError::new("read", path, error))?;
    let mut blocks = Blocks { file, path, size: block, rest: Vec::new(), offset: 0, ended: false };
    let at_once = pool::num_threads();
    loop {
        cancel.check()?;
        let mut read = Vec::with_capacity(at_once);
        while read.len() < at_once
            && let Some(block) = blocks.next()?
        {
            read.push(block);
        }
        if read.is_empty() {
            builder.end_sentence();
            return Ok(());
        }
        let counted: Vec<_> =
            pool::install(|| read.par_iter().map(|block| Counted::new(block, path)).collect());
        for block in counted {
            let Counted { table, counts, ids } = block?;
            builder.push_block(&table, &counts, &ids)?;
        }
    }
}

/// Whole words of a file, and where in it they stand.
struct Block {
    bytes: Vec<u8>,
    offset: u64,
}

struct Blocks<'a> {
    file: File,
    path: &'a Path,
    size: usize,
    /// What was read behind the last white space.
    rest: Vec<u8>,
    offset: u64,
    ended: bool,
}

impl Blocks<'_> {
    fn next(&mut self) -> Result<Option<Block>, EmbeddingError> {
        let mut bytes = std::mem::take(&mut self.rest);
        while !self.ended {
            let wanted = self.size.saturating_sub(bytes.len()).max(self.size / 2) as u64;
            let read = (&self.file).take(wanted).read_to_end(&mut bytes);
            let read = read.map_err(|error| FileError::new("read", self.path, error))?;
            self.ended = (read as u64) < wanted;
            if let Some(end) = memchr::memrchr(b'\n', &bytes).or_else(|| last_space(&bytes)) {
                self.rest = bytes.split_off(end + 1);
                break;
            }
            if bytes.len() > LONGEST_WORD.max(self.size) {
                let place = format!("byte {}", self.offset);
                let reason = format!("a word of more than {LONGEST_WORD} bytes");
                return Err(EmbeddingError::Format { path: self.path.to_owned(), place, reason });
            }
        }
        if bytes.is_empty() && self.rest.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        Ok(Some(Block { bytes, offset }))
    }
}

/// ASCII white space alone: other white space is of several bytes, and could be cut.
fn last_space(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| matches!(byte, b' ' | b'\t'..=b'\r'))
}

/// The words of a block, by numbers of its own.
struct Counted {
    table: WordTable,
    counts: Vec<u64>,
    ids: Vec<u32>,
}

impl Counted {
    fn new(block: &Block, path: &Path) -> Result<Self, EmbeddingError> {
        let text = std::str::from_utf8(&block.bytes).map_err(|error| EmbeddingError::Format {
            path: path.to_owned(),
            place: format!("byte {}", block.offset + error.valid_up_to() as u64),
            reason: "the text is not UTF-8".to_owned(),
        })?;
        let mut counted =
            Self { table: WordTable::default(), counts: Vec::new(), ids: Vec::with_capacity(text.len() / 4) };
        for line in text.split_inclusive('\n') {
            split_words(line, |word| {
                let id = counted.table.insert(word)?;
                match counted.counts.get_mut(id as usize) {
                    Some(count) => *count += 1,
                    None => counted.counts.push(1),
                }
                counted.ids.push(id);
                Ok(())
            })?;
            if line.ends_with('\n') {
                counted.ids.push(END);
            }
        }
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use ferrolm_base::cancel::NEVER;

    use super::*;
    use crate::Corpus;

    fn corpus(text: &[u8], block: usize) -> Result<Corpus, EmbeddingError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut builder = CorpusBuilder::new();
        read_blocks(&mut builder, file.path(), block, &NEVER)?;
        builder.finish(1)
    }

    #[test]
    fn blocks_do_not_show() {
        let mut text = String::new();
        for i in 0..300 {
            write!(text, "{}wort{} ä", if i % 7 == 0 { "\n" } else { " " }, i % 11).unwrap();
        }
        let mut builder = CorpusBuilder::new();
        for line in text.lines() {
            builder.push_text(line).unwrap();
            builder.end_sentence();
        }
        let expected = builder.finish(1).unwrap();
        for block in [8, 64, 1000, 1 << 20] {
            for ending in ["", "\n", "\n\n  "] {
                let found = corpus(format!("{text}{ending}").as_bytes(), block).unwrap();
                assert_eq!(found.words(), expected.words());
                assert!(found.sentences().eq(expected.sentences()), "{block}");
                assert_eq!(found.num_sentences(), expected.num_sentences());
            }
        }
    }

    #[test]
    fn wrong_files_are_named() {
        let error = corpus(b"good words\nbad \xff words", 8).unwrap_err().to_string();
        assert!(error.contains("not UTF-8 at byte 15"), "{error}");
        let error = corpus(&b"x".repeat(LONGEST_WORD + 9), 1 << 16).unwrap_err().to_string();
        assert!(error.contains("a word of more than 1048576 bytes at byte 0"), "{error}");
        assert!(matches!(corpus(b"", 8), Err(EmbeddingError::EmptyCorpus { .. })));
        let mut builder = CorpusBuilder::new();
        let error = read_text_file(&mut builder, Path::new("/nowhere"), &NEVER).unwrap_err();
        assert!(error.to_string().contains("/nowhere"), "{error}");
    }
}
