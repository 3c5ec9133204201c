//! The nearest rows by cosine in two steps, and exactly: rows in eight bits say which may be near, those are compared.
//!
//! One query against a matrix is as slow as memory, and a row of eight bits is a quarter of one of 32. Let x be a row, x'
//! its code times its scale, and y the query: x·y differs from x'·y by at most |x - x'| |y|. What that comes to, with the
//! rounding of the query to sixteen bits and of f32 in the comparison, is kept for each row as its *slack*. A row whose
//! upper bound is below the k-th greatest of the lower bounds is not among the k nearest; the others, few as a rule,
//! are compared as [`nearest`](crate::search::nearest) compares one query: the results are equal to
//! the bit, also among rows of equal similarity, and for many queries at once as for each alone.

use std::ops::Range;

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use crate::EmbeddingError;
use crate::arch::codes::{PADDING, products};
use crate::arch::search::products_of_one;
use crate::search::{Matrix, Neighbor, Search, TILE, Top, check, merge};

/// Queries that look at a tile of rows while it is in the cache.
const GROUP: usize = 16;
const LARGEST: f32 = 127.0;
/// Lengths whose products are f32 of full precision; what is shorter or longer is compared whatever its code says.
const USUAL: Range<f32> = 1e-15..1e15;

/// Rows in eight bits, as [`compress`] makes them: each value is the code times its row's scale, nearly.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    /// Row-major, each row padded to [`width`] values.
    pub codes: Vec<i8>,
    /// What a code is worth, divided by the row's length.
    pub scales: Vec<f32>,
    /// How far a similarity may be from that of the code, for a query of length 1.
    pub slacks: Vec<f32>,
}

/// [`Codes`] that lie elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct CodesView<'a> {
    pub codes: &'a [i8],
    pub scales: &'a [f32],
    pub slacks: &'a [f32],
}

impl Codes {
    pub fn view(&self) -> CodesView<'_> {
        CodesView { codes: &self.codes, scales: &self.scales, slacks: &self.slacks }
    }
}

/// Codes of a row of `size` values.
pub fn width(size: usize) -> usize {
    size.next_multiple_of(PADDING)
}

/// The greatest value of a query's code: products of `width` of them with codes fit `i32`.
fn range(width: usize) -> f32 {
    let room = i32::MAX as usize / (LARGEST as usize * width.max(1));
    room.clamp(1, i16::MAX as usize) as f32
}

/// Rows in eight bits.
///
/// # Errors
/// If a row has a value or a length that is infinite or no number, or `cancel` is raised.
pub fn compress(matrix: Matrix<'_>, cancel: &Cancel) -> Result<Codes, EmbeddingError> {
    check(matrix, &Search { queries: &[], top: 0, excluded: &[], rows: 0..0 })?;
    let (rows, width) = (matrix.norms.len(), width(matrix.size));
    if width > i32::MAX as usize / LARGEST as usize {
        let value = format!("{} values a row", matrix.size);
        return Err(EmbeddingError::Argument {
            argument: "embeddings",
            value,
            expected: "at most 16 million",
        });
    }
    let mut found = Codes { codes: vec![0; rows * width], scales: vec![0.0; rows], slacks: vec![0.0; rows] };
    if matrix.size == 0 {
        return Ok(found);
    }
    let places = found.codes.par_chunks_mut(width).zip(&mut found.scales).zip(&mut found.slacks);
    let values = matrix.values.par_chunks(matrix.size).zip(matrix.norms);
    pool::install(|| {
        places.zip(values).enumerate().try_for_each(|(row, (((codes, scale), slack), (values, norm)))| {
            if row % TILE == 0 {
                cancel.check()?;
            }
            (*scale, *slack) =
                compress_row(values, *norm, codes).ok_or_else(|| not_finite("embeddings", row))?;
            Ok(())
        })
    })
    .map(|()| found)
}

fn not_finite(argument: &'static str, row: usize) -> EmbeddingError {
    let value = format!("infinite, too large or NaN in row {row}");
    EmbeddingError::Argument { argument, value, expected: "finite numbers" }
}

/// The row's scale and slack; None if it has no length.
fn compress_row(values: &[f32], norm: f32, codes: &mut [i8]) -> Option<(f32, f32)> {
    let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    // `max` passes NaN over, a sum does not.
    if !norm.is_finite() || !values.iter().map(|value| f64::from(*value).abs()).sum::<f64>().is_finite() {
        return None;
    }
    if norm <= 0.0 || largest == 0.0 {
        return Some((0.0, 0.0)); // of similarity 0, as `nearest` has it
    }
    if !USUAL.contains(&norm) {
        return Some((0.0, f32::MAX));
    }
    let scale = f64::from(largest / LARGEST);
    let (mut wrong, mut length) = (0.0, 0.0);
    for (code, value) in codes.iter_mut().zip(values) {
        let value = f64::from(*value);
        let nearest = (value / scale).round().clamp(-127.0, 127.0);
        *code = nearest as i8;
        wrong += (value - nearest * scale).powi(2);
        length += (nearest * scale).powi(2);
    }
    let size = codes.len() as f64;
    // Each value of the query is wrong by half a step of its code at most.
    let query = size.sqrt() / (2.0 * f64::from(range(codes.len())));
    // The comparison in f32, and this estimate itself: each term and each sum is rounded.
    let rounding = (size + 16.0) * f64::from(f32::EPSILON);
    let slack = (wrong.sqrt() + (length.sqrt() + wrong.sqrt()) * (query + rounding)) / f64::from(norm);
    let (scale, slack) = ((scale / f64::from(norm)) as f32, (slack * 1.00001) as f32 + f32::MIN_POSITIVE);
    // Not finite where the norm is not the row's.
    if scale.is_finite() && slack.is_finite() { Some((scale, slack)) } else { Some((0.0, f32::MAX)) }
}

/// What [`nearest`](crate::search::nearest) finds for each query alone, by the codes of [`compress`] for the same matrix.
///
/// # Errors
/// If shapes do not fit, a query is not finite, or `cancel` is raised.
pub fn nearest_compressed(
    matrix: Matrix<'_>,
    codes: CodesView<'_>,
    search: &Search<'_>,
    cancel: &Cancel,
) -> Result<Vec<Vec<Neighbor>>, EmbeddingError> {
    check(matrix, search)?;
    check_codes(matrix, codes)?;
    if matrix.size == 0 || search.queries.is_empty() {
        return Ok(Vec::new());
    }
    let queries: Vec<Query<'_>> = (search.queries.chunks_exact(matrix.size).enumerate())
        .map(|(row, values)| Query::new(values).ok_or_else(|| not_finite("queries", row)))
        .collect::<Result<_, _>>()?;
    let groups = queries.len().div_ceil(GROUP);
    // When there are too few groups for the threads, the rows are cut as well.
    let (threads, length) = (pool::num_threads(), search.rows.len());
    let cuts = threads.div_ceil(groups).min(length.div_ceil(4 * TILE)).max(1);
    let tasks: Vec<(usize, usize)> =
        (0..groups).flat_map(|group| (0..cuts).map(move |cut| (group, cut))).collect();
    let part = Part { level: simd::level(), matrix, codes, search, cancel };
    let run = |(group, cut): (usize, usize)| {
        let rows = search.rows.start + length * cut / cuts..search.rows.start + length * (cut + 1) / cuts;
        let first = group * GROUP;
        part.nearest(first, &queries[first..(first + GROUP).min(queries.len())], rows)
    };
    let found: Result<Vec<Vec<Top<'_>>>, _> = if tasks.len() == 1 {
        tasks.into_iter().map(run).collect()
    } else {
        pool::install(|| tasks.into_par_iter().map(run).collect())
    };
    Ok(found?.chunks_mut(cuts).flat_map(merge).collect())
}

fn check_codes(matrix: Matrix<'_>, codes: CodesView<'_>) -> Result<(), EmbeddingError> {
    let rows = matrix.norms.len();
    if codes.codes.len() == rows * width(matrix.size)
        && codes.scales.len() == rows
        && codes.slacks.len() == rows
    {
        return Ok(());
    }
    let value = format!("{} values for {rows} rows", codes.codes.len());
    Err(EmbeddingError::Argument { argument: "codes", value, expected: "those of the vectors" })
}

/// A query in sixteen bits.
struct Query<'a> {
    values: &'a [f32],
    code: Vec<i16>,
    scale: f32,
    length: f32,
}

impl<'a> Query<'a> {
    fn new(values: &'a [f32]) -> Option<Self> {
        let mut code = vec![0; width(values.len())];
        let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
        let length = (squares.sqrt() * 1.000_001) as f32;
        if !length.is_finite() {
            return None;
        }
        let scale = f64::from(largest) / f64::from(range(code.len()));
        if scale > 0.0 {
            for (code, value) in code.iter_mut().zip(values) {
                *code = (f64::from(*value) / scale).round() as i16;
            }
        }
        let length = if length == 0.0 || USUAL.contains(&length) { length } else { f32::INFINITY };
        Some(Self { values, code, scale: scale as f32, length })
    }
}

/// What the search of some rows for some queries needs.
struct Part<'a> {
    level: Level,
    matrix: Matrix<'a>,
    codes: CodesView<'a>,
    search: &'a Search<'a>,
    cancel: &'a Cancel,
}

impl<'a> Part<'a> {
    /// The best of `rows` for each query; `first` is the number of the first query.
    fn nearest(
        &self,
        first: usize,
        queries: &[Query<'_>],
        rows: Range<usize>,
    ) -> Result<Vec<Top<'a>>, EmbeddingError> {
        let width = width(self.matrix.size);
        let mut sieves: Vec<Sieve<'a>> =
            (first..).zip(queries).map(|(number, _)| Sieve::new(self.search, number)).collect();
        let mut sums = Vec::new();
        for start in rows.clone().step_by(TILE) {
            self.cancel.check()?;
            let end = (start + TILE).min(rows.end);
            for (sieve, query) in sieves.iter_mut().zip(queries) {
                products(self.level, &self.codes.codes[start * width..end * width], &query.code, &mut sums);
                sieve.see(
                    start,
                    &sums,
                    &self.codes.scales[start..end],
                    &self.codes.slacks[start..end],
                    query,
                );
            }
        }
        (first..)
            .zip(sieves)
            .zip(queries)
            .map(|((number, sieve), query)| self.compared(number, sieve, query))
            .collect()
    }

    /// The best of what is left, compared in full.
    fn compared(
        &self,
        number: usize,
        sieve: Sieve<'_>,
        query: &Query<'_>,
    ) -> Result<Top<'a>, EmbeddingError> {
        let (size, mut top, mut product) = (self.matrix.size, Top::new(self.search, number), Vec::new());
        for (place, (row, upper)) in sieve.candidates.into_iter().enumerate() {
            if place % TILE == 0 {
                self.cancel.check()?;
            }
            // The bar has risen since the row was seen.
            let too_far = upper < sieve.lower.bar;
            if !too_far {
                let (row, values) = (row as usize, &self.matrix.values[row as usize * size..][..size]);
                products_of_one(self.level, values, query.values, &mut product);
                top.see(row, product.first().copied().unwrap_or_default(), self.matrix.norms[row]);
            }
        }
        Ok(top)
    }
}

/// Rows that may be among the best, and the best lower bounds.
struct Sieve<'a> {
    lower: Top<'a>,
    candidates: Vec<(u32, f32)>,
}

impl<'a> Sieve<'a> {
    fn new(search: &Search<'a>, number: usize) -> Self {
        Self { lower: Top::new(search, number), candidates: Vec::new() }
    }

    fn see(&mut self, start: usize, sums: &[i32], scales: &[f32], slacks: &[f32], query: &Query<'_>) {
        if self.lower.is_closed() {
            return;
        }
        for ((row, sum), (scale, slack)) in (start..).zip(sums).zip(scales.iter().zip(slacks)) {
            let (estimate, slack) = (*sum as f32 * (scale * query.scale), slack * query.length);
            let too_far = estimate + slack < self.lower.bar; // not so where a bound is no number
            if !too_far {
                self.keep(row as u32, estimate, slack);
            }
        }
    }

    #[inline(never)]
    fn keep(&mut self, row: u32, estimate: f32, slack: f32) {
        self.candidates.push((row, estimate + slack));
        self.lower.offer(Neighbor { row, similarity: estimate - slack });
    }
}

#[cfg(test)]
#[path = "compressed_tests.rs"]
mod tests;
