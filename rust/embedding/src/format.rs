//! The text and binary files of word2vec: a header `count size`, then each word with its vector.
//!
//! Text has a line per word, values separated by spaces; binary has the word, a space, `size` little-endian `f32`,
//! and (from most programs) a line feed. Either may be compressed by gzip.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::Path;

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError, read};

use crate::EmbeddingError;

/// Words and their vectors, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vectors {
    pub words: Vec<String>,
    pub values: Vec<f32>,
    pub size: usize,
}

/// How a file is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    pub binary: bool,
    /// The header is missing, as in files of `GloVe` (text only).
    pub no_header: bool,
    /// Read this many vectors at most.
    pub limit: Option<usize>,
    pub unicode: Unicode,
}

/// What becomes of words that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unicode {
    #[default]
    Strict,
    /// U+FFFD stands for what cannot be read.
    Replace,
    /// What cannot be read is left out.
    Ignore,
}

impl Unicode {
    fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, String> {
        match self {
            Self::Strict => {
                std::str::from_utf8(bytes).map(Cow::from).map_err(|error| format!("not UTF-8: {error}"))
            }
            Self::Replace => Ok(String::from_utf8_lossy(bytes)),
            Self::Ignore => Ok(bytes.utf8_chunks().map(|chunk| chunk.valid()).collect()),
        }
    }
}

/// Files beyond this are refused.
const MAX_BYTES: u64 = 1 << 36;

/// Read a file; of words that come twice, the first counts.
///
/// # Errors
/// If it cannot be read, or has fewer vectors than its header says, or one of another size.
pub fn load(path: &Path, reading: &Reading, cancel: &Cancel) -> Result<Vectors, EmbeddingError> {
    let bytes = unpacked(path, read::bytes(path, MAX_BYTES)?, cancel)?;
    let mut reader = Reader { path, bytes: &bytes, at: 0, line: 1, unicode: reading.unicode };
    let (count, size) = if reading.no_header { reader.infer()? } else { reader.header()? };
    let count = count.min(reading.limit.unwrap_or(usize::MAX));
    // Even a vector of the text form takes two bytes a value: a lying header reserves nothing.
    if size == 0 || count.saturating_mul(size) > bytes.len() {
        return Err(reader.error(format!("a header of {count} vectors of size {size} does not fit the file")));
    }
    let mut vectors =
        Vectors { words: Vec::with_capacity(count), values: Vec::with_capacity(count * size), size };
    let mut seen = HashSet::with_capacity(count);
    for row in 0..count {
        if row % 4096 == 0 {
            cancel.check()?;
        }
        let start = vectors.values.len();
        let word = if reading.binary {
            reader.binary_row(size, &mut vectors.values)
        } else {
            reader.text_row(size, &mut vectors.values)
        };
        let word = word.map_err(|reason| reader.error(format!("vector {} of {count}: {reason}", row + 1)))?;
        if seen.contains(&word) {
            vectors.values.truncate(start);
        } else {
            vectors.words.push(word.clone().into_owned());
            seen.insert(word);
        }
    }
    if reading.limit.is_none() && !reader.rest().trim_ascii().is_empty() {
        return Err(reader.error(format!("there is more after the {count} vectors that the header names")));
    }
    Ok(vectors)
}

/// What gzip packed, or `bytes` as they are.
fn unpacked(path: &Path, bytes: Vec<u8>, cancel: &Cancel) -> Result<Vec<u8>, EmbeddingError> {
    const PIECE: u64 = 1 << 20;
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return Ok(bytes);
    }
    let mut decoder = flate2::read::MultiGzDecoder::new(&bytes[..]);
    let mut content = Vec::new();
    loop {
        cancel.check()?;
        let piece = decoder.by_ref().take(PIECE).read_to_end(&mut content);
        let read = piece.map_err(|error| FileError::new("unpack", path, error))?;
        if content.len() as u64 > MAX_BYTES {
            let reason = format!("more than {MAX_BYTES} bytes when unpacked");
            return Err(EmbeddingError::Format { path: path.to_owned(), place: "its end".into(), reason });
        }
        if read == 0 {
            return Ok(content);
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
    line: usize,
    unicode: Unicode,
}

impl<'a> Reader<'a> {
    fn error(&self, reason: String) -> EmbeddingError {
        let place = format!("line {} (byte {})", self.line, self.at);
        EmbeddingError::Format { path: self.path.to_owned(), place, reason }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// What lies before the next `byte`, which is passed.
    fn until(&mut self, byte: u8) -> Option<&'a [u8]> {
        let rest = self.rest();
        let end = memchr::memchr(byte, rest)?;
        self.at += end + 1;
        Some(&rest[..end])
    }

    /// The next line without its end.
    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        if rest.is_empty() {
            return None;
        }
        let line = self.until(b'\n').unwrap_or_else(|| {
            self.at = self.bytes.len();
            rest
        });
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn header(&mut self) -> Result<(usize, usize), EmbeddingError> {
        let line = self.line().unwrap_or_default();
        let text = String::from_utf8_lossy(line.get(..60.min(line.len())).unwrap_or_default()).into_owned();
        let mut numbers = text.split_ascii_whitespace().map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(count)), Some(Ok(size)), None) => {
                self.line += 1;
                Ok((count, size))
            }
            _ => Err(self
                .error(format!("the header is {text:?}: expected the number and the size of the vectors"))),
        }
    }

    /// Without a header: as many vectors as lines, of the size of the first.
    fn infer(&self) -> Result<(usize, usize), EmbeddingError> {
        let lines = self.bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let first = self.bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let size = first.trim_ascii().split(|&byte| byte == b' ').count() - 1;
        if size == 0 {
            return Err(self.error("the first line has no values".into()));
        }
        Ok((lines.count(), size))
    }

    fn text_row(&mut self, size: usize, values: &mut Vec<f32>) -> Result<Cow<'a, str>, String> {
        let line = self.line().ok_or("the file ends before it")?;
        // From the right, because some vocabularies have words with spaces.
        let mut fields = line.trim_ascii_end().rsplitn(size + 1, |&byte| byte == b' ');
        let start = values.len();
        for field in fields.by_ref().take(size) {
            let field = String::from_utf8_lossy(field);
            values.push(
                field.parse().map_err(|_| format!("{field:?} is no number (of {size} after the word)"))?,
            );
        }
        let word = fields.next().filter(|word| !word.is_empty());
        let word =
            word.ok_or_else(|| format!("{} values, expected a word and {size}", values.len() - start))?;
        values[start..].reverse();
        let word = self.unicode.decode(word)?;
        self.line += 1;
        Ok(word)
    }

    fn binary_row(&mut self, size: usize, values: &mut Vec<f32>) -> Result<Cow<'a, str>, String> {
        let word = self.until(b' ').ok_or("the file ends before it")?;
        let word = word.trim_ascii_start();
        let word = self.unicode.decode(word)?;
        let bytes = self.rest().get(..size * 4).ok_or("the file ends within it")?;
        values.extend(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        self.at += size * 4;
        Ok(word)
    }
}

/// Write `words` and their `values` (row-major), whole or not at all; compressed if the name ends with `.gz`.
///
/// # Errors
/// If the file cannot be written, or a word could not be read back: it is empty, or has a line feed (text) or any
/// white space (binary) in it.
pub fn save(
    path: &Path,
    words: &[String],
    values: &[f32],
    writing: Writing,
    cancel: &Cancel,
) -> Result<(), EmbeddingError> {
    let Writing { binary, header } = writing;
    let size = values.len().checked_div(words.len()).unwrap_or(0);
    if size * words.len() != values.len() {
        let value = format!("{} values for {} words", values.len(), words.len());
        return Err(EmbeddingError::Argument { argument: "vectors", value, expected: "one row per word" });
    }
    let unreadable = |word: &&String| {
        word.trim().is_empty()
            || word.contains(['\n', '\r'])
            || (binary && word.contains(char::is_whitespace))
    };
    if let Some(word) = words.iter().find(unreadable) {
        let expected = "one that the format can hold (no line feeds; no white space in the binary form)";
        return Err(EmbeddingError::Argument { argument: "a word", value: format!("{word:?}"), expected });
    }
    let failed = |error| FileError::new("write", path, error);
    let write = |file: &mut dyn Write| -> Result<(), EmbeddingError> {
        if header {
            writeln!(file, "{} {size}", words.len()).map_err(failed)?;
        }
        for (row, (word, values)) in words.iter().zip(values.chunks_exact(size.max(1))).enumerate() {
            if row % 1024 == 0 {
                cancel.check()?;
            }
            write_row(file, word, values, binary).map_err(failed)?;
        }
        Ok(())
    };
    let mut file = AtomicFile::create(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        write(&mut packer)?;
        file = packer.finish().map_err(failed)?;
    } else {
        write(&mut file)?;
    }
    Ok(file.commit()?)
}

/// How a file is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Writing {
    pub binary: bool,
    /// Begin with the number and the size of the vectors.
    pub header: bool,
}

fn write_row(file: &mut dyn Write, word: &str, values: &[f32], binary: bool) -> std::io::Result<()> {
    file.write_all(word.as_bytes())?;
    if binary {
        file.write_all(b" ")?;
        for value in values {
            file.write_all(&value.to_le_bytes())?;
        }
    } else {
        // The shortest digits that give the same `f32` back.
        for value in values {
            write!(file, " {value}")?;
        }
    }
    file.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn files_round_trip(words in prop::collection::hash_set("[a-zäß.東1-9]{1,6}", 1..20), binary: bool, seed: u32) {
            let words: Vec<String> = words.into_iter().collect();
            let values: Vec<f32> = (0..words.len() * 3)
                .map(|i| f32::from_bits(seed.wrapping_mul(i as u32 + 1) & 0xBFFF_FFFF))
                .collect();
            let directory = tempfile::tempdir().unwrap();
            for (name, header) in [("plain", true), ("packed.gz", true), ("bare", binary)] {
                let path = directory.path().join(name);
                save(&path, &words, &values, Writing { binary, header }, &Cancel::new()).unwrap();
                let reading = Reading { binary, no_header: !header, ..Reading::default() };
                let read = load(&path, &reading, &Cancel::new()).unwrap();
                prop_assert_eq!(read, Vectors { words: words.clone(), values: values.clone(), size: 3 });
            }
        }
    }

    fn parse(content: &[u8], reading: Reading) -> Result<Vectors, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        load(file.path(), &reading, &Cancel::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn wrong_counts_and_values_are_named() {
        let text = Reading::default();
        for (content, words) in [
            (&b"2 2\na 1 2\n"[..], "vector 2 of 2: the file ends before it"),
            (b"1 2\na 1\n", "\"a\" is no number (of 2 after the word)"),
            (b"1 2\n1 2\n", "expected a word and 2"),
            (b"1 2\na 1 x\n", "\"x\" is no number"),
            (b"1 2\na 1 2\nb 3 4\n", "more after the 1 vectors"),
            (b"hello\n", "header is \"hello\""),
            (b"", "header is \"\""),
            (b"99999999999 300\na 1\n", "does not fit the file"),
            (b"1 1\n\xff 1\n", "not UTF-8"),
        ] {
            let error = parse(content, text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let binary = Reading { binary: true, ..text };
        let error = parse(b"1 2\na \0\0\0\0\0\0", binary).unwrap_err();
        assert!(error.contains("ends within it"), "{error}");
    }

    #[test]
    fn words_that_are_not_utf8_are_replaced_or_cut_when_asked() {
        let content = b"1 1\na\xffb 1\n";
        let read = |unicode| parse(content, Reading { unicode, ..Reading::default() });
        assert_eq!(read(Unicode::Replace).unwrap().words, ["a\u{FFFD}b"]);
        assert_eq!(read(Unicode::Ignore).unwrap().words, ["ab"]);
        assert!(read(Unicode::Strict).unwrap_err().contains("not UTF-8"));
    }

    #[test]
    fn a_truncated_archive_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vectors.gz");
        let writing = Writing { binary: true, header: true };
        save(&path, &["a".to_owned()], &[1.0; 500], writing, &Cancel::new()).unwrap();
        let packed = std::fs::read(&path).unwrap();
        let error = parse(&packed[..packed.len() - 9], Reading { binary: true, ..Reading::default() });
        assert!(error.unwrap_err().contains("cannot unpack"));
    }

    #[test]
    fn limits_missing_headers_and_repeated_words() {
        let limited = Reading { limit: Some(1), ..Reading::default() };
        assert_eq!(parse(b"2 1\na 1\nb 2\n", limited).unwrap().words, ["a"]);
        let bare = Reading { no_header: true, ..Reading::default() };
        let vectors = parse(b"a 1 2\nb c 3 4\na 5 6\n", bare).unwrap();
        assert_eq!(vectors.words, ["a", "b c"]);
        assert_eq!(vectors.values, [1.0, 2.0, 3.0, 4.0]);
    }
}
