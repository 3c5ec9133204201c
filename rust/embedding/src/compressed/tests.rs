use proptest::prelude::*;

use super::*;
use crate::search::nearest;

fn norms(values: &[f32], size: usize) -> Vec<f32> {
    values.chunks(size).map(|row| row.iter().map(|x| x * x).sum::<f32>().sqrt()).collect()
}

/// What `nearest` finds for each query by itself.
fn twin(matrix: Matrix<'_>, search: &Search<'_>) -> Vec<Vec<Neighbor>> {
    let one = |(number, queries): (usize, &[f32])| {
        let excluded = search.excluded.get(number).map(|rows| [*rows]);
        let excluded = excluded.as_ref().map_or(&[][..], |rows| &rows[..]);
        let search = Search { queries, top: search.top, excluded, rows: search.rows.clone() };
        nearest(matrix, &search, &Cancel::new()).unwrap().remove(0)
    };
    search.queries.chunks_exact(matrix.size).enumerate().map(one).collect()
}

/// Rows of few values, so that many are equal or zero, and rows of any values, some far from length 1.
fn row(size: usize) -> impl Strategy<Value = Vec<f32>> {
    let few = prop::collection::vec((-2i8..3).prop_map(f32::from), size);
    let any =
        (prop::collection::vec(-1.0f32..1.0, size), prop::sample::select(vec![1.0f32, 1e-3, 1e-20, 1e18]))
            .prop_map(|(row, scale)| row.into_iter().map(|value| value * scale).collect());
    prop_oneof![few, any]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn neighbors_are_those_of_the_full_search(
        rows in prop::collection::vec(row(11), 1..90), count in 0usize..20, top in 0usize..9, copies in 1usize..40,
        start in 0usize..9, threads in 1usize..4,
    ) {
        pool::set_num_threads(threads);
        let values: Vec<f32> = rows.iter().cycle().take(rows.len() * copies).flatten().copied().collect();
        let norms = norms(&values, 11);
        let matrix = Matrix { values: &values, norms: &norms, size: 11 };
        let queries: Vec<f32> = (0..count * 11).map(|i| values[(i * 7 + i / 11) % values.len()]).collect();
        let excluded: Vec<Vec<u32>> = (0..count as u32).map(|i| vec![i % 5, i % 11]).collect();
        let excluded: Vec<&[u32]> = excluded.iter().map(Vec::as_slice).collect();
        let search = Search { queries: &queries, top, excluded: &excluded, rows: start.min(norms.len())..norms.len() };
        let codes = compress(matrix, &Cancel::new()).unwrap();
        let found = nearest_compressed(matrix, codes.view(), &search, &Cancel::new()).unwrap();
        prop_assert_eq!(found, twin(matrix, &search));
    }

    #[test]
    fn bounds_hold(
        rows in prop::collection::vec(row(70), 1..9), query in row(70), spike in 0usize..70, height in 0.0f32..10.0,
    ) {
        let mut values: Vec<f32> = rows.into_iter().flatten().collect();
        values.iter_mut().skip(spike).step_by(70).for_each(|value| *value *= height);
        let norms = norms(&values, 70);
        let matrix = Matrix { values: &values, norms: &norms, size: 70 };
        let codes = compress(matrix, &Cancel::new()).unwrap();
        let search = Search { queries: &query, top: 1, excluded: &[], rows: 0..norms.len() };
        let query = Query::new(&query, &Rotation::new(width(70))).unwrap();
        let part = Part { level: Level::Portable, matrix, codes: codes.view(), search: &search, cancel: &Cancel::new() };
        let (mut sieve, mut room) = (Sieve::new(&search, 0), Room::default());
        sieve.look(&part, 0..norms.len(), &query);
        let middle = 128 * query.sum;
        products_of(part.level, &codes.fine, &(0..norms.len() as u32).collect::<Vec<_>>(), &query.code, &mut room.sums);
        for (row, (fine, upper)) in room.sums.iter().zip(&sieve.uppers).enumerate() {
            let terms = values[row * 70..][..70].iter().zip(query.values);
            let exact: f64 = terms.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let exact = if norms[row] > 0.0 { exact / f64::from(norms[row]) } else { 0.0 };
            let fine = (16 * sieve.sums[row] + fine - middle) as f32 * (codes.scales[row] * query.scale);
            let apart = (exact - f64::from(fine)).abs();
            // Bounds that are no number exclude nothing.
            let beyond = exact > f64::from(*upper) || apart > f64::from(query.slack(codes.fine_slacks[row]));
            prop_assert!(!beyond, "{} {} {} {}", exact, upper, fine, codes.fine_slacks[row]);
        }
    }
}

#[test]
fn rows_of_several_stretches_are_compared_as_one() {
    // Whole numbers, so that many rows are equal, within a stretch and across.
    let values: Vec<f32> =
        (0..(2 * STRETCH + 700) * 5).map(|i| ((i * i / 7 + i) % 11) as f32 - 4.0).collect();
    let norms = norms(&values, 5);
    let matrix = Matrix { values: &values, norms: &norms, size: 5 };
    let codes = compress(matrix, &Cancel::new()).unwrap();
    for (top, rows) in [(1, 0..norms.len()), (40, 0..norms.len()), (40, STRETCH - 3..norms.len() - 9)] {
        let search = Search { queries: &values[55..85], top, excluded: &[], rows };
        let found = nearest_compressed(matrix, codes.view(), &search, &Cancel::new()).unwrap();
        assert_eq!(found, twin(matrix, &search));
    }
}

#[test]
fn few_rows_are_compared_in_full() {
    let size = 64;
    let values: Vec<f32> = (0..5000 * size).map(|i| ((i * i % 7919) as f32 * 0.37).sin()).collect();
    let norms = norms(&values, size);
    let matrix = Matrix { values: &values, norms: &norms, size };
    let codes = compress(matrix, &Cancel::new()).unwrap();
    let query = Query::new(&values[..size], &Rotation::new(size)).unwrap();
    let search = Search { queries: &values[..size], top: 5, excluded: &[], rows: 0..5000 };
    let part =
        Part { level: simd::level(), matrix, codes: codes.view(), search: &search, cancel: &Cancel::new() };
    let (mut sieve, mut room) = (Sieve::new(&search, 0), Room::default());
    sieve.look(&part, 0..4000, &query);
    sieve.sift(&part, 0, &query, &mut room).unwrap();
    sieve.look(&part, 4000..5000, &query);
    room.pick(4000, &sieve.uppers, sieve.top.bar);
    assert!((1..200).contains(&room.picked.len()), "{}", room.picked.len());
    let bar = sieve.top.bar;
    let near = |row: &u32| {
        let row = *row as usize;
        let product: f32 = values[row * size..][..size].iter().zip(query.values).map(|(a, b)| a * b).sum();
        product / norms[row] + 2.0 * query.slack(codes.fine_slacks[row]) >= bar
    };
    let left = room.picked.iter().filter(|row| near(row)).count();
    assert!(left < 30, "{left}");
}

#[test]
fn what_is_no_number_is_named() {
    let error = |values: &[f32], norms: &[f32], queries: &[f32]| {
        let matrix = Matrix { values, norms, size: 2 };
        let search = Search { queries, top: 1, excluded: &[], rows: 0..norms.len() };
        let found = compress(matrix, &Cancel::new())
            .and_then(|codes| nearest_compressed(matrix, codes.view(), &search, &Cancel::new()));
        found.unwrap_err().to_string()
    };
    let vectors = "embeddings is infinite, too large or NaN in row 1: expected finite numbers";
    assert_eq!(error(&[1.0, 0.0, f32::NAN, 1.0], &[1.0, 1.0], &[1.0, 0.0]), vectors);
    assert_eq!(error(&[1.0, 0.0, f32::INFINITY, 1.0], &[1.0, f32::INFINITY], &[1.0, 0.0]), vectors);
    assert!(error(&[1.0, 0.0], &[1.0], &[1.0, 0.0, f32::NAN, 0.0]).starts_with("queries is infinite"));
    let matrix = Matrix { values: &[1.0, 0.0], norms: &[1.0], size: 2 };
    let search = Search { queries: &[1.0, 0.0], top: 1, excluded: &[], rows: 0..1 };
    let error = nearest_compressed(matrix, Codes::default().view(), &search, &Cancel::new()).unwrap_err();
    assert!(error.to_string().starts_with("codes is 0 values for 1 rows"), "{error}");
}
