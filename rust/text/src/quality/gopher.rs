//! The rules of Gopher: Rae et al. 2021, "Scaling Language Models", appendix A1.1. What a document must be like to be
//! kept, as limits on its [`Statistics`].

use std::collections::HashSet;

use crate::quality::Statistics;

/// A rule of no published list.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a rule of Gopher")]
pub struct UnknownRule(pub String);

/// A limit on one statistic. Names begin with what it limits: `min_` or `max_`.
struct Rule {
    name: &'static str,
    value: fn(&Statistics) -> f64,
}

const fn rule(name: &'static str, value: fn(&Statistics) -> f64) -> Rule {
    Rule { name, value }
}

/// In the order in which violations are told.
static RULES: [Rule; 23] = [
    rule("min_words", |s| s.words as f64),
    rule("max_words", |s| s.words as f64),
    rule("min_mean_word_length", |s| s.mean_word_length),
    rule("max_mean_word_length", |s| s.mean_word_length),
    rule("max_hash_ratio", |s| s.hash_ratio),
    rule("max_ellipsis_ratio", |s| s.ellipsis_ratio),
    rule("max_bullet_lines", |s| s.bullet_lines),
    rule("max_ellipsis_lines", |s| s.ellipsis_lines),
    rule("min_alphabetic_words", |s| s.alphabetic_words),
    rule("min_stop_words", |s| s.stop_words as f64),
    rule("max_duplicate_lines", |s| s.duplicate_lines),
    rule("max_duplicate_paragraphs", |s| s.duplicate_paragraphs),
    rule("max_duplicate_line_characters", |s| s.duplicate_line_characters),
    rule("max_duplicate_paragraph_characters", |s| s.duplicate_paragraph_characters),
    rule("max_top_2_gram", |s| s.top_ngrams[0]),
    rule("max_top_3_gram", |s| s.top_ngrams[1]),
    rule("max_top_4_gram", |s| s.top_ngrams[2]),
    rule("max_duplicate_5_grams", |s| s.duplicate_ngrams[0]),
    rule("max_duplicate_6_grams", |s| s.duplicate_ngrams[1]),
    rule("max_duplicate_7_grams", |s| s.duplicate_ngrams[2]),
    rule("max_duplicate_8_grams", |s| s.duplicate_ngrams[3]),
    rule("max_duplicate_9_grams", |s| s.duplicate_ngrams[4]),
    rule("max_duplicate_10_grams", |s| s.duplicate_ngrams[5]),
];

/// The rules that are in force.
pub struct Gopher {
    limits: Vec<(&'static Rule, f64)>,
    stop_words: HashSet<String>,
    segmented: bool,
}

impl Gopher {
    /// `limits`: rules by name, with the value that is still allowed. `stop_words`: in lower case. `segmented`: words
    /// come from a dictionary, for scripts that are written without spaces.
    pub fn new(
        limits: &[(String, f64)],
        stop_words: HashSet<String>,
        segmented: bool,
    ) -> Result<Self, UnknownRule> {
        let asked = |name: &str| limits.iter().find(|(other, _)| other == name).map(|&(_, limit)| limit);
        if let Some((name, _)) = limits.iter().find(|(name, _)| RULES.iter().all(|rule| rule.name != name)) {
            return Err(UnknownRule(name.clone()));
        }
        let limits = RULES.iter().filter_map(|rule| asked(rule.name).map(|limit| (rule, limit)));
        Ok(Self { limits: limits.collect(), stop_words, segmented })
    }

    pub fn statistics(&self, text: &str) -> Statistics {
        Statistics::of(text, &self.stop_words, self.segmented)
    }

    /// Names of the rules that a document breaks.
    pub fn violations(&self, text: &str) -> Vec<&'static str> {
        let statistics = self.statistics(text);
        let broken = |rule: &Rule, limit: f64| {
            let value = (rule.value)(&statistics);
            if rule.name.starts_with("min") { value < limit } else { value > limit }
        };
        self.limits.iter().filter(|(rule, limit)| broken(rule, *limit)).map(|(rule, _)| rule.name).collect()
    }
}

/// The statistics with the names that the rules give them: `max_hash_ratio` limits `hash_ratio`.
pub fn named(statistics: &Statistics) -> Vec<(&'static str, f64)> {
    let mut named: Vec<(&'static str, f64)> = Vec::with_capacity(RULES.len());
    for rule in &RULES {
        let name = rule.name.get(4..).unwrap_or(rule.name);
        if named.iter().all(|&(other, _)| other != name) {
            named.push((name, (rule.value)(statistics)));
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(limits: &[(&str, f64)]) -> Gopher {
        let limits: Vec<_> = limits.iter().map(|&(name, limit)| (name.to_owned(), limit)).collect();
        Gopher::new(&limits, HashSet::new(), false).unwrap()
    }

    #[test]
    fn limits_are_allowed_and_what_lies_beyond_is_not() {
        let gopher = with(&[("max_words", 3.0), ("min_words", 2.0)]);
        assert_eq!(gopher.violations("one"), ["min_words"]);
        assert!(gopher.violations("one two").is_empty() && gopher.violations("one two three").is_empty());
        assert_eq!(gopher.violations("one two three four"), ["max_words"]);
    }

    #[test]
    fn an_unknown_rule_is_named() {
        let error = Gopher::new(&[("max_wrods".into(), 1.0)], HashSet::new(), false).err().unwrap();
        assert!(error.to_string().contains("max_wrods"));
    }

    #[test]
    fn every_rule_has_its_own_statistic() {
        let statistics = with(&[]).statistics("a b a b a b");
        let names: Vec<_> = named(&statistics).iter().map(|&(name, _)| name).collect();
        assert_eq!(names.len(), 21);
        assert!(names.contains(&"duplicate_10_grams") && names.contains(&"mean_word_length"));
    }
}
