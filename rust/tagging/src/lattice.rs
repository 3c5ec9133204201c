//! Viterbi: the best sequence of tags, of scores of tags and of pairs of neighbours.

use crate::scheme::FORBIDDEN;

/// Scores of neighbours, [tag before, tag], with a last row for the start, and of tags at the end.
#[derive(Debug, Clone)]
pub(crate) struct Transitions {
    scores: Vec<i32>,
    ends: Vec<i32>,
    tags: usize,
    /// How far a tag may lie behind the best one and still win in the end; `None`: any distance, as some are forbidden.
    reach: Option<i32>,
}

impl Transitions {
    pub(crate) fn new(scores: Vec<i32>, ends: Vec<i32>) -> Self {
        let tags = ends.len();
        let mut made = Self { scores, ends, tags, reach: None };
        made.measure();
        made
    }

    fn row(&self, before: usize) -> &[i32] {
        &self.scores[before * self.tags..(before + 1) * self.tags]
    }

    pub(crate) fn add(&mut self, before: usize, tag: usize, change: i32) {
        self.scores[before * self.tags + tag] += change;
    }

    /// After changes: the largest difference that the tag before can make.
    pub(crate) fn measure(&mut self) {
        let forbidden = |score: &i32| *score <= FORBIDDEN / 2;
        let inner = &self.scores[..self.tags * self.tags];
        if inner.iter().any(forbidden) || self.ends.iter().any(forbidden) {
            self.reach = None;
            return;
        }
        let mut low = vec![i32::MAX; self.tags];
        let mut high = vec![i32::MIN; self.tags];
        for row in inner.chunks_exact(self.tags) {
            for ((low, high), &score) in low.iter_mut().zip(&mut high).zip(row) {
                *low = score.min(*low);
                *high = score.max(*high);
            }
        }
        self.reach = low.iter().zip(&high).map(|(low, high)| high - low).max();
    }
}

/// A sentence being decoded, whose buffers serve for the next one too.
#[derive(Debug, Default)]
pub(crate) struct Lattice {
    current: Vec<i32>,
    next: Vec<i32>,
    from: Vec<i32>,
    /// The best tag before, [place, tag].
    back: Vec<u16>,
    length: usize,
}

impl Lattice {
    pub(crate) fn start(&mut self) {
        self.length = 0;
        self.back.clear();
    }

    /// Go on by a word with these scores of its tags.
    pub(crate) fn step(&mut self, emissions: &[i32], transitions: &Transitions) {
        let tags = transitions.tags;
        if self.length == 0 {
            self.current.clear();
            let start = transitions.row(tags);
            self.current.extend(emissions.iter().zip(start).map(|(score, start)| score + start));
        } else {
            self.advance(emissions, transitions);
        }
        self.length += 1;
        // Only differences count; so no sentence is so long that sums overflow.
        let best = self.current.iter().copied().max().unwrap_or(0);
        self.current.iter_mut().for_each(|score| *score = (*score - best).max(FORBIDDEN));
    }

    fn advance(&mut self, emissions: &[i32], transitions: &Transitions) {
        let tags = transitions.tags;
        self.next.clear();
        self.next.resize(tags, i32::MIN);
        self.from.clear();
        self.from.resize(tags, 0);
        for (before, &score) in self.current.iter().enumerate() {
            // A tag that lies so far behind loses whatever follows: exact, and mostly one or two are left.
            if transitions.reach.is_some_and(|reach| score < -reach) {
                continue;
            }
            let row = transitions.row(before);
            for ((next, from), &transition) in self.next.iter_mut().zip(&mut self.from).zip(row) {
                let found = score + transition;
                *from = if found > *next { before as i32 } else { *from };
                *next = found.max(*next);
            }
        }
        self.back.extend(self.from.iter().map(|&from| from as u16));
        self.next.iter_mut().zip(emissions).for_each(|(next, score)| *next += score);
        std::mem::swap(&mut self.current, &mut self.next);
    }

    /// Write the best tags of the words since `start`; of equal ones the first tag in order.
    pub(crate) fn finish(&mut self, transitions: &Transitions, tags: &mut [u16]) {
        let ended = self.current.iter().zip(&transitions.ends).map(|(score, end)| score + end);
        let best = ended.enumerate().fold(
            (0, i32::MIN),
            |best, (tag, score)| {
                if score > best.1 { (tag, score) } else { best }
            },
        );
        let mut tag = best.0;
        for (place, chosen) in tags.iter_mut().enumerate().rev() {
            *chosen = tag as u16;
            if place > 0 {
                tag = usize::from(self.back[(place - 1) * transitions.tags + tag]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn score(tags: &[usize], emissions: &[Vec<i32>], scores: &[i32], ends: &[i32]) -> i64 {
        let size = ends.len();
        let mut before = size;
        let mut sum = i64::from(ends[tags[tags.len() - 1]]);
        for (&tag, row) in tags.iter().zip(emissions) {
            sum += i64::from(row[tag]) + i64::from(scores[before * size + tag]);
            before = tag;
        }
        sum
    }

    fn all(tags: usize, length: usize) -> impl Iterator<Item = Vec<usize>> {
        (0..tags.pow(length as u32)).map(move |mut number| {
            std::iter::repeat_with(|| {
                let tag = number % tags;
                number /= tags;
                tag
            })
            .take(length)
            .collect()
        })
    }

    proptest! {
        /// No sequence of tags beats the one that is found, with what is forbidden and without.
        #[test]
        fn the_best_sequence_is_found(
            emissions in prop::collection::vec(prop::collection::vec(-9..9i32, 3), 1..6),
            mut scores in prop::collection::vec(-5..5i32, 12),
            forbidden in prop::collection::vec(0..12usize, 0..4),
            closed in any::<bool>(),
        ) {
            forbidden.iter().filter(|&&place| place % 3 != 0).for_each(|&place| scores[place] = FORBIDDEN);
            let ends = vec![0, if closed { FORBIDDEN } else { 0 }, 0];
            let transitions = Transitions::new(scores.clone(), ends.clone());
            let mut lattice = Lattice::default();
            lattice.start();
            for row in &emissions {
                lattice.step(row, &transitions);
            }
            let mut found = vec![0u16; emissions.len()];
            lattice.finish(&transitions, &mut found);
            let found: Vec<usize> = found.into_iter().map(usize::from).collect();
            let best = all(3, emissions.len()).map(|tags| score(&tags, &emissions, &scores, &ends)).max();
            prop_assert_eq!(Some(score(&found, &emissions, &scores, &ends)), best);
        }
    }
}
