//! Places inside a piece that no token of the vocabulary crosses.
//!
//! What merging makes of the two sides of such a seam does not depend on the other side, so a long piece that was not
//! seen before falls into short ones, most of which were: a run of Chinese, Thai or Russian text that is one piece is
//! new nearly always, its characters and syllables hardly ever. A seam is looked for between characters, after one
//! beyond ASCII; the bytes around it tell: a token that crosses has three on each side, or two at least on each and
//! ends with one of the sides, or has one byte only on one of them.

/// Bits of the filter for each group of four bytes.
const FILTER_BITS: usize = 16;

pub(super) struct Seams {
    /// For the bytes before (0x80 to 0xFF) and after a boundary, whether a token crosses there by one byte only.
    pairs: Box<[u64]>,
    /// By hash, the six bytes around a boundary that are in some token, and the four of tokens that have no six. May
    /// say yes wrongly, which costs time only.
    filter: Box<[u64]>,
    shift: u32,
}

/// Whether a character starts at `byte`, in a vocabulary's bytes or in text.
#[inline(always)]
fn starts_character(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

impl Seams {
    /// `each_token` calls its argument with the bytes of every token.
    pub(super) fn new(each_token: impl Fn(&mut dyn FnMut(&[u8]))) -> Self {
        let (mut groups, mut pairs) = (Vec::new(), vec![0u64; 128 * 256 / 64].into_boxed_slice());
        each_token(&mut |token| {
            for at in 1..token.len() {
                let (before, after) = (token[at - 1], token[at]);
                if before < 0x80 || !starts_character(after) {
                    continue;
                }
                match six(token, at).or_else(|| four(token, at)) {
                    Some(group) => groups.push(group),
                    None => set(&mut pairs, pair(before, after)),
                }
            }
        });
        groups.sort_unstable();
        groups.dedup();
        let bits = (groups.len() * FILTER_BITS).next_power_of_two().max(64);
        let mut this =
            Self { pairs, filter: vec![0; bits / 64].into_boxed_slice(), shift: 64 - bits.trailing_zeros() };
        for group in groups {
            let bit = this.bit(group);
            set(&mut this.filter, bit);
        }
        this
    }

    #[inline(always)]
    fn bit(&self, group: u64) -> usize {
        (group.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// The first seam in `piece` after `from`, or its end.
    #[inline]
    pub(super) fn next(&self, piece: &[u8], from: usize) -> usize {
        for at in from + 1..piece.len() {
            let (before, after) = (piece[at - 1], piece[at]);
            if before >= 0x80 && starts_character(after) && self.is_seam(piece, at, pair(before, after)) {
                return at;
            }
        }
        piece.len()
    }

    #[inline(always)]
    fn is_seam(&self, piece: &[u8], at: usize, pair: usize) -> bool {
        if get(&self.pairs, pair) {
            return false;
        }
        // A token that crosses lies inside the piece, so one with six bytes needs six here.
        let in_some = |group: Option<u64>| group.is_some_and(|group| get(&self.filter, self.bit(group)));
        !in_some(four(piece, at)) && !in_some(six(piece, at))
    }
}

/// Two bytes before a boundary and two after.
#[inline(always)]
fn four(bytes: &[u8], at: usize) -> Option<u64> {
    let around: [u8; 4] = bytes.get(at.wrapping_sub(2)..at + 2)?.try_into().ok()?;
    Some(u64::from(u32::from_le_bytes(around)))
}

/// Three bytes before a boundary and three after, never the number of a group of four.
#[inline(always)]
fn six(bytes: &[u8], at: usize) -> Option<u64> {
    let &[a, b, c, d, e, f] = bytes.get(at.wrapping_sub(3)..at + 3)? else { return None };
    Some(u64::from_le_bytes([a, b, c, d, e, f, 1, 0]))
}

#[inline(always)]
fn pair(before: u8, after: u8) -> usize {
    usize::from(before & 0x7F) << 8 | usize::from(after)
}

#[inline(always)]
fn get(bits: &[u64], index: usize) -> bool {
    bits.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
}

fn set(bits: &mut [u64], index: usize) {
    if let Some(word) = bits.get_mut(index / 64) {
        *word |= 1 << (index % 64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_token_crosses_a_seam(
            tokens in proptest::collection::vec("[aé漢字の]{1,3}", 0..12),
            cut in proptest::collection::vec((0usize..6, 1usize..9), 0..12),
            text in "[aé漢字の]{0,12}",
        ) {
            let mut tokens: Vec<Vec<u8>> = tokens.into_iter().map(String::into_bytes).collect();
            for (token, (from, length)) in tokens.iter_mut().zip(cut) {
                let from = from.min(token.len() - 1);
                *token = token[from..token.len().min(from + length)].to_vec();
            }
            let seams = Seams::new(|emit| tokens.iter().for_each(|token| emit(token)));
            let text = text.as_bytes();
            let mut at = 0;
            while at < text.len() {
                at = seams.next(text, at);
                for token in &tokens {
                    for start in at.saturating_sub(token.len() - 1)..at {
                        let crosses = at < text.len() && text[start..].starts_with(token);
                        prop_assert!(!crosses, "{token:?} at {start} crosses {at} of {text:?}");
                    }
                }
            }
        }
    }
}
