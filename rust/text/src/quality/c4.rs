//! The rules of C4: Raffel et al. 2020, "Exploring the Limits of Transfer Learning", section 2.2. Lines that are no
//! sentences go, and so do pages that say so or have too few sentences left.

use std::collections::HashSet;

use crate::quality::{for_each_word, lower_case};

/// What a line of a notice about the site itself says.
const POLICY: [&str; 6] =
    ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"];

/// Which rules are in force.
#[derive(Debug, Clone)]
pub struct C4Rules {
    /// A page with fewer sentences goes.
    pub min_sentences: usize,
    /// A line with fewer words goes.
    pub min_line_words: usize,
    /// A line with a longer word goes; in characters.
    pub max_word_length: usize,
    /// Characters of which one must end a line; an ellipsis does not. Empty: any end will do.
    pub terminal_punctuation: String,
    /// A line with this word goes.
    pub javascript: bool,
    /// A line about cookies, privacy or terms of use goes.
    pub policy: bool,
    /// A page with this phrase goes.
    pub lorem_ipsum: bool,
    /// A page with a `{` goes.
    pub curly_bracket: bool,
    /// `[1]`, `[edit]` and `[citation needed]` are taken out of lines.
    pub citations: bool,
    /// Words come from a dictionary, for scripts that are written without spaces.
    pub segmented: bool,
}

/// [`C4Rules`] with the list of words that no page may have.
pub struct C4 {
    rules: C4Rules,
    bad_words: HashSet<String>,
    bad_phrases: Vec<String>,
}

impl C4 {
    /// `bad_words`: words and phrases, in any case.
    pub fn new(rules: C4Rules, bad_words: &[String]) -> Self {
        let lower = bad_words.iter().map(|word| word.to_lowercase());
        let (words, phrases) = lower.partition(|word: &String| word.chars().all(char::is_alphanumeric));
        let bad_phrases: Vec<String> = phrases;
        let bad_words: Vec<String> = words;
        Self { rules, bad_words: bad_words.into_iter().collect(), bad_phrases }
    }

    /// The lines of a page that stay, or the rules for which it goes.
    pub fn clean(&self, text: &str) -> Result<String, Vec<&'static str>> {
        let mut reasons = Vec::new();
        let mut kept = String::with_capacity(text.len());
        let (mut sentences, mut lower) = (0, String::new());
        if self.rules.curly_bracket && text.contains('{') {
            reasons.push("curly_bracket");
        }
        let mut found = [false; 2];
        for line in text.lines() {
            lower_case(line, &mut lower);
            found[0] |= self.rules.lorem_ipsum && lower.contains("lorem ipsum");
            found[1] |= self.is_bad(&lower);
            if !self.is_notice(&lower) {
                sentences += self.keep(line.trim(), &mut kept);
            }
        }
        let page = [found[0], found[1], sentences < self.rules.min_sentences];
        let names = ["lorem_ipsum", "bad_words", "min_sentences"];
        reasons.extend(names.into_iter().zip(page).filter_map(|(name, holds)| holds.then_some(name)));
        if reasons.is_empty() { Ok(kept) } else { Err(reasons) }
    }

    /// Append a line to `kept` if it is one to keep; returns its sentences.
    fn keep(&self, line: &str, kept: &mut String) -> usize {
        if !self.are_words(line) {
            return 0;
        }
        let cleaned = if self.rules.citations { without_citations(line) } else { None };
        let line = cleaned.as_deref().unwrap_or(line);
        if !self.is_ended(line) {
            return 0;
        }
        if !kept.is_empty() {
            kept.push('\n');
        }
        kept.push_str(line);
        sentences(line)
    }

    fn are_words(&self, line: &str) -> bool {
        let (mut words, mut short) = (0, true);
        for_each_word(line, self.rules.segmented, |word| {
            words += 1;
            short &= word.len() <= self.rules.max_word_length
                || word.chars().count() <= self.rules.max_word_length;
        });
        short && words >= self.rules.min_line_words
    }

    fn is_ended(&self, line: &str) -> bool {
        let ends = &self.rules.terminal_punctuation;
        let ellipsis = line.ends_with("...") || line.ends_with('…');
        ends.is_empty() || (!ellipsis && line.chars().next_back().is_some_and(|last| ends.contains(last)))
    }

    fn is_notice(&self, lower: &str) -> bool {
        (self.rules.javascript && lower.contains("javascript"))
            || (self.rules.policy && POLICY.iter().any(|phrase| lower.contains(phrase)))
    }

    fn is_bad(&self, lower: &str) -> bool {
        let word = |word: &str| self.bad_words.contains(word);
        (!self.bad_words.is_empty() && lower.split(|c: char| !c.is_alphanumeric()).any(word))
            || self.bad_phrases.iter().any(|phrase| stands_alone(lower, phrase))
    }
}

/// Whether `phrase` occurs with no letter or digit beside it.
fn stands_alone(text: &str, phrase: &str) -> bool {
    !phrase.is_empty()
        && text.match_indices(phrase).any(|(start, _)| {
            let before = text.get(..start).and_then(|before| before.chars().next_back());
            let after = text.get(start + phrase.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
}

/// Sentences by their stops: runs of them before white space or the end, closing quotes and brackets included; what
/// comes after the last stop is one more.
fn sentences(line: &str) -> usize {
    let (mut count, mut stopped, mut open) = (0, false, false);
    for c in line.chars() {
        match c {
            '.' | '!' | '?' | '…' => stopped = open,
            '。' | '！' | '？' | '।' | '؟' | '۔' => {
                count += usize::from(open);
                (open, stopped) = (false, false);
            }
            '"' | '\'' | '”' | '’' | '»' | ')' | ']' => {}
            _ if c.is_whitespace() => {
                count += usize::from(stopped);
                open &= !stopped;
                stopped = false;
            }
            _ => (open, stopped) = (true, false),
        }
    }
    count + usize::from(open)
}

/// `line` without its citation marks, or nothing if it has none.
fn without_citations(line: &str) -> Option<String> {
    let mut places = line.match_indices('[').peekable();
    places.peek()?;
    let (mut result, mut end) = (String::with_capacity(line.len()), 0);
    for (start, _) in places {
        let Some(length) = line.get(start..).and_then(citation) else { continue };
        result.push_str(line.get(end..start).unwrap_or_default());
        end = start + length;
    }
    result.push_str(line.get(end..).unwrap_or_default());
    Some(result)
}

/// Length of the citation mark that `text` begins with.
fn citation(text: &str) -> Option<usize> {
    let fixed = ["[edit]", "[citation needed]"].into_iter().find(|mark| text.starts_with(mark));
    fixed.map(str::len).or_else(|| {
        let digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        (text.as_bytes().get(digits + 1) == Some(&b']')).then_some(digits + 2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str, change: impl FnOnce(&mut C4Rules)) -> Result<String, Vec<&'static str>> {
        let mut rules = C4Rules {
            min_sentences: 0,
            min_line_words: 3,
            max_word_length: 10,
            terminal_punctuation: ".!?\"”".into(),
            javascript: true,
            policy: true,
            lorem_ipsum: true,
            curly_bracket: true,
            citations: true,
            segmented: false,
        };
        change(&mut rules);
        C4::new(rules, &["Foo".into(), "bar baz".into()]).clean(text)
    }

    #[test]
    fn lines_that_are_no_sentences_go() {
        let page = "Home | About\n This line stays.[12] \nToo short.\nEnable JavaScript to go on.\nWe use cookies here.\n\
                    This one trails off...\nA long wooooooooooord is here.\nShe said \"so it is!\"";
        assert_eq!(clean(page, |_| {}).unwrap(), "This line stays.\nShe said \"so it is!\"");
    }

    #[test]
    fn reasons_name_all_rules_that_a_page_breaks() {
        let page = "Lorem ipsum dolor sit amet. {\nA foo is here now.";
        assert_eq!(clean(page, |_| {}).unwrap_err(), ["curly_bracket", "lorem_ipsum", "bad_words"]);
        assert_eq!(clean("One sentence is here.", |r| r.min_sentences = 2).unwrap_err(), ["min_sentences"]);
        assert_eq!(clean("it has Bar  bar baz! in.", |_| {}).unwrap_err(), ["bad_words"]);
        assert!(clean("Food and bar bazaar here.", |_| {}).is_ok());
        assert_eq!(clean("", |_| {}).unwrap(), "");
    }

    #[test]
    fn sentences_are_counted() {
        for (line, count) in [
            ("", 0),
            ("One.", 1),
            ("One. Two!", 2),
            ("He said \"Go.\" Then?! Ok", 3),
            ("3.14 is pi.", 1),
            ("...", 0),
            ("晴れ。雨。", 2),
        ] {
            assert_eq!(sentences(line), count, "{line}");
        }
    }

    #[test]
    fn citations_go() {
        assert_eq!(without_citations("a[1][] b[edit] [x] [citation needed]c").unwrap(), "a b [x] c");
        assert_eq!(without_citations("plain"), None);
        assert_eq!(without_citations("[[[1]").unwrap(), "[[");
    }
}
