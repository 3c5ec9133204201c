//! The levels' files to one model, opened in place.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use ferrolm_base::{Cancel, FileError};

use super::rows::RowReader;
use super::store::Store;
use crate::error::Result;
use crate::flm;
use crate::model::Model;
use crate::parts::PartWriter;
use crate::unsafe_array::as_bytes;
use crate::vocabulary::Vocabulary;

const NAME: &str = "model.flm";

/// Put the levels together; `kept` are the numbers of n-grams by order.
pub(super) fn write(store: &Store, vocabulary: &Vocabulary, kept: &[u64], cancel: &Cancel) -> Result<()> {
    let path = store.path(NAME);
    let file = store.create(NAME)?;
    let mut writer = PartWriter::new(BufWriter::with_capacity(1 << 20, &*file), &path, cancel);
    flm::write_plain_front(&mut writer, vocabulary, kept)?;
    let order = kept.len();
    for (k, &rows) in (1..).zip(kept) {
        part(store, &mut writer, &format!("grams-{k}"), 2, rows)?;
    }
    for (k, &rows) in (1..order).zip(kept) {
        part(store, &mut writer, &format!("nodes-{k}"), 3, rows + 1)?;
    }
    let links = if order > 1 { kept[order - 1] } else { 0 };
    if links > 0 {
        part(store, &mut writer, &format!("places-{order}"), 1, links)?;
    }
    writer.finish()?.into_inner().map_err(|error| FileError::new("write", &path, error.into_error()))?;
    Ok(())
}

/// The rows of a file as one part.
pub(super) fn part<W: Write>(
    store: &Store,
    writer: &mut PartWriter<'_, W>,
    name: &str,
    width: usize,
    rows: u64,
) -> Result<()> {
    let mut reader = RowReader::whole(store, name, width, rows)?;
    while let Some(rows) = reader.rows() {
        writer.extend(as_bytes(rows))?;
        reader.skip()?;
    }
    writer.end_part()
}

/// The assembled model. Its file has no name any more when this returns, so that nothing is left of it in the end.
pub(super) fn open(store: &Store) -> Result<Model> {
    let file: Arc<File> = store.open(NAME)?;
    let model = flm::map_own(&file, &store.path(NAME))?;
    store.remove(NAME);
    Ok(model)
}
