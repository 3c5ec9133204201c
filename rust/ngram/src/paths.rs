//! Walking over the n-grams of an order with their words.

use std::ops::Range;

use crate::arrays::Arrays;
use crate::layout::Trie;

/// The n-grams at `range` of order `k`, in the model's order: calls `each` with the words (inner numbers) and the place of
/// each, and how many of the first words are those of the one before.
pub(crate) fn each_gram(
    levels: &Arrays,
    k: usize,
    range: Range<usize>,
    mut each: impl FnMut(&[u32], usize, usize),
) {
    if range.is_empty() {
        return;
    }
    // The place, at each order, of the prefix of the current n-gram.
    let mut places = vec![range.start; k];
    for below in (0..k - 1).rev() {
        places[below] = levels.parent(below + 2, places[below + 1] as u32) as usize;
    }
    let mut words: Vec<u32> = (1..).zip(&places).map(|(k, &place)| levels.word(k, place)).collect();
    each(&words, range.start, 0);
    for index in range.skip(1) {
        places[k - 1] = index;
        let mut same = k - 1;
        for below in (0..k - 1).rev() {
            let nodes = &levels.nodes[below];
            if nodes[places[below] + 1].children as usize > places[below + 1] {
                break;
            }
            while nodes[places[below] + 1].children as usize <= places[below + 1] {
                places[below] += 1;
            }
            same = below;
        }
        for at in same..k {
            words[at] = levels.word(at + 1, places[at]);
        }
        each(&words, index, same);
    }
}
