use crate::AttentionError;

/// Where the diagonal of a causal mask or window starts when there are more keys than queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alignment {
    /// Query `i` is at position `i`, as torch's `is_causal` has it.
    #[default]
    UpperLeft,
    /// The last query is at the last key, as generation with a key/value cache needs.
    LowerRight,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Queries see no later keys.
    pub causal: bool,
    pub alignment: Alignment,
    /// Multiplies the scores; 1/√d if not given.
    pub scale: Option<f32>,
    /// Query heads may be a multiple of key/value heads.
    pub grouped: bool,
    /// Queries see keys less than this many positions away: with `causal`, the last `window` up to their own.
    pub window: Option<i64>,
    /// Scores become `softcap · tanh(score / softcap)` before masks are applied.
    pub softcap: Option<f32>,
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), AttentionError> {
        let failed =
            |argument, value: String, expected| Err(AttentionError::Argument { argument, value, expected });
        match *self {
            Self { scale: Some(scale), .. } if !scale.is_finite() => {
                failed("scale", scale.to_string(), "a finite number")
            }
            Self { window: Some(window), .. } if window < 1 => {
                failed("window", window.to_string(), "at least 1 key")
            }
            // The reciprocal of a subnormal one is infinite.
            Self { softcap: Some(cap), .. } if !(cap.is_normal() && cap > 0.0) => {
                failed("softcap", cap.to_string(), "a finite number of at least 2^-126")
            }
            _ => Ok(()),
        }
    }
}
