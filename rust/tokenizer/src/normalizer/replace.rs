//! What matches a pattern replaced by a text.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use super::output::Output;
use crate::error::{Result, TokenizerError};
use crate::normalized::NormalizedString;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplacePattern {
    /// This text; an empty one is found before every character and at the end.
    String(String),
    /// What this regular expression matches.
    Regex(String),
}

/// Every match of a pattern replaced by a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Replace {
    pattern: ReplacePattern,
    pub content: String,
}

impl Replace {
    /// An error if the pattern is a regular expression that is not valid.
    pub fn new(pattern: ReplacePattern, content: String) -> Result<Self> {
        if let ReplacePattern::Regex(_) = &pattern {
            return Err(TokenizerError::argument("pattern", "regular expressions are not supported yet"));
        }
        Ok(Self { pattern, content })
    }

    pub fn pattern(&self) -> &ReplacePattern {
        &self.pattern
    }

    fn find(&self, text: &str, found: &mut dyn FnMut(Range<usize>)) -> Result<()> {
        // Nothing is looked for in a text that is empty, not even an empty match.
        if text.is_empty() {
            return Ok(());
        }
        match &self.pattern {
            ReplacePattern::String(wanted) if wanted.is_empty() => {
                let starts = text.char_indices().map(|(at, _)| at);
                starts.chain([text.len()]).for_each(|at| found(at..at));
            }
            ReplacePattern::String(wanted) => {
                let starts = memmem::find_iter(text.as_bytes(), wanted.as_bytes());
                starts.for_each(|at| found(at..at + wanted.len()));
            }
            ReplacePattern::Regex(_) => {}
        }
        Ok(())
    }

    pub(super) fn normalize(&self, text: &mut NormalizedString) -> Result<()> {
        let mut matches = Vec::new();
        self.find(text.get(), &mut |range| matches.push((range, true)))?;
        text.replace(&matches, &self.content);
        Ok(())
    }

    pub(super) fn plain<'a>(&self, text: &'a str) -> Result<Cow<'a, str>> {
        let mut output = Output::new(text);
        self.find(text, &mut |range| output.replace(range).push_str(&self.content))?;
        Ok(output.finish())
    }
}
