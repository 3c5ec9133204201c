//! The same texts again. 16 bytes are kept of each: two different texts have the same 128 bits with a probability of
//! 1e-20 among ten thousand million.

use std::collections::HashSet;
use std::path::Path;

use ferrolm_base::Cancel;

use crate::duplicates::DuplicatesError;
use crate::duplicates::state::{Reader, Writer};
use crate::hash::{HashedKeys, hash128};

const MAGIC: [u8; 8] = *b"FLMSEEN\0";

/// Parts of a text that are compared across texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Line,
    /// What empty lines separate.
    Paragraph,
}

/// Hashes of the texts seen so far.
#[derive(Debug, Default)]
pub struct SeenTexts {
    hashes: HashSet<u128, HashedKeys>,
    /// Case and white space count.
    pub verbatim: bool,
}

impl SeenTexts {
    pub fn new(verbatim: bool) -> Self {
        Self { hashes: HashSet::default(), verbatim }
    }

    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Remember a text; whether it is new.
    pub fn add(&mut self, text: &str) -> bool {
        self.hashes.insert(self.hash(text))
    }

    pub fn contains(&self, text: &str) -> bool {
        self.hashes.contains(&self.hash(text))
    }

    /// What is compared: a hash of the text, of its lower case with single spaces unless `verbatim`.
    pub fn hash(&self, text: &str) -> u128 {
        if self.verbatim {
            return hash128(text.as_bytes());
        }
        let mut plain = String::with_capacity(text.len());
        for word in text.split_whitespace() {
            if !plain.is_empty() {
                plain.push(' ');
            }
            if word.is_ascii() {
                let start = plain.len();
                plain.push_str(word);
                plain.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
            } else {
                plain.extend(word.chars().flat_map(char::to_lowercase));
            }
        }
        hash128(plain.as_bytes())
    }

    /// Remember hashes made by [`hash`](Self::hash), in order; which of them are new.
    pub fn add_hashes(&mut self, hashes: &[u128]) -> Vec<bool> {
        hashes.iter().map(|&hash| self.hashes.insert(hash)).collect()
    }

    /// `text` without the lines or paragraphs that were there before, in it or in an earlier text. Those of fewer than
    /// `min_characters` stay.
    pub fn without_repeats(&mut self, text: &str, unit: Unit, min_characters: usize) -> String {
        let separator = if unit == Unit::Line { "\n" } else { "\n\n" };
        let mut kept = String::with_capacity(text.len());
        let mut first = true;
        for piece in text.split(separator) {
            let core = piece.trim();
            let short = core.len() < min_characters || core.chars().count() < min_characters;
            if short || core.is_empty() || self.add(core) {
                if !first {
                    kept.push_str(separator);
                }
                kept.push_str(piece);
                first = false;
            }
        }
        kept
    }

    pub fn save(&self, path: &Path, cancel: &Cancel) -> Result<(), DuplicatesError> {
        let mut sorted: Vec<u128> = self.hashes.iter().copied().collect();
        sorted.sort_unstable();
        let mut writer = Writer::create(path, MAGIC, cancel)?;
        writer.number(u64::from(self.verbatim))?;
        writer.number(sorted.len() as u64)?;
        for hash in sorted {
            writer.bytes(&hash.to_le_bytes())?;
        }
        writer.finish()
    }

    pub fn load(path: &Path, cancel: &Cancel) -> Result<Self, DuplicatesError> {
        let content = Reader::load(path)?;
        let mut reader = Reader::open(path, MAGIC, &content)?;
        let verbatim = reader.number()? != 0;
        let count = reader.count(16)?;
        let mut hashes = HashSet::with_capacity_and_hasher(count, HashedKeys::default());
        for index in 0..count {
            if index % (1 << 16) == 0 {
                cancel.check()?;
            }
            hashes.insert(u128::from_le_bytes(reader.array()?));
        }
        reader.finish()?;
        Ok(Self { hashes, verbatim })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_white_space_do_not_count_unless_asked() {
        let mut seen = SeenTexts::new(false);
        assert!(seen.add("The  Cat\n") && !seen.add(" the cat") && seen.add("the cats") && seen.add("ÜBER"));
        assert!(!seen.add("über") && seen.contains("Über") && !seen.contains(""));
        let mut seen = SeenTexts::new(true);
        assert!(seen.add("The Cat") && seen.add("the cat") && !seen.add("the cat"));
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn repeated_lines_go_and_short_ones_stay() {
        let mut seen = SeenTexts::new(false);
        let first = seen.without_repeats("Menu of it\nA story.\n\n}\nMenu of it", Unit::Line, 4);
        assert_eq!(first, "Menu of it\nA story.\n\n}");
        assert_eq!(seen.without_repeats("menu of it\nAnother.\n}", Unit::Line, 4), "Another.\n}");
        let paragraphs = seen.without_repeats("A story.\n\nNew\none.", Unit::Paragraph, 0);
        assert_eq!(paragraphs, "New\none.");
    }

    #[test]
    fn a_saved_set_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen.bin");
        let mut seen = SeenTexts::new(false);
        (0..1000).for_each(|n| assert!(seen.add(&n.to_string())));
        seen.save(&path, &Cancel::new()).unwrap();
        let mut again = SeenTexts::load(&path, &Cancel::new()).unwrap();
        assert_eq!(again.len(), 1000);
        assert!((0..1000).all(|n| !again.add(&n.to_string())) && again.add("new"));
        let bytes = std::fs::read(&path).unwrap();
        for length in (0..bytes.len()).step_by(997) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(SeenTexts::load(&path, &Cancel::new()).is_err());
        }
    }
}
