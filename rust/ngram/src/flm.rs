//! The binary form of a model: its arrays as they lie in memory, so that loading is one read, or a mapping.
//!
//! ```text
//! "FERROFLM"  magic                         8 bytes
//! version, order, kind (0 words, 1 ids), reserved          4 × u32
//! words or ids, bytes of text, pruned words                3 × u64
//! number of n-grams of each order                          order × u64
//! lengths of the words (u32), text (UTF-8), pruned words (u32)
//! n-grams of each order (word u32, log10 f32)
//! nodes of each order but the highest, one more than n-grams (back-off f32, suffix u32, children u32)
//! suffixes of the highest order (u32)
//! CRC-32 of all before                                     u32, then u32 zero
//! ```
//! Little-endian; every part is padded with zeros to 8 bytes. The file's length must be what the head says.

use std::fs::File;
use std::io::{Read, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError};
use flate2::Crc;

use crate::error::{NgramError, Result};
use crate::model::{Gram, Model, Node};
use crate::options::MAX_ORDER;
use crate::unsafe_array::{Array, Buffer, as_bytes, as_bytes_mut};
use crate::unsafe_memory::zeroed;
use crate::vocabulary::Vocabulary;
use crate::words::WordTable;

pub(crate) const MAGIC: &[u8; 8] = b"FERROFLM";
const VERSION: u32 = 1;
const FIXED_HEAD: usize = 48;
const UNIT: usize = 8;
/// Bytes between two looks at the cancel flag.
const BLOCK: usize = 1 << 22;

#[cfg(target_endian = "big")]
compile_error!("models are kept as little-endian memory; a big-endian port needs a conversion in flm.rs");

/// Write `model` to `path`.
pub fn save(model: &Model, path: &Path, cancel: &Cancel) -> Result<()> {
    let vocabulary = model.vocabulary();
    let lengths: Vec<u32> = vocabulary
        .words()
        .map(|words| words.iter().map(|word| word.len() as u32).collect())
        .unwrap_or_default();
    let text: String = vocabulary.words().map(|words| words.iter().collect()).unwrap_or_default();
    let pruned: Vec<u32> = (0..vocabulary.size()).filter(|&number| !vocabulary.is_kept(number)).collect();
    let mut head = MAGIC.to_vec();
    for number in [VERSION, model.order() as u32, u32::from(vocabulary.is_ids()), 0] {
        head.extend(number.to_le_bytes());
    }
    let words = if vocabulary.is_ids() { vocabulary.unk() as usize } else { lengths.len() };
    for number in
        [words, text.len(), pruned.len()].into_iter().chain(model.grams.iter().map(|grams| grams.len()))
    {
        head.extend((number as u64).to_le_bytes());
    }
    let mut writer = Writer { file: AtomicFile::create(path)?, crc: Crc::new(), path, cancel };
    writer.part(&head)?;
    writer.part(as_bytes(&lengths))?;
    writer.part(text.as_bytes())?;
    writer.part(as_bytes(&pruned))?;
    for grams in &model.grams {
        writer.part(as_bytes(grams))?;
    }
    for nodes in &model.nodes {
        writer.part(as_bytes(nodes))?;
    }
    writer.part(as_bytes(&model.links))?;
    let sum = u64::from(writer.crc.sum());
    writer.part(&sum.to_le_bytes())?;
    Ok(writer.file.commit()?)
}

struct Writer<'a> {
    file: AtomicFile,
    crc: Crc,
    path: &'a Path,
    cancel: &'a Cancel,
}

impl Writer<'_> {
    fn part(&mut self, bytes: &[u8]) -> Result<()> {
        let padding = &[0; UNIT][..padded(bytes.len()) - bytes.len()];
        for block in bytes.chunks(BLOCK).chain([padding]) {
            self.cancel.check()?;
            self.crc.update(block);
            self.file.write_all(block).map_err(|error| FileError::new("write", self.path, error))?;
        }
        Ok(())
    }
}

const fn padded(length: usize) -> usize {
    length.next_multiple_of(UNIT)
}

/// Load a model. `mapped`: use the file's pages in place instead of reading a copy; the file must then not be changed
/// while the model lives.
pub fn load(path: &Path, mapped: bool, cancel: &Cancel) -> Result<Model> {
    let failed = |error| NgramError::from(FileError::new("read", path, error));
    let mut file = File::open(path).map_err(failed)?;
    let buffer = if mapped { Buffer::map(&file).map_err(failed)? } else { read(&mut file, path, cancel)? };
    let complain = |reason: String| NgramError::file(path, reason);
    let layout = Layout::of(buffer.bytes()).map_err(complain)?;
    check_sum(buffer.bytes(), cancel)?.map_err(complain)?;
    let buffer = Arc::new(buffer);
    let model = layout.model(&buffer).ok_or_else(|| complain("the parts do not fit together".to_owned()))?;
    cancel.check()?;
    check_links(&model).map_err(complain)?;
    Ok(model)
}

/// The whole file; memory is reserved for its real size only.
fn read(file: &mut File, path: &Path, cancel: &Cancel) -> Result<Buffer> {
    let failed = |error| NgramError::from(FileError::new("read", path, error));
    let length = file.metadata().map_err(failed)?.len() as usize;
    let mut units: Vec<u64> = zeroed(length.div_ceil(UNIT));
    for block in as_bytes_mut(&mut units)[..length].chunks_mut(BLOCK) {
        cancel.check()?;
        file.read_exact(block).map_err(failed)?;
    }
    Ok(Buffer::Read(units, length))
}

fn check_sum(bytes: &[u8], cancel: &Cancel) -> Result<std::result::Result<(), String>> {
    let (body, tail) = bytes.split_at(bytes.len() - UNIT);
    let mut crc = Crc::new();
    for block in body.chunks(BLOCK) {
        cancel.check()?;
        crc.update(block);
    }
    let stored = u64::from_le_bytes(tail.try_into().unwrap_or_default());
    let computed = u64::from(crc.sum());
    let message =
        || format!("the checksum is {stored:#x}, but the content has {computed:#x}: the file is damaged");
    Ok(if stored == computed { Ok(()) } else { Err(message()) })
}

/// Where the parts of a file lie.
struct Layout {
    order: usize,
    is_ids: bool,
    words: usize,
    lengths: Range<usize>,
    text: Range<usize>,
    pruned: Range<usize>,
    grams: Vec<Range<usize>>,
    nodes: Vec<Range<usize>>,
    links: Range<usize>,
}

impl Layout {
    /// Read the head and check it against the length of the file.
    fn of(bytes: &[u8]) -> std::result::Result<Self, String> {
        if !bytes.starts_with(MAGIC) {
            return Err("the file does not start as an .flm file does".to_owned());
        }
        let short = || format!("the file ends within its head, after {} bytes", bytes.len());
        let u32_at =
            |at: usize| -> Option<u32> { Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)) };
        let u64_at =
            |at: usize| -> Option<u64> { Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?)) };
        let version = u32_at(8).ok_or_else(short)?;
        if version != VERSION {
            return Err(format!(
                "the format's version is {version}, but this library reads version {VERSION}"
            ));
        }
        let (order, kind) = (u32_at(12).ok_or_else(short)? as usize, u32_at(16).ok_or_else(short)?);
        if order == 0 || order > MAX_ORDER || kind > 1 {
            return Err(format!(
                "the order is {order} and the kind {kind}, but 1 to {MAX_ORDER} and 0 or 1 are known"
            ));
        }
        let numbers: Option<Vec<u64>> = (0..3 + order).map(|i| u64_at(24 + 8 * i)).collect();
        let numbers = numbers.ok_or_else(short)?;
        Self::from_numbers(order, kind == 1, &numbers, bytes.len()).ok_or_else(|| {
            format!("the file has {} bytes, which is not what its head says: is it truncated?", bytes.len())
        })
    }

    fn from_numbers(order: usize, is_ids: bool, numbers: &[u64], length: usize) -> Option<Self> {
        let mut at = padded(FIXED_HEAD + 8 * order);
        let mut part = |count: u64, size: usize| -> Option<Range<usize>> {
            let bytes = usize::try_from(count).ok()?.checked_mul(size)?;
            let range = at..at.checked_add(bytes)?;
            at = range.end.checked_next_multiple_of(UNIT).filter(|&at| at <= length)?;
            Some(range)
        };
        let (words, counts) = (numbers[0], &numbers[3..]);
        let lengths = part(if is_ids { 0 } else { words }, 4)?;
        let text = part(numbers[1], 1)?;
        let pruned = part(numbers[2], 4)?;
        let grams = counts.iter().map(|&count| part(count, size_of::<Gram>())).collect::<Option<_>>()?;
        let below = &counts[..order - 1];
        let nodes = below
            .iter()
            .map(|&count| part(count.checked_add(1)?, size_of::<Node>()))
            .collect::<Option<_>>()?;
        let links = part(if order > 1 { counts[order - 1] } else { 0 }, 4)?;
        let words = usize::try_from(words).ok()?;
        (at + UNIT == length).then_some(Self {
            order,
            is_ids,
            words,
            lengths,
            text,
            pruned,
            grams,
            nodes,
            links,
        })
    }

    /// The model in `buffer`; `None` if the vocabulary is not one, or does not have the size of the unigrams.
    fn model(&self, buffer: &Arc<Buffer>) -> Option<Model> {
        let bytes = buffer.bytes();
        let mut vocabulary = if self.is_ids {
            Vocabulary::of_ids(u32::try_from(self.words).ok()?).ok()?
        } else {
            let lengths = Array::<u32>::inside(buffer, self.lengths.clone())?;
            let mut rest = std::str::from_utf8(bytes.get(self.text.clone())?).ok()?;
            let mut words = WordTable::new();
            for &length in &*lengths {
                let (word, after) = rest.split_at_checked(length as usize)?;
                words.insert(word);
                rest = after;
            }
            // A word given twice would shift all numbers after it.
            (words.len() == lengths.len() && rest.is_empty()).then_some(())?;
            Vocabulary::of_words(words).ok()?
        };
        for &number in &*Array::<u32>::inside(buffer, self.pruned.clone())? {
            (number < vocabulary.size()).then(|| vocabulary.prune(number))?;
        }
        let grams: Vec<Array<Gram>> =
            self.grams.iter().map(|range| Array::inside(buffer, range.clone())).collect::<Option<_>>()?;
        let nodes =
            self.nodes.iter().map(|range| Array::inside(buffer, range.clone())).collect::<Option<_>>()?;
        let links = Array::inside(buffer, self.links.clone())?;
        (grams.len() == self.order && grams[0].len() == vocabulary.size() as usize).then_some(Model {
            vocabulary,
            grams,
            nodes,
            links,
        })
    }
}

/// Every index must be inside its array, so that no query can fail later.
fn check_links(model: &Model) -> std::result::Result<(), String> {
    let size = model.vocabulary().size();
    for (k, grams) in model.grams.iter().enumerate() {
        let unigrams = k > 0 || (0..).zip(grams.iter()).all(|(place, gram)| gram.word == place);
        if !unigrams || grams.iter().any(|gram| gram.word >= size) {
            return Err(format!("a word of order {} is outside the vocabulary", k + 1));
        }
    }
    for (k, nodes) in model.nodes.iter().enumerate() {
        let below = if k == 0 { 1 } else { model.grams[k - 1].len() };
        let rising = nodes.is_sorted_by_key(|node| node.children);
        let whole = nodes.first().map(|node| node.children) == Some(0)
            && nodes.last().map(|node| node.children as usize) == Some(model.grams[k + 1].len());
        if !rising || !whole || nodes.iter().any(|node| k > 0 && node.suffix as usize >= below.max(1)) {
            return Err(format!("a link of order {} leads nowhere", k + 1));
        }
    }
    let below = model.grams.len().checked_sub(2).map_or(0, |k| model.grams[k].len());
    if model.links.iter().any(|&link| link as usize >= below) {
        return Err(format!("a link of order {} leads nowhere", model.order()));
    }
    Ok(())
}
