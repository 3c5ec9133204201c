//! The nearest rows by cosine, found exactly: every row against every query.
//!
//! One query reads the whole matrix once, and is as fast as memory. Many go in groups over tiles of rows that stay in
//! the cache, as a product of matrices whose results are looked at while they are there: what is no match costs a
//! comparison.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use crate::EmbeddingError;
use crate::arch::search::{Packed, QUERIES, pack, products, products_of_one};

/// Rows, and the lengths of each.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    pub values: &'a [f32],
    pub norms: &'a [f32],
    pub size: usize,
}

/// What is asked of a matrix.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// Row-major, of the matrix' size; their length scales the similarities.
    pub queries: &'a [f32],
    /// How many rows each query wants.
    pub top: usize,
    /// Rows that a query does not want; none or one list per query.
    pub excluded: &'a [&'a [u32]],
    /// Rows to look at.
    pub rows: Range<usize>,
}

/// A row and its similarity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    pub row: u32,
    pub similarity: f32,
}

/// Rows of a tile: of 100 dimensions, some 200 kB.
pub(crate) const TILE: usize = 512;
/// Fewer queries than this are multiplied one by one.
const FEW: usize = 4;

/// For each query, the rows of the greatest products divided by the rows' lengths, greatest first; of equals the first
/// rows. Rows of length 0 have similarity 0.
///
/// # Errors
/// If shapes do not fit, or `cancel` is raised.
pub fn nearest(
    matrix: Matrix<'_>,
    search: &Search<'_>,
    cancel: &Cancel,
) -> Result<Vec<Vec<Neighbor>>, EmbeddingError> {
    check(matrix, search)?;
    if matrix.size == 0 || search.queries.is_empty() {
        return Ok(Vec::new());
    }
    let level = simd::level();
    let count = search.queries.len() / matrix.size;
    let groups = if count < FEW { count } else { count.div_ceil(QUERIES) };
    let group = if count < FEW { 1 } else { QUERIES };
    // Groups are for themselves; when they are too few for the threads, the rows are cut as well.
    let (threads, length) = (pool::num_threads(), search.rows.len());
    let cuts =
        if groups >= threads { 1 } else { threads.div_ceil(groups).min(length.div_ceil(4 * TILE)).max(1) };
    let tasks: Vec<(usize, usize)> =
        (0..groups).flat_map(|group| (0..cuts).map(move |cut| (group, cut))).collect();
    let run = |(index, cut): (usize, usize)| {
        let rows = search.rows.start + length * cut / cuts..search.rows.start + length * (cut + 1) / cuts;
        let queries = index * group..((index + 1) * group).min(count);
        let part = Part { level, matrix, search, queries, cancel };
        part.nearest(rows)
    };
    let found: Result<Vec<Vec<Top>>, _> = if tasks.len() == 1 {
        tasks.into_iter().map(run).collect()
    } else {
        pool::install(|| tasks.into_par_iter().map(run).collect())
    };
    let merged = found?.chunks_mut(cuts).flat_map(merge).collect::<Vec<_>>();
    Ok(merged)
}

pub(crate) fn check(matrix: Matrix<'_>, search: &Search<'_>) -> Result<(), EmbeddingError> {
    let failed =
        |argument, value: String, expected| Err(EmbeddingError::Argument { argument, value, expected });
    let rows = matrix.norms.len();
    if matrix.size * rows != matrix.values.len() || rows > u32::MAX as usize {
        return failed(
            "vectors",
            format!("{} values for {rows} rows", matrix.values.len()),
            "as many rows as norms",
        );
    }
    let count = search.queries.len().checked_div(matrix.size).unwrap_or(0);
    if count * matrix.size != search.queries.len() {
        return failed("queries", format!("{} values", search.queries.len()), "rows of the vectors' size");
    }
    if !search.excluded.is_empty() && search.excluded.len() != count {
        return failed(
            "excluded",
            format!("{} lists for {count} queries", search.excluded.len()),
            "one for each",
        );
    }
    if search.rows.start > search.rows.end || search.rows.end > rows {
        return failed("rows", format!("{:?}", search.rows), "a range within the vectors");
    }
    Ok(())
}

pub(crate) fn merge(parts: &mut [Vec<Top>]) -> Vec<Vec<Neighbor>> {
    let Some((first, others)) = parts.split_first_mut() else { return Vec::new() };
    for other in others {
        for (top, more) in first.iter_mut().zip(other) {
            more.heap.drain().for_each(|Worst(neighbor)| top.offer(neighbor));
        }
    }
    first.drain(..).map(Top::sorted).collect()
}

/// Some queries against some rows.
struct Part<'a> {
    level: Level,
    matrix: Matrix<'a>,
    search: &'a Search<'a>,
    queries: Range<usize>,
    cancel: &'a Cancel,
}

impl<'a> Part<'a> {
    fn nearest(&self, rows: Range<usize>) -> Result<Vec<Top<'a>>, EmbeddingError> {
        let size = self.matrix.size;
        let queries = &self.search.queries[self.queries.start * size..self.queries.end * size];
        let mut tops: Vec<Top<'a>> = self.queries.clone().map(|query| Top::new(self.search, query)).collect();
        let packed: Packed = if tops.len() == 1 { Packed::new() } else { pack(queries, size) };
        let (mut of_one, mut of_group) = (Vec::new(), Vec::new());
        for start in rows.clone().step_by(TILE) {
            self.cancel.check()?;
            let end = (start + TILE).min(rows.end);
            let (values, norms) =
                (&self.matrix.values[start * size..end * size], &self.matrix.norms[start..end]);
            if let [top] = &mut tops[..] {
                products_of_one(self.level, values, queries, &mut of_one);
                for ((row, product), norm) in (start..).zip(&of_one).zip(norms) {
                    top.see(row, *product, *norm);
                }
            } else {
                products(self.level, values, &packed, &mut of_group);
                for ((row, products), norm) in (start..).zip(&of_group).zip(norms) {
                    for (top, product) in tops.iter_mut().zip(products) {
                        top.see(row, *product, *norm);
                    }
                }
            }
        }
        Ok(tops)
    }
}

/// The best rows so far.
pub(crate) struct Top<'a> {
    heap: BinaryHeap<Worst>,
    top: usize,
    excluded: &'a [u32],
    /// What is not above this need not be looked at.
    pub(crate) bar: f32,
}

impl<'a> Top<'a> {
    pub(crate) fn new(search: &Search<'a>, query: usize) -> Self {
        let excluded = search.excluded.get(query).copied().unwrap_or_default();
        // A heap of its full length at once would let a large `top` reserve more than there are rows.
        Self { heap: BinaryHeap::new(), top: search.top, excluded, bar: f32::NEG_INFINITY }
    }

    /// Whether no row is wanted.
    pub(crate) fn is_closed(&self) -> bool {
        self.top == 0
    }

    #[inline(always)]
    pub(crate) fn see(&mut self, row: usize, product: f32, norm: f32) {
        // Not divided yet: most rows are told off by a product.
        if product > self.bar * norm || self.heap.len() < self.top {
            let similarity = if norm > 0.0 { product / norm } else { 0.0 };
            self.offer(Neighbor { row: row as u32, similarity });
        }
    }

    #[inline(never)]
    pub(crate) fn offer(&mut self, neighbor: Neighbor) {
        if self.excluded.contains(&neighbor.row) || neighbor.similarity.is_nan() {
            return;
        }
        if self.heap.len() < self.top {
            self.heap.push(Worst(neighbor));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && Worst(neighbor) < *worst
        {
            *worst = Worst(neighbor);
        }
        if self.heap.len() == self.top
            && let Some(worst) = self.heap.peek()
        {
            // A little lower, because the division may round up.
            let similarity = worst.0.similarity;
            self.bar = similarity - similarity.abs() * 1e-6 - f32::MIN_POSITIVE;
        }
    }

    /// Begin anew.
    pub(crate) fn clear(&mut self) {
        self.heap.clear();
        self.bar = f32::NEG_INFINITY;
    }

    /// The rows, in no order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = u32> {
        self.heap.iter().map(|Worst(neighbor)| neighbor.row)
    }

    fn sorted(self) -> Vec<Neighbor> {
        self.heap.into_sorted_vec().into_iter().map(|Worst(neighbor)| neighbor).collect()
    }
}

/// Ordered so that the worst neighbor is the greatest: the least similar, of equals the last.
#[derive(Clone, Copy, PartialEq)]
struct Worst(Neighbor);

impl Eq for Worst {}

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.similarity.total_cmp(&self.0.similarity).then(self.0.row.cmp(&other.0.row))
    }
}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn twin(matrix: Matrix<'_>, search: &Search<'_>) -> Vec<Vec<Neighbor>> {
        let near = |(index, query): (usize, &[f32])| {
            let excluded = search.excluded.get(index).copied().unwrap_or_default();
            let mut all: Vec<Neighbor> = search
                .rows
                .clone()
                .filter(|row| !excluded.contains(&(*row as u32)))
                .map(|row| {
                    let values = &matrix.values[row * matrix.size..(row + 1) * matrix.size];
                    let product: f32 = values.iter().zip(query).map(|(a, b)| a * b).sum();
                    let norm = matrix.norms[row];
                    Neighbor { row: row as u32, similarity: if norm > 0.0 { product / norm } else { 0.0 } }
                })
                .collect();
            all.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row)));
            all.truncate(search.top);
            all
        };
        search.queries.chunks_exact(matrix.size).enumerate().map(near).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]
        #[test]
        fn neighbors_are_those_of_a_full_sort(
            // Whole numbers have exact products, and many equal ones.
            rows in prop::collection::vec(prop::collection::vec(-3i8..4, 9), 1..70),
            count in 0usize..40, top in 0usize..12, start in 0usize..9, threads in 1usize..4,
        ) {
            pool::set_num_threads(threads);
            let values: Vec<f32> = rows.iter().flatten().map(|&value| f32::from(value)).collect();
            let norms: Vec<f32> = values.chunks(9).map(|row| row.iter().map(|x| x * x).sum::<f32>().sqrt()).collect();
            let matrix = Matrix { values: &values, norms: &norms, size: 9 };
            let queries: Vec<f32> = (0..count * 9).map(|i| values[(i * 7 + i / 9) % values.len()]).collect();
            let excluded: Vec<Vec<u32>> = (0..count as u32).map(|i| vec![i % 5, i % 11]).collect();
            let excluded: Vec<&[u32]> = excluded.iter().map(Vec::as_slice).collect();
            let rows = start.min(norms.len())..norms.len();
            let search = Search { queries: &queries, top, excluded: &excluded, rows };
            prop_assert_eq!(nearest(matrix, &search, &Cancel::new()).unwrap(), twin(matrix, &search));
        }
    }

    #[test]
    fn every_level_multiplies_alike() {
        let size = 43;
        let values =
            |n: usize, seed: f32| (0..n * size).map(|i| (i as f32 * seed).sin()).collect::<Vec<f32>>();
        let (rows, queries) = (values(20, 0.7), values(QUERIES, 1.3));
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let level = level.min(simd::detected());
            let (mut group, mut one) = (Vec::new(), Vec::new());
            products(level, &rows, &pack(&queries, size), &mut group);
            for (lane, query) in queries.chunks_exact(size).enumerate() {
                products_of_one(level, &rows, query, &mut one);
                for (row, products) in group.iter().enumerate() {
                    let values = rows[row * size..].iter().zip(query);
                    let exact: f64 = values.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    assert!((f64::from(products[lane]) - exact).abs() < 1e-5);
                    assert!((f64::from(one[row]) - exact).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn shapes_are_named() {
        let matrix = Matrix { values: &[0.0; 6], norms: &[1.0; 3], size: 2 };
        let search = Search { queries: &[0.0; 3], top: 1, excluded: &[], rows: 0..3 };
        for (matrix, search, words) in [
            (matrix, search.clone(), "queries is 3 values"),
            (matrix, Search { queries: &[0.0; 4], rows: 0..4, ..search.clone() }, "rows is 0..4"),
            (
                matrix,
                Search { queries: &[0.0; 4], excluded: &[&[]], ..search.clone() },
                "excluded is 1 lists",
            ),
            (Matrix { size: 3, ..matrix }, search, "vectors is 6 values for 3 rows"),
        ] {
            let error = nearest(matrix, &search, &Cancel::new()).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
