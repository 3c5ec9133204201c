//! Arguments out of the bytes of a fuzzer: every file of bytes is a case, and small changes of it are neighbours.

pub struct Bytes<'a>(pub &'a [u8]);

/// What goes wrong first.
const EXTREMES: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e-5,
    1e-300,
    1e300,
    1e38,
    -1e38,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MIN_POSITIVE,
    f64::EPSILON,
    2.0,
];

impl Bytes<'_> {
    /// Zero at the end.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// A share, a number of moderate size, or an extreme one.
    pub fn number(&mut self) -> f64 {
        match self.byte() {
            kind @ 0..=31 => EXTREMES[usize::from(kind) % EXTREMES.len()],
            32..=159 => f64::from(self.byte()) / 255.0,
            160..=223 => f64::from(self.byte().cast_signed()) / 8.0,
            _ => f64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    pub fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.number() as f32).collect()
    }

    pub fn numbers(&mut self, limit: usize, most: usize) -> Vec<u32> {
        (0..self.below(most + 1)).map(|_| self.below(limit) as u32).collect()
    }

    /// None half the time.
    pub fn option<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.flag() { Some(make(self)) } else { None }
    }
}
