//! Scoring many sequences at once: while one waits for memory, the others go on.
//!
//! A score is a chain of dependent memory accesses, each a cache miss in a large model. [`run`] keeps [`LANES`]
//! sequences in flight; each advances by one access and asks for its next one before the others take their turns.
//! The scores are those of [`Model::step`], to the bit.

use std::ops::Range;

use ferrolm_base::{Cancel, Cancelled};

use crate::model::{Model, Node, Score, guess, search_from};
use crate::query::Ends;
use crate::unsafe_memory::prefetch;

const LANES: usize = 16;
/// Rounds between two looks at the cancel flag.
const POLL: usize = 4096;

/// What a lane does when its turn comes; the memory for it has been asked for.
#[derive(Clone, Copy)]
enum Phase {
    /// Look at the context's node for where to search.
    Context,
    /// Search among `start..end`, from `place` on.
    Search {
        node: Node,
        start: usize,
        end: usize,
        place: usize,
    },
    /// No context is left: the word alone.
    Unigram,
    /// The n-gram found is of the top order: follow its link.
    Link,
    /// Find the longest suffix that is a context.
    Settle,
    Done,
}

struct Lane {
    phase: Phase,
    sequence: usize,
    /// Positions left, and whether the end marker follows.
    rest: Range<usize>,
    end: bool,
    /// What `each` is told: counts the scores of this sequence.
    scored: usize,
    word: u32,
    order: u32,
    index: u32,
    backoff: f32,
}

/// Score each of `sequences` (ranges of positions, whose inner numbers `word_at` gives); `each` is called with the
/// sequence, how many of its words were scored before, the word and its score.
pub(crate) fn run(
    model: &Model,
    sequences: &[Range<usize>],
    word_at: impl Fn(usize) -> u32,
    ends: Ends,
    cancel: &Cancel,
    mut each: impl FnMut(usize, usize, u32, Score),
) -> Result<(), Cancelled> {
    let mut waiting = sequences.iter().cloned().enumerate();
    let mut runner = Runner { model, word_at, ends };
    let mut lanes: Vec<Lane> = waiting.by_ref().take(LANES).map(|(i, rest)| runner.begin(i, rest)).collect();
    let mut active = lanes.len();
    let mut rounds = 0usize;
    while active > 0 {
        rounds += 1;
        if rounds.is_multiple_of(POLL) {
            cancel.check()?;
        }
        for lane in &mut lanes {
            if let Some(score) = runner.turn(lane) {
                each(lane.sequence, lane.scored, lane.word, score);
                lane.scored += 1;
            } else if matches!(lane.phase, Phase::Done) && lane.sequence != usize::MAX {
                if let Some((sequence, rest)) = waiting.next() {
                    *lane = runner.begin(sequence, rest);
                } else {
                    (lane.sequence, active) = (usize::MAX, active - 1);
                }
            }
        }
    }
    Ok(())
}

struct Runner<'a, W> {
    model: &'a Model,
    word_at: W,
    ends: Ends,
}

impl<W: Fn(usize) -> u32> Runner<'_, W> {
    fn begin(&mut self, sequence: usize, rest: Range<usize>) -> Lane {
        let state = if self.ends.begin { self.model.begin_state() } else { self.model.null_state() };
        let mut lane = Lane {
            phase: Phase::Done,
            sequence,
            rest,
            end: self.ends.end,
            scored: 0,
            word: 0,
            order: state.order,
            index: state.index,
            backoff: 0.0,
        };
        self.next_word(&mut lane);
        lane
    }

    /// One memory access of one lane; returns a score when one is complete.
    #[inline(always)]
    fn turn(&self, lane: &mut Lane) -> Option<Score> {
        let model = self.model;
        match lane.phase {
            Phase::Context => self.context(lane),
            Phase::Search { node, start, end, place } => {
                let grams = &model.grams[lane.order as usize];
                let Some(found) = search_from(&grams[start..end], lane.word, place, model.vocabulary.size())
                else {
                    lane.backoff += node.backoff;
                    self.shorten(lane, node.suffix);
                    return None;
                };
                let found = start + found;
                let score = Score { log10: grams[found].log10 + lane.backoff, length: lane.order + 1 };
                (lane.order, lane.index) = (lane.order + 1, found as u32);
                if lane.order as usize == model.order() {
                    prefetch(&model.links, found);
                    lane.phase = Phase::Link;
                } else {
                    self.ask_node(lane, Phase::Settle);
                }
                return Some(score);
            }
            Phase::Unigram => {
                let log10 = model.grams[0][lane.word as usize].log10 + lane.backoff;
                (lane.order, lane.index) = (1, lane.word);
                if model.order() == 1 {
                    lane.order = 0;
                    lane.phase = Phase::Settle;
                } else {
                    self.ask_node(lane, Phase::Settle);
                }
                return Some(Score { log10, length: 1 });
            }
            Phase::Link => {
                (lane.order, lane.index) = (lane.order - 1, model.links[lane.index as usize]);
                self.ask_node(lane, Phase::Settle);
            }
            Phase::Settle => self.settle(lane),
            Phase::Done => {}
        }
        None
    }

    #[inline(always)]
    fn context(&self, lane: &mut Lane) {
        let nodes = &self.model.nodes[lane.order as usize - 1];
        let node = nodes[lane.index as usize];
        let (start, end) = (node.children as usize, nodes[lane.index as usize + 1].children as usize);
        let place = guess(end - start, lane.word, self.model.vocabulary.size());
        prefetch(&self.model.grams[lane.order as usize], start + place);
        lane.phase = Phase::Search { node, start, end, place };
    }

    /// Go on with the context without its first word.
    #[inline(always)]
    fn shorten(&self, lane: &mut Lane, suffix: u32) {
        (lane.order, lane.index) = (lane.order - 1, suffix);
        if lane.order == 0 {
            prefetch(&self.model.grams[0], lane.word as usize);
            lane.phase = Phase::Unigram;
        } else {
            self.ask_node(lane, Phase::Context);
        }
    }

    #[inline(always)]
    fn ask_node(&self, lane: &mut Lane, phase: Phase) {
        prefetch(&self.model.nodes[lane.order as usize - 1], lane.index as usize);
        lane.phase = phase;
    }

    #[inline(always)]
    fn settle(&self, lane: &mut Lane) {
        if lane.order > 0 {
            let nodes = &self.model.nodes[lane.order as usize - 1];
            let node = nodes[lane.index as usize];
            if node.children == nodes[lane.index as usize + 1].children && node.backoff == 0.0 {
                (lane.order, lane.index) = (lane.order - 1, node.suffix);
                if lane.order > 0 {
                    self.ask_node(lane, Phase::Settle);
                    return;
                }
            }
        }
        self.next_word(lane);
    }

    #[inline(always)]
    fn next_word(&self, lane: &mut Lane) {
        lane.backoff = 0.0;
        lane.word = if let Some(position) = lane.rest.next() {
            (self.word_at)(position)
        } else if std::mem::take(&mut lane.end) {
            self.model.vocabulary.inner_markers().end
        } else {
            lane.phase = Phase::Done;
            return;
        };
        if lane.order == 0 {
            prefetch(&self.model.grams[0], lane.word as usize);
            lane.phase = Phase::Unigram;
        } else {
            // The node has just been looked at: its line is there.
            self.context(lane);
        }
    }
}
