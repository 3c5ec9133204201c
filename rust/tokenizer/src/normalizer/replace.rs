//! What matches a pattern replaced by a text.

use std::borrow::Cow;
use std::ops::Range;

use super::output::Output;
use crate::error::Result;
use crate::normalized::NormalizedString;
use crate::pattern::Pattern;

/// Every match of a pattern replaced by a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Replace {
    /// A literal one that is empty is found before every character and at the end.
    pub pattern: Pattern,
    pub content: String,
}

impl Replace {
    fn find(&self, text: &str, found: &mut dyn FnMut(Range<usize>)) -> Result<()> {
        // Nothing is found in a text that is empty, not even an empty match.
        if text.is_empty() { Ok(()) } else { self.pattern.find(text, found) }
    }

    pub(super) fn normalize(&self, text: &mut NormalizedString) -> Result<()> {
        let mut matches = Vec::new();
        self.find(text.get(), &mut |range| matches.push((range, true)))?;
        text.replace(&matches, &self.content);
        Ok(())
    }

    pub(crate) fn plain<'a>(&self, text: &'a str) -> Result<Cow<'a, str>> {
        let mut output = Output::new(text);
        self.find(text, &mut |range| output.replace(range).push_str(&self.content))?;
        Ok(output.finish())
    }
}
