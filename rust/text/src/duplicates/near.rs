//! Nearly the same texts again: `MinHash` with locality-sensitive hashing (Broder 1997; Indyk, Motwani 1998).
//!
//! Sketches are cut into bands; a text whose sketch agrees with a kept one in a whole band is compared with it, and is
//! a duplicate if the estimated similarity reaches the threshold. Bands are as wide as they can be with 99 % of the
//! texts at the threshold still compared. Only texts that are kept are remembered: two bytes for each bin and, for each
//! band, an entry of a table, some 20 bytes.

use std::collections::HashMap;
use std::path::Path;

use ferrolm_base::Cancel;

use crate::duplicates::state::{Reader, Writer};
use crate::duplicates::{DuplicatesError, Sketch, Sketcher};
use crate::hash::{HashedKeys, fold};

const MAGIC: [u8; 8] = *b"FLMNEAR\0";
/// Texts that share a band and are not similar, such as pages of one form, make a chain; no more of it is looked at.
const LONGEST_CHAIN: usize = 512;
const NONE: u32 = u32::MAX;
/// Numbers of texts become integers of Python.
const MOST_TEXTS: u64 = i64::MAX as u64;

/// The kept text that a text resembles most, among those it was compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// Its number among all texts that were added, duplicates included.
    pub text: u64,
    /// The estimated share of n-grams that both have of those that either has.
    pub jaccard: f64,
}

/// The kept texts.
pub struct NearDuplicates {
    sketcher: Sketcher,
    threshold: f64,
    rows: usize,
    bands: usize,
    /// One after another.
    sketches: Vec<u16>,
    /// Numbers of the kept texts.
    numbers: Vec<u64>,
    added: u64,
    /// From band and its hash to the last kept text, whose predecessors are in `earlier`, kept text by kept text.
    last: HashMap<u64, u32, HashedKeys>,
    earlier: Vec<u32>,
    /// A text without words is a duplicate of another.
    without_words: Option<u64>,
}

impl NearDuplicates {
    pub fn new(threshold: f64, sketcher: Sketcher) -> Result<Self, DuplicatesError> {
        let invalid = |message: String| Err(DuplicatesError::InvalidArgument(message));
        if !(threshold > 0.0 && threshold <= 1.0) {
            return invalid(format!("threshold is {threshold}, expected 0 < threshold <= 1"));
        }
        if sketcher.ngram == 0 {
            return invalid("ngram is 0, expected at least one word".into());
        }
        let bins = sketcher.bins;
        if !bins.is_power_of_two() || !(16..=4096).contains(&bins) {
            return invalid(format!("bins is {bins}, expected a power of two from 16 to 4096"));
        }
        let rows = rows(threshold, bins);
        Ok(Self {
            sketcher,
            threshold,
            rows,
            bands: bins / rows,
            sketches: Vec::new(),
            numbers: Vec::new(),
            added: 0,
            last: HashMap::default(),
            earlier: Vec::new(),
            without_words: None,
        })
    }

    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    pub fn sketcher(&self) -> Sketcher {
        self.sketcher
    }

    /// How many texts are kept.
    pub fn len(&self) -> usize {
        self.numbers.len() + usize::from(self.without_words.is_some())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that this takes at present.
    pub fn memory(&self) -> usize {
        self.sketches.capacity() * 2
            + self.numbers.capacity() * 8
            + self.earlier.capacity() * 4
            + self.last.capacity() * 8 / 7 * 17
    }

    /// Add texts by their sketches, one after another; for each, the earlier text that it is a duplicate of, if it is
    /// one. When cancelled, a part of the texts has been added.
    pub fn add_all(
        &mut self,
        sketches: Vec<Option<Sketch>>,
        cancel: &Cancel,
    ) -> Result<Vec<Option<Similarity>>, DuplicatesError> {
        let mut found = Vec::with_capacity(sketches.len());
        for (index, sketch) in sketches.into_iter().enumerate() {
            if index % 256 == 0 {
                cancel.check()?;
            }
            found.push(self.add(sketch)?);
        }
        Ok(found)
    }

    /// Add a text by its sketch, made by [`sketcher`](Self::sketcher).
    pub fn add(&mut self, sketch: Option<Sketch>) -> Result<Option<Similarity>, DuplicatesError> {
        let number = self.added;
        if number == MOST_TEXTS {
            return Err(DuplicatesError::TooMany(number as usize));
        }
        self.added += 1;
        let Some(sketch) = sketch else {
            let first = *self.without_words.get_or_insert(number);
            return Ok((first != number).then_some(Similarity { text: first, jaccard: 1.0 }));
        };
        let keys = self.keys(&sketch);
        let similar = self.most_similar(&sketch, &keys);
        if similar.is_none() {
            self.keep(number, &sketch, &keys)?;
        }
        Ok(similar)
    }

    /// A hash for each band.
    fn keys(&self, sketch: &[u16]) -> Vec<u64> {
        let key = |(band, rows): (usize, &[u16])| {
            rows.iter()
                .fold(band as u64 + 1, |key, &row| fold(key ^ u64::from(row) << 40, 0xe703_7ed1_a0b4_28db))
        };
        sketch.chunks_exact(self.rows).take(self.bands).enumerate().map(key).collect()
    }

    fn most_similar(&self, sketch: &[u16], keys: &[u64]) -> Option<Similarity> {
        let bins = self.sketcher.bins;
        let enough = (self.threshold * bins as f64 - 1e-9).ceil() as usize;
        let mut best: Option<(usize, u32)> = None;
        for (band, key) in keys.iter().enumerate() {
            let mut kept = self.last.get(key).copied().unwrap_or(NONE);
            for _ in 0..LONGEST_CHAIN {
                let place = kept as usize * bins;
                let Some(other) = self.sketches.get(place..place + bins) else { break };
                let equal = equal(sketch, other);
                if equal >= enough && best.is_none_or(|(most, _)| equal > most) {
                    best = Some((equal, kept));
                    if equal == bins {
                        break;
                    }
                }
                kept = self.earlier.get(kept as usize * self.bands + band).copied().unwrap_or(NONE);
            }
            if best.is_some_and(|(most, _)| most == bins) {
                break;
            }
        }
        best.and_then(|(equal, kept)| {
            let text = *self.numbers.get(kept as usize)?;
            Some(Similarity { text, jaccard: equal as f64 / bins as f64 })
        })
    }

    fn keep(&mut self, number: u64, sketch: &[u16], keys: &[u64]) -> Result<(), DuplicatesError> {
        let kept = u32::try_from(self.numbers.len()).ok().filter(|&kept| kept != NONE);
        let kept = kept.ok_or(DuplicatesError::TooMany(self.numbers.len()))?;
        self.numbers.push(number);
        self.sketches.extend_from_slice(sketch);
        for &key in keys {
            self.earlier.push(self.last.insert(key, kept).unwrap_or(NONE));
        }
        Ok(())
    }

    pub fn save(&self, path: &Path, cancel: &Cancel) -> Result<(), DuplicatesError> {
        let mut writer = Writer::create(path, MAGIC, cancel)?;
        let Sketcher { ngram, bins, seed } = self.sketcher;
        for value in [self.threshold.to_bits(), ngram as u64, bins as u64, seed, self.added] {
            writer.number(value)?;
        }
        writer.number(self.without_words.unwrap_or(u64::MAX))?;
        writer.number(self.numbers.len() as u64)?;
        for (number, sketch) in self.numbers.iter().zip(self.sketches.chunks_exact(bins)) {
            writer.number(*number)?;
            let bytes: Vec<u8> = sketch.iter().flat_map(|bin| bin.to_le_bytes()).collect();
            writer.bytes(&bytes)?;
        }
        writer.finish()
    }

    pub fn load(path: &Path, cancel: &Cancel) -> Result<Self, DuplicatesError> {
        let content = Reader::load(path)?;
        let mut reader = Reader::open(path, MAGIC, &content)?;
        let threshold = f64::from_bits(reader.number()?);
        let ngram = reader.number()? as usize;
        let bins = reader.number()? as usize;
        let sketcher = Sketcher { ngram, bins, seed: reader.number()? };
        let added = reader.number()?;
        let without_words = Some(reader.number()?).filter(|&number| number != u64::MAX);
        let set = Self::new(threshold, sketcher).map_err(|error| reader.invalid(error.to_string()))?;
        let mut set = Self { added, without_words, ..set };
        let count = reader.count(8 + 2 * bins)?;
        if added > MOST_TEXTS || without_words.is_some_and(|number| number >= added) {
            return Err(reader.invalid(format!("{added} texts, of which it keeps one beyond them")));
        }
        let mut least = 0;
        for index in 0..count {
            if index % 1024 == 0 {
                cancel.check()?;
            }
            let number = reader.number()?;
            if !(least..added).contains(&number) {
                return Err(reader.invalid(format!("text {number} of {added} is out of order")));
            }
            least = number + 1;
            let sketch: Result<Vec<u16>, _> =
                (0..bins).map(|_| reader.array().map(u16::from_le_bytes)).collect();
            let sketch = sketch?;
            let keys = set.keys(&sketch);
            set.keep(number, &sketch, &keys)?;
        }
        reader.finish()?;
        Ok(set)
    }
}

/// Places where both sketches have the same.
fn equal(left: &[u16], right: &[u16]) -> usize {
    // In blocks whose counts fit a lane, so that the compiler makes vectors of it on any machine.
    let block = |(left, right): (&[u16], &[u16])| {
        left.iter().zip(right).map(|(a, b)| u16::from(a == b)).sum::<u16>() as usize
    };
    left.chunks(64).zip(right.chunks(64)).map(block).sum()
}

/// The widest bands with which 99 % of the pairs at the threshold share one.
fn rows(threshold: f64, bins: usize) -> usize {
    let missed = |rows: usize| {
        let bands = (bins / rows) as i32;
        (1.0 - threshold.powi(rows as i32)).powi(bands)
    };
    (1..=bins.min(32)).rev().find(|&rows| missed(rows) <= 0.01).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(threshold: f64) -> NearDuplicates {
        NearDuplicates::new(threshold, Sketcher { ngram: 2, bins: 128, seed: 1 }).unwrap()
    }

    fn add(set: &mut NearDuplicates, text: &str) -> Option<Similarity> {
        let sketch = set.sketcher().sketch(text);
        set.add(sketch).unwrap()
    }

    fn add_all(set: &mut NearDuplicates, texts: &[&str]) -> Vec<Option<Similarity>> {
        let sketches = set.sketcher().sketch_all(texts, &Cancel::new()).unwrap();
        set.add_all(sketches, &Cancel::new()).unwrap()
    }

    fn text(seed: u64, words: u64) -> String {
        let word = |n: u64| format!("w{}", fold(seed * 1000 + n, 0x9e37_79b9_7f4a_7c15) % 5000);
        (0..words).map(word).collect::<Vec<_>>().join(" ") + " "
    }

    #[test]
    fn bands_are_as_wide_as_the_threshold_allows() {
        assert_eq!(rows(0.8, 128), 6);
        assert_eq!(rows(1.0, 128), 32);
        assert_eq!(rows(0.01, 16), 1);
    }

    #[test]
    fn changed_texts_are_duplicates_and_others_are_not() {
        let mut set = set(0.8);
        for seed in 1..50 {
            assert_eq!(add(&mut set, &text(seed, 200)), None);
        }
        for seed in 1..50 {
            let changed = format!("{}and some more", text(seed, 200).replacen(' ', " changed ", 3));
            let found = add(&mut set, &changed).unwrap();
            assert_eq!(found.text, seed - 1);
            assert!(found.jaccard >= 0.8 && found.jaccard < 1.0);
        }
        assert_eq!(set.len(), 49);
    }

    #[test]
    fn texts_without_words_are_duplicates_of_each_other() {
        let mut set = set(0.8);
        assert_eq!(add(&mut set, "..."), None);
        assert_eq!(add(&mut set, "").unwrap().text, 0);
    }

    #[test]
    fn any_number_of_threads_finds_the_same_and_so_does_a_saved_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("near.bin");
        let texts: Vec<String> = (0..300).map(|n| text(n % 120, 60 + n / 120)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let cancel = Cancel::new();
        let mut whole = set(0.7);
        let expected = add_all(&mut whole, &texts);
        let mut single = set(0.7);
        let single: Vec<_> = texts.iter().map(|text| add(&mut single, text)).collect();
        assert_eq!(single, expected);
        let mut half = set(0.7);
        let mut found = add_all(&mut half, &texts[..150]);
        half.save(&path, &cancel).unwrap();
        let mut half = NearDuplicates::load(&path, &cancel).unwrap();
        found.extend(add_all(&mut half, &texts[150..]));
        assert_eq!(found, expected);
        assert_eq!(half.len(), whole.len());
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(NearDuplicates::load(&path, &cancel).err().unwrap().to_string().contains("checksum"));
    }

    #[test]
    fn a_set_that_is_full_says_so_and_stays_readable() {
        let folder = tempfile::tempdir().unwrap();
        let (path, cancel) = (folder.path().join("near.bin"), Cancel::new());
        let mut set = NearDuplicates { added: MOST_TEXTS - 1, ..set(0.8) };
        assert_eq!(add(&mut set, "the last text"), None);
        let error = set.add(set.sketcher().sketch("one more")).unwrap_err();
        assert_eq!(error.to_string(), "there are 9223372036854775807 texts already, the limit of one set");
        set.save(&path, &cancel).unwrap();
        assert_eq!(NearDuplicates::load(&path, &cancel).unwrap().len(), 1);
    }

    #[test]
    fn arguments_have_their_limits() {
        let sketcher = Sketcher { ngram: 2, bins: 128, seed: 1 };
        assert!(
            NearDuplicates::new(0.0, sketcher).is_err() && NearDuplicates::new(f64::NAN, sketcher).is_err()
        );
        assert!(NearDuplicates::new(0.5, Sketcher { bins: 100, ..sketcher }).is_err());
        assert!(NearDuplicates::new(0.5, Sketcher { ngram: 0, ..sketcher }).is_err());
    }
}
