//! Whose turn it is.

use std::collections::VecDeque;

use super::options::ParityVariant;

/// Chooses the language that is longest, or that is compressed least for its target.
pub(super) struct Choice {
    /// Largest number of turns within the window, and the window.
    window: Option<(f64, usize)>,
    /// Targets and the lengths at the beginning.
    targets: Option<Vec<(f64, f64)>>,
    /// The last turns, and how many of them each language had.
    recent: VecDeque<usize>,
    turns: Vec<usize>,
}

impl Choice {
    pub(super) fn new(
        variant: &ParityVariant,
        ratio: Option<&[f64]>,
        lengths: impl ExactSizeIterator<Item = i64>,
    ) -> Self {
        let languages = lengths.len();
        let window = match *variant {
            ParityVariant::Base => None,
            ParityVariant::Window { window_size, alpha } => Some((alpha / languages as f64, window_size)),
        };
        let initial = lengths.map(|length| length as f64);
        let targets = ratio.map(|ratio| ratio.iter().copied().zip(initial).collect());
        Self { window, targets, recent: VecDeque::new(), turns: vec![0; languages] }
    }

    /// The language to take a merge from, by the present lengths. In a window it can be an exhausted one, when all
    /// others have had more than their share, as in `tokenizers`.
    pub(super) fn next(&mut self, lengths: &[i64], exhausted: &[bool]) -> usize {
        let need = |(language, &length): (usize, &i64)| match &self.targets {
            _ if exhausted[language] => f64::NEG_INFINITY,
            None => length as f64,
            Some(targets) => -(targets[language].1 / length as f64 / targets[language].0),
        };
        let needs: Vec<f64> = lengths.iter().enumerate().map(need).collect();
        let left = exhausted.iter().position(|&exhausted| !exhausted).unwrap_or(0);
        let Some((share, window_size)) = self.window else {
            return neediest(&needs, &vec![true; needs.len()]).unwrap_or(left);
        };
        let turn = self.within(&needs, share, window_size).unwrap_or(left);
        self.recent.push_back(turn);
        self.turns[turn] += 1;
        if self.recent.len() > window_size
            && let Some(oldest) = self.recent.pop_front()
        {
            self.turns[oldest] -= 1;
        }
        turn
    }

    fn within(&self, needs: &[f64], share: f64, window_size: usize) -> Option<usize> {
        let mut open = vec![true; needs.len()];
        loop {
            // The first language stands in when none is left that needs anything.
            let best = neediest(needs, &open).unwrap_or(0);
            if self.turns[best] as f64 / window_size as f64 <= share {
                return Some(best);
            }
            // `tokenizers` does not come back from here.
            if !open[best] {
                return neediest(needs, &vec![true; needs.len()]);
            }
            open[best] = false;
            if !open.contains(&true) {
                return Some(best);
            }
        }
    }
}

/// The first of the open languages with the greatest need.
fn neediest(needs: &[f64], open: &[bool]) -> Option<usize> {
    let mut best = (f64::NEG_INFINITY, None);
    for (language, (&need, &open)) in needs.iter().zip(open).enumerate() {
        if open && need > best.0 {
            best = (need, Some(language));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(window_size: usize, alpha: f64) -> ParityVariant {
        ParityVariant::Window { window_size, alpha }
    }

    #[test]
    fn the_longest_is_next_and_the_first_of_equals() {
        let mut choice = Choice::new(&ParityVariant::Base, None, [3, 5, 5].into_iter());
        assert_eq!(choice.next(&[3, 5, 5], &[false; 3]), 1);
        assert_eq!(choice.next(&[3, 5, 5], &[false, true, false]), 2);
    }

    #[test]
    fn targets_are_relative_to_the_beginning() {
        let mut choice = Choice::new(&ParityVariant::Base, Some(&[1.0, 2.0]), [10, 10].into_iter());
        assert_eq!(choice.next(&[10, 10], &[false; 2]), 1);
        assert_eq!(choice.next(&[10, 4], &[false; 2]), 0);
    }

    #[test]
    fn nobody_has_more_than_its_share_of_the_window() {
        let mut choice = Choice::new(&window(2, 1.0), None, [9, 1].into_iter());
        let turns: Vec<_> = (0..6).map(|_| choice.next(&[9, 1], &[false; 2])).collect();
        assert_eq!(turns, [0, 0, 1, 0, 0, 1]);
    }

    /// Empty languages with targets need nothing that can be compared, and shares can be too small for anyone.
    #[test]
    fn there_is_always_a_choice() {
        let mut choice = Choice::new(&ParityVariant::Base, Some(&[1.0, 1.0]), [5, 0].into_iter());
        assert_eq!(choice.next(&[5, 0], &[true, false]), 1);
        let mut choice = Choice::new(&window(3, 0.1), None, [9, 8, 7].into_iter());
        let turns: Vec<_> = (0..4).map(|_| choice.next(&[9, 8, 7], &[false, false, true])).collect();
        assert_eq!(turns.len(), 4);
    }
}
