//! One piece in the making: its tokens in a list, the pairs that could merge in a tree of minima.
//!
//! A candidate is the rank of the pair that starts at a position, with the position below it, so that the smallest
//! candidate is the leftmost pair of the lowest rank. A step is split in two, before and after the lookup of the two
//! pairs that a merge makes: several words that step in turn wait for memory together.

use crate::model::bpe::{Merges, NO_RANK};

const POSITION_BITS: u32 = 8;
const POSITION_MASK: usize = 0xFF;
/// Larger than any candidate.
const NONE: i32 = i32::MAX;
/// The longest word: positions must fit into their bits.
pub(super) const LONGEST: usize = 1 << POSITION_BITS;

/// The ranks of pairs, and what merges make.
pub(super) trait Ranks {
    /// A lookup that has begun.
    type Lookup: Copy + Default;
    fn begin(&self, left: u32, right: u32) -> Self::Lookup;
    fn finish(&self, lookup: Self::Lookup) -> u32;
    fn result(&self, rank: u32) -> u32;
}

impl Ranks for Merges {
    type Lookup = (u32, u32);

    #[inline(always)]
    fn begin(&self, left: u32, right: u32) -> (u32, u32) {
        (left, right)
    }

    #[inline(always)]
    fn finish(&self, (left, right): (u32, u32)) -> u32 {
        self.rank(left, right)
    }

    #[inline(always)]
    fn result(&self, rank: u32) -> u32 {
        self.result(rank)
    }
}

/// A piece of at most `N` symbols, a power of two; `M` is as much for words that step in turn, or twice as much.
pub(super) struct Word<L, const N: usize, const M: usize> {
    length: usize,
    tokens: [u32; N],
    /// A list of the positions where tokens start; the length of the piece ends it.
    next: [u16; N],
    previous: [u16; N],
    /// A tree of minima: the candidate of position `i` at `N + i`, the smaller of two children above them, the
    /// smallest at 1. Where `M` is `N`, the candidates only, compared a few at a time: fewer instructions, but vectors
    /// wait for single stores just before them, which words that step in turn have behind them.
    candidates: [i32; M],
    /// The step that has begun.
    step: Step<L>,
}

/// The merged token's position, that of the token it took in, those of its neighbours, and the pairs with them.
#[derive(Clone, Copy, Default)]
struct Step<L> {
    at: usize,
    right: usize,
    before: Option<(usize, L)>,
    after: Option<L>,
}

impl<L: Copy + Default, const N: usize, const M: usize> Word<L, N, M> {
    pub(super) fn empty() -> Self {
        Self {
            length: 0,
            tokens: [0; N],
            next: [0; N],
            previous: [0; N],
            candidates: [NONE; M],
            step: Step::default(),
        }
    }

    /// From the tokens and the ranks of pairs of neighbours.
    #[inline(always)]
    pub(super) fn start(&mut self, length: usize, token: impl Fn(usize) -> u32, rank: impl Fn(usize) -> u32) {
        self.length = length.min(N);
        for at in 0..self.length {
            self.tokens[at] = token(at);
            self.next[at] = at as u16 + 1;
            self.previous[at] = at.wrapping_sub(1) as u16;
        }
        let leaves = &mut self.candidates[M - N..];
        leaves.fill(NONE);
        for at in 1..self.length {
            leaves[at - 1] = candidate(rank(at - 1), at - 1);
        }
        if M > N {
            for node in (1..N).rev() {
                self.candidates[node] = self.candidates[2 * node].min(self.candidates[2 * node + 1]);
            }
        }
    }

    #[inline(always)]
    pub(super) fn run(&mut self, ranks: &impl Ranks<Lookup = L>) {
        while self.begin(ranks) {
            self.finish(ranks);
        }
    }

    /// Do the best merge and begin to look for what may come of it; false if there is none.
    #[inline(always)]
    pub(super) fn begin(&mut self, ranks: &impl Ranks<Lookup = L>) -> bool {
        let best = self.best();
        if best == NONE {
            return false;
        }
        let at = best as usize & POSITION_MASK;
        let id = ranks.result((best >> POSITION_BITS) as u32);
        let right = usize::from(self.next[at % N]) % N;
        let after = usize::from(self.next[right]);
        self.tokens[at % N] = id;
        self.next[at % N] = after as u16;
        self.step = Step { at, right, before: None, after: None };
        if after < self.length {
            self.previous[after % N] = at as u16;
            self.step.after = Some(ranks.begin(id, self.tokens[after % N]));
        }
        if at > 0 {
            let before = usize::from(self.previous[at % N]);
            self.step.before = Some((before, ranks.begin(self.tokens[before % N], id)));
        }
        true
    }

    /// The rest of a step.
    #[inline(always)]
    pub(super) fn finish(&mut self, ranks: &impl Ranks<Lookup = L>) {
        let Step { at, right, before, after } = self.step;
        if let Some((before, lookup)) = before {
            self.set(before, candidate(ranks.finish(lookup), before));
        }
        self.set(right, NONE);
        self.set(at, after.map_or(NONE, |lookup| candidate(ranks.finish(lookup), at)));
    }

    /// The smallest candidate.
    #[inline(always)]
    fn best(&self) -> i32 {
        if M > N {
            return self.candidates[1];
        }
        let mut smallest = [NONE; 4];
        for four in self.candidates.chunks_exact(4) {
            for (smallest, &candidate) in smallest.iter_mut().zip(four) {
                *smallest = candidate.min(*smallest);
            }
        }
        let [a, b, c, d] = smallest;
        a.min(b).min(c.min(d))
    }

    /// Replace the candidate of a position.
    #[inline(always)]
    fn set(&mut self, at: usize, candidate: i32) {
        let (mut node, mut smallest) = (M - N + at % N, candidate);
        self.candidates[node % M] = smallest;
        while M > N && node > 1 {
            smallest = smallest.min(self.candidates[(node ^ 1) % M]);
            node /= 2;
            self.candidates[node % M] = smallest;
        }
    }

    #[inline(always)]
    pub(super) fn push_tokens(&self, ids: &mut Vec<u32>, id: impl Fn(u32) -> u32) {
        let mut at = 0;
        while at < self.length {
            ids.push(id(self.tokens[at % N]));
            at = usize::from(self.next[at % N]);
        }
    }
}

#[inline(always)]
fn candidate(rank: u32, at: usize) -> i32 {
    if rank == NO_RANK { NONE } else { (rank << POSITION_BITS) as i32 | at as i32 }
}
