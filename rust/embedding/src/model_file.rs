//! Models in files: everything that training needs to go on.
//!
//! ```text
//! "FERROW2V"  version: u32 = 1
//! settings: numbers of 8 bytes (below)    note: length and UTF-8 text of the caller
//! words: number, then of each its count, length and UTF-8    vectors: rows and f32 of each matrix
//! CRC-32 of all before: u32
//! ```
//! All numbers are little-endian. Nothing in a file is code.

use std::io::{self, Write};
use std::path::Path;

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError, read};
use flate2::Crc;

use crate::settings::{Architecture, Settings};
use crate::subword::SubwordSettings;
use crate::unsafe_matrix::Matrix;
use crate::{EmbeddingError, Model};

const MAGIC: &[u8; 8] = b"FERROW2V";
const VERSION: u32 = 1;
/// Bytes between two looks at the cancel flag.
const STRIDE: usize = 1 << 22;

impl Model {
    /// Write the model and a note of the caller's, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written, or `cancel` is raised.
    pub fn save(&self, path: &Path, note: &str, cancel: &Cancel) -> Result<(), EmbeddingError> {
        let failed = |error| FileError::new("write", path, error);
        let mut file = Writer { file: AtomicFile::create(path)?, crc: Crc::new() };
        let mut head = MAGIC.to_vec();
        head.extend(VERSION.to_le_bytes());
        self.settings.numbers().iter().for_each(|number| head.extend(number.to_le_bytes()));
        head.extend(self.passes.to_le_bytes());
        push_text(&mut head, note);
        head.extend((self.words.len() as u64).to_le_bytes());
        for (word, count) in self.words.iter().zip(&self.counts) {
            head.extend(count.to_le_bytes());
            push_text(&mut head, word);
        }
        file.all(&head).map_err(failed)?;
        for matrix in [Some(&self.inputs), self.outputs.as_ref(), self.nodes.as_ref()].into_iter().flatten() {
            file.all(&(matrix.rows() as u64).to_le_bytes()).map_err(failed)?;
            let size = self.settings.vector_size;
            let rows = STRIDE / (4 * size) + 1;
            for part in matrix.values().chunks(rows * matrix.width()) {
                cancel.check()?;
                let values = part.chunks_exact(matrix.width()).flat_map(|row| &row[..size]);
                let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
                file.all(&bytes).map_err(failed)?;
            }
        }
        let sum = file.crc.sum();
        file.all(&sum.to_le_bytes()).map_err(failed)?;
        Ok(file.file.commit()?)
    }

    /// Read a model and its note.
    ///
    /// # Errors
    /// If the file cannot be read, is of another kind or damaged, or `cancel` is raised.
    pub fn load(path: &Path, cancel: &Cancel) -> Result<(Self, String), EmbeddingError> {
        let bytes = read::bytes(path, u64::MAX - 1)?;
        let mut reader = Reader { bytes: &bytes, at: 0, path };
        if reader.take(8).ok() != Some(MAGIC) {
            return Err(reader.wrong("the file is no model of word vectors"));
        }
        let version = reader.u32()?;
        if version != VERSION {
            return Err(reader.wrong(&format!("the version is {version}, expected {VERSION}")));
        }
        reader.check_sum(cancel)?;
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            *number = reader.u64()?;
        }
        let settings = Settings::from_numbers(&numbers).ok_or_else(|| reader.wrong("a setting is wrong"))?;
        let passes = reader.u64()?;
        let note = reader.text()?.to_owned();
        let size = settings.vector_size;
        reader.matrix_fits(settings.bucket_rows(), size)?;
        let mut model = Self::empty(settings)?;
        model.passes = passes;
        let words = reader.u64()? as usize;
        for _ in 0..words {
            let count = reader.u64()?;
            let word = reader.text()?;
            if model.words.insert(word)? as usize != model.counts.len() {
                return Err(reader.wrong(&format!("the word {word:?} comes twice")));
            }
            model.counts.push(count);
        }
        let rows = words + model.settings.bucket_rows();
        reader.matrix(&mut model.inputs, rows, size, cancel)?;
        for matrix in [&mut model.outputs, &mut model.nodes].into_iter().flatten() {
            reader.matrix(matrix, words, size, cancel)?;
        }
        if reader.at != reader.bytes.len() {
            return Err(reader.wrong("there is more than the vectors"));
        }
        model.prepare();
        Ok((model, note))
    }
}

const NUMBERS: usize = 14;

impl Settings {
    fn numbers(&self) -> [u64; NUMBERS] {
        let subwords = self.subwords;
        [
            u64::from(self.architecture == Architecture::SkipGram),
            self.vector_size as u64,
            u64::from(self.window),
            u64::from(self.shrink_windows),
            self.negative as u64,
            self.ns_exponent.to_bits(),
            u64::from(self.hierarchical),
            u64::from(self.cbow_mean),
            self.sample.to_bits(),
            self.seed,
            u64::from(subwords.is_some()),
            subwords.map_or(0, |subwords| subwords.min_n as u64),
            subwords.map_or(0, |subwords| subwords.max_n as u64),
            subwords.map_or(0, |subwords| u64::from(subwords.bucket)),
        ]
    }

    fn from_numbers(numbers: &[u64; NUMBERS]) -> Option<Self> {
        let flag = |number: u64| (number < 2).then_some(number == 1);
        let &[
            skip_gram,
            size,
            window,
            shrink,
            negative,
            exponent,
            hierarchical,
            mean,
            sample,
            seed,
            has_subwords,
            min_n,
            max_n,
            bucket,
        ] = numbers;
        let subwords = SubwordSettings {
            min_n: min_n.try_into().ok()?,
            max_n: max_n.try_into().ok()?,
            bucket: bucket.try_into().ok()?,
        };
        let settings = Self {
            architecture: if flag(skip_gram)? { Architecture::SkipGram } else { Architecture::Cbow },
            vector_size: size.try_into().ok()?,
            window: window.try_into().ok()?,
            shrink_windows: flag(shrink)?,
            negative: negative.try_into().ok()?,
            ns_exponent: f64::from_bits(exponent),
            hierarchical: flag(hierarchical)?,
            cbow_mean: flag(mean)?,
            sample: f64::from_bits(sample),
            seed,
            subwords: flag(has_subwords)?.then_some(subwords),
        };
        settings.check().ok().map(|()| settings)
    }
}

struct Writer {
    file: AtomicFile,
    crc: Crc,
}

impl Writer {
    fn all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.file.write_all(bytes)
    }
}

fn push_text(to: &mut Vec<u8>, text: &str) {
    to.extend((text.len() as u64).to_le_bytes());
    to.extend(text.as_bytes());
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    path: &'a Path,
}

impl<'a> Reader<'a> {
    fn wrong(&self, reason: &str) -> EmbeddingError {
        let (path, place) = (self.path.to_owned(), format!("byte {}", self.at));
        EmbeddingError::Format { path, place, reason: reason.to_owned() }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], EmbeddingError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.wrong("the file ends too early"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, EmbeddingError> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    fn u64(&mut self) -> Result<u64, EmbeddingError> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn text(&mut self) -> Result<&'a str, EmbeddingError> {
        let len = self.u64()? as usize;
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("a text is not UTF-8"))
    }

    /// The last four bytes against all before them, which are then all that is left.
    fn check_sum(&mut self, cancel: &Cancel) -> Result<(), EmbeddingError> {
        let end = self.bytes.len().checked_sub(4).filter(|&end| end >= self.at);
        let end = end.ok_or_else(|| self.wrong("the file ends too early"))?;
        let mut crc = Crc::new();
        for part in self.bytes[..end].chunks(STRIDE) {
            cancel.check()?;
            crc.update(part);
        }
        if self.bytes[end..] != crc.sum().to_le_bytes() {
            return Err(self.wrong("the checksum does not fit the content: the file is damaged"));
        }
        self.bytes = &self.bytes[..end];
        Ok(())
    }

    /// Whether the rest of the file has room for so many vectors.
    fn matrix_fits(&self, rows: usize, size: usize) -> Result<(), EmbeddingError> {
        let needed = rows.checked_mul(size).and_then(|values| values.checked_mul(4));
        if needed.is_none_or(|needed| needed > self.bytes.len() - self.at) {
            return Err(self.wrong(&format!("{rows} vectors of {size} values do not fit into the file")));
        }
        Ok(())
    }

    fn matrix(
        &mut self,
        matrix: &mut Matrix,
        rows: usize,
        size: usize,
        cancel: &Cancel,
    ) -> Result<(), EmbeddingError> {
        let found = self.u64()?;
        if found != rows as u64 {
            return Err(self.wrong(&format!("there are {found} vectors for {rows} rows")));
        }
        self.matrix_fits(rows, size)?;
        let width = matrix.width();
        *matrix = Matrix::zeroed(rows, width)?;
        for row in matrix.values_mut().chunks_exact_mut(width) {
            cancel.check()?;
            let (values, _) = self.take(4 * size)?.as_chunks::<4>();
            row.iter_mut().zip(values).for_each(|(to, value)| *to = f32::from_le_bytes(*value));
        }
        Ok(())
    }
}
