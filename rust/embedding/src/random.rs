//! `SplitMix64` (Steele, Lea and Flood 2014): one stream per piece of work, so that pieces can run anywhere.

#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of piece `piece` in round `round`.
    pub(crate) fn new(seed: u64, round: u64, piece: u64) -> Self {
        let mut random = Self(seed);
        for part in [round, piece] {
            random.0 = random.next() ^ part.wrapping_mul(0xD134_2543_DE82_EF95);
        }
        random
    }

    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is not 0; the bias is below 2^-32.
    #[inline]
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(bound) * (self.next() >> 32)) >> 32) as u32
    }

    /// In [0, 1).
    #[inline]
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }
}
