//! Walking over all n-grams of an order with their words.

use crate::fast::Fast;
use crate::model::Gram;

/// The n-grams of order `k` in the model's order: calls `each` with the words (inner numbers) and place of each.
pub(crate) fn each_gram<E>(
    levels: &Fast,
    k: usize,
    mut each: impl FnMut(&[u32], usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut words = vec![0; k];
    // The place, at each order, of the prefix of the current n-gram.
    let mut places = vec![0usize; k];
    for (index, Gram { word, .. }) in levels.grams[k - 1].iter().enumerate() {
        places[k - 1] = index;
        for below in (0..k - 1).rev() {
            let nodes = &levels.nodes[below];
            if nodes[places[below] + 1].children as usize > places[below + 1] && index > 0 {
                break;
            }
            while nodes[places[below] + 1].children as usize <= places[below + 1] {
                places[below] += 1;
            }
        }
        for (word, (&place, grams)) in words.iter_mut().zip(places.iter().zip(&levels.grams)) {
            *word = grams[place].word;
        }
        words[k - 1] = *word;
        each(&words, index)?;
    }
    Ok(())
}
