//! Patterns of `Split` and `Replace`: literal strings, and regular expressions with the syntax and meaning of the
//! reference's engine, Oniguruma.
//!
//! What an automaton can express runs on one, in linear time ([`regular`]); that includes `\s+(?!\S)`, which the
//! patterns of most byte-level tokenizers have. The rest runs on a backtracking machine that remembers what has
//! failed, and so is linear too except for backreferences and loops over what may be empty; those have a
//! limit of steps ([`backtrack`]). What neither can do is refused when the pattern is made.

mod backtrack;
mod first;
mod regular;
mod syntax;

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use crate::error::{Result, TokenizerError};
use backtrack::Backtracker;
use regular::Regular;

/// The most characters that a regular expression may have.
const MAX_PATTERN: usize = 1 << 16;

/// What a pattern was made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    Literal(String),
    Regex(String),
}

#[derive(Debug)]
enum Engine {
    Literal(memmem::Finder<'static>),
    Regular(Regular),
    Backtracker(Backtracker),
}

/// A compiled pattern; cheap to clone.
///
/// ```
/// # use ferrolm_tokenizer::pattern::Pattern;
/// let pattern = Pattern::regex(r"\s+(?!\S)|\s+")?;
/// let matches = pattern.find_all("a  b")?;
/// assert_eq!(matches, [(0..1, false), (1..2, true), (2..3, true), (3..4, false)]);
/// # Ok::<(), ferrolm_tokenizer::TokenizerError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    source: Arc<Source>,
    engine: Arc<Engine>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Matches where this text is.
    pub fn literal(text: &str) -> Self {
        Self {
            source: Arc::new(Source::Literal(text.to_owned())),
            engine: Arc::new(Engine::Literal(memmem::Finder::new(text).into_owned())),
        }
    }

    /// A regular expression; an error names what is wrong with it and where.
    pub fn regex(pattern: &str) -> Result<Self> {
        if pattern.len() > MAX_PATTERN {
            return Err(TokenizerError::Limit { what: "pattern", found: pattern.len(), limit: MAX_PATTERN });
        }
        let node = syntax::parse(pattern)?;
        let engine = match Regular::new(&node) {
            Some(regular) => Engine::Regular(regular),
            None => Engine::Backtracker(Backtracker::new(&node)?),
        };
        Ok(Self { source: Arc::new(Source::Regex(pattern.to_owned())), engine: Arc::new(engine) })
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    /// All of `text` in ranges, in order, each with whether it is a match.
    ///
    /// A text that is empty is one range that is no match, whatever the pattern. Fails when a pattern with
    /// backreferences takes too many steps.
    pub fn find_all(&self, text: &str) -> Result<Vec<(Range<usize>, bool)>> {
        if text.is_empty() {
            return Ok(vec![(0..0, false)]);
        }
        let mut ranges = Vec::new();
        let mut done = 0;
        self.find(text, &mut |found| {
            if done != found.start {
                ranges.push((done..found.start, false));
            }
            done = found.end;
            ranges.push((found, true));
        })?;
        if done != text.len() {
            ranges.push((done..text.len(), false));
        }
        Ok(ranges)
    }

    /// The matches in `text`, in order.
    pub fn find(&self, text: &str, emit: &mut dyn FnMut(Range<usize>)) -> Result<()> {
        match &*self.engine {
            Engine::Literal(finder) => {
                let length = finder.needle().len();
                if length == 0 {
                    each_match(text, |at| Ok(Some(at..at)), emit)
                } else {
                    finder.find_iter(text.as_bytes()).for_each(|at| emit(at..at + length));
                    Ok(())
                }
            }
            Engine::Regular(regular) => each_match(text, |at| Ok(regular.find_at(text, at)), emit),
            Engine::Backtracker(backtracker) => {
                let mut search = backtracker.search(text);
                each_match(text, |at| search.find_at(at), emit)
            }
        }
    }
}

/// Match after match, as the reference steps through a text: an empty match right after another one does not
/// count, and the search goes on one character later.
fn each_match(
    text: &str,
    mut find_at: impl FnMut(usize) -> Result<Option<Range<usize>>>,
    emit: &mut dyn FnMut(Range<usize>),
) -> Result<()> {
    let (mut at, mut last_end) = (0, None);
    while at <= text.len() {
        let Some(found) = find_at(at)? else { break };
        if found.is_empty() && last_end == Some(found.end) {
            at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            continue;
        }
        at = found.end;
        last_end = Some(found.end);
        emit(found);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
