//! The suffix automaton of some sequences (Blumer et al. 1985): every subsequence without gaps is a path from its root.
//!
//! It finds, in amortised constant time for each further word of a text, the longest ending of that text that occurs in
//! one of the sequences, without any hash of it. States are at most twice, and transitions three times as many as
//! words; each state stands for the subsequences that end at the same places, of which the longest has `lengths`
//! words; its link leads to the state of the longest ending that occurs at more places.

/// See the module.
#[derive(Debug)]
pub(super) struct Automaton {
    pub lengths: Vec<u32>,
    pub links: Vec<u32>,
    /// The last transition of each state, as a place in `edges` plus one; 0 is none.
    last_edge: Vec<u32>,
    /// Words of transitions, and the transition of the same state before, as in `last_edge`.
    edges: Vec<(u32, u32)>,
    /// Open addressing by state and word.
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    state: u32,
    word: u32,
    target: u32,
}

pub(super) const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;
const FREE: Slot = Slot { state: NONE, word: 0, target: 0 };

fn hash(state: u32, word: u32) -> usize {
    let product = u128::from((u64::from(state) << 32 | u64::from(word)) ^ 0xA076_1D64_78BD_642F)
        * 0x9E37_79B9_7F4A_7C15_u128;
    ((product as u64) ^ (product >> 64) as u64) as usize
}

impl Automaton {
    pub fn new() -> Self {
        Self {
            lengths: vec![0],
            links: vec![NONE],
            last_edge: vec![0],
            edges: Vec::new(),
            slots: vec![FREE; 1 << 10],
        }
    }

    /// How many states there are.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// The state after `word`.
    #[inline]
    pub fn next(&self, state: u32, word: u32) -> Option<u32> {
        let slot = self.slots[self.find(state, word)];
        (slot.state != NONE).then_some(slot.target)
    }

    /// The slot of a transition, or the free one where it belongs.
    #[inline]
    fn find(&self, state: u32, word: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = hash(state, word) & mask;
        loop {
            let slot = self.slots[place];
            if slot.state == NONE || slot.state == state && slot.word == word {
                return place;
            }
            place = (place + 1) & mask;
        }
    }

    fn connect(&mut self, state: u32, word: u32, target: u32) {
        let place = self.find(state, word);
        if self.slots[place].state != NONE {
            self.slots[place].target = target;
            return;
        }
        self.slots[place] = Slot { state, word, target };
        self.edges.push((word, self.last_edge[state as usize]));
        self.last_edge[state as usize] = self.edges.len() as u32;
        if self.edges.len() * 2 > self.slots.len() {
            let old =
                std::mem::replace(&mut self.slots, vec![FREE; 4 * self.edges.len().next_power_of_two()]);
            for slot in old.into_iter().filter(|slot| slot.state != NONE) {
                let place = self.find(slot.state, slot.word);
                self.slots[place] = slot;
            }
        }
    }

    fn state(&mut self, length: u32, link: u32) -> u32 {
        self.lengths.push(length);
        self.links.push(link);
        self.last_edge.push(0);
        (self.len() - 1) as u32
    }

    /// Append `word` to the sequence that leads to the state `last` ([`ROOT`] begins a sequence); returns its state.
    pub fn extend(&mut self, last: u32, word: u32) -> u32 {
        if let Some(known) = self.next(last, word) {
            return self.split(last, word, known);
        }
        let new = self.state(self.lengths[last as usize] + 1, ROOT);
        let mut state = last;
        while state != NONE {
            if let Some(known) = self.next(state, word) {
                self.links[new as usize] = self.split(state, word, known);
                break;
            }
            self.connect(state, word, new);
            state = self.links[state as usize];
        }
        new
    }

    /// The state of the sequence of `state` and `word`, which is among those of `known`: `known` itself if it is the
    /// longest of them, otherwise a new state that takes over the shorter ones.
    fn split(&mut self, state: u32, word: u32, known: u32) -> u32 {
        let length = self.lengths[state as usize] + 1;
        if self.lengths[known as usize] == length {
            return known;
        }
        let shorter = self.state(length, self.links[known as usize]);
        let mut edge = self.last_edge[known as usize];
        while edge != 0 {
            let (next, before) = self.edges[edge as usize - 1];
            if let Some(target) = self.next(known, next) {
                self.connect(shorter, next, target);
            }
            edge = before;
        }
        self.links[known as usize] = shorter;
        let mut state = state;
        while state != NONE && self.next(state, word) == Some(known) {
            self.connect(state, word, shorter);
            state = self.links[state as usize];
        }
        shorter
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn paths_are_the_subsequences(
            sequences in prop::collection::vec(prop::collection::vec(0u32..3, 0..10), 0..5),
            tested in prop::collection::vec(prop::collection::vec(0u32..3, 0..6), 20),
        ) {
            let mut automaton = Automaton::new();
            for sequence in &sequences {
                sequence.iter().fold(ROOT, |last, &word| automaton.extend(last, word));
            }
            let total: usize = sequences.iter().map(Vec::len).sum();
            prop_assert!(automaton.len() <= 2 * total + 1 && automaton.edges.len() <= 3 * total);
            let inner = sequences.iter().flat_map(|sequence| (0..sequence.len()).map(|start| sequence[start..].to_vec()));
            for test in tested.into_iter().chain(inner) {
                let is_path = test.iter().try_fold(ROOT, |state, &word| automaton.next(state, word)).is_some();
                let occurs = |sequence: &Vec<u32>| sequence.windows(test.len()).any(|window| window == test);
                prop_assert_eq!(is_path, test.is_empty() || sequences.iter().any(occurs));
            }
        }
    }
}
