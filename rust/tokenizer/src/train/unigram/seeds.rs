//! The first pieces: all characters, and the substrings that cover most.

use std::cmp::Reverse;

use ferrolm_base::Cancel;

use super::super::sorting::sort_by;
use super::super::{Progress, TrainError};
use super::UnigramOptions;
use super::model::Piece;
use super::suffixes::{Repeat, repeats};
use super::text::{BOUNDARY, Text};

/// Pieces with their log probabilities: characters by falling count, then substrings by falling count times length,
/// equal ones by falling code points.
pub(super) fn seeds(
    text: &Text,
    options: &UnigramOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Vec<(Piece, f64)>, TrainError> {
    let mut seeds = characters(text);
    let mut found = repeats(text, options.max_piece_length, progress, cancel)?;
    let score = |repeat: &Repeat| u64::from(repeat.count) * u64::from(repeat.length);
    let codes = |repeat: &Repeat| &text.codes[repeat.start as usize..][..repeat.length as usize];
    let falling = |left: &Repeat, right: &Repeat| {
        score(right).cmp(&score(left)).then_with(|| codes(right).cmp(codes(left)))
    };
    // One at least, as in the reference.
    let room = options.seed_size.saturating_sub(seeds.len()).max(1);
    if room < found.len() {
        found.select_nth_unstable_by(room, falling);
        found.truncate(room);
    }
    sort_by(&mut found, cancel, falling)?;
    seeds.extend(
        found
            .iter()
            .map(|repeat| (Piece { start: repeat.start, length: repeat.length }, score(repeat) as f64)),
    );
    let sum: f64 = seeds.iter().map(|(_, score)| score).sum();
    for (_, score) in &mut seeds {
        *score = score.ln() - sum.ln();
    }
    Ok(seeds)
}

fn characters(text: &Text) -> Vec<(Piece, f64)> {
    // By code: the number of occurrences and a place.
    let mut counts = vec![(0.0, 0); text.alphabet.len() + 1];
    let mut start = 0;
    for word in 0..text.len() {
        for (place, &code) in (start..).zip(text.word(word)) {
            counts[code as usize].0 += text.count(word);
            counts[code as usize].1 = place;
        }
        start += text.word(word).len() as u32 + 1;
    }
    counts[BOUNDARY as usize].0 = 0.0;
    let mut order: Vec<u32> = (1..counts.len() as u32).collect();
    order.sort_by_key(|&code| Reverse((counts[code as usize].0 as u64, code)));
    let seed = |code: u32| {
        let (count, start) = counts[code as usize];
        (Piece { start, length: 1 }, count)
    };
    order.into_iter().map(seed).collect()
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::super::super::Words;
    use super::*;

    /// The example of the reference's own test.
    #[test]
    fn characters_come_first_then_what_covers_most() {
        let text = Text::new(&Words::of_text([("This is a", 1), ("こんにちは友達", 1)]), &NEVER).unwrap();
        let found = seeds(&text, &UnigramOptions::default(), &Progress::default(), &NEVER).unwrap();
        let spelled: Vec<_> = found.iter().map(|(piece, _)| text.spell(piece.codes(&text))).collect();
        let expected = ["s", "i", " ", "達", "友", "ん", "は", "に", "ち", "こ", "h", "a", "T", "is ", "s "];
        assert_eq!(spelled, expected);
        assert!((found[0].1 - -2.564_949_357_461_536_7).abs() < 1e-12, "{}", found[0].1);
    }
}
