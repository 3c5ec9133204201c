use super::*;
use crate::unsafe_matrix::Matrix;

const WIDTH: usize = 48;

fn levels() -> impl Iterator<Item = Level> {
    let detected = ferrolm_base::simd::detected();
    [Level::Portable, Level::Avx2, Level::Avx512].into_iter().filter(move |&level| level <= detected)
}

fn matrix(rows: usize, seed: f32) -> Matrix {
    let mut matrix = Matrix::zeroed(rows, WIDTH).unwrap();
    for (value, i) in matrix.values_mut().iter_mut().zip(0u16..) {
        *value = (f32::from(i) * seed).sin() / 4.0;
    }
    matrix
}

#[test]
fn the_sigmoid_is_near_the_exact_one_everywhere() {
    for i in -4000i16..4000 {
        let x = f32::from(i) / 40.0;
        let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
        assert!((f64::from(kernel::sigmoid(x)) - exact).abs() < 1e-6, "{x}");
    }
}

/// The change of every value by the definition, and the loss.
fn expected(
    inputs: &Matrix,
    outputs: &Matrix,
    rate: f64,
    weight: impl Fn(usize) -> f64,
) -> (Vec<f64>, Vec<f64>, f64) {
    let (rows, columns) = (inputs.rows(), outputs.rows());
    let value = |matrix: &Matrix, row: usize, d: usize| f64::from(matrix.values()[row * WIDTH + d]);
    let (mut to_inputs, mut to_outputs) = (vec![0.0; rows * WIDTH], vec![0.0; columns * WIDTH]);
    let mut loss = 0.0;
    for i in 0..rows {
        for o in 0..columns {
            let score: f64 = (0..WIDTH).map(|d| value(inputs, i, d) * value(outputs, o, d)).sum();
            let label = if o.is_multiple_of(3) { 1.0 } else { 0.0 };
            let probability = 1.0 / (1.0 + (-score).exp());
            loss -= weight(i) * weight(o) * (1.0 - (label - probability).abs()).ln();
            let error = (label - probability) * weight(i) * weight(o) * rate;
            for d in 0..WIDTH {
                to_inputs[i * WIDTH + d] += error * value(outputs, o, d);
                to_outputs[o * WIDTH + d] += error * value(inputs, i, d);
            }
        }
    }
    (to_inputs, to_outputs, loss)
}

#[test]
fn every_level_takes_the_step_of_the_definition() {
    let weight = |row: usize| 1 + row % 2;
    for level in levels() {
        for (rows, columns) in [(1, 1), (1, 6), (2, 5), (3, 4), (6, 6), (5, 7), (4, 13)] {
            let (mut inputs, mut outputs) = (matrix(rows, 0.37), matrix(columns, 0.71));
            let (start, start_outputs) = (inputs.values().to_vec(), outputs.values().to_vec());
            let (to_inputs, to_outputs, expected_loss) =
                expected(&inputs, &outputs, 0.1, |row| weight(row) as f64);
            let mut loss = 0.0;
            {
                let (inputs, outputs) = (inputs.shared(), outputs.shared());
                let mut step = Step::default();
                for i in 0..rows {
                    step.input(inputs.row(i as u32), inputs.row(i as u32), weight(i) as f32);
                }
                for o in 0..columns {
                    let label = if o.is_multiple_of(3) { 1.0 } else { 0.0 };
                    step.output(outputs.row(o as u32), label, weight(o) as f32);
                }
                descend(level, &mut step, WIDTH, 0.1, Some(&mut loss));
            }
            for (after, before, change) in
                [(inputs.values(), start, to_inputs), (outputs.values(), start_outputs, to_outputs)]
            {
                for ((after, before), change) in after.iter().zip(before).zip(change) {
                    let found = f64::from(*after) - f64::from(before);
                    assert!((found - change).abs() < 1e-6, "{level:?} {rows}x{columns}: {found} {change}");
                }
            }
            assert!((loss / expected_loss - 1.0).abs() < 1e-5, "{loss} {expected_loss}");
        }
    }
}

#[test]
fn sums_are_gathered_and_changes_scattered() {
    for level in levels() {
        let mut rows = matrix(5, 0.3);
        let start = rows.values().to_vec();
        let shared = rows.shared();
        // A row may come twice.
        let three = [shared.row(0), shared.row(1), shared.row(1)];
        gather(level, &three, 0.5, shared.row(3), shared.row(4), WIDTH);
        scatter(level, &three, 2.0, shared.row(2), WIDTH);
        let values = rows.values();
        for d in 0..WIDTH {
            let [a, b, c] = [start[d], start[WIDTH + d], start[2 * WIDTH + d]];
            for (found, expected) in [
                (values[3 * WIDTH + d], 0.5 * a + b),
                (values[4 * WIDTH + d], 0.0),
                (values[d], a + 2.0 * c),
                (values[WIDTH + d], b + 4.0 * c),
            ] {
                assert!((found - expected).abs() < 1e-6);
            }
        }
    }
}
