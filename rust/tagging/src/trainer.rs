//! Learning: decode a sentence, and correct the weights where the tags are wrong.

use std::collections::HashMap;

use ferrolm_base::Cancel;

use crate::attributes::Attributes;
use crate::error::TaggingError;
use crate::features::{self, Keys, ROLES};
use crate::hash::Random;
use crate::lattice::{Lattice, Transitions};
use crate::learning::{DROPPED, Weights};
use crate::scheme::Scheme;
use crate::sentences::Sentences;
use crate::table::Table;
use crate::tagger::Tagger;
use crate::{MAX_TAGS, scheme};

/// How a [`Trainer`] learns.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub seed: u64,
    /// By how much the right tag of a word must win while learning.
    pub margin: i32,
    /// The same against `O` where an entity is: higher finds more entities, and more that are none.
    pub missed_margin: i32,
    /// Features that occur less often are not used.
    pub min_count: u32,
    /// Whether labels of entities must be BIO or BIOES; `None`: if those of the examples are.
    pub constraints: Option<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 1, margin: 1, missed_margin: 20, min_count: 1, constraints: None }
    }
}

/// The features of a distinct word, all roles after each other.
struct Word {
    features: Vec<u32>,
    /// Where each role begins in `features`, and where the last ends.
    roles: [u32; ROLES + 1],
    keys: Keys,
}

impl Word {
    fn role(&self, role: usize) -> &[u32] {
        &self.features[self.roles[role] as usize..self.roles[role + 1] as usize]
    }
}

/// A tagger in the making.
pub struct Trainer {
    settings: Settings,
    scheme: Scheme,
    tags: Vec<String>,
    outside: Option<usize>,
    /// Distinct words; the first is what stands around sentences.
    words: Vec<Word>,
    /// Forms by falling number of occurrences, for the model's cache.
    forms: Vec<String>,
    /// Of each place: its word, its features of several words, its tag.
    places: Vec<u32>,
    pairs: Vec<[u32; 3]>,
    gold: Vec<u16>,
    /// Of the first word of each sentence.
    firsts: Vec<u32>,
    /// Where sentences end among the places.
    ends: Vec<usize>,
    weights: Weights,
    transition_features: Vec<u32>,
    transitions: Transitions,
    order: Vec<u32>,
    random: Random,
    /// Sentences seen so far, in all epochs.
    seen: u32,
}

const BOUNDARY: usize = 0;
/// Words that a tagger has summed scores of, if it has the memory.
const MAX_FORMS: usize = 1 << 16;

impl Trainer {
    /// From words and their tags, of equal shape.
    pub fn new(
        words: &Sentences,
        tags: &Sentences,
        settings: Settings,
        cancel: &Cancel,
    ) -> Result<Self, TaggingError> {
        check(words, tags)?;
        let (names, gold) = numbered_tags(tags)?;
        let scheme = chosen_scheme(&names, tags, settings.constraints)?;
        let mut weights = Weights::default();
        let transition_features =
            (0..=names.len()).map(|before| weights.number(features::transition(before))).collect();
        let mut trainer = Self {
            settings,
            scheme,
            outside: names.iter().position(|tag| tag == "O").filter(|_| scheme != Scheme::Free),
            words: Vec::new(),
            forms: Vec::new(),
            places: Vec::with_capacity(gold.len()),
            pairs: Vec::with_capacity(gold.len()),
            gold,
            firsts: Vec::new(),
            ends: (0..words.len()).map(|sentence| words.places(sentence).end).collect(),
            weights,
            transition_features,
            transitions: Transitions::new(scheme.transitions(&names), scheme.ends(&names)),
            tags: names,
            order: (0..words.len() as u32).collect(),
            random: Random(settings.seed),
            seen: 0,
        };
        trainer.read_words(words, cancel)?;
        trainer.read_pairs();
        trainer.drop_rare();
        Ok(trainer)
    }

    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    pub fn num_words(&self) -> usize {
        self.gold.len()
    }

    pub fn num_features(&self) -> usize {
        self.weights.len()
    }

    fn read_words(&mut self, sentences: &Sentences, cancel: &Cancel) -> Result<(), TaggingError> {
        let mut attributes = Attributes::default();
        attributes.boundary();
        self.add_word(&attributes);
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut counts: Vec<(u32, &str)> = Vec::new();
        for place in 0..sentences.num_words() {
            if place % 1024 == 0 {
                cancel.check()?;
            }
            let form = sentences.word(place);
            let number = *numbers.entry(form).or_insert_with(|| {
                attributes.read(form);
                self.add_word(&attributes);
                counts.push((0, form));
                self.words.len() as u32 - 1
            });
            counts[number as usize - 1].0 += 1;
            self.places.push(number);
        }
        counts.sort_by_key(|&(count, _)| std::cmp::Reverse(count));
        self.forms = counts.into_iter().take(MAX_FORMS).map(|(_, form)| form.to_owned()).collect();
        Ok(())
    }

    fn add_word(&mut self, attributes: &Attributes) {
        let mut word = Word { features: Vec::new(), roles: [0; ROLES + 1], keys: Keys::from(attributes) };
        features::for_roles(attributes, |role, key| {
            word.features.push(self.weights.number(key));
            word.roles[role + 1] = word.features.len() as u32;
        });
        self.words.push(word);
    }

    /// The word that stands so many places from this one; outside of the sentence it is the boundary.
    fn neighbour(&self, start: usize, end: usize, place: usize, offset: isize) -> &Word {
        let found = place.checked_add_signed(offset).filter(|found| (start..end).contains(found));
        &self.words[found.map_or(BOUNDARY, |found| self.places[found] as usize)]
    }

    fn read_pairs(&mut self) {
        let mut start = 0;
        for sentence in 0..self.ends.len() {
            let end = self.ends[sentence];
            for place in start..end {
                let keys = [-1, 0, 1].map(|offset| self.neighbour(start, end, place, offset).keys);
                let found = features::pairs(keys[0], keys[1], keys[2]);
                self.pairs.push(found.map(|key| self.weights.number(key)));
            }
            let first = self.neighbour(start, end, start, 0).keys;
            self.firsts.push(self.weights.number(features::first(first)));
            start = end;
        }
    }

    fn drop_rare(&mut self) {
        let mut counts = vec![0u32; self.weights.len()];
        for sentence in 0..self.ends.len() {
            for place in self.range(sentence) {
                self.each_feature(sentence, place, |feature| counts[feature as usize] += 1);
            }
        }
        let least = self.settings.min_count;
        let keep = |feature: &mut u32| {
            if counts[*feature as usize] < least {
                *feature = DROPPED;
            }
        };
        self.words.iter_mut().flat_map(|word| &mut word.features).for_each(keep);
        self.pairs.iter_mut().flatten().for_each(keep);
        self.firsts.iter_mut().for_each(keep);
    }

    fn range(&self, sentence: usize) -> std::ops::Range<usize> {
        sentence.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[sentence]
    }

    fn each_feature(&self, sentence: usize, place: usize, mut each: impl FnMut(u32)) {
        let std::ops::Range { start, end } = self.range(sentence);
        for (role, offset) in [0, -1, 1, -2, 2].into_iter().enumerate() {
            self.neighbour(start, end, place, offset).role(role).iter().for_each(|&feature| each(feature));
        }
        self.pairs[place].iter().for_each(|&feature| each(feature));
        if place == start {
            each(self.firsts[sentence]);
        }
    }

    /// See all sentences once, in an order of the seed's; returns how many words got their tag at once, the margin
    /// being in the way.
    pub fn epoch(&mut self, cancel: &Cancel) -> Result<usize, TaggingError> {
        let mut order = std::mem::take(&mut self.order);
        self.random.shuffle(&mut order);
        let mut lattice = Lattice::default();
        let mut right = 0;
        let result = order.iter().try_for_each(|&sentence| {
            right += self.learn(sentence as usize, &mut lattice, cancel)?;
            Ok(())
        });
        self.order = order;
        result.map(|()| right)
    }

    fn learn(
        &mut self,
        sentence: usize,
        lattice: &mut Lattice,
        cancel: &Cancel,
    ) -> Result<usize, TaggingError> {
        cancel.check()?;
        let places = self.range(sentence);
        let mut found = vec![0; places.len()];
        if found.is_empty() {
            return Ok(0);
        }
        let mut scores = vec![0; self.tags.len()];
        self.transitions.measure();
        lattice.start();
        for place in places.clone() {
            if place % 1024 == 0 {
                cancel.check()?;
            }
            scores.fill(0);
            self.each_feature(sentence, place, |feature| self.weights.add_to(feature, &mut scores));
            self.add_margins(usize::from(self.gold[place]), &mut scores);
            lattice.step(&scores, &self.transitions);
        }
        lattice.finish(&self.transitions, &mut found);
        let right = self.correct(sentence, &found);
        self.seen += 1;
        Ok(right)
    }

    fn add_margins(&self, gold: usize, scores: &mut [i32]) {
        for score in scores.iter_mut() {
            *score += self.settings.margin;
        }
        scores[gold] -= self.settings.margin;
        if let Some(outside) = self.outside.filter(|&outside| outside != gold) {
            scores[outside] += self.settings.missed_margin - self.settings.margin;
        }
    }

    fn correct(&mut self, sentence: usize, found: &[u16]) -> usize {
        let places = self.range(sentence);
        let (start, mut right) = (places.start, 0);
        let mut features = Vec::new();
        for place in places {
            let (wanted, given) = (self.gold[place], found[place - start]);
            right += usize::from(wanted == given);
            if wanted != given {
                features.clear();
                self.each_feature(sentence, place, |feature| features.push(feature));
                for &feature in &features {
                    self.weights.change(feature, wanted, 1, self.seen);
                    self.weights.change(feature, given, -1, self.seen);
                }
            }
            let before = |tags: &[u16], offset: usize| match place - start {
                0 => self.tags.len(),
                _ => usize::from(tags[place - 1 - offset]),
            };
            let (wanted_before, given_before) = (before(&self.gold, 0), before(found, start));
            if wanted != given || wanted_before != given_before {
                self.change_transition(wanted_before, wanted, 1);
                self.change_transition(given_before, given, -1);
            }
        }
        right
    }

    fn change_transition(&mut self, before: usize, tag: u16, by: i32) {
        self.weights.change(self.transition_features[before], tag, by, self.seen);
        self.transitions.add(before, usize::from(tag), by);
    }

    /// The tagger of the averages so far; weights of no more than `prune` are left out.
    pub fn tagger(&self, prune: f64, info: String) -> Tagger {
        let averages = self.weights.averages(self.seen, prune);
        let table = Table::quantized(&averages);
        Tagger::new(self.tags.clone(), self.scheme, self.forms.clone(), table, info)
    }
}

fn check(words: &Sentences, tags: &Sentences) -> Result<(), TaggingError> {
    if words.len() != tags.len() {
        return Err(TaggingError::Sentences { words: words.len(), tags: tags.len() });
    }
    let lengths = (0..words.len()).map(|each| (each, words.places(each).len(), tags.places(each).len()));
    if let Some((sentence, words, tags)) = lengths.into_iter().find(|(_, words, tags)| words != tags) {
        return Err(TaggingError::Lengths { sentence, words, tags });
    }
    if words.num_words() == 0 { Err(TaggingError::Empty) } else { Ok(()) }
}

/// The names of the tags in order of their names, and the tag of each word.
fn numbered_tags(tags: &Sentences) -> Result<(Vec<String>, Vec<u16>), TaggingError> {
    let mut numbers: HashMap<&str, u16> = HashMap::new();
    for place in 0..tags.num_words() {
        numbers.entry(tags.word(place)).or_insert(0);
        if numbers.len() > MAX_TAGS {
            return Err(TaggingError::TooManyTags { limit: MAX_TAGS });
        }
    }
    let mut names: Vec<&str> = numbers.keys().copied().collect();
    names.sort_unstable();
    numbers.extend(names.iter().enumerate().map(|(number, &name)| (name, number as u16)));
    let gold = (0..tags.num_words()).filter_map(|place| numbers.get(tags.word(place)).copied()).collect();
    Ok((names.into_iter().map(str::to_owned).collect(), gold))
}

/// The scheme of the tags' names, if the examples keep to it.
fn chosen_scheme(
    names: &[String],
    tags: &Sentences,
    constraints: Option<bool>,
) -> Result<Scheme, TaggingError> {
    let scheme = Scheme::of(names);
    if scheme == Scheme::Free || constraints == Some(false) {
        return Ok(Scheme::Free);
    }
    match (violation(scheme, tags), constraints) {
        (None, _) => Ok(scheme),
        (Some(error), Some(true)) => Err(error),
        (Some(_), _) => Ok(Scheme::Free),
    }
}

fn violation(scheme: scheme::Scheme, tags: &Sentences) -> Option<TaggingError> {
    (0..tags.len()).find_map(|sentence| {
        let mut before = None;
        let after = tags.places(sentence).map(|place| Some(tags.word(place))).chain([None]);
        for after in after {
            if !scheme.allows(before, after) {
                let name = |tag: Option<&str>| tag.unwrap_or("the end of the sentence").to_owned();
                let started = before.unwrap_or("the start of the sentence").to_owned();
                return Some(TaggingError::Scheme { sentence, before: started, tag: name(after) });
            }
            before = after;
        }
        None
    })
}
