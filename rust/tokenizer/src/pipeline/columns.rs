//! The columns of an encoding of which ids and runs are known.

use super::lazy::{Run, Source};
use crate::encoding::{Columns, Direction};
use crate::error::Result;
use crate::post_processor::{PostProcessor, trimmed};
use crate::tokenizer::Tokenizer;

impl Source {
    /// Offsets, words and texts of `ids`; none where only the general path can tell.
    pub(super) fn columns(&self, ids: &[u32], runs: &[Run]) -> Result<Option<Columns>> {
        // What is left of a text that was cut off at its start begins anywhere.
        if !self.offsets || self.truncated == Some(Direction::Left) || !self.tokenizer.has_places() {
            return Ok(None);
        }
        let processor = self.tokenizer.post_processor();
        if processor.is_some_and(PostProcessor::joins_before_others) {
            return Ok(None);
        }
        let texts =
            processor.map_or_else(Vec::new, |processor| processor.special_texts(self.second.is_some()));
        let mut special = texts.into_iter();
        let mut columns = Columns::with_capacity(ids.len());
        let mut rest = ids;
        for run in runs {
            let own = rest.split_off(..run.length).unwrap_or_default();
            let input = match run.sequence {
                Some(0) => &self.first,
                Some(_) => match &self.second {
                    Some(second) => second,
                    None => return Ok(None),
                },
                None => {
                    let padding = self.tokenizer.padding().filter(|_| run.padding);
                    let text = padding.map(|padding| padding.pad_token.as_str()).or_else(|| special.next());
                    let Some(text) = text else { return Ok(None) };
                    (0..run.length).for_each(|_| columns.push_special(text));
                    continue;
                }
            };
            let (before, truncated) = (columns.len(), self.truncated.is_some());
            if !self.tokenizer.push_columns(&input.borrow(), own, truncated, &mut columns)? {
                return Ok(None);
            }
            self.tokenizer.trim(own, before, &mut columns);
        }
        Ok(Some(columns))
    }
}

impl Tokenizer {
    /// Trim the offsets of the columns from `first` on, those of the tokens `ids`, as post-processing does.
    fn trim(&self, ids: &[u32], first: usize, columns: &mut Columns) {
        let Some(processor) = self.post_processor() else { return };
        processor.trims(&mut |add_prefix_space| {
            let mut offsets = std::mem::take(&mut columns.offsets);
            let mut texts = columns.own_texts().skip_while(|&(index, _)| index < first).peekable();
            for (index, (id, offsets)) in ids.iter().zip(&mut offsets[first..]).enumerate() {
                let text = texts.next_if(|&(at, _)| at == first + index).map(|(_, text)| text);
                let text = text.or_else(|| self.model().id_to_token(*id)).unwrap_or("");
                let (start, end) = (offsets.0 as usize, offsets.1 as usize);
                let (start, end) = trimmed(text, (start, end), index == 0, add_prefix_space);
                *offsets = (start as u32, end as u32);
            }
            drop(texts);
            columns.offsets = offsets;
        });
    }
}
