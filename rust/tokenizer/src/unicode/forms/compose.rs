//! Sorting combining marks, and composing what goes together.

use super::{combining_class, record, table};

const SYLLABLES: u32 = 0xAC00;
const LEADS: u32 = 0x1100;
const VOWELS: u32 = 0x1161;
/// One before the first final consonant.
const FINALS: u32 = 0x11A7;
const VOWEL_COUNT: u32 = 21;
const FINAL_COUNT: u32 = 28;
const LEAD_COUNT: u32 = 19;
const SYLLABLE_COUNT: u32 = LEAD_COUNT * VOWEL_COUNT * FINAL_COUNT;

pub(super) fn decompose_hangul(syllable: char, mut found: impl FnMut(char)) {
    let index = syllable as u32 - SYLLABLES;
    let (rest, last) = (index / FINAL_COUNT, index % FINAL_COUNT);
    let parts = [LEADS + rest / VOWEL_COUNT, VOWELS + rest % VOWEL_COUNT, FINALS + last];
    let parts = if last == 0 { &parts[..2] } else { &parts[..] };
    parts.iter().filter_map(|&code| char::from_u32(code)).for_each(&mut found);
}

fn compose(first: char, second: char) -> Option<char> {
    let place = record(second).2;
    if place == 0 {
        return compose_hangul(first as u32, second as u32);
    }
    let place = usize::from(place);
    let (start, end) = (usize::from(table::STARTS[place - 1]), usize::from(table::STARTS[place]));
    let pairs = &table::COMPOSED[start..end];
    pairs.binary_search_by_key(&first, |pair| pair.0).ok().map(|found| pairs[found].1)
}

fn compose_hangul(first: u32, second: u32) -> Option<char> {
    let code = if (VOWELS..VOWELS + VOWEL_COUNT).contains(&second) {
        let lead = first.checked_sub(LEADS).filter(|&lead| lead < LEAD_COUNT)?;
        SYLLABLES + (lead * VOWEL_COUNT + second - VOWELS) * FINAL_COUNT
    } else if (FINALS + 1..FINALS + FINAL_COUNT).contains(&second) {
        let syllable = first.checked_sub(SYLLABLES).filter(|&index| index < SYLLABLE_COUNT)?;
        if syllable % FINAL_COUNT != 0 {
            return None;
        }
        first + second - FINALS
    } else {
        return None;
    };
    char::from_u32(code)
}

/// Takes decomposed characters with their changes and gives them on sorted, and composed if wanted.
pub(super) struct Sorter<F> {
    composes: bool,
    /// Marks whose place is not known before the next starter.
    marks: Vec<(u8, char, isize)>,
    /// The starter that takes in marks.
    starter: Option<(char, isize)>,
    /// What it did not take in, and the class of the last of these.
    left: Vec<(char, isize)>,
    last_class: Option<u8>,
    found: F,
}

impl<F: FnMut(char, isize)> Sorter<F> {
    pub(super) fn new(composes: bool, found: F) -> Self {
        Self { composes, marks: Vec::new(), starter: None, left: Vec::new(), last_class: None, found }
    }

    pub(super) fn push(&mut self, character: char, change: isize) {
        let class = if character.is_ascii() { 0 } else { combining_class(character) };
        if class != 0 {
            self.marks.push((class, character, change));
            return;
        }
        self.sort();
        if self.composes {
            self.take(0, character, change);
        } else {
            (self.found)(character, change);
        }
    }

    fn sort(&mut self) {
        if self.marks.is_empty() {
            return;
        }
        let mut marks = std::mem::take(&mut self.marks);
        // Stable: marks of one class keep their order.
        marks.sort_by_key(|mark| mark.0);
        for (class, character, change) in marks.drain(..) {
            if self.composes {
                self.take(class, character, change);
            } else {
                (self.found)(character, change);
            }
        }
        self.marks = marks;
    }

    fn take(&mut self, class: u8, character: char, change: isize) {
        let Some((starter, starter_change)) = self.starter else {
            if class == 0 {
                self.starter = Some((character, change));
            } else {
                (self.found)(character, change);
            }
            return;
        };
        // A mark is kept away by one of the same or a higher class.
        if self.last_class.is_none_or(|last| last < class)
            && let Some(composed) = compose(starter, character)
        {
            // The character that is taken in is gone, if it was one of the text.
            self.starter = Some((composed, starter_change + change - 1));
            return;
        }
        if class == 0 {
            self.give();
            self.starter = Some((character, change));
        } else {
            self.left.push((character, change));
            self.last_class = Some(class);
        }
    }

    /// Give on the starter and what it did not take in.
    fn give(&mut self) {
        if let Some((starter, change)) = self.starter.take() {
            (self.found)(starter, change);
        }
        for (character, change) in self.left.drain(..) {
            (self.found)(character, change);
        }
        self.last_class = None;
    }

    pub(super) fn finish(mut self) {
        self.sort();
        self.give();
    }
}
