//! The nearest rows by cosine in three steps, and exactly: rows in four bits say which may be near, in eight bits which of
//! these are, and what is left is compared.
//!
//! One query against a matrix is as slow as memory, and a row of four bits is an eighth of one of 32. Let x be a row, x'
//! its code times its scale, and y the query: x·y differs from x'·y by at most |x - x'| |y|. What that comes to, with the
//! rounding of f32 in the comparison, is kept for each row as its *slacks*, of the upper four bits and of all eight; to that
//! comes what the query loses in eight bits. A row whose upper bound is below the k-th greatest similarity found so far is not
//! among the k nearest; those that are best by four bits are compared first. Of 100,000 rows of 384 values without any
//! structure the first step leaves a tenth and the second some dozens, which are compared as
//! [`nearest`](crate::search::nearest) compares one query: the results are equal to the bit, also among rows of equal
//! similarity, and for many queries at once as for each alone.
//!
//! Rows and queries are rotated alike before they are put into bits ([`rotation`]), so that few bits do for rows of any kind.

mod codes;
mod rotation;

use std::ops::Range;

use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

pub use self::codes::{Codes, CodesView, compress, width};
use self::codes::{USUAL, not_finite, range};
use self::rotation::Rotation;
use crate::EmbeddingError;
use crate::arch::codes::{products, products_of};
use crate::arch::search::products_of_one;
use crate::search::{Matrix, Neighbor, Search, TILE, Top, check, merge};

/// Queries that look at a tile of rows while it is in the cache.
const GROUP: usize = 16;
/// Rows that are all seen in four bits before any is looked at again: the best of them set the bar for the others.
const STRETCH: usize = 32 * TILE;

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
    codes.check(matrix)?;
    if matrix.size == 0 || search.queries.is_empty() {
        return Ok(Vec::new());
    }
    let rotation = Rotation::new(width(matrix.size));
    let queries: Vec<Query<'_>> = (search.queries.chunks_exact(matrix.size).enumerate())
        .map(|(row, values)| Query::new(values, &rotation).ok_or_else(|| not_finite("queries", row)))
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

/// Upper bounds that are compared with the best at once.
const LANES: usize = 16;

/// A query, and its code: of eight bits, after the rotation.
struct Query<'a> {
    values: &'a [f32],
    length: f32,
    code: Vec<i8>,
    scale: f32,
    /// The sum of the code.
    sum: i32,
    /// How long what the code leaves out is.
    lost: f32,
}

impl<'a> Query<'a> {
    /// None if it has no length.
    fn new(values: &'a [f32], rotation: &Rotation) -> Option<Self> {
        let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
        let length = (squares.sqrt() * 1.000_001) as f32;
        if !length.is_finite() {
            return None;
        }
        let mut rotated = vec![0.0; width(values.len())];
        rotated[..values.len()].copy_from_slice(values);
        rotation.apply(&mut rotated);
        let largest = rotated.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let step = f64::from(largest) / f64::from(range(rotated.len()));
        let per_step = if step > 0.0 { step.recip() } else { 0.0 };
        let code: Vec<i8> =
            rotated.iter().map(|value| (f64::from(*value) * per_step).round() as i8).collect();
        let parts = rotated.iter().zip(&code);
        let lost: f64 =
            parts.map(|(value, code)| (f64::from(*value) - f64::from(*code) * step).powi(2)).sum();
        Some(Self {
            values,
            length: if length == 0.0 || USUAL.contains(&length) { length } else { f32::INFINITY },
            sum: code.iter().map(|code| i32::from(*code)).sum(),
            code,
            scale: step as f32,
            lost: (lost.sqrt() * 1.000_001) as f32,
        })
    }

    /// How far the estimate of a row of this slack may be from its similarity: the row's code may be as much longer.
    #[inline(always)]
    fn slack(&self, of_row: f32) -> f32 {
        of_row * (self.length + self.lost) + self.lost
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
        let numbered = (first..).zip(queries);
        let mut sieves: Vec<Sieve<'a>> =
            numbered.map(|(number, _)| Sieve::new(self.search, number)).collect();
        let mut room = Room::default();
        for start in rows.clone().step_by(STRETCH) {
            let stretch = start..(start + STRETCH).min(rows.end);
            for start in stretch.clone().step_by(TILE) {
                self.cancel.check()?;
                let tile = start..(start + TILE).min(stretch.end);
                for (sieve, query) in sieves.iter_mut().zip(queries) {
                    sieve.look(self, tile.clone(), query);
                }
            }
            for (sieve, query) in sieves.iter_mut().zip(queries) {
                sieve.sift(self, stretch.start, query, &mut room)?;
            }
        }
        Ok(sieves.into_iter().map(|sieve| sieve.top).collect())
    }
}

/// The best rows of a query so far, and of a stretch of rows which may be among them.
struct Sieve<'a> {
    top: Top<'a>,
    /// The products of four bits, and what a similarity is at most by these.
    sums: Vec<i32>,
    uppers: Vec<f32>,
    /// The greatest of the latter.
    best: Top<'a>,
}

/// Rows to be looked at again, and their products.
#[derive(Default)]
struct Room {
    picked: Vec<u32>,
    sums: Vec<i32>,
    product: Vec<f32>,
}

impl<'a> Sieve<'a> {
    fn new(search: &Search<'a>, number: usize) -> Self {
        let top = || Top::new(search, number);
        Self { top: top(), sums: Vec::new(), uppers: Vec::new(), best: top() }
    }

    /// See what four bits say of a tile.
    fn look(&mut self, part: &Part<'_>, rows: Range<usize>, query: &Query<'_>) {
        if self.top.is_closed() {
            return;
        }
        let (codes, half, seen) = (part.codes, query.code.len() / 2, self.sums.len());
        products(part.level, &codes.coarse[rows.start * half..rows.end * half], &query.code, &mut self.sums);
        // Four bits u stand for a code of 16 u - 120.
        let (step, middle) = (8.0 * query.scale, query.sum.wrapping_mul(15));
        let numbers = codes.scales[rows.clone()].iter().zip(&codes.coarse_slacks[rows.clone()]);
        self.uppers.extend(self.sums[seen..].iter().zip(numbers).map(|(sum, (scale, slack))| {
            sum.wrapping_mul(2).wrapping_sub(middle) as f32 * (scale * step) + query.slack(*slack)
        }));
        for (start, uppers) in rows.step_by(LANES).zip(self.uppers[seen..].chunks(LANES)) {
            let bar = self.best.bar.max(self.top.bar);
            // Counted, because every step of `any` waits for the one before it.
            if uppers.iter().filter(|upper| **upper > bar).count() > 0 {
                (start..).zip(uppers).for_each(|(row, upper)| self.best.see(row, *upper, 1.0));
            }
        }
    }

    /// Look closer at what four bits do not tell off, the best first.
    fn sift(
        &mut self,
        part: &Part<'_>,
        start: usize,
        query: &Query<'_>,
        room: &mut Room,
    ) -> Result<(), EmbeddingError> {
        room.picked.clear();
        room.picked.extend(self.best.rows());
        self.refine(part, start, query, room);
        for row in &room.picked {
            self.uppers[*row as usize - start] = f32::NEG_INFINITY;
        }
        for first in (0..self.uppers.len()).step_by(TILE) {
            part.cancel.check()?;
            let uppers = &self.uppers[first..(first + TILE).min(self.uppers.len())];
            // What was among the best is below any number.
            room.pick((start + first) as u32, uppers, self.top.bar.max(f32::MIN));
            self.refine(part, start, query, room);
        }
        self.sums.clear();
        self.uppers.clear();
        self.best.clear();
        Ok(())
    }

    /// Look at all eight bits of the picked rows, and in full at what these do not tell off.
    fn refine(&mut self, part: &Part<'_>, start: usize, query: &Query<'_>, room: &mut Room) {
        products_of(part.level, part.codes.fine, &room.picked, &query.code, &mut room.sums);
        // Codes are kept plus 128.
        let middle = query.sum.wrapping_mul(128);
        for (row, fine) in room.picked.iter().zip(&room.sums) {
            let row = *row as usize;
            let sum = self.sums[row - start].wrapping_mul(16).wrapping_add(*fine).wrapping_sub(middle);
            let estimate = sum as f32 * (part.codes.scales[row] * query.scale);
            let too_far = estimate + query.slack(part.codes.fine_slacks[row]) < self.top.bar;
            if !too_far {
                self.compare(part.level, part.matrix, row, query, &mut room.product);
            }
        }
    }

    #[inline(never)]
    fn compare(
        &mut self,
        level: Level,
        matrix: Matrix<'_>,
        row: usize,
        query: &Query<'_>,
        product: &mut Vec<f32>,
    ) {
        products_of_one(level, &matrix.values[row * matrix.size..][..matrix.size], query.values, product);
        self.top.see(row, product.first().copied().unwrap_or_default(), matrix.norms[row]);
    }
}

impl Room {
    /// The rows, from `first` on, whose upper bounds are not below the bar.
    fn pick(&mut self, first: u32, uppers: &[f32], bar: f32) {
        self.picked.resize(uppers.len(), 0);
        let mut count = 0;
        for (first, uppers) in (first..).step_by(LANES).zip(uppers.chunks(LANES)) {
            if uppers.iter().filter(|upper| **upper < bar).count() == uppers.len() {
                continue;
            }
            for (row, upper) in (first..).zip(uppers) {
                // Without a branch: which are picked cannot be foreseen.
                self.picked[count] = row;
                let too_far = *upper < bar;
                count += usize::from(!too_far);
            }
        }
        self.picked.truncate(count);
    }
}

#[cfg(test)]
mod tests;
