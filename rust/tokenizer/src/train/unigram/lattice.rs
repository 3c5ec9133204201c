//! All ways to cut one word into pieces: their sum, and the best.

use super::model::{Model, UNKNOWN};

/// A piece in the word.
#[derive(Debug, Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    id: u32,
}

/// The pieces of one word, and room for what is computed of them; made for word after word.
#[derive(Default)]
pub(super) struct Lattice {
    nodes: Vec<Node>,
    length: usize,
    forward: Vec<f64>,
    backward: Vec<f64>,
    best: Vec<Option<Best>>,
}

/// The best way to a place: its score and its last piece.
#[derive(Debug, Clone, Copy)]
struct Best {
    score: f64,
    start: u32,
    id: u32,
}

/// Probabilities that multiply to less are taken by their logarithms.
const SMALLEST_LOG: f64 = -650.0;

impl Lattice {
    /// The pieces of `model` in `codes`, by place and length. A character without a piece of its own is unknown.
    pub(super) fn fill(&mut self, codes: &[u32], model: &Model) {
        self.nodes.clear();
        self.length = codes.len();
        for start in 0..codes.len() {
            let mut single = false;
            let at = start as u32;
            model.trie.prefixes(&codes[start..], |length, id| {
                single |= length == 1;
                self.nodes.push(Node { start: at, end: at + length as u32, id });
            });
            if !single {
                self.nodes.push(Node { start: at, end: at + 1, id: UNKNOWN });
            }
        }
    }

    /// Add to `expected` how often each piece is to be expected in `count` such words.
    ///
    /// `probabilities` are those of the pieces and of the unknown one.
    pub(super) fn expect(&mut self, model: &Model, probabilities: &[f64], count: f64, expected: &mut [f64]) {
        // No way is less likely than one of unknown characters alone.
        if self.length as f64 * model.unknown_score() > SMALLEST_LOG {
            self.expect_products(probabilities, count, expected);
        } else {
            self.expect_logarithms(model, count, expected);
        }
    }

    fn expect_products(&mut self, probabilities: &[f64], count: f64, expected: &mut [f64]) {
        self.start(0.0);
        self.forward[0] = 1.0;
        self.backward[self.length] = 1.0;
        for node in &self.nodes {
            let way = self.forward[node.start as usize] * probabilities[node.id as usize];
            self.forward[node.end as usize] += way;
        }
        for node in self.nodes.iter().rev() {
            let way = self.backward[node.end as usize] * probabilities[node.id as usize];
            self.backward[node.start as usize] += way;
        }
        let share = count / self.forward[self.length];
        for node in &self.nodes {
            let way = self.forward[node.start as usize] * probabilities[node.id as usize];
            expected[node.id as usize] += share * way * self.backward[node.end as usize];
        }
    }

    fn expect_logarithms(&mut self, model: &Model, count: f64, expected: &mut [f64]) {
        let score = |node: &Node| score(model, node.id);
        self.start(f64::NEG_INFINITY);
        self.forward[0] = 0.0;
        self.backward[self.length] = 0.0;
        for node in &self.nodes {
            let way = self.forward[node.start as usize] + score(node);
            let sum = &mut self.forward[node.end as usize];
            *sum = log_of_sum(*sum, way);
        }
        for node in self.nodes.iter().rev() {
            let way = self.backward[node.end as usize] + score(node);
            let sum = &mut self.backward[node.start as usize];
            *sum = log_of_sum(*sum, way);
        }
        let all = self.forward[self.length];
        for node in &self.nodes {
            let way = self.forward[node.start as usize] + score(node) + self.backward[node.end as usize];
            expected[node.id as usize] += count * (way - all).exp();
        }
    }

    fn start(&mut self, value: f64) {
        for sums in [&mut self.forward, &mut self.backward] {
            sums.clear();
            sums.resize(self.length + 1, value);
        }
    }

    /// Emit the ids of the best way, from the last to the first, and return its score. Among equals a later piece
    /// that begins earlier wins. With `whole` off, a piece that is all of the word is left out.
    pub(super) fn best(&mut self, model: &Model, whole: bool, mut emit: impl FnMut(u32)) -> f64 {
        self.best.clear();
        self.best.resize(self.length + 1, None);
        self.best[0] = Some(Best { score: 0.0, start: 0, id: UNKNOWN });
        for node in &self.nodes {
            if !whole && node.start == 0 && node.end as usize == self.length {
                continue;
            }
            let Some(before) = self.best[node.start as usize] else { continue };
            let way = before.score + score(model, node.id);
            let best = &mut self.best[node.end as usize];
            if best.is_none_or(|best| way > best.score) {
                *best = Some(Best { score: way, start: node.start, id: node.id });
            }
        }
        let mut place = self.length;
        while place > 0
            && let Some(best) = self.best[place]
        {
            emit(best.id);
            place = best.start as usize;
        }
        self.best[self.length].map_or(f64::NEG_INFINITY, |best| best.score)
    }
}

fn score(model: &Model, id: u32) -> f64 {
    if id == UNKNOWN { model.unknown_score() } else { model.scores[id as usize] }
}

/// `log(exp(x) + exp(y))`; a summand that is smaller by e^50 does not count, as in the reference.
fn log_of_sum(x: f64, y: f64) -> f64 {
    let (less, more) = if x > y { (y, x) } else { (x, y) };
    if more > less + 50.0 { more } else { more + ((less - more).exp() + 1.0).ln() }
}

#[cfg(test)]
mod tests {
    use super::super::super::Words;
    use super::super::fit::probabilities;
    use super::super::model::Piece;
    use super::super::text::Text;
    use ferrolm_base::cancel::NEVER;

    use super::*;

    /// A word of 12 characters, all its substrings of up to 3 pieces of it, one character without a piece.
    fn example() -> (Text, Model) {
        let text = Text::new(&Words::of_text([("abcabdabcabx", 1)]), &NEVER).unwrap();
        let mut seeds = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for length in 1..=3 {
            for start in 0..=11 - length {
                let piece = Piece { start, length };
                if seen.insert(piece.codes(&text)) {
                    seeds.push((piece, -1.5 - f64::from(start) * 0.3));
                }
            }
        }
        let model = Model::new(seeds, &text, &NEVER).unwrap();
        (text, model)
    }

    /// Every way to cut the word, by recursion: (probability, ids).
    fn ways(codes: &[u32], model: &Model) -> Vec<(f64, Vec<u32>)> {
        if codes.is_empty() {
            return vec![(1.0, Vec::new())];
        }
        let mut found = Vec::new();
        let mut first = Vec::new();
        model.trie.prefixes(codes, |length, id| first.push((length, id)));
        if !first.iter().any(|(length, _)| *length == 1) {
            first.push((1, UNKNOWN));
        }
        for (length, id) in first {
            for (probability, mut rest) in ways(&codes[length..], model) {
                rest.insert(0, id);
                found.push((probability * score(model, id).exp(), rest));
            }
        }
        found
    }

    #[test]
    fn expectations_are_sums_over_all_ways() {
        let (text, model) = example();
        let all = ways(text.word(0), &model);
        let sum: f64 = all.iter().map(|(probability, _)| probability).sum();
        let mut expected = vec![0.0; model.len()];
        for (probability, ids) in &all {
            for &id in ids {
                expected[id as usize] += 3.0 * probability / sum;
            }
        }
        let mut lattice = Lattice::default();
        lattice.fill(text.word(0), &model);
        let mut found = [vec![0.0; model.len()], vec![0.0; model.len()]];
        lattice.expect_products(&probabilities(&model), 3.0, &mut found[0]);
        lattice.expect_logarithms(&model, 3.0, &mut found[1]);
        for found in found {
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-10, "{found} {expected}");
            }
        }
    }

    #[test]
    fn the_best_way_has_the_largest_product() {
        let (text, model) = example();
        let all = ways(text.word(0), &model);
        let (probability, ids) = all.iter().max_by(|left, right| left.0.total_cmp(&right.0)).unwrap();
        let mut lattice = Lattice::default();
        lattice.fill(text.word(0), &model);
        let mut found = Vec::new();
        let score = lattice.best(&model, true, |id| found.insert(0, id));
        assert_eq!(&found, ids);
        assert!((score - probability.ln()).abs() < 1e-10);
    }
}
