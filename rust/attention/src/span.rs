//! Which keys a query may see by position: causal order and window.

use std::ops::Range;

use crate::{Alignment, Options};

/// Query `i` sees the keys `i + low ..= i + high`, as far as they exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// The position of query 0.
    shift: i64,
    low: i64,
    high: i64,
    keys: i64,
}

/// Further than any key, and still far from overflow.
const FAR: i64 = 1 << 40;

impl Span {
    pub(crate) fn new(options: &Options, queries: usize, keys: usize) -> Self {
        let shift = match options.alignment {
            Alignment::UpperLeft => 0,
            Alignment::LowerRight => keys as i64 - queries as i64,
        };
        let reach = options.window.map_or(FAR, |window| window.min(FAR) - 1);
        let high = if options.causal { shift } else { shift + reach };
        Self { shift, low: shift - reach, high, keys: keys as i64 }
    }

    /// The position of query `i` among the keys.
    #[inline]
    pub(crate) fn position(self, i: usize) -> i64 {
        i as i64 + self.shift
    }

    /// The first and last key that query `i` sees; the last is before the first if there is none.
    #[inline]
    pub(crate) fn of(self, i: usize) -> (i64, i64) {
        ((i as i64 + self.low).max(0), (i as i64 + self.high).min(self.keys - 1))
    }

    /// The keys that any of `queries` sees.
    pub(crate) fn of_any(self, queries: Range<usize>) -> Range<usize> {
        let low = self.of(queries.start).0;
        let high = self.of(queries.end.saturating_sub(1)).1;
        let end = (high + 1).max(0);
        low.min(end) as usize..end as usize
    }
}
