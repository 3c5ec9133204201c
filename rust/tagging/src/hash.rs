//! Features are known by 32 bits: two of a hundred thousand share a weight now and then, which no accuracy shows, and
//! a model needs no strings.

/// FNV-1a over the bytes, begun differently for each kind of feature.
pub(crate) fn of_bytes(kind: u32, bytes: &[u8]) -> u32 {
    let mut state = seed(kind);
    for &byte in bytes {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    finish(state)
}

pub(crate) fn of_pair(kind: u32, first: u32, second: u32) -> u32 {
    finish(seed(kind) ^ (u64::from(first) << 32 | u64::from(second)))
}

fn seed(kind: u32) -> u64 {
    0xCBF2_9CE4_8422_2325 ^ u64::from(kind).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Never 0, which marks an empty place of a table.
fn finish(mut state: u64) -> u32 {
    state ^= state >> 32;
    state = state.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    state ^= state >> 32;
    state = state.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    ((state >> 32) as u32).max(1)
}

/// `SplitMix64` (Steele, Lea and Flood 2014), to shuffle.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Fisher and Yates.
    pub(crate) fn shuffle(&mut self, order: &mut [u32]) {
        for last in (1..order.len()).rev() {
            let chosen = (u128::from(self.next()) * (last as u128 + 1)) >> 64;
            order.swap(last, chosen as usize);
        }
    }
}
