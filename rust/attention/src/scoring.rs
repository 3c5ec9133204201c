//! From the product of a query and a key to a weight.

use std::f32::consts::LOG2_E;

use crate::Options;

/// How scores become exponents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scoring {
    pub scale: f32,
    pub softcap: Option<f32>,
    /// Scores are scaled before biases are added, and not only inside the exponential.
    pub scale_first: bool,
}

impl Scoring {
    pub(crate) fn new(options: &Options, depth: usize) -> Self {
        let scale = options.scale.unwrap_or(1.0 / (depth as f32).sqrt());
        // Otherwise scaling waits for the exponential, and biases are divided by the scale instead.
        let scale_first = options.softcap.is_some() || scale < 1e-6;
        Self { scale, softcap: options.softcap, scale_first }
    }

    /// The factor of biases that are added to the scores.
    #[inline(always)]
    pub(crate) fn of_bias(self) -> f32 {
        if self.scale_first { 1.0 } else { 1.0 / self.scale }
    }

    /// What takes a score, as it leaves the transformations, to an exponent of two.
    #[inline(always)]
    pub(crate) fn to_exponent(self) -> f32 {
        if self.scale_first { LOG2_E } else { self.scale * LOG2_E }
    }
}

/// What a row's context is multiplied with in the end: one over the sum, which the sink joins here.
///
/// `maximum` is an exponent of two, and `sum` is of powers of two below it. A row that saw nothing has sum 0.
#[inline]
pub(crate) fn normalizer(maximum: f32, sum: f32, sink: Option<f32>) -> f32 {
    let Some(sink) = sink.map(|sink| sink * LOG2_E) else {
        return if sum == 0.0 { 0.0 } else { 1.0 / sum };
    };
    let top = maximum.max(sink);
    let decay = (maximum - top).exp2();
    decay / (sum * decay + (sink - top).exp2())
}
