//! Truncation: keeping encodings, or pairs of them, within a length.

pub use crate::encoding::Direction;
use crate::encoding::Encoding;
use crate::error::{Result, TokenizerError};

/// Which sequence of a pair loses tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    #[default]
    LongestFirst,
    OnlyFirst,
    OnlySecond,
}

/// How encodings are truncated; special tokens that post-processing adds count towards `max_length`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    pub max_length: usize,
    /// Tokens that each overflowing window repeats from the one before.
    pub stride: usize,
    pub strategy: Strategy,
    pub direction: Direction,
}

impl Truncation {
    /// Lengths to keep of a sequence of `first` and, in a pair, one of `second` tokens.
    ///
    /// # Errors
    /// `OnlySecond` without a second sequence; a sequence too short to lose what must go.
    pub fn lengths(&self, first: usize, second: Option<usize>) -> Result<(usize, Option<usize>)> {
        if self.max_length == 0 {
            return Ok((0, second.map(|_| 0)));
        }
        let total = first + second.unwrap_or(0);
        let excess = total.saturating_sub(self.max_length);
        if excess == 0 {
            return Ok((first, second));
        }
        let shorten = |length: usize| {
            length.checked_sub(excess).filter(|&kept| kept > 0).ok_or_else(|| {
                let message = format!(
                    "a sequence of {length} tokens is too short to lose {excess} to respect max_length"
                );
                TokenizerError::argument("truncation", message)
            })
        };
        match (self.strategy, second) {
            (Strategy::LongestFirst, None) => Ok((self.max_length, None)),
            (Strategy::LongestFirst, Some(second)) => {
                let (first, second) = longest_first(first, second, self.max_length);
                Ok((first, Some(second)))
            }
            (Strategy::OnlyFirst, _) => Ok((shorten(first)?, second)),
            (Strategy::OnlySecond, Some(second)) => Ok((first, Some(shorten(second)?))),
            (Strategy::OnlySecond, None) => {
                let message = "strategy only_second needs a second sequence";
                Err(TokenizerError::argument("truncation", message))
            }
        }
    }

    pub fn apply(&self, first: &mut Encoding, second: Option<&mut Encoding>) -> Result<()> {
        let (kept, kept_second) = self.lengths(first.len(), second.as_ref().map(|second| second.len()))?;
        first.truncate(kept, self.stride, self.direction)?;
        if let (Some(second), Some(kept)) = (second, kept_second) {
            second.truncate(kept, self.stride, self.direction)?;
        }
        Ok(())
    }
}

/// Cut the longer until both are equally long, then both: the shorter keeps `max / 2`.
fn longest_first(first: usize, second: usize, max: usize) -> (usize, usize) {
    let (short, swapped) = (first.min(second), first > second);
    let mut kept = (short, short.max(max.saturating_sub(short)));
    if kept.0 + kept.1 > max {
        kept = (max / 2, max / 2 + max % 2);
    }
    if swapped { (kept.1, kept.0) } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_sequence_is_cut_first() {
        assert_eq!(longest_first(10, 3, 8), (5, 3));
        assert_eq!(longest_first(3, 10, 8), (3, 5));
        assert_eq!(longest_first(10, 10, 7), (3, 4));
        assert_eq!(longest_first(20, 19, 5), (3, 2));
    }
}
