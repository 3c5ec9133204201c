//! Leaving out rare n-grams once all probabilities are known.

use crate::levels::Level;
use crate::model::{Gram, Node};
use crate::vocabulary::Vocabulary;

/// Make words that occur at most `threshold` times unknown, but for the special ones.
pub(crate) fn words(vocabulary: &mut Vocabulary, counts: &[u32], threshold: u32) {
    let special = [vocabulary.unk(), vocabulary.bos(), vocabulary.eos()];
    for number in 0..vocabulary.size() {
        if threshold > 0
            && counts[vocabulary.inner(number) as usize] <= threshold
            && !special.contains(&number)
        {
            vocabulary.prune(number);
        }
    }
}

/// Drop the n-grams of orders 2 and up that occur at most as often as their order's threshold.
///
/// Thresholds never fall, and an n-gram occurs at most as often as its context and its suffix: these stay.
pub(crate) fn grams(
    grams: &mut [Vec<Gram>],
    nodes: &mut [Vec<Node>],
    links: &mut Vec<u32>,
    levels: &[Level],
    thresholds: &[u32],
) {
    for k in (1..grams.len()).filter(|&k| thresholds[k] > 0) {
        let counts = &levels[k].counts;
        let keep = |index: usize| counts.get(index).is_none_or(|&count| count > thresholds[k]);
        let places = places(&levels[k].counts, thresholds[k]);
        retain(&mut grams[k], keep);
        for node in &mut nodes[k - 1] {
            node.children = places[node.children as usize];
        }
        match nodes.get_mut(k) {
            Some(nodes) => retain(nodes, keep),
            None => retain(links, keep),
        }
        // The level above still links to this one by the old places.
        match nodes.get_mut(k + 1) {
            Some(above) => above.iter_mut().for_each(|node| node.suffix = places[node.suffix as usize]),
            None if k + 1 < grams.len() => links.iter_mut().for_each(|link| *link = places[*link as usize]),
            None => {}
        }
    }
}

/// Where each n-gram is once the rare ones are gone, and how many stay.
fn places(counts: &[u32], threshold: u32) -> Vec<u32> {
    let mut next = 0;
    let mut places: Vec<u32> = Vec::with_capacity(counts.len() + 1);
    for &count in counts {
        places.push(next);
        next += u32::from(count > threshold);
    }
    places.push(next);
    places
}

fn retain<T>(items: &mut Vec<T>, keep: impl Fn(usize) -> bool) {
    let mut index = 0;
    items.retain(|_| {
        index += 1;
        keep(index - 1)
    });
}
