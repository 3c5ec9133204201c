//! The keys and values at the start of a GGUF file (version 2 and 3, little endian).
//!
//! Counts and lengths are believed only as far as there are bytes: memory grows with what has been read, within a
//! limit for all of it.

use std::collections::HashMap;
use std::io::Read;

use crate::error::{Result, TokenizerError};

/// The values of all keys together may not take more.
const MAX_BYTES: u64 = 1 << 30;
/// Nothing of a tokenizer lies deeper than an array of strings.
const MAX_DEPTH: usize = 4;
/// What is reserved before anything is read.
const CHUNK: u64 = 1 << 16;

/// A value; arrays take at most four times their bytes in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// Also arrays of single bytes.
    Bytes(Vec<u8>),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Vec<Vec<u8>>),
    /// An array of arrays, which no tokenizer has.
    Nested,
}

/// The values of the keys that start with `tokenizer.`.
#[derive(Debug, Default)]
pub(super) struct Metadata(HashMap<String, Value>);

impl Metadata {
    pub(super) fn read(reader: impl Read) -> Result<Self> {
        let mut source = Source { reader: reader.take(MAX_BYTES), position: 0 };
        let magic = source.bytes(4)?;
        if magic != b"GGUF" {
            let message = format!("found {:?}, expected \"GGUF\"", String::from_utf8_lossy(&magic));
            return Err(TokenizerError::at("byte 0", message));
        }
        let version = source.u32()?;
        if !matches!(version, 2 | 3) {
            let swapped = matches!(version.swap_bytes(), 2 | 3);
            let note = if swapped { ": files for big-endian machines are not read" } else { "" };
            return Err(TokenizerError::at(
                "byte 4",
                format!("found version {version}, expected 2 or 3{note}"),
            ));
        }
        let _tensors = source.u64()?;
        let keys = source.u64()?;
        let mut metadata = Self::default();
        for _ in 0..keys {
            let key = String::from_utf8_lossy(&source.text()?).into_owned();
            let kind = source.u32()?;
            let value = source.value(kind, 0)?;
            if key.starts_with("tokenizer.") {
                metadata.0.insert(key, value);
            }
        }
        Ok(metadata)
    }

    /// The value of `tokenizer.ggml.<name>`.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(&format!("tokenizer.ggml.{name}"))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        self.get(name).map(|value| value.text(name)).transpose()
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>> {
        let read = |value: &Value| match value {
            Value::Boolean(value) => Ok(*value),
            Value::Integer(number) => Ok(*number != 0),
            other => Err(other.unexpected(name, "a boolean")),
        };
        self.get(name).map(read).transpose()
    }

    /// An id that is there; -1 and the like stand for none.
    pub(super) fn id(&self, name: &str) -> Result<Option<usize>> {
        let read = |value: &Value| match value {
            Value::Integer(number) => Ok(usize::try_from(*number).ok().filter(|&id| id < u32::MAX as usize)),
            other => Err(other.unexpected(name, "an id")),
        };
        Ok(self.get(name).map(read).transpose()?.flatten())
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>> {
        let read = |value: &Value| match value {
            Value::Texts(texts) => {
                let one = |(index, text): (usize, &Vec<u8>)| utf8(text, &format!("{name}[{index}]"));
                texts.iter().enumerate().map(one).collect()
            }
            other => Err(other.unexpected(name, "an array of texts")),
        };
        self.get(name).map(read).transpose()
    }

    pub(super) fn integers(&self, name: &str) -> Result<Option<Vec<i64>>> {
        let read = |value: &Value| match value {
            Value::Integers(numbers) => Ok(numbers.clone()),
            Value::Bytes(bytes) => Ok(bytes.iter().map(|&byte| i64::from(byte)).collect()),
            other => Err(other.unexpected(name, "an array of integers")),
        };
        self.get(name).map(read).transpose()
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<Vec<f32>>> {
        let read = |value: &Value| match value {
            Value::Floats(numbers) if numbers.iter().all(|number| number.is_finite()) => {
                Ok(numbers.iter().map(|&number| number as f32).collect())
            }
            other => Err(other.unexpected(name, "an array of finite numbers")),
        };
        self.get(name).map(read).transpose()
    }

    pub(super) fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let read = |value: &Value| match value {
            Value::Bytes(bytes) => Ok(bytes.clone()),
            Value::Integers(numbers) if numbers.is_empty() => Ok(Vec::new()),
            other => Err(other.unexpected(name, "an array of bytes")),
        };
        self.get(name).map(read).transpose()
    }
}

fn utf8(bytes: &[u8], place: &str) -> Result<String> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| TokenizerError::at(format!("tokenizer.ggml.{place}"), "is not UTF-8 text"))
}

impl Value {
    fn text(&self, place: &str) -> Result<String> {
        match self {
            Self::Bytes(bytes) => utf8(bytes, place),
            other => Err(other.unexpected(place, "a text")),
        }
    }

    fn unexpected(&self, place: &str, expected: &str) -> TokenizerError {
        let found = match self {
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Bytes(_) => "a text or bytes",
            Self::Integers(_) => "an array of integers",
            Self::Floats(_) => "an array of numbers",
            Self::Texts(_) => "an array of texts",
            Self::Nested => "an array of arrays",
        };
        TokenizerError::at(format!("tokenizer.ggml.{place}"), format!("found {found}, expected {expected}"))
    }
}

struct Source<R> {
    reader: std::io::Take<R>,
    position: u64,
}

impl<R: Read> Source<R> {
    fn bytes(&mut self, count: u64) -> Result<Vec<u8>> {
        let place = || format!("byte {}", self.position);
        let mut bytes = Vec::with_capacity(count.min(CHUNK) as usize);
        let read = (&mut self.reader).take(count).read_to_end(&mut bytes);
        read.map_err(|error| TokenizerError::at(place(), format!("cannot be read: {error}")))?;
        if (bytes.len() as u64) < count {
            let message = if self.reader.limit() == 0 {
                format!("the keys have more than the {MAX_BYTES} bytes allowed")
            } else {
                format!("expected {count} bytes, found {}: the file is cut off or damaged", bytes.len())
            };
            return Err(TokenizerError::at(place(), message));
        }
        self.position += count;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N as u64)?;
        Ok(bytes.try_into().unwrap_or([0; N]))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<Vec<u8>> {
        let length = self.u64()?;
        self.bytes(length)
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value> {
        Ok(match kind {
            7 => Value::Boolean(self.array::<1>()? != [0]),
            8 => Value::Bytes(self.text()?),
            9 => self.elements(depth)?,
            6 | 12 => Value::Float(self.float(kind)?),
            _ => Value::Integer(self.integer(kind)?),
        })
    }

    fn integer(&mut self, kind: u32) -> Result<i64> {
        Ok(match kind {
            0 => i64::from(u8::from_le_bytes(self.array()?)),
            1 => i64::from(i8::from_le_bytes(self.array()?)),
            2 => i64::from(u16::from_le_bytes(self.array()?)),
            3 => i64::from(i16::from_le_bytes(self.array()?)),
            4 => i64::from(self.u32()?),
            5 => i64::from(i32::from_le_bytes(self.array()?)),
            10 => self.u64()? as i64,
            11 => i64::from_le_bytes(self.array()?),
            other => {
                let message = format!("found a value of type {other}, expected 0 to 12");
                return Err(TokenizerError::at(format!("byte {}", self.position), message));
            }
        })
    }

    fn float(&mut self, kind: u32) -> Result<f64> {
        Ok(match kind {
            6 => f64::from(f32::from_le_bytes(self.array()?)),
            _ => f64::from_le_bytes(self.array()?),
        })
    }

    fn elements(&mut self, depth: usize) -> Result<Value> {
        if depth >= MAX_DEPTH {
            let message = format!("found arrays more than {MAX_DEPTH} deep");
            return Err(TokenizerError::at(format!("byte {}", self.position), message));
        }
        let kind = self.u32()?;
        let count = self.u64()?;
        // Each element takes a byte at least, so that reading ends where the file does, whatever the count.
        Ok(match kind {
            0 | 1 | 7 => Value::Bytes(self.bytes(count)?),
            6 | 12 => Value::Floats((0..count).map(|_| self.float(kind)).collect::<Result<_>>()?),
            8 => Value::Texts((0..count).map(|_| self.text()).collect::<Result<_>>()?),
            9 => {
                (0..count).try_for_each(|_| self.elements(depth + 1).map(|_| ()))?;
                Value::Nested
            }
            _ => Value::Integers((0..count).map(|_| self.integer(kind)).collect::<Result<_>>()?),
        })
    }
}
