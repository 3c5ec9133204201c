//! What a layer is made of.

use ferrolm_attention::{AttentionError, Matrix};
use ferrolm_base::Cancel;
use ferrolm_base::simd::Level;

use crate::{Activation, DecoderError, Norm};

/// `x Wᵀ + b`
#[derive(Clone, Debug)]
pub struct Linear<'a> {
    pub matrix: Matrix<'a>,
    pub bias: Option<Vec<f32>>,
}

impl Linear<'_> {
    pub(crate) fn check(&self, part: &str, expected: (usize, usize)) -> Result<(), DecoderError> {
        let found = self.matrix.shape();
        if found != expected {
            return Err(DecoderError::shape(part, &[found.0, found.1], &[expected.0, expected.1]));
        }
        match &self.bias {
            Some(bias) if bias.len() != expected.0 => {
                Err(DecoderError::shape(format!("the bias of {part}"), &[bias.len()], &[expected.0]))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn apply(
        &self,
        level: Level,
        x: &[f32],
        out: &mut [f32],
        cancel: &Cancel,
    ) -> Result<(), AttentionError> {
        self.matrix.apply_at(level, x, self.bias.as_deref(), out, cancel)
    }
}

/// How hidden states become queries, keys and values.
#[derive(Clone, Debug)]
pub enum Project<'a> {
    /// All three in one product, one after the other.
    Together(Linear<'a>),
    Each {
        query: Linear<'a>,
        key: Linear<'a>,
        value: Linear<'a>,
    },
}

/// The two products around an activation.
#[derive(Clone, Debug)]
pub struct Feed<'a> {
    /// Into the activation.
    pub inner: Linear<'a>,
    /// What the activation is multiplied with, if it is gated.
    pub gated: Option<Linear<'a>>,
    pub outer: Linear<'a>,
    pub activation: Activation,
}

/// Attention, then a feed-forward part, each behind a norm and added to the hidden states.
#[derive(Clone, Debug)]
pub struct Layer<'a> {
    pub attention_norm: Norm,
    pub project: Project<'a>,
    /// Of each head of the queries and of the keys, before they are turned (Qwen 3).
    pub head_norms: Option<(Norm, Norm)>,
    pub output: Linear<'a>,
    pub feed_norm: Norm,
    pub feed: Feed<'a>,
    /// Multiplies the scores.
    pub scale: f32,
    /// Queries see so many keys up to their own.
    pub window: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    pub query: usize,
    pub key_value: usize,
    pub dimension: usize,
}

impl Layer<'_> {
    pub(crate) fn check(&self, number: usize, width: usize, heads: Heads) -> Result<(), DecoderError> {
        let of = |part: &str| format!("{part} of layer {number}");
        let norm = |part: &str, norm: &Norm, width| {
            let found = norm.width();
            if found == width && norm.fits() {
                return Ok(());
            }
            Err(DecoderError::shape(of(part), &[found], &[width]))
        };
        let (queries, keys) = (heads.query * heads.dimension, heads.key_value * heads.dimension);
        norm("the attention's norm", &self.attention_norm, width)?;
        norm("the norm before the feed-forward part", &self.feed_norm, width)?;
        if let Some((query, key)) = &self.head_norms {
            norm("the norm of the queries", query, heads.dimension)?;
            norm("the norm of the keys", key, heads.dimension)?;
        }
        match &self.project {
            Project::Together(linear) => linear.check(&of("the projection"), (queries + 2 * keys, width))?,
            Project::Each { query, key, value } => {
                query.check(&of("the projection of queries"), (queries, width))?;
                key.check(&of("the projection of keys"), (keys, width))?;
                value.check(&of("the projection of values"), (keys, width))?;
            }
        }
        self.output.check(&of("the attention's output"), (width, queries))?;
        let inner = self.feed.inner.matrix.shape().0;
        self.feed.inner.check(&of("the inner product"), (inner, width))?;
        if let Some(gated) = &self.feed.gated {
            gated.check(&of("the gate's product"), (inner, width))?;
        }
        self.feed.outer.check(&of("the outer product"), (width, inner))
    }
}
