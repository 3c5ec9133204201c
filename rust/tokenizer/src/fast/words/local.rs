//! Where a normalizer may be applied to the parts of a text instead of the whole.
//!
//! Each type looks at single characters, at marks and what they stand on, or (the map of SentencePiece) at grapheme
//! clusters. White space of ASCII is the end of all of those, with the exceptions that are looked for here; what
//! becomes of single characters is not derived but tried.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::normalizer::Normalizer;
use crate::pattern::Source;
use crate::unicode::Class;
use crate::unicode::forms::Form;
use crate::unicode::graphemes::{prepended, stands_alone};

/// White space that text may be cut at.
pub(super) const WHITE: [u8; 4] = [b' ', b'\t', b'\n', b'\r'];

/// What grows more than this is not tried out character by character.
const MOST_GROWTH: usize = 1 << 12;

/// A normalizer that looks no further than to white space.
#[derive(Debug, Clone, Default)]
pub(super) struct Local {
    normalizer: Option<Normalizer>,
    /// Text is looked at by cluster: a space with marks on it belongs to what follows.
    pub(super) clusters: bool,
    /// White space at the start of the text vanishes.
    pub(super) strips_left: bool,
    /// What runs of spaces become.
    pub(super) squeezed: Option<char>,
    /// White space at the end of the text vanishes, or runs of spaces become one.
    squeezes: bool,
    /// Some text vanishes, so that white space around it meets.
    pub(super) vanishes: bool,
    /// A mark may change the ASCII character before it.
    pub(super) composes: bool,
    /// Texts that are replaced.
    pub(super) patterns: String,
    /// How many times as long all replacements, one after the other, can make a text.
    growth: usize,
    /// No type has been looked at yet.
    first: bool,
}

impl Local {
    /// None if what becomes of a text depends on what is beyond white space.
    pub(super) fn new(normalizer: Option<&Normalizer>) -> Option<Self> {
        let mut local = Self { normalizer: normalizer.cloned(), growth: 1, first: true, ..Self::default() };
        normalizer.is_none_or(|normalizer| local.look(normalizer)).then_some(local)
    }

    fn look(&mut self, normalizer: &Normalizer) -> bool {
        match normalizer {
            Normalizer::Sequence(parts) => parts.iter().all(|part| {
                let local = self.look(part);
                self.first = false;
                local
            }),
            Normalizer::Bert(_) | Normalizer::StripAccents | Normalizer::Lowercase | Normalizer::Nmt => true,
            Normalizer::Unicode(form) => {
                self.composes |= matches!(form, Form::Nfc | Form::Nfkc);
                true
            }
            Normalizer::Precompiled(map) => {
                // What other types do before may move marks to where raw text has none.
                if !std::mem::replace(&mut self.first, false) || map.has_longest_match() {
                    return false;
                }
                (self.clusters, self.composes) = (true, true);
                // A cluster becomes what the shortest of its beginnings becomes.
                let clings = |character: char| map.begins(character.encode_utf8(&mut [0; 4]));
                !map.begins(" ") && !prepended().any(clings)
            }
            Normalizer::Strip { left, .. } => {
                self.squeezes = true;
                self.strips_left |= left;
                true
            }
            Normalizer::Replace(replace) => {
                let mut content = replace.content.chars();
                match replace.pattern.source() {
                    Source::Regex(pattern) => {
                        self.squeezes = true;
                        let content = content.next().filter(|_| content.next().is_none());
                        pattern == " {2,}"
                            && content.is_some()
                            && self.squeezed.replace(content.unwrap_or(' ')).is_none()
                    }
                    Source::Literal(pattern) => {
                        self.vanishes |= replace.content.is_empty();
                        self.composes = true;
                        self.patterns += pattern;
                        let white = |text: &str| text.contains(char::is_whitespace);
                        let times = replace.content.len().div_ceil(pattern.len().max(1)).max(1);
                        self.growth = self.growth.saturating_mul(times);
                        self.growth <= MOST_GROWTH
                            && !self.squeezes
                            && !pattern.is_empty()
                            && !white(pattern)
                            && !white(&replace.content)
                    }
                }
            }
            Normalizer::Prepend(_) | Normalizer::ByteLevel | Normalizer::Custom(_) => false,
        }
    }

    fn normalize(&self, text: &str) -> Option<String> {
        let normalize = |normalizer: &Normalizer| normalizer.normalize_plain(text).map(String::from);
        self.normalizer
            .as_ref()
            .map_or_else(|| Some(text.to_owned()), |normalizer| normalize(normalizer).ok())
    }

    /// What becomes of a character between letters.
    pub(super) fn becomes(&self, character: char) -> Option<String> {
        let (before, whole) = (self.normalize("a")?, self.normalize(&format!("a{character}a"))?);
        Some(whole.strip_prefix(&before)?.strip_suffix(&before)?.to_owned())
    }
}

/// Characters after which white space may be cut off with what follows it; found out one by one.
#[derive(Debug)]
pub(super) struct Ends {
    local: Local,
    /// What spaces become, which must not be there before.
    space: char,
    /// A bit per character of the first plane.
    known: Box<[AtomicU64]>,
    found: Box<[AtomicU64]>,
}

const PLANE: usize = 1 << 16;

impl Ends {
    pub(super) fn new(local: Local, space: char) -> Self {
        let bits = || std::iter::repeat_with(|| AtomicU64::new(0)).take(PLANE / 64).collect();
        Self { local, space, known: bits(), found: bits() }
    }

    pub(super) fn get(&self, character: char) -> bool {
        let (word, bit) = (character as usize / 64, 1 << (character as usize % 64));
        let (Some(known), Some(found)) = (self.known.get(word), self.found.get(word)) else { return false };
        if known.load(Ordering::Acquire) & bit == 0 {
            if self.try_out(character) {
                found.fetch_or(bit, Ordering::Relaxed);
            }
            known.fetch_or(bit, Ordering::Release);
        }
        found.load(Ordering::Relaxed) & bit != 0
    }

    fn try_out(&self, character: char) -> bool {
        let word = matches!(Class::of(character), Class::Letter | Class::Number);
        if !stands_alone(character) || !(word || character.is_ascii_punctuation()) {
            return false;
        }
        let parts = [format!("a{character} a"), format!("a{character}"), " a".to_owned()];
        let [whole, left, right] = parts.map(|text| self.local.normalize(&text));
        let apart = left.zip(right).map(|(left, right)| left + &right);
        let last = self.local.becomes(character).and_then(|becomes| becomes.chars().next_back());
        whole.is_some()
            && whole == apart
            && last.is_some_and(|last| !last.is_whitespace() && last != self.space)
    }
}
