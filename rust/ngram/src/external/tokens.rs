//! Tokens put aside in chunks that can be sorted in memory.

use std::ops::Range;

use super::rows::{RowWriter, Section, read_all};
use super::store::Store;
use crate::corpus::Corpus;
use crate::error::Result;

/// What the journal notes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub tokens: u64,
    pub sentences: u64,
    /// N-grams that start at the tokens from here on belong to the next chunk.
    pub counted: u64,
    /// How many pieces of input are in this chunk and those before it.
    pub inputs: u64,
}

impl Chunk {
    pub fn numbers(self) -> [u64; 4] {
        [self.tokens, self.sentences, self.counted, self.inputs]
    }

    pub fn of_numbers(numbers: &[u64]) -> Option<Self> {
        let &[tokens, sentences, counted, inputs] = numbers else { return None };
        Some(Self { tokens, sentences, counted, inputs })
    }
}

pub(super) fn name(chunk: usize) -> String {
    format!("tokens-{chunk}")
}

/// Sentences that are not in a chunk yet.
#[derive(Default)]
pub(super) struct Pending {
    pub tokens: Vec<u32>,
    pub ends: Vec<usize>,
}

impl Pending {
    pub fn add(&mut self, corpus: &Corpus) {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(&corpus.tokens);
        self.ends.extend(corpus.offsets[1..].iter().map(|end| start + end));
    }

    /// Where to cut into chunks of at most `most` tokens: the counted tokens of each.
    pub fn cuts(&self, most: usize) -> Vec<Range<usize>> {
        let starts = (0..self.tokens.len()).step_by(most.max(1));
        starts.map(|start| start..(start + most).min(self.tokens.len())).collect()
    }

    /// Write the tokens of `range`, and those after it that n-grams of its last tokens reach into.
    pub fn write(
        &self,
        range: Range<usize>,
        order: usize,
        inputs: u64,
        store: &Store,
        name: &str,
    ) -> Result<Chunk> {
        let first = self.ends.partition_point(|&end| end <= range.start);
        let mut lengths = Vec::new();
        let mut start = range.start;
        for &end in &self.ends[first..] {
            if start >= range.end {
                break;
            }
            // The last sentence may go on in the next chunk.
            let end = end.min(range.end + order - 1);
            if end > start {
                lengths.push((end - start) as u32);
            }
            start = end;
        }
        let mut writer = RowWriter::create(store, name)?;
        for block in self.tokens[range.start..start].chunks(1 << 16).chain(lengths.chunks(1 << 16)) {
            writer.push(block)?;
        }
        writer.finish()?;
        Ok(Chunk {
            tokens: (start - range.start) as u64,
            sentences: lengths.len() as u64,
            counted: range.len() as u64,
            inputs,
        })
    }
}

/// The corpus of a chunk, all of whose tokens are below `bound`.
pub(super) fn read(store: &Store, name: &str, chunk: Chunk, bound: u32) -> Result<Corpus> {
    let rows = chunk.tokens + chunk.sentences;
    let section = Section { name: name.to_owned(), start: 0, rows, width: 1 };
    let mut tokens = read_all(store, &section)?;
    let lengths = tokens.split_off(chunk.tokens as usize);
    let mut offsets = vec![0];
    offsets.extend(lengths.iter().scan(0, |end, &length| {
        *end += length as usize;
        Some(*end)
    }));
    Ok(Corpus { tokens, offsets, bound })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_cut_and_looks_ahead() {
        let mut pending = Pending::default();
        let corpus = Corpus { tokens: (0..10).collect(), offsets: vec![0, 2, 2, 9, 10], bound: 10 };
        pending.add(&corpus);
        let store = Store::nameless(None);
        let cuts = pending.cuts(4);
        assert_eq!(cuts, [0..4, 4..8, 8..10]);
        let read = |range: &Range<usize>| {
            let chunk = pending.write(range.clone(), 3, 0, &store, "t").unwrap();
            let corpus = read(&store, "t", chunk, 10).unwrap();
            (corpus.tokens, corpus.offsets, chunk.counted)
        };
        assert_eq!(read(&cuts[0]), ((0..6).collect(), vec![0, 2, 6], 4));
        assert_eq!(read(&cuts[1]), ((4..9).collect(), vec![0, 5], 4));
        assert_eq!(read(&cuts[2]), (vec![8, 9], vec![0, 1, 2], 2));
    }
}
