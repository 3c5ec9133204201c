//! The character map of a SentencePiece model, which says what becomes of sequences of bytes.
//!
//! The map is a length in bytes (u32, little endian), a trie of that length, and texts that end in a zero byte. The
//! trie is a double array as darts-clone writes it: units of 32 bits, in which the child of a node by a byte is found
//! at the node's offset, exclusive-or the byte, and bears that byte as its label. A unit with a leaf has the place of
//! its text at its own offset.
//!
//! The reference reads it in a way of its own, kept here: a grapheme cluster of less than six bytes becomes as a
//! whole the text of the *shortest* of its beginnings that has one; where none has, and in longer clusters, the same
//! holds for each character alone.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use memchr::memchr;

use super::longest;
use super::output::{Output, character_at};
use crate::error::{Result, TokenizerError};
use crate::normalized::{Change, NormalizedString};
use crate::unicode::graphemes::cluster;

/// Clusters of this many bytes are looked up character by character.
const LONG_CLUSTER: usize = 6;

/// A character map; copies share it.
#[derive(Clone, PartialEq)]
pub struct Precompiled {
    map: Arc<Map>,
    longest: bool,
}

#[derive(PartialEq)]
pub(super) struct Map {
    charsmap: Vec<u8>,
    units: Vec<u32>,
    texts: String,
    /// ASCII characters that are not in the map, and begin no cluster with other ASCII.
    pub(super) kept: [bool; 256],
}

impl fmt::Debug for Precompiled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Precompiled({} bytes)", self.map.charsmap.len())
    }
}

impl Precompiled {
    /// The map of the `precompiled_charsmap` of a SentencePiece model; an error if it is cut short or if its texts are
    /// not UTF-8. Places that the trie names but that do not exist are taken for entries that are not there.
    pub fn new(charsmap: Vec<u8>) -> Result<Self> {
        let invalid = |message: String| TokenizerError::argument("precompiled_charsmap", message);
        let (size, rest) = charsmap.split_first_chunk::<4>().ok_or_else(|| {
            invalid(format!("found {} bytes, expected at least the 4 of its length", charsmap.len()))
        })?;
        // The reference, too, ignores bytes that are no whole unit.
        let size = u32::from_le_bytes(*size) as usize / 4 * 4;
        let (trie, texts) = rest.split_at_checked(size).ok_or_else(|| {
            invalid(format!("found {} bytes after the length, expected a trie of {size}", rest.len()))
        })?;
        let texts = str::from_utf8(texts).map_err(|error| {
            invalid(format!("the texts are not UTF-8 from byte {} on", 4 + size + error.valid_up_to()))
        })?;
        let (units, _) = trie.as_chunks::<4>();
        let units = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        let mut map = Map { units, texts: texts.to_owned(), kept: [false; 256], charsmap };
        map.kept = std::array::from_fn(|byte| {
            let byte = byte as u8;
            byte.is_ascii() && byte != b'\r' && map.find(&[byte]).is_none()
        });
        Ok(Self { map: Arc::new(map), longest: false })
    }

    /// The same map, of which the longest entry counts at each place: how SentencePiece reads it.
    #[must_use]
    pub fn with_longest_match(mut self) -> Self {
        self.longest = true;
        self
    }

    pub fn has_longest_match(&self) -> bool {
        self.longest
    }

    /// What [`new`](Self::new) took.
    pub fn charsmap(&self) -> &[u8] {
        &self.map.charsmap
    }

    /// Whether anything in the map begins with `text`.
    pub(crate) fn begins(&self, text: &str) -> bool {
        self.map.begins(text.as_bytes())
    }

    /// Whether something is left of the first character of `text`. Where nothing is, the places of all that follows
    /// are other ones than those of its parts, as in the reference.
    pub(crate) fn keeps_first(&self, text: &str) -> bool {
        let cluster = &text[..cluster(text)];
        let first = cluster.chars().next().map_or(0, char::len_utf8);
        let find = |part: &str| self.map.find(part.as_bytes());
        let whole = if cluster.len() < LONG_CLUSTER { find(cluster) } else { None };
        !self.longest && whole.or_else(|| find(&cluster[..first])).is_none_or(|new| !new.is_empty())
    }

    pub(super) fn normalize(&self, text: &mut NormalizedString) {
        if self.longest {
            return longest::normalize(&self.map, text);
        }
        let mut changes: Vec<Change> = Vec::with_capacity(text.len());
        let mut modified = false;
        let whole = text.get();
        let mut at = 0;
        while at < whole.len() {
            let cluster = &whole[at..at + cluster(&whole[at..])];
            at += cluster.len();
            if cluster.len() < LONG_CLUSTER
                && let Some(new) = self.map.find(cluster.as_bytes())
            {
                modified = true;
                replace(&mut changes, cluster, new);
                continue;
            }
            for (start, character) in cluster.char_indices() {
                let part = &cluster[start..start + character.len_utf8()];
                match self.map.find(part.as_bytes()) {
                    Some(new) => {
                        modified = true;
                        replace(&mut changes, part, new);
                    }
                    None => changes.push((character, 0)),
                }
            }
        }
        if modified {
            text.transform(changes, 0);
        }
    }

    pub(super) fn plain<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.longest {
            return longest::plain(&self.map, text);
        }
        let map = &*self.map;
        let mut output = Output::new(text);
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let run = bytes[at..].iter().take_while(|&&byte| map.kept[usize::from(byte)]).count();
            // Before other bytes the last one may be the start of a cluster.
            let run = if at + run < bytes.len() { run.saturating_sub(1) } else { run };
            at += run;
            if at == bytes.len() {
                break;
            }
            let end = at + cluster(&text[at..]);
            if end - at < LONG_CLUSTER
                && let Some(new) = map.find(&bytes[at..end])
            {
                output.replace(at..end).push_str(new);
                at = end;
                continue;
            }
            while at < end {
                let next = at + character_at(text, at).len_utf8();
                if let Some(new) = map.find(&bytes[at..next]) {
                    output.replace(at..next).push_str(new);
                }
                at = next;
            }
        }
        output.finish()
    }
}

impl Map {
    /// The text of the shortest beginning of `key` that has one.
    fn find(&self, key: &[u8]) -> Option<&str> {
        let mut at = offset(*self.units.first()?);
        for &byte in key {
            let unit = self.child(at, byte)?;
            at ^= usize::from(byte) ^ offset(unit);
            if unit & 1 << 8 != 0 {
                let text = self.texts.get((*self.units.get(at)? & !(1 << 31)) as usize..)?;
                let end = memchr(0, text.as_bytes()).unwrap_or(text.len());
                return text.get(..end);
            }
        }
        None
    }

    /// The unit of the child by `byte` of a node whose children are at `at`.
    #[inline]
    fn child(&self, at: usize, byte: u8) -> Option<u32> {
        let unit = *self.units.get(at ^ usize::from(byte))?;
        // The highest bit marks the places of texts, which have no label.
        (byte != 0 && unit & (1 << 31 | 0xff) == u32::from(byte)).then_some(unit)
    }

    fn begins(&self, key: &[u8]) -> bool {
        let Some(&root) = self.units.first() else { return false };
        let step = |at: usize, &byte: &u8| Some(at ^ usize::from(byte) ^ offset(self.child(at, byte)?));
        key.iter().try_fold(offset(root), step).is_some()
    }
}

impl Map {
    /// The longest beginning of `text` that has a text, in bytes, and that.
    pub(super) fn longest(&self, text: &str) -> Option<(usize, &str)> {
        let mut at = offset(*self.units.first()?);
        let mut found = None;
        for (length, &byte) in (1..).zip(text.as_bytes()) {
            if byte == 0 {
                break;
            }
            at ^= usize::from(byte);
            let Some(&unit) = self.units.get(at) else { break };
            if unit & (1 << 31 | 0xff) != u32::from(byte) {
                break;
            }
            at ^= offset(unit);
            if unit & 1 << 8 != 0 && text.is_char_boundary(length) {
                let place = self.units.get(at).map(|unit| (unit & !(1 << 31)) as usize);
                let new = place.and_then(|place| self.texts.get(place..));
                found =
                    new.map(|new| (length, &new[..memchr(0, new.as_bytes()).unwrap_or(new.len())])).or(found);
            }
        }
        found
    }
}

/// Where the children of a unit are, exclusive-or where it is itself.
fn offset(unit: u32) -> usize {
    ((unit >> 10) as usize) << ((unit & 1 << 9) >> 6)
}

/// Say that `new` stands for `old`: character for character, with what is over new, or gone with the last one.
pub(super) fn replace(changes: &mut Vec<Change>, old: &str, new: &str) {
    let more = new.chars().count() as isize - old.chars().count() as isize;
    changes.extend(new.chars().map(|character| (character, 0)));
    if more > 0 {
        changes.iter_mut().rev().take(more as usize).for_each(|change| change.1 = 1);
    } else if let Some(last) = changes.last_mut() {
        // Where `new` is empty this is a character of what came before, as in the reference.
        last.1 += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_maps_are_refused_or_find_nothing() {
        for (map, message) in [
            (vec![], "at least the 4"),
            (vec![8, 0, 0, 0, 1], "expected a trie of 8"),
            (vec![0, 0, 0, 0, 0xff], "not UTF-8 from byte 4"),
        ] {
            assert!(Precompiled::new(map).unwrap_err().to_string().contains(message));
        }
        for map in [vec![0; 4], vec![4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], [4, 0, 0, 0].repeat(9)] {
            let map = Precompiled::new(map).unwrap();
            assert_eq!(map.plain("aé\r\n漢\u{301}"), "aé\r\n漢\u{301}");
        }
    }

    #[test]
    fn what_is_left_of_the_first_character() {
        let map =
            Precompiled::of_entries(&[("\u{200b}", ""), ("e\u{301}", "é"), ("a\u{301}", ""), ("ﬁ", "fi")]);
        assert_eq!(map.plain("xe\u{301}\u{200b}a\u{301}ﬁ"), "xéfi");
        let kept = ["x\u{200b}", "e\u{301}", "ﬁ", "a", "ae\u{301}", "漢"].map(|text| map.keeps_first(text));
        assert_eq!(kept, [true; 6]);
        let vanished = ["\u{200b}x", "a\u{301}", "a\u{301}\u{301}b"].map(|text| map.keeps_first(text));
        assert_eq!(vanished, [false; 3]);
    }

    #[test]
    fn removals_after_expansions_add_up() {
        let mut changes = Vec::new();
        replace(&mut changes, "…", "...");
        replace(&mut changes, "\u{200d}", "");
        assert_eq!(changes, [('.', 0), ('.', 1), ('.', 0)]);
    }
}
