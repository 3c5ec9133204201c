//! How far logits lie from each other. Sums run in lanes, so that no addition waits for the one before.

const LANES: usize = 16;
/// Values that are summed in 32 bits, before the sums go to 64.
const RUN: usize = 256;

/// Number, sum and sum of squares of the distances of values above -inf to the largest one, which is given: they are not
/// large where the values are.
pub struct Moments {
    maximum: f32,
    /// What logits are multiplied with, so that the squares of their distances stay in range.
    factor: f32,
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    pub fn new(maximum: f32) -> Self {
        Self { maximum, factor: 1.0, count: 0.0, sum: 0.0, squares: 0.0 }
    }

    /// For distances beyond the root of the largest number.
    pub fn of_large(maximum: f32) -> Self {
        Self { factor: 2.0f32.powi(-80), ..Self::new(maximum) }
    }

    pub fn add(&mut self, values: &[f32]) {
        let (factor, maximum) = (self.factor, self.maximum * self.factor);
        for run in values.chunks(RUN) {
            let mut lanes = [[0.0f32; LANES]; 3];
            let (full, rest) = run.as_chunks::<LANES>();
            for chunk in full {
                for (lane, value) in chunk.iter().enumerate() {
                    add(&mut lanes, lane, maximum - value * factor);
                }
            }
            for (lane, value) in rest.iter().enumerate() {
                add(&mut lanes, lane, maximum - *value * factor);
            }
            let [count, sum, squares] = lanes.map(|lanes| f64::from(lanes.iter().sum::<f32>()));
            (self.count, self.sum, self.squares) =
                (self.count + count, self.sum + sum, self.squares + squares);
        }
    }

    /// Whether [`of_large`](Self::of_large) is needed.
    pub fn overflowed(&self) -> bool {
        !self.squares.is_finite()
    }

    pub fn deviation(&self) -> f64 {
        let mean = self.sum / self.count;
        // Rounding may bring what is nothing below nothing.
        (self.squares / self.count - mean * mean).max(0.0).sqrt() / f64::from(self.factor)
    }
}

#[inline(always)]
fn add([count, sum, squares]: &mut [[f32; LANES]; 3], lane: usize, distance: f32) {
    let finite = distance < f32::INFINITY;
    let distance = if finite { distance } else { 0.0 };
    count[lane] += if finite { 1.0 } else { 0.0 };
    sum[lane] += distance;
    squares[lane] += distance * distance;
}

/// Sum of the weights, and that of the weights times the distances of their values to the maximum.
pub fn weighted_drop(values: &[f32], weights: &[f32], maximum: f32) -> [f64; 2] {
    let mut sums = [0.0f64; 2];
    for (values, weights) in values.chunks(RUN).zip(weights.chunks(RUN)) {
        let mut lanes = [[0.0f32; LANES]; 2];
        let ((full, rest), (full_weights, rest_weights)) =
            (values.as_chunks::<LANES>(), weights.as_chunks::<LANES>());
        let mut one = |lane: usize, value: f32, weight: f32| {
            lanes[0][lane] += weight;
            // Without a weight the distance may be infinite.
            lanes[1][lane] += if weight > 0.0 { (maximum - value) * weight } else { 0.0 };
        };
        for (values, weights) in full.iter().zip(full_weights) {
            for lane in 0..LANES {
                one(lane, values[lane], weights[lane]);
            }
        }
        for (lane, (value, weight)) in rest.iter().zip(rest_weights).enumerate() {
            one(lane, *value, *weight);
        }
        for (sum, lanes) in sums.iter_mut().zip(lanes) {
            *sum += f64::from(lanes.iter().sum::<f32>());
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_those_of_the_definitions(
            values in prop::collection::vec(prop_oneof![9 => -30.0f32..10.0, 1 => Just(f32::NEG_INFINITY)], 1..700),
        ) {
            let finite: Vec<f64> = values.iter().filter(|x| x.is_finite()).map(|x| f64::from(*x)).collect();
            prop_assume!(!finite.is_empty());
            let (count, mut moments) = (finite.len() as f64, Moments::new(10.0));
            moments.add(&values);
            let mean = finite.iter().sum::<f64>() / count;
            let variance = finite.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            prop_assert!((moments.deviation() - variance.sqrt()).abs() < 0.02);
            let weights: Vec<f32> = values.iter().map(|x| x.exp2()).collect();
            let [total, drop] = weighted_drop(&values, &weights, 10.0);
            let expected: f64 = finite.iter().map(|x| (10.0 - x) * x.exp2()).sum();
            prop_assert!((drop - expected).abs() <= 1e-5 * expected);
            prop_assert!((total - finite.iter().map(|x| x.exp2()).sum::<f64>()).abs() <= 1e-5 * total);
        }
    }

    #[test]
    fn large_values_have_a_deviation() {
        let values = [f32::MAX, f32::MIN, f32::NEG_INFINITY];
        let mut moments = Moments::of_large(f32::MAX);
        moments.add(&values);
        assert!((moments.deviation() / f64::from(f32::MAX) - 1.0).abs() < 1e-6);
        let mut small = Moments::new(1e30);
        small.add(&[1e30, -1e30]);
        assert!(small.overflowed());
    }

    #[test]
    fn equal_values_have_no_deviation() {
        let mut moments = Moments::new(3.5);
        moments.add(&[3.5; 1000]);
        assert_eq!(moments.deviation(), 0.0);
    }
}
