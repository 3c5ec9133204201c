//! The binary form of a model: its arrays as they lie in memory, so that loading is one read, or a mapping.
//!
//! ```text
//! "FERROFLM"  magic                         8 bytes
//! version, order, kind (0 words, 1 ids), layout (0 plain, 1 compact, 2 hashed)  4 × u32
//! words or ids, bytes of text, pruned words                3 × u64
//! number of n-grams of each order                          order × u64
//! lengths of the words (u32), text (UTF-8), pruned words (u32)
//! plain: n-grams of each order (word u32, log10 f32)
//!       nodes of each order but the highest, one more than n-grams (back-off f32, suffix u32, children u32)
//!       suffixes of the highest order (u32)
//! compact: see `compact/file.rs`; hashed: see `hashed/file.rs`
//! CRC-32 of all before                                     u32, then u32 zero
//! ```
//! Little-endian; every part is padded with zeros to 8 bytes. The file's length must be what the head says.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ferrolm_base::atomic_file::AtomicFile;
use ferrolm_base::{Cancel, FileError};

use crate::arrays::Arrays;
use crate::compact;
use crate::error::{NgramError, Result};
use crate::hashed;
use crate::layout::Layout;
use crate::model::{Levels, Model, on_layout};
use crate::options::MAX_ORDER;
use crate::parts::{self, PartReader, PartWriter, padded};
use crate::unsafe_array::{Array, Buffer, as_bytes};
use crate::vocabulary::Vocabulary;
use crate::words::WordTable;

pub(crate) const MAGIC: &[u8; 8] = b"FERROFLM";
const VERSION: u32 = 1;
const FIXED_HEAD: usize = 48;
const PLAIN: u32 = 0;
const COMPACT: u32 = 1;
const HASHED: u32 = 2;

#[cfg(target_endian = "big")]
compile_error!("models are kept as little-endian memory; a big-endian port needs a conversion in flm.rs");

/// Write `model` to `path`.
pub fn save(model: &Model, path: &Path, cancel: &Cancel) -> Result<()> {
    let counts: Vec<u64> = on_layout!(model, view => {
        (1..=view.levels.order()).map(|k| view.levels.len(k) as u64).collect()
    });
    let mut writer = PartWriter::new(AtomicFile::create(path)?, path, cancel);
    match &model.levels {
        Levels::Plain(levels) => {
            write_front(&mut writer, model.vocabulary(), PLAIN, &counts)?;
            levels.grams.iter().try_for_each(|grams| writer.array(grams))?;
            levels.nodes.iter().try_for_each(|nodes| writer.array(nodes))?;
            writer.array(&levels.links)?;
        }
        Levels::Compact(levels) => {
            write_front(&mut writer, model.vocabulary(), COMPACT, &counts)?;
            compact::write(levels, &mut writer)?;
        }
        Levels::Hashed(levels) => {
            write_front(&mut writer, model.vocabulary(), HASHED, &counts)?;
            hashed::write(levels, &mut writer)?;
        }
    }
    Ok(writer.finish()?.commit()?)
}

/// The head and the vocabulary of a model in the plain layout; `counts` are the numbers of n-grams by order.
pub(crate) fn write_plain_front<W: Write>(
    writer: &mut PartWriter<'_, W>,
    vocabulary: &Vocabulary,
    counts: &[u64],
) -> Result<()> {
    write_front(writer, vocabulary, PLAIN, counts)
}

fn write_front<W: Write>(
    writer: &mut PartWriter<'_, W>,
    vocabulary: &Vocabulary,
    layout: u32,
    counts: &[u64],
) -> Result<()> {
    let table = vocabulary.words();
    let lengths: Vec<u32> =
        table.map(|words| words.iter().map(|word| word.len() as u32).collect()).unwrap_or_default();
    let text: String = table.map(|words| words.iter().collect()).unwrap_or_default();
    let pruned: Vec<u32> = (0..vocabulary.size()).filter(|&number| !vocabulary.is_kept(number)).collect();
    let mut head = MAGIC.to_vec();
    for number in [VERSION, counts.len() as u32, u32::from(vocabulary.is_ids()), layout] {
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
    let buffer = Arc::new(parts::open(path, mapped, cancel)?);
    let complain = |reason: String| NgramError::file(path, reason);
    let (words, levels) = read(&buffer).map_err(complain)?;
    parts::check_sum(buffer.bytes(), cancel)?.map_err(complain)?;
    let model = words.model(levels).ok_or_else(|| complain(UNFIT.to_owned()))?;
    cancel.check()?;
    let size = model.vocabulary.size();
    let checked = match &model.levels {
        Levels::Plain(levels) => levels.check(size),
        Levels::Compact(levels) => levels.check(size),
        Levels::Hashed(levels) => levels.check(size),
    };
    checked.map_err(complain)?;
    Ok(model)
}

/// The model in a file that has just been written, mapped and not checked again.
pub(crate) fn map_own(file: &File, path: &Path) -> Result<Model> {
    let complain = |reason: String| NgramError::file(path, reason);
    let buffer = Buffer::map(file).map_err(|error| FileError::new("read", path, error))?;
    let (words, levels) = read(&Arc::new(buffer)).map_err(complain)?;
    words.model(levels).ok_or_else(|| complain(UNFIT.to_owned()))
}

const UNFIT: &str = "the parts do not fit together";

/// The parts of a file, whose lengths are what its head says.
fn read(buffer: &Arc<Buffer>) -> std::result::Result<(Words, Levels), String> {
    let bytes = buffer.bytes();
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
        return Err(format!("the format's version is {version}, but this library reads version {VERSION}"));
    }
    let (order, kind) = (u32_at(12).ok_or_else(short)? as usize, u32_at(16).ok_or_else(short)?);
    if order == 0 || order > MAX_ORDER || kind > 1 {
        return Err(format!(
            "the order is {order} and the kind {kind}, but 1 to {MAX_ORDER} and 0 or 1 are known"
        ));
    }
    let layout = u32_at(20).ok_or_else(short)?;
    if layout > HASHED {
        return Err(format!("the layout is {layout}, but {PLAIN} to {HASHED} are known"));
    }
    let numbers: Option<Vec<u64>> = (0..3 + order).map(|i| u64_at(24 + 8 * i)).collect();
    let numbers = numbers.ok_or_else(short)?;
    let mut reader = PartReader::new(buffer, padded(FIXED_HEAD + 8 * order));
    let parts = (|| {
        let words = Words::read(&mut reader, kind == 1, &numbers)?;
        let levels = match layout {
            COMPACT => Levels::Compact(compact::read(&mut reader, &numbers[3..])?),
            HASHED => Levels::Hashed(hashed::read(&mut reader, &numbers[3..])?),
            _ => Levels::Plain(read_plain(&mut reader, &numbers[3..])?),
        };
        reader.is_done().then_some((words, levels))
    })();
    parts.ok_or_else(|| {
        format!("the file has {} bytes, which is not what its head says: is it truncated?", bytes.len())
    })
}

fn read_plain(reader: &mut PartReader<'_>, counts: &[u64]) -> Option<Arrays> {
    let (&top, below) = counts.split_last()?;
    let grams = counts.iter().map(|&count| reader.array(count)).collect::<Option<_>>()?;
    let nodes = below.iter().map(|&count| reader.array(count.checked_add(1)?)).collect::<Option<_>>()?;
    let links = reader.array(if below.is_empty() { 0 } else { top })?;
    Some(Arrays { grams, nodes, links })
}

/// The parts that make a vocabulary.
struct Words {
    is_ids: bool,
    count: usize,
    lengths: Array<u32>,
    text: Array<u8>,
    pruned: Array<u32>,
}

impl Words {
    fn read(reader: &mut PartReader<'_>, is_ids: bool, numbers: &[u64]) -> Option<Self> {
        Some(Self {
            is_ids,
            count: usize::try_from(numbers[0]).ok()?,
            lengths: reader.array(if is_ids { 0 } else { numbers[0] })?,
            text: reader.array(numbers[1])?,
            pruned: reader.array(numbers[2])?,
        })
    }

    /// The model of these words; `None` if they are no vocabulary, or not as many as the unigrams.
    fn model(&self, levels: Levels) -> Option<Model> {
        let unigrams = match &levels {
            Levels::Plain(levels) => levels.len(1),
            Levels::Compact(levels) => levels.len(1),
            Levels::Hashed(levels) => levels.len(1),
        };
        // Each number has a unigram: the file bounds the vocabulary.
        (Some(unigrams) == self.count.checked_add(if self.is_ids { 3 } else { 0 })).then_some(())?;
        let vocabulary = self.vocabulary()?;
        (unigrams == vocabulary.size() as usize).then_some(Model { vocabulary, levels })
    }

    fn vocabulary(&self) -> Option<Vocabulary> {
        let mut vocabulary = if self.is_ids {
            Vocabulary::of_ids(u32::try_from(self.count).ok()?).ok()?
        } else {
            let mut rest = std::str::from_utf8(&self.text).ok()?;
            let mut words = WordTable::new();
            for &length in &*self.lengths {
                let (word, after) = rest.split_at_checked(length as usize)?;
                words.insert(word);
                rest = after;
            }
            // A word given twice would shift all numbers after it.
            (words.len() == self.lengths.len() && rest.is_empty()).then_some(())?;
            Vocabulary::of_words(words).ok()?
        };
        for &number in &*self.pruned {
            (number < vocabulary.size()).then(|| vocabulary.prune(number))?;
        }
        Some(vocabulary)
    }
}
