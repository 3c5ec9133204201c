//! The wire format of protocol buffers, as much of it as reading takes.

use crate::error::{Result, TokenizerError};

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed(u32),
    Long(u64),
}

/// Reads the fields of a message in order, each with its number and value.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    /// Where the file, of which this message is a part, would start.
    base: usize,
    length: usize,
}

impl<'a> Fields<'a> {
    /// The fields of a message that starts at byte `base` of its file.
    pub(super) fn new(message: &'a [u8], base: usize) -> Self {
        Self { rest: message, base, length: message.len() }
    }

    /// The byte of the file that comes next.
    pub(super) fn position(&self) -> usize {
        self.base + self.length - self.rest.len()
    }

    fn wrong(&self, message: &str) -> TokenizerError {
        TokenizerError::at(format!("byte {}", self.position()), message)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            let left = self.rest.len();
            return Err(self.wrong(&format!(
                "expected {count} more bytes, found {left}: the file is cut off or damaged"
            )));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.wrong("found a number of more than 64 bits"))
    }

    /// The next field; None at the end of the message.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Long(self.take(8)?.try_into().map_or(0, u64::from_le_bytes)),
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            5 => Value::Fixed(self.take(4)?.try_into().map_or(0, u32::from_le_bytes)),
            other => return Err(self.wrong(&format!("found wire type {other}, expected 0, 1, 2 or 5"))),
        };
        Ok(Some((key >> 3, value)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_four_kinds_and_names_the_place_of_damage() {
        let mut fields =
            Fields::new(b"\x08\x96\x01\x12\x02hi\x1d\0\0\x80?\x21\x01\0\0\0\0\0\0\0\x12\x09hi", 0);
        assert_eq!(fields.next().unwrap(), Some((1, Value::Number(150))));
        assert_eq!(fields.next().unwrap(), Some((2, Value::Bytes(b"hi"))));
        assert_eq!(fields.next().unwrap(), Some((3, Value::Fixed(1f32.to_bits()))));
        assert_eq!(fields.next().unwrap(), Some((4, Value::Long(1))));
        assert!(fields.next().unwrap_err().to_string().contains("byte 23: expected 9 more bytes, found 2"));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut fields = Fields::new(&bytes, 0);
            while let Ok(Some(_)) = fields.next() {}
        }
    }
}
