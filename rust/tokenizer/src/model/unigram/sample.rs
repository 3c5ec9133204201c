//! Drawing one of the ways to cut a text (subword regularisation, Kudo, 2018).
//!
//! From all ways, each in proportion to its smoothed probability, by a walk from the end of the lattice; or
//! from the best ways only, which a search from the end finds one after the other (A*, with the best score of what
//! comes before as the estimate, which is exact).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::lattice::{Lattice, Node};
use super::{Step, Unigram, missing_unk};
use crate::error::Result;
use crate::model::random::Random;

/// More best ways than these are not searched for.
const MAX_BEST: usize = 1 << 14;
/// Candidates of the search, and how many are kept when there are more.
const MAX_AGENDA: usize = 100_000;
const KEPT_AGENDA: usize = 512;

impl Unigram {
    /// A path at random, last step first.
    #[cold]
    pub(super) fn sample(&self, text: &str, alpha: f64, steps: &mut Vec<Step>) -> Result<()> {
        let unk_id = self.options.unk_id.ok_or_else(missing_unk)? as u32;
        let lattice = Lattice::new(self, text, unk_id);
        steps.clear();
        steps.extend(Random::with(|random| match self.options.nbest_size {
            Some(n) if n > 0 => sample_best(&lattice, n, alpha, random),
            _ => sample_any(&lattice, alpha, random),
        }));
        Ok(())
    }
}

/// Log of the sum of two exponentials.
fn log_sum_exp(x: f64, y: f64) -> f64 {
    let (smaller, larger) = if x > y { (y, x) } else { (x, y) };
    if larger > smaller + 50.0 { larger } else { larger + ((smaller - larger).exp() + 1.0).ln() }
}

/// Smoothed as in the reference, where alpha acts on the whole sum before a piece, not on its score alone.
fn sample_any(lattice: &Lattice, alpha: f64, random: &mut Random) -> Vec<Step> {
    let sums = lattice.forward(|ending| {
        let mut sum = 0.0;
        for (node, before) in ending {
            let weight = alpha * (node.score + before);
            // Also as there: a node with the id of the first begins the sum anew.
            sum = if node.step.id == ending[0].0.step.id { weight } else { log_sum_exp(sum, weight) };
        }
        sum
    });
    let mut path = Vec::new();
    let mut at = lattice.characters();
    while at > 0 {
        let ending = &lattice.nodes[lattice.ending_after(at)];
        let weights: Vec<f64> =
            ending.iter().map(|node| sums[node.before as usize] + alpha * node.score).collect();
        // Scores that are no numbers give no weights: then any way will do.
        let Some(node) = ending.get(random.choose(&weights).unwrap_or(ending.len() - 1)) else { break };
        path.push(node.step);
        at = node.before;
    }
    path
}

fn sample_best(lattice: &Lattice, n: usize, alpha: f64, random: &mut Random) -> Vec<Step> {
    let mut paths = best_paths(lattice, n.min(MAX_BEST));
    let score = |path: &Vec<Node>| alpha * path.iter().map(|node| node.score).sum::<f64>();
    let chosen = random.choose(&paths.iter().map(score).collect::<Vec<_>>()).unwrap_or(0);
    if chosen >= paths.len() {
        return Vec::new();
    }
    paths.swap_remove(chosen).iter().rev().map(|node| node.step).collect()
}

/// A path from some place to the end of the text, waiting to be made longer.
struct Candidate {
    /// Score with the best of what may come before.
    estimate: f64,
    score: f64,
    /// Characters before it.
    before: u32,
    /// Among the links.
    first: usize,
    /// Of equal estimates the newest goes first, so that ties are searched depth first.
    age: usize,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.estimate.total_cmp(&other.estimate).then(self.age.cmp(&other.age))
    }
}

/// The `n` paths with the largest scores, best first.
pub(super) fn best_paths(lattice: &Lattice, n: usize) -> Vec<Vec<Node>> {
    let best = lattice.best_scores();
    // A node and the link after it; the first stands for the end of the text.
    let mut links: Vec<Option<(Node, usize)>> = vec![None];
    let mut age = 0;
    let end = Candidate { estimate: 0.0, score: 0.0, before: lattice.characters(), first: 0, age };
    let mut agenda = BinaryHeap::from([end]);
    let mut paths = Vec::new();
    while paths.len() < n
        && let Some(top) = agenda.pop()
    {
        if top.before == 0 {
            let follow = |&(_, at): &(Node, usize)| links[at];
            paths.push(std::iter::successors(links[top.first], follow).map(|(node, _)| node).collect());
            continue;
        }
        for &node in &lattice.nodes[lattice.ending_after(top.before)] {
            age += 1;
            links.push(Some((node, top.first)));
            let score = node.score + top.score;
            let estimate = best[node.before as usize] + score;
            agenda.push(Candidate { estimate, score, before: node.before, first: links.len() - 1, age });
        }
        if agenda.len() > MAX_AGENDA {
            let kept = KEPT_AGENDA.min(n * 10);
            agenda = std::iter::from_fn(|| agenda.pop()).take(kept).collect();
        }
    }
    paths
}
