use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::AddedToken;
use crate::error::{Result, TokenizerError};
use crate::model::Model;
use crate::normalized::NormalizedString;
use crate::normalizer::Normalizer;
use crate::unicode::{Class, is_word};

/// A stretch of text: an added token, or text for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub range: Range<usize>,
    pub added: Option<u32>,
}

/// The added tokens of a tokenizer.
#[derive(Debug, Clone, Default)]
pub struct AddedVocabulary {
    ids: HashMap<String, u32>,
    tokens: BTreeMap<u32, AddedToken>,
    /// What normalization makes of the tokens that are matched in normalized text, where that is another text.
    ///
    /// As in the reference, this is also what such a token is called from then on.
    forms: BTreeMap<u32, String>,
    /// Contents of the special tokens: what decoding may leave out, by text, as in the reference.
    special: HashSet<String>,
    /// Tokens matched in the original text.
    raw: Option<Matcher>,
    /// Tokens matched in the normalized text between those.
    normalized: Option<Matcher>,
    /// Special tokens in text are ordinary text.
    encode_special_tokens: bool,
}

impl AddedVocabulary {
    /// Add `tokens`, giving those that are new to the model the next free ids, in order; returns how many were
    /// not known with these settings already.
    ///
    /// The first free id is the model's vocabulary size, or one past the largest added id beyond it.
    pub fn add(
        &mut self,
        tokens: impl IntoIterator<Item = AddedToken>,
        model: &Model,
        normalizer: Option<&Normalizer>,
    ) -> Result<usize> {
        let size = model.vocab_size() as u32;
        let largest = self.tokens.last_key_value().map(|(&id, _)| id);
        let mut next = largest.filter(|&id| id >= size || size == 0).map_or(size, |id| id + 1);
        let mut added = 0;
        for token in tokens {
            let known = self.ids.get(&token.content).and_then(|id| self.tokens.get(id));
            if token.content.is_empty() || known == Some(&token) {
                continue;
            }
            let id = self.token_to_id(&token.content, model).unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            if let Some(form) = form(&token, normalizer)? {
                self.forms.insert(id, form);
            }
            if token.special {
                self.special.insert(token.content.clone());
            }
            self.ids.insert(token.content.clone(), id);
            self.tokens.insert(id, token);
            added += 1;
        }
        self.rebuild()?;
        Ok(added)
    }

    /// Normalize the tokens anew that are matched in normalized text.
    pub fn normalize(&mut self, normalizer: Option<&Normalizer>) -> Result<()> {
        let mut forms = BTreeMap::new();
        for (&id, token) in &self.tokens {
            forms.extend(form(token, normalizer)?.map(|form| (id, form)));
        }
        self.forms = forms;
        self.rebuild()
    }

    fn rebuild(&mut self) -> Result<()> {
        (self.raw, self.normalized) = (self.matcher(false)?, self.matcher(true)?);
        Ok(())
    }

    /// Of the tokens that are matched in normalized text, or of the others.
    fn matcher(&self, normalized: bool) -> Result<Option<Matcher>> {
        let chosen = self.tokens.iter().filter(|(_, token)| token.normalized == normalized);
        Matcher::new(chosen.map(|(&id, token)| {
            let form = self.forms.get(&id).filter(|_| normalized);
            (id, form.map_or(token.content.as_str(), String::as_str))
        }))
    }

    pub fn token_to_id(&self, token: &str, model: &Model) -> Option<u32> {
        self.ids.get(token).copied().or_else(|| model.token_to_id(token))
    }

    /// The text of an added token: its normalized form if it is matched in normalized text.
    pub fn id_to_token(&self, id: u32) -> Option<&str> {
        let token = self.tokens.get(&id)?;
        Some(self.forms.get(&id).map_or(token.content.as_str(), String::as_str))
    }

    /// Whether a token of this text is special.
    pub fn is_special(&self, token: &str) -> bool {
        self.special.contains(token)
    }

    /// By ascending id.
    pub fn tokens(&self) -> &BTreeMap<u32, AddedToken> {
        &self.tokens
    }

    /// (content, id), in no particular order.
    pub fn ids(&self) -> &HashMap<String, u32> {
        &self.ids
    }

    pub fn encode_special_tokens(&self) -> bool {
        self.encode_special_tokens
    }

    pub fn set_encode_special_tokens(&mut self, value: bool) {
        self.encode_special_tokens = value;
    }

    /// No token is ever matched in text.
    pub fn is_inert(&self) -> bool {
        self.raw.is_none() && self.normalized.is_none()
    }

    /// Whether tokens are matched in normalized text, too.
    pub fn has_normalized(&self) -> bool {
        self.normalized.is_some()
    }

    /// Emit the segments of a text that is not normalized, in order; they cover it (unless tokens that strip white
    /// space overlap).
    pub fn segments(&self, text: &str, emit: impl FnMut(Segment)) {
        self.find(self.raw.as_ref(), text, emit);
    }

    /// Emit the segments of a normalized text, or of a text if there is no normalizer.
    pub fn normalized_segments(&self, text: &str, emit: impl FnMut(Segment)) {
        self.find(self.normalized.as_ref(), text, emit);
    }

    /// Emit the segments of a text where normalization changes nothing about what is found; ranges are those of `text`.
    pub fn all_segments(&self, text: &str, mut emit: impl FnMut(Segment)) {
        self.segments(text, |outer| {
            if outer.added.is_some() {
                return emit(outer);
            }
            let start = outer.range.start;
            self.normalized_segments(&text[outer.range], |Segment { range, added }| {
                emit(Segment { range: start + range.start..start + range.end, added });
            });
        });
    }

    fn find(&self, matcher: Option<&Matcher>, text: &str, mut emit: impl FnMut(Segment)) {
        let Some(matcher) = matcher else {
            if !text.is_empty() {
                emit(Segment { range: 0..text.len(), added: None });
            }
            return;
        };
        let mut done = 0;
        for found in matcher.automaton.find_iter(text) {
            let id = matcher.ids[found.pattern().as_usize()];
            let Some(token) = self.tokens.get(&id) else { continue };
            let (mut start, mut end) = (found.start(), found.end());
            if self.encode_special_tokens && self.special.contains(&token.content)
                || token.single_word && touches_word(text, start, end)
            {
                continue;
            }
            if token.lstrip {
                let is_space = |character| Class::of(character) == Class::Space;
                start = text[..start].trim_end_matches(is_space).len().max(done);
            }
            if token.rstrip {
                let after = &text[end..];
                end = text.len() - after.trim_start_matches(|c| Class::of(c) == Class::Space).len();
            }
            if done < start {
                emit(Segment { range: done..start, added: None });
            }
            // One that is all white space may have been taken by the token before.
            if start < end {
                emit(Segment { range: start..end, added: Some(id) });
            }
            done = end;
        }
        if done < text.len() {
            emit(Segment { range: done..text.len(), added: None });
        }
    }
}

/// What normalization makes of a token that is matched in normalized text, if that is another text.
fn form(token: &AddedToken, normalizer: Option<&Normalizer>) -> Result<Option<String>> {
    let Some(normalizer) = normalizer.filter(|_| token.normalized) else { return Ok(None) };
    let mut text = NormalizedString::new(&token.content);
    normalizer.normalize(&mut text)?;
    Ok((text.get() != token.content).then(|| text.get().to_owned()))
}

fn touches_word(text: &str, start: usize, end: usize) -> bool {
    text[..start].chars().next_back().is_some_and(is_word) || text[end..].chars().next().is_some_and(is_word)
}

/// Leftmost-longest search for the contents of some tokens.
#[derive(Debug, Clone)]
struct Matcher {
    automaton: AhoCorasick,
    ids: Vec<u32>,
}

impl Matcher {
    fn new<'a>(tokens: impl Iterator<Item = (u32, &'a str)>) -> Result<Option<Self>> {
        // A form that normalization leaves nothing of would match everywhere.
        let (ids, contents): (Vec<u32>, Vec<&str>) = tokens.filter(|(_, text)| !text.is_empty()).unzip();
        if ids.is_empty() {
            return Ok(None);
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(contents)
            .map_err(|error| TokenizerError::at("added_tokens", error.to_string()))?;
        Ok(Some(Self { automaton, ids }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Bpe, BpeOptions};

    fn vocabulary(tokens: Vec<AddedToken>) -> AddedVocabulary {
        let bpe = Bpe::new([("a", 0), ("b", 1)].into_iter(), [].into_iter(), BpeOptions::default()).unwrap();
        let mut vocabulary = AddedVocabulary::default();
        vocabulary.add(tokens, &Model::Bpe(Arc::new(bpe)), None).unwrap();
        vocabulary
    }

    fn split<'a>(vocabulary: &AddedVocabulary, text: &'a str) -> Vec<(&'a str, Option<u32>)> {
        let mut found = Vec::new();
        vocabulary.segments(text, |Segment { range, added }| match added {
            Some(id) => found.push((&text[range], Some(id))),
            None => vocabulary.normalized_segments(&text[range.clone()], |inner| {
                found.push((&text[range.clone()][inner.range], inner.added));
            }),
        });
        found
    }

    #[test]
    fn ids_are_handed_out_in_order_and_known_tokens_keep_theirs() {
        let tokens = ["x", "a", "y", "x", ""].map(|content| AddedToken::new(content, false));
        let vocabulary = vocabulary(tokens.to_vec());
        let ids: Vec<_> =
            vocabulary.tokens().iter().map(|(id, token)| (*id, token.content.as_str())).collect();
        assert_eq!(ids, [(0, "a"), (2, "x"), (3, "y")]);
    }

    #[test]
    fn longest_match_wins_and_white_space_is_stripped() {
        let strip = AddedToken { lstrip: true, rstrip: true, ..AddedToken::new("<m>", true) };
        let vocabulary = vocabulary(vec![strip, AddedToken::new("<m><m>", true)]);
        assert_eq!(
            split(&vocabulary, "u \u{a0}<m>\n v"),
            [("u", None), (" \u{a0}<m>\n ", Some(2)), ("v", None)]
        );
        assert_eq!(split(&vocabulary, "<m><m> <m>"), [("<m><m>", Some(3)), (" <m>", Some(2))]);
    }

    #[test]
    fn tokens_of_white_space_that_take_more_are_found_once() {
        let strip = AddedToken { lstrip: true, rstrip: true, ..AddedToken::new(" ", true) };
        let vocabulary = vocabulary(vec![strip]);
        assert_eq!(split(&vocabulary, "u   v"), [("u", None), ("   ", Some(2)), ("v", None)]);
    }

    #[test]
    fn single_words_are_not_found_inside_words() {
        let word = AddedToken { single_word: true, ..AddedToken::new("ing", false) };
        let vocabulary = vocabulary(vec![word]);
        assert_eq!(split(&vocabulary, "ing-ing"), [("ing", Some(2)), ("-", None), ("ing", Some(2))]);
        assert_eq!(split(&vocabulary, "singé _ing"), [("singé _ing", None)]);
    }

    #[test]
    fn special_tokens_can_be_ordinary_text() {
        let mut vocabulary = vocabulary(vec![AddedToken::new("<s>", true)]);
        vocabulary.set_encode_special_tokens(true);
        assert_eq!(split(&vocabulary, "a<s>"), [("a<s>", None)]);
    }
}
