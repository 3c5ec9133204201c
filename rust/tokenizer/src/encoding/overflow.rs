//! Truncation of one encoding into windows.

use std::ops::Range;

use super::Encoding;
use crate::error::{Result, TokenizerError};

/// The side on which tokens are cut off or padded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    Left,
    #[default]
    Right,
}

impl Direction {
    /// As Python spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

impl Encoding {
    /// Keep `max_length` tokens; the others go to `overflowing` in windows that repeat `stride` tokens of the
    /// window before.
    ///
    /// # Errors
    /// A stride that is not smaller than `max_length`.
    pub fn truncate(&mut self, max_length: usize, stride: usize, direction: Direction) -> Result<()> {
        if max_length >= self.len() {
            return Ok(());
        }
        if max_length == 0 {
            let mut all = std::mem::take(self);
            self.model.clone_from(&all.model);
            self.overflowing = std::mem::take(&mut all.overflowing);
            self.overflowing.push(all);
            return Ok(());
        }
        if stride >= max_length {
            let message = format!("{stride} is not smaller than the {max_length} tokens that are kept");
            return Err(TokenizerError::argument("stride", message));
        }
        let mut windows = windows(self.len(), max_length, stride, direction).into_iter();
        let mut kept = self.slice(windows.next().unwrap_or(0..0));
        kept.overflowing = windows.map(|window| self.slice(window)).collect();
        *self = kept;
        Ok(())
    }
}

/// Windows of `size` over `len > size` tokens, from the side that is kept to the side that is cut.
fn windows(len: usize, size: usize, stride: usize, direction: Direction) -> Vec<Range<usize>> {
    let mut windows = Vec::new();
    for moved in (0..len).step_by(size - stride) {
        let window = match direction {
            Direction::Right => moved..(moved + size).min(len),
            Direction::Left => (len - moved).saturating_sub(size)..len - moved,
        };
        let last = if direction == Direction::Right { window.end == len } else { window.start == 0 };
        windows.push(window);
        if last {
            break;
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_overlap_by_the_stride_and_reach_the_end() {
        assert_eq!(windows(10, 4, 1, Direction::Right), [0..4, 3..7, 6..10]);
        assert_eq!(windows(10, 4, 2, Direction::Left), [6..10, 4..8, 2..6, 0..4]);
        assert_eq!(windows(5, 4, 0, Direction::Right), [0..4, 4..5]);
    }
}
