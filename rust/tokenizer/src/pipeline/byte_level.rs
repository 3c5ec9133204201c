//! Which pipelines are byte-level ones that the fast engine serves.

use std::borrow::Cow;

use crate::normalized::SplitBehavior;
use crate::normalizer::Normalizer;
use crate::pattern::Source;
use crate::pre_tokenizer::PreTokenizer;
use crate::split::Family;
use crate::tokenizer::Tokenizer;
use crate::unicode::forms::Form;

/// The family that a pre-tokenizer cuts by before it spells the bytes; none if it is another kind, or not known.
pub(super) fn family(pre_tokenizer: &PreTokenizer) -> Option<Family> {
    let parts = match pre_tokenizer {
        PreTokenizer::Sequence(parts) => parts.as_slice(),
        part => std::slice::from_ref(part),
    };
    match parts {
        [PreTokenizer::ByteLevel(settings)] if settings.use_regex => Some(Family::Gpt2),
        // A space would be put before every piece.
        [splits @ .., PreTokenizer::ByteLevel(settings)]
            if !settings.use_regex && !settings.add_prefix_space =>
        {
            let patterns = splits.iter().map(|part| pattern(part, splits.len() == 1));
            Family::of_patterns(&patterns.collect::<Option<Vec<_>>>()?)
        }
        _ => None,
    }
}

/// The pattern of a split whose matches, and what is between them, are the pieces.
fn pattern(part: &PreTokenizer, only: bool) -> Option<&str> {
    let PreTokenizer::Split(split) = part else { return None };
    let Source::Regex(pattern) = split.pattern.source() else { return None };
    let isolated = split.behavior == SplitBehavior::Isolated;
    // The patterns that stand alone leave nothing between their matches that could be removed.
    let kept = only && split.invert && split.behavior == SplitBehavior::Removed;
    (isolated || kept).then_some(pattern)
}

impl Tokenizer {
    /// Whether the normalizer leaves `text` and any part of it alone.
    pub(super) fn is_normal(&self, text: &str) -> bool {
        match self.normalizer() {
            None => true,
            Some(normalizer @ Normalizer::Unicode(Form::Nfc)) => {
                matches!(normalizer.normalize_plain(text), Ok(Cow::Borrowed(_)))
            }
            Some(_) => false,
        }
    }
}
