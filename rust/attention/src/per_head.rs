//! What differs from query head to query head beside the queries themselves.

use std::ops::Range;

use crate::AttentionError;

/// One value for each query head, or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct PerHead<'a> {
    /// Scores are lowered by the slope times the distance of query and key (Press et al. 2022, "Train Short, Test
    /// Long", `ALiBi`), after the soft cap, like a mask.
    pub alibi_slopes: Option<&'a [f32]>,
    /// A score without a key, which takes its part of the softmax and gives nothing ("attention sink", gpt-oss).
    pub sinks: Option<&'a [f32]>,
}

impl<'a> PerHead<'a> {
    pub(crate) fn check(&self, heads: usize) -> Result<(), AttentionError> {
        for (argument, values) in [("alibi_slopes", self.alibi_slopes), ("sinks", self.sinks)] {
            let Some(values) = values else { continue };
            if values.len() != heads {
                return Err(AttentionError::Length { argument, found: values.len(), expected: heads });
            }
            if let Some(head) = values.iter().position(|value| !value.is_finite()) {
                let value = format!("{} for head {head}", values[head]);
                return Err(AttentionError::Argument { argument, value, expected: "finite numbers" });
            }
        }
        Ok(())
    }

    /// Those of some of the heads.
    pub(crate) fn of(&self, heads: Range<usize>) -> PerHead<'a> {
        PerHead {
            alibi_slopes: self.alibi_slopes.map(|slopes| &slopes[heads.clone()]),
            sinks: self.sinks.map(|sinks| &sinks[heads]),
        }
    }
}
