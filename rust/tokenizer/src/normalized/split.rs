//! Cutting a text where a pattern matches.

use std::ops::Range;

use super::NormalizedString;

/// What becomes of the matches that a text is cut at. Of `the-final--countdown` cut at `-`:
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitBehavior {
    /// `the`, `final`, `countdown`
    Removed,
    /// `the`, `-`, `final`, `-`, `-`, `countdown`
    Isolated,
    /// `the-`, `final-`, `-`, `countdown`
    MergedWithPrevious,
    /// `the`, `-final`, `-`, `-countdown`
    MergedWithNext,
    /// `the`, `-`, `final`, `--`, `countdown`
    Contiguous,
}

/// The pieces of a text that is covered by `matches`: ranges in order, each with whether it is a match.
pub fn merge_matches(matches: &[(Range<usize>, bool)], behavior: SplitBehavior) -> Vec<Range<usize>> {
    let mut pieces: Vec<Range<usize>> = Vec::with_capacity(matches.len());
    let mut previous_is_match = false;
    match behavior {
        SplitBehavior::Removed => {
            pieces.extend(matches.iter().filter(|(_, is_match)| !is_match).map(|(range, _)| range.clone()));
        }
        SplitBehavior::Isolated => pieces.extend(matches.iter().map(|(range, _)| range.clone())),
        SplitBehavior::Contiguous | SplitBehavior::MergedWithPrevious => {
            for (range, is_match) in matches {
                let joins = if behavior == SplitBehavior::Contiguous {
                    *is_match == previous_is_match
                } else {
                    *is_match && !previous_is_match
                };
                match pieces.last_mut() {
                    Some(last) if joins => last.end = range.end,
                    _ => pieces.push(range.clone()),
                }
                previous_is_match = *is_match;
            }
        }
        SplitBehavior::MergedWithNext => {
            for (range, is_match) in matches.iter().rev() {
                match pieces.last_mut() {
                    Some(next) if *is_match && !previous_is_match => next.start = range.start,
                    _ => pieces.push(range.clone()),
                }
                previous_is_match = *is_match;
            }
            pieces.reverse();
        }
    }
    pieces
}

impl NormalizedString {
    /// The pieces, also empty ones, of a text whose normalized form is covered by `matches`.
    pub fn split(&self, matches: &[(Range<usize>, bool)], behavior: SplitBehavior) -> Vec<Self> {
        merge_matches(matches, behavior).into_iter().map(|range| self.slice(range)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(behavior: SplitBehavior) -> Vec<String> {
        let text = NormalizedString::new("the-final--countdown");
        let matches =
            [(0..3, false), (3..4, true), (4..9, false), (9..10, true), (10..11, true), (11..20, false)];
        text.split(&matches, behavior).iter().map(|piece| piece.get().to_owned()).collect()
    }

    #[test]
    fn behaviors() {
        assert_eq!(pieces(SplitBehavior::Removed), ["the", "final", "countdown"]);
        assert_eq!(pieces(SplitBehavior::Isolated), ["the", "-", "final", "-", "-", "countdown"]);
        assert_eq!(pieces(SplitBehavior::MergedWithPrevious), ["the-", "final-", "-", "countdown"]);
        assert_eq!(pieces(SplitBehavior::MergedWithNext), ["the", "-final", "-", "-countdown"]);
        assert_eq!(pieces(SplitBehavior::Contiguous), ["the", "-", "final", "--", "countdown"]);
    }
}
