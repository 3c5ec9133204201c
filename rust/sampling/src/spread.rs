//! How far the logits of a list lie from each other. Sums run in lanes, so that no addition waits for the one before.

const LANES: usize = 8;

/// Sum of `of` over pairs of `values` and `weights`.
#[inline(always)]
fn sum(values: &[f32], weights: &[f32], of: impl Fn(f32, f32) -> f64) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let ((values, last_values), (weights, last_weights)) =
        (values.as_chunks::<LANES>(), weights.as_chunks::<LANES>());
    for (values, weights) in values.iter().zip(weights) {
        for lane in 0..LANES {
            lanes[lane] += of(values[lane], weights[lane]);
        }
    }
    let last: f64 = last_values.iter().zip(last_weights).map(|(value, weight)| of(*value, *weight)).sum();
    lanes.iter().sum::<f64>() + last
}

/// Standard deviation of the values, of which there is at least one; divided by their number.
pub fn deviation(values: &[f32]) -> f64 {
    let count = values.len() as f64;
    let mean = sum(values, values, |value, _| f64::from(value)) / count;
    let squares = sum(values, values, |value, _| (f64::from(value) - mean).powi(2));
    (squares / count).sqrt()
}

/// Sum of the distances to the maximum, each times its weight.
pub fn weighted_drop(values: &[f32], weights: &[f32], maximum: f32) -> f64 {
    sum(values, weights, |value, weight| f64::from(maximum - value) * f64::from(weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definitions() {
        let values: Vec<f32> = (0..19).map(|i| (i * i % 7) as f32).collect();
        let weights: Vec<f32> = (0..19).map(|i| i as f32).collect();
        let mean = values.iter().sum::<f32>() / 19.0;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 19.0;
        assert!((deviation(&values) - f64::from(variance.sqrt())).abs() < 1e-6);
        let drop: f32 = values.iter().zip(&weights).map(|(x, w)| (6.0 - x) * w).sum();
        assert_eq!(weighted_drop(&values, &weights, 6.0), f64::from(drop));
        assert_eq!(deviation(&[3.5]), 0.0);
    }
}
