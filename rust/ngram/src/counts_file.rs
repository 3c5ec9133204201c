//! Counts in a file.
//!
//! ```text
//! "FERROCNT"  magic                                          8 bytes
//! version, kind (0 words, 1 ids)                             2 × u32
//! tokens, words, bytes of text, number of orders             4 × u64
//! order, number of n-grams, for each order                   2 × u64 each
//! lengths of the words (u32), text (UTF-8)
//! keys (u32) and counts (u64) of each order
//! CRC-32 of all before                                       u32
//! ```
//! Little-endian, without padding. The file's length must be what the head says.

use std::io::Write;
use std::path::Path;

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError, read};
use flate2::Crc;

use crate::count::{Counts, MAX_COUNT_ORDER, OrderCounts};
use crate::error::{NgramError, Result};
use crate::words::WordTable;

const MAGIC: &[u8; 8] = b"FERROCNT";
const VERSION: u32 = 1;
/// Numbers between two looks at the cancel flag.
const BLOCK: usize = 1 << 18;

impl Counts {
    pub fn save(&self, path: &Path, cancel: &Cancel) -> Result<()> {
        let mut writer = Writer { file: AtomicFile::create(path)?, crc: Crc::new(), path };
        let words: Vec<&str> = self.words.iter().flat_map(WordTable::iter).collect();
        let text: usize = words.iter().map(|word| word.len()).sum();
        writer.bytes(MAGIC)?;
        writer.bytes(&VERSION.to_le_bytes())?;
        writer.bytes(&u32::from(self.words.is_none()).to_le_bytes())?;
        for number in [self.tokens, words.len() as u64, text as u64, self.orders.len() as u64] {
            writer.bytes(&number.to_le_bytes())?;
        }
        for order in &self.orders {
            writer.bytes(&u64::from(order.order).to_le_bytes())?;
            writer.bytes(&(order.len() as u64).to_le_bytes())?;
        }
        words.iter().try_for_each(|word| writer.bytes(&(word.len() as u32).to_le_bytes()))?;
        words.iter().try_for_each(|word| writer.bytes(word.as_bytes()))?;
        for order in &self.orders {
            for block in order.keys.chunks(BLOCK) {
                cancel.check()?;
                writer.bytes(&block.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())?;
            }
            for block in order.counts.chunks(BLOCK) {
                cancel.check()?;
                writer.bytes(&block.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())?;
            }
        }
        let sum = writer.crc.sum();
        writer.bytes(&sum.to_le_bytes())?;
        Ok(writer.file.commit()?)
    }

    pub fn load(path: &Path, cancel: &Cancel) -> Result<Self> {
        let bytes = read::bytes(path, u64::MAX - 1)?;
        cancel.check()?;
        parse(&bytes).map_err(|reason| NgramError::file(path, reason))
    }
}

struct Writer<'a> {
    file: AtomicFile,
    crc: Crc,
    path: &'a Path,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.crc.update(bytes);
        Ok(self.file.write_all(bytes).map_err(|error| FileError::new("write", self.path, error))?)
    }
}

fn parse(bytes: &[u8]) -> std::result::Result<Counts, String> {
    if !bytes.starts_with(MAGIC) {
        return Err("this is not a file of n-gram counts".to_owned());
    }
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or("the file is too short")?;
    let mut crc = Crc::new();
    crc.update(body);
    if crc.sum() != u32::from_le_bytes(*sum) {
        return Err("the checksum does not match the content: the file is damaged or truncated".to_owned());
    }
    let mut rest = Rest(&body[MAGIC.len()..]);
    let version = rest.u32().ok_or("the head ends early")?;
    if version != VERSION {
        return Err(format!("the format's version is {version}, but this library reads version {VERSION}"));
    }
    counts(&mut rest).filter(|_| rest.0.is_empty()).ok_or_else(|| "the parts do not fit together".to_owned())
}

fn counts(rest: &mut Rest<'_>) -> Option<Counts> {
    let kind = rest.u32()?;
    let (tokens, number_of_words, text, orders) = (rest.u64()?, rest.u64()?, rest.u64()?, rest.u64()?);
    let mut sizes = Vec::new();
    for _ in 0..orders {
        let order = u8::try_from(rest.u64()?).ok().filter(|order| (1..=MAX_COUNT_ORDER).contains(order))?;
        sizes.push((order, usize::try_from(rest.u64()?).ok()?));
    }
    let lengths = rest.numbers(usize::try_from(number_of_words).ok()?, u32::from_le_bytes)?;
    let mut text = std::str::from_utf8(rest.take(usize::try_from(text).ok()?)?).ok()?;
    let mut words = WordTable::new();
    for &length in &lengths {
        let (word, after) = text.split_at_checked(length as usize)?;
        words.insert(word);
        text = after;
    }
    (words.len() == lengths.len() && text.is_empty() && kind <= 1 && sizes.is_sorted_by(|a, b| a.0 < b.0))
        .then_some(())?;
    let mut orders = Vec::new();
    for (order, size) in sizes {
        let keys = rest.numbers(size.checked_mul(usize::from(order))?, u32::from_le_bytes)?;
        (kind == 1 || keys.iter().all(|&number| (number as usize) < words.len())).then_some(())?;
        orders.push(OrderCounts { order, keys, counts: rest.numbers(size, u64::from_le_bytes)? });
    }
    Some(Counts { orders, words: (kind == 0).then_some(words), tokens })
}

/// What is left to read; every length is checked before memory is reserved.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(front)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn numbers<T, const N: usize>(&mut self, count: usize, parse: fn([u8; N]) -> T) -> Option<Vec<T>> {
        let (numbers, _) = self.take(count.checked_mul(N)?)?.as_chunks::<N>();
        Some(numbers.iter().map(|&bytes| parse(bytes)).collect())
    }
}
