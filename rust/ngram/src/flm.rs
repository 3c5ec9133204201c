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
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError};

use crate::error::{NgramError, Result};
use crate::model::{Gram, Model, Node};
use crate::options::MAX_ORDER;
use crate::parts::{self, PartWriter, UNIT, padded};
use crate::unsafe_array::{Array, Buffer, as_bytes};
use crate::vocabulary::Vocabulary;
use crate::words::WordTable;

pub(crate) const MAGIC: &[u8; 8] = b"FERROFLM";
const VERSION: u32 = 1;
const FIXED_HEAD: usize = 48;

#[cfg(target_endian = "big")]
compile_error!("models are kept as little-endian memory; a big-endian port needs a conversion in flm.rs");

/// Write `model` to `path`.
pub fn save(model: &Model, path: &Path, cancel: &Cancel) -> Result<()> {
    let counts: Vec<u64> = model.grams.iter().map(|grams| grams.len() as u64).collect();
    let mut writer = PartWriter::new(AtomicFile::create(path)?, path, cancel);
    write_front(&mut writer, model.vocabulary(), &counts)?;
    for grams in &model.grams {
        writer.part(as_bytes(grams))?;
        grams.release();
    }
    for nodes in &model.nodes {
        writer.part(as_bytes(nodes))?;
        nodes.release();
    }
    writer.part(as_bytes(&model.links))?;
    model.links.release();
    Ok(writer.finish()?.commit()?)
}

/// The head and the vocabulary; `counts` are the numbers of n-grams by order.
pub(crate) fn write_front<W: Write>(
    writer: &mut PartWriter<'_, W>,
    vocabulary: &Vocabulary,
    counts: &[u64],
) -> Result<()> {
    let table = vocabulary.words();
    let lengths: Vec<u32> =
        table.map(|words| words.iter().map(|word| word.len() as u32).collect()).unwrap_or_default();
    let text: String = table.map(|words| words.iter().collect()).unwrap_or_default();
    let pruned: Vec<u32> = (0..vocabulary.size()).filter(|&number| !vocabulary.is_kept(number)).collect();
    let mut head = MAGIC.to_vec();
    for number in [VERSION, counts.len() as u32, u32::from(vocabulary.is_ids()), 0] {
        head.extend(number.to_le_bytes());
    }
    let words = if vocabulary.is_ids() { vocabulary.unk() as usize } else { lengths.len() };
    for number in [words as u64, text.len() as u64, pruned.len() as u64].iter().chain(counts) {
        head.extend(number.to_le_bytes());
    }
    writer.part(&head)?;
    writer.part(as_bytes(&lengths))?;
    writer.part(text.as_bytes())?;
    writer.part(as_bytes(&pruned))
}

/// Load a model. `mapped`: use the file's pages in place instead of reading a copy; the file must then not be changed
/// while the model lives.
pub fn load(path: &Path, mapped: bool, cancel: &Cancel) -> Result<Model> {
    let buffer = parts::open(path, mapped, cancel)?;
    let complain = |reason: String| NgramError::file(path, reason);
    let layout = Layout::of(buffer.bytes()).map_err(complain)?;
    parts::check_sum(buffer.bytes(), cancel)?.map_err(complain)?;
    let buffer = Arc::new(buffer);
    let model = layout.model(&buffer).ok_or_else(|| complain("the parts do not fit together".to_owned()))?;
    cancel.check()?;
    check_links(&model).map_err(complain)?;
    Ok(model)
}

/// The model in a file that has just been written, mapped and not checked again.
pub(crate) fn map_own(file: &File, path: &Path) -> Result<Model> {
    let buffer = Buffer::map(file).map_err(|error| FileError::new("read", path, error))?;
    let layout = Layout::of(buffer.bytes()).map_err(|reason| NgramError::file(path, reason))?;
    let model = layout.model(&Arc::new(buffer));
    model.ok_or_else(|| NgramError::file(path, "the parts do not fit together"))
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
        // Each number has a unigram: the file bounds the vocabulary.
        let size = self.words + if self.is_ids { 3 } else { 0 };
        (self.grams.first()?.len() / size_of::<Gram>() == size).then_some(())?;
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
