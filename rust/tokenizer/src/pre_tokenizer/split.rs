//! At the matches of a pattern.

use std::ops::Range;

use crate::error::Result;
use crate::normalized::{SplitBehavior, merge_matches};
use crate::pattern::Pattern;

/// Settings of `{"type": "Split"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub pattern: Pattern,
    pub behavior: SplitBehavior,
    /// What is between matches counts as matches, and matches as what is between.
    pub invert: bool,
}

impl Split {
    pub(super) fn pieces(&self, text: &str, emit: &mut dyn FnMut(Range<usize>)) -> Result<()> {
        let mut matches = self.pattern.find_all(text)?;
        if self.invert {
            for (_, is_match) in &mut matches {
                *is_match = !*is_match;
            }
        }
        merge_matches(&matches, self.behavior).into_iter().filter(|range| !range.is_empty()).for_each(emit);
        Ok(())
    }
}
