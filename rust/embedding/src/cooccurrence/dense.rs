//! A cell for each pair of frequent words.

use std::ops::Range;

/// Row `r` has the columns `c` with (r + 1)(c + 1) up to some product: by Zipf's law, the pairs met most often.
#[derive(Debug)]
pub(super) struct Dense {
    first: u32,
    rows: Vec<Row>,
    cells: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    start: usize,
    columns: (u32, u32),
}

/// The columns of `row` that have cells: those from the diagonal on, if the counts are symmetric.
fn columns(row: u64, words: u64, symmetric: bool, product: u64) -> (u32, u32) {
    let start = if symmetric { row } else { 0 };
    let end = words.min(product / (row + 1)).max(start);
    (start as u32, end as u32)
}

/// The largest product that needs `cells` cells or fewer.
pub(super) fn largest_product(words: usize, symmetric: bool, cells: u64) -> u64 {
    let words = words as u64;
    let needed = |product| -> u64 {
        let widths = (0..words).map(|row| columns(row, words, symmetric, product));
        widths.map(|(start, end)| u64::from(end - start)).take_while(|&width| width > 0).sum()
    };
    let (mut fits, mut beyond) = (0, words * words + 1);
    while beyond - fits > 1 {
        let middle = fits + (beyond - fits) / 2;
        if needed(middle) <= cells {
            fits = middle;
        } else {
            beyond = middle;
        }
    }
    fits
}

impl Dense {
    pub(super) fn new(rows: &Range<u32>, words: usize, symmetric: bool, product: u64) -> Self {
        let mut start = 0;
        let place = |row| {
            let columns = columns(u64::from(row), words as u64, symmetric, product);
            let place = Row { start, columns };
            start += (columns.1 - columns.0) as usize;
            place
        };
        let placed = rows.clone().map(place).collect();
        Self { first: rows.start, rows: placed, cells: vec![0; start] }
    }

    #[inline(always)]
    pub(super) fn cell(&mut self, row: u32, column: u32) -> Option<&mut u64> {
        let Row { start, columns } = self.rows[(row - self.first) as usize];
        if column < columns.1 { Some(&mut self.cells[start + (column - columns.0) as usize]) } else { None }
    }

    /// Columns and sums of the cells that are not 0.
    pub(super) fn row(&self, row: u32) -> impl Iterator<Item = (u32, u64)> {
        let Row { start, columns } = self.rows[(row - self.first) as usize];
        let cells = &self.cells[start..start + (columns.1 - columns.0) as usize];
        (columns.0..).zip(cells.iter().copied()).filter(|(_, sum)| *sum > 0)
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn filled(&self) -> u64 {
        self.cells.iter().filter(|&&sum| sum > 0).count() as u64
    }
}
