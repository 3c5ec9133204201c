//! Counts in a file: arrays as they lie in memory.
//!
//! ```text
//! "FERROCNT"  magic                                          8 bytes
//! version, kind (0 words, 1 ids)                             2 × u32
//! tokens, words, bytes of text, number of orders             4 × u64
//! order, number of n-grams, for each order                   2 × u64 each
//! lengths of the words (u32), text (UTF-8)
//! keys (u32) and counts (u64) of each order
//! CRC-32 of all before                                       u32, then u32 zero
//! ```
//! Little-endian; every part is padded with zeros to 8 bytes. The file's length must be what the head says.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError};

use crate::count::{Counts, MAX_COUNT_ORDER, OrderCounts};
use crate::error::{NgramError, Result};
use crate::parts::{self, PartWriter, UNIT, padded};
use crate::unsafe_array::{Array, Buffer, as_bytes};
use crate::words::WordTable;

const MAGIC: &[u8; 8] = b"FERROCNT";
const VERSION: u32 = 2;
const FIXED_HEAD: usize = 48;

impl Counts {
    pub fn save(&self, path: &Path, cancel: &Cancel) -> Result<()> {
        Ok(self.write(AtomicFile::create(path)?, path, cancel)?.commit()?)
    }

    /// What [`save`](Self::save) writes.
    pub fn to_bytes(&self, cancel: &Cancel) -> Result<Vec<u8>> {
        self.write(Vec::new(), Path::new("memory"), cancel)
    }

    fn write<W: Write>(&self, to: W, path: &Path, cancel: &Cancel) -> Result<W> {
        let sizes: Vec<(u8, u64)> =
            self.orders.iter().map(|order| (order.order, order.len() as u64)).collect();
        let mut writer = PartWriter::new(to, path, cancel);
        write_front(&mut writer, self.words.as_ref(), self.tokens, &sizes)?;
        for order in &self.orders {
            writer.part(as_bytes(&order.keys))?;
            writer.part(as_bytes(&order.counts))?;
        }
        writer.finish()
    }

    /// Load what [`save`](Self::save) wrote. `mapped`: use the file's pages in place instead of reading a copy; the file
    /// must then not be changed while the counts live.
    pub fn load(path: &Path, mapped: bool, cancel: &Cancel) -> Result<Self> {
        Self::of_buffer(parts::open(path, mapped, cancel)?, path, cancel)
    }

    /// Load what [`to_bytes`](Self::to_bytes) gave.
    pub fn from_bytes(bytes: &[u8], cancel: &Cancel) -> Result<Self> {
        Self::of_buffer(Buffer::copy(bytes), Path::new("memory"), cancel)
    }

    fn of_buffer(buffer: Buffer, path: &Path, cancel: &Cancel) -> Result<Self> {
        let complain = |reason: String| NgramError::file(path, reason);
        if !buffer.bytes().starts_with(MAGIC) {
            return Err(complain("this is not a file of n-gram counts".to_owned()));
        }
        parts::check_sum(buffer.bytes(), cancel)?.map_err(complain)?;
        let counts = parse(&Arc::new(buffer)).map_err(complain)?;
        let known = |order: &OrderCounts| {
            counts.words.as_ref().is_none_or(|words| order.keys.iter().all(|&n| (n as usize) < words.len()))
        };
        if counts.orders.iter().all(known) {
            return Ok(counts);
        }
        Err(complain("an n-gram has a word that is not in the list".to_owned()))
    }

    /// The counts in a file that has just been written, mapped and not checked again.
    pub(crate) fn map_own(file: &File, path: &Path) -> Result<Self> {
        let buffer = Buffer::map(file).map_err(|error| FileError::new("read", path, error))?;
        parse(&Arc::new(buffer)).map_err(|reason| NgramError::file(path, reason))
    }
}

/// All before the keys and counts; `sizes` are the orders and how many n-grams each has.
pub(crate) fn write_front<W: Write>(
    writer: &mut PartWriter<'_, W>,
    words: Option<&WordTable>,
    tokens: u64,
    sizes: &[(u8, u64)],
) -> Result<()> {
    let lengths: Vec<u32> =
        words.map(|words| words.iter().map(|word| word.len() as u32).collect()).unwrap_or_default();
    let text: String = words.map(|words| words.iter().collect()).unwrap_or_default();
    let mut head = MAGIC.to_vec();
    head.extend(VERSION.to_le_bytes());
    head.extend(u32::from(words.is_none()).to_le_bytes());
    let orders = sizes.iter().flat_map(|&(order, size)| [u64::from(order), size]);
    let fixed = [tokens, lengths.len() as u64, text.len() as u64, sizes.len() as u64];
    fixed.into_iter().chain(orders).for_each(|number| head.extend(number.to_le_bytes()));
    writer.part(&head)?;
    writer.part(as_bytes(&lengths))?;
    writer.part(text.as_bytes())
}

fn parse(buffer: &Arc<Buffer>) -> std::result::Result<Counts, String> {
    let bytes = buffer.bytes();
    let version = bytes.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    match version.ok_or("the head ends early")? {
        VERSION => {}
        other => {
            return Err(format!("the format's version is {other}, but this library reads version {VERSION}"));
        }
    }
    counts(buffer).ok_or_else(|| "the parts do not fit together: is the file truncated?".to_owned())
}

fn counts(buffer: &Arc<Buffer>) -> Option<Counts> {
    let bytes = buffer.bytes();
    let kind = u32::from_le_bytes(bytes.get(12..16)?.try_into().ok()?);
    let number = |i: usize| -> Option<u64> {
        Some(u64::from_le_bytes(bytes.get(16 + 8 * i..24 + 8 * i)?.try_into().ok()?))
    };
    let (tokens, words, text) = (number(0)?, number(1)?, number(2)?);
    let orders = usize::try_from(number(3)?).ok().filter(|&n| n <= usize::from(MAX_COUNT_ORDER))?;
    let mut at = padded(FIXED_HEAD + 16 * orders);
    let mut part = |count: u64, size: usize| -> Option<Range<usize>> {
        let range = at..at.checked_add(usize::try_from(count).ok()?.checked_mul(size)?)?;
        at = range.end.checked_next_multiple_of(UNIT).filter(|&at| at <= bytes.len())?;
        Some(range)
    };
    let lengths = Array::<u32>::inside(buffer, part(words, 4)?)?;
    let mut text = std::str::from_utf8(bytes.get(part(text, 1)?)?).ok()?;
    let mut table = WordTable::new();
    for &length in &*lengths {
        let (word, after) = text.split_at_checked(length as usize)?;
        table.insert(word);
        text = after;
    }
    (table.len() == lengths.len() && text.is_empty() && kind <= 1).then_some(())?;
    let mut counted: Vec<OrderCounts> = Vec::new();
    for i in 0..orders {
        let order = u8::try_from(number(4 + 2 * i)?).ok().filter(|o| (1..=MAX_COUNT_ORDER).contains(o))?;
        counted.last().is_none_or(|last| last.order < order).then_some(())?;
        let size = number(5 + 2 * i)?;
        let keys = Array::inside(buffer, part(size, 4 * usize::from(order))?)?;
        counted.push(OrderCounts { order, keys, counts: Array::inside(buffer, part(size, 8)?)? });
    }
    let words = (kind == 0).then_some(table);
    (at + UNIT == bytes.len()).then_some(Counts { orders: counted, words, tokens })
}
