//! Many texts to one flat array of ids.

use ferrolm_base::Cancel;
use rayon::prelude::*;

use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// Ids of many texts, one after the other; text `i` has `ids[offsets[i]..offsets[i + 1]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ragged {
    pub ids: Vec<u32>,
    pub offsets: Vec<i64>,
}

/// Bytes of text that one task takes: some milliseconds at most, between polls of the flag.
const TASK_BYTES: usize = 1 << 17;

impl Tokenizer {
    /// Ids of every text, special tokens around each if asked; runs on the current pool.
    pub fn encode_ids_batch(
        &self,
        texts: &[&str],
        add_special_tokens: bool,
        cancel: &Cancel,
    ) -> Result<Ragged> {
        let tasks = tasks(texts);
        let work = |task: &&[&str]| {
            cancel.check()?;
            let mut ids = Vec::with_capacity(task.iter().map(|text| text.len()).sum::<usize>() / 4 + 8);
            let mut ends = Vec::with_capacity(task.len());
            for text in *task {
                self.push_ids_special(text, add_special_tokens, &mut ids)?;
                ends.push(ids.len());
            }
            Ok((ids, ends))
        };
        let parts: Vec<(Vec<u32>, Vec<usize>)> = tasks.par_iter().map(work).collect::<Result<_>>()?;
        let mut ragged = Ragged { ids: Vec::new(), offsets: Vec::with_capacity(texts.len() + 1) };
        ragged.offsets.push(0);
        ragged.ids.reserve_exact(parts.iter().map(|(ids, _)| ids.len()).sum());
        for (ids, ends) in parts {
            let base = ragged.ids.len();
            ragged.offsets.extend(ends.iter().map(|end| (base + end) as i64));
            ragged.ids.extend_from_slice(&ids);
        }
        Ok(ragged)
    }
}

/// Runs of texts of about [`TASK_BYTES`] together.
fn tasks<'a, 'b>(texts: &'b [&'a str]) -> Vec<&'b [&'a str]> {
    let mut tasks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, text) in texts.iter().enumerate() {
        bytes += text.len();
        if bytes >= TASK_BYTES {
            tasks.push(&texts[start..=index]);
            (start, bytes) = (index + 1, 0);
        }
    }
    if start < texts.len() {
        tasks.push(&texts[start..]);
    }
    tasks
}
