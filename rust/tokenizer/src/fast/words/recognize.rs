//! Which way is taken for the parts of a tokenizer.

use super::super::cache::MAX_ID_BOUND;
use super::cutter::{Apart, Cutter, Joints, Parting};
use super::definition::{Definition, Shortcut};
use super::details::{Details, WordCount};
use super::engine::{Head, Way, WordEngine};
use super::isolated::Isolated;
use super::local::{Ends, Local, WHITE};
use super::plain::{is_plain, knows_start};
use super::spaced_bpe::SpacedBpe;
use crate::model::Model;
use crate::normalizer::Normalizer;
use crate::pattern::{Pattern, Source};
use crate::pre_tokenizer::{Metaspace, PreTokenizer, PrependScheme, is_punctuation};
use crate::unicode::traits::Traits;

impl WordEngine {
    /// None where the same text may have other ids the next time, or where a part is the user's own.
    pub(crate) fn new(
        normalizer: Option<&Normalizer>,
        pre_tokenizer: Option<&PreTokenizer>,
        model: &Model,
    ) -> Option<Self> {
        if model.is_random()
            || model.id_bound() >= MAX_ID_BOUND
            || normalizer.is_some_and(is_custom)
            || !pre_tokenizer.is_none_or(is_plain)
        {
            return None;
        }
        let mut parts = Definition {
            normalizer: normalizer.cloned(),
            pre_tokenizer: pre_tokenizer.cloned(),
            model: model.clone(),
            shortcut: None,
            knows_start: pre_tokenizer.is_some_and(knows_start),
        };
        if let Some((way, rest, words)) = spaced_bpe(normalizer, pre_tokenizer, model) {
            let (normalizer, pre_tokenizer) = rest;
            let rest = Definition { normalizer, pre_tokenizer, ..parts.clone() };
            return Some(Self::of(way, Some(Details::new(parts, rest, words))));
        }
        Some(match cutter(normalizer, pre_tokenizer) {
            Some((cutter, shortcut)) => {
                parts.shortcut = shortcut;
                let is_local = !spells_affixes(model);
                let details = is_local.then(|| Details::new(parts.clone(), parts.clone(), WordCount::AtCuts));
                Self::of(Way::Cut { cutter, parts }, details)
            }
            None => Self::of(Way::Pieces(parts), None),
        })
    }
}

fn is_custom(normalizer: &Normalizer) -> bool {
    match normalizer {
        Normalizer::Sequence(parts) => parts.iter().any(is_custom),
        Normalizer::Custom(_) => true,
        _ => false,
    }
}

/// Whether BPE spells affixes in bytes: those have offsets beyond the piece, of what comes next in the text.
fn spells_affixes(model: &Model) -> bool {
    let Model::Bpe(bpe) = model else { return false };
    let options = bpe.options();
    let affixes = [&options.continuing_subword_prefix, &options.end_of_word_suffix];
    options.byte_fallback && affixes.into_iter().flatten().any(|affix| !affix.is_empty())
}

/// What happens to pieces but the first of a stretch.
type Rest = (Option<Normalizer>, Option<PreTokenizer>);

/// Spaces become a character and nothing else happens before BPE.
fn spaced_bpe(
    normalizer: Option<&Normalizer>,
    pre_tokenizer: Option<&PreTokenizer>,
    model: &Model,
) -> Option<(Way, Rest, WordCount)> {
    let Model::Bpe(bpe) = model else { return None };
    let (space, split, head, rest) = match (normalizer, pre_tokenizer) {
        (None, Some(PreTokenizer::Metaspace(settings))) => {
            let head = match settings.prepend_scheme {
                PrependScheme::Always => Head::SpaceUnless(settings.replacement),
                PrependScheme::First => Head::SpaceAtStartUnless(settings.replacement),
                PrependScheme::Never => Head::Plain,
            };
            let settings = Metaspace { prepend_scheme: PrependScheme::Never, ..settings.clone() };
            let (space, split) = (settings.replacement, settings.split);
            (space, split, head, (None, Some(PreTokenizer::Metaspace(settings))))
        }
        (Some(normalizer), pre_tokenizer) if pre_tokenizer.is_none_or(cuts_at_spaces) => {
            let mut steps = Vec::new();
            flatten(normalizer, &mut steps);
            let (prepended, replace) = match steps[..] {
                [Normalizer::Replace(replace)] => (None, replace),
                [Normalizer::Prepend(text), Normalizer::Replace(replace)] => (Some(text), replace),
                _ => return None,
            };
            let mut content = replace.content.chars();
            let space = content.next().filter(|_| content.next().is_none())?;
            let prepends = prepended.is_none_or(|prepended| *prepended == replace.content);
            let spaces = is_space(&replace.pattern);
            if !prepends || !spaces || space == ' ' {
                return None;
            }
            let head = if prepended.is_some() { Head::Space } else { Head::Plain };
            (space, false, head, (Some(Normalizer::Replace(replace.clone())), None))
        }
        _ => return None,
    };
    let (model, parting) = SpacedBpe::new(bpe, space, split)?;
    let words = if split { WordCount::AtSpaces(space) } else { WordCount::One };
    let cutter = Cutter::Joints(Box::new(Joints::new(parting, None)));
    Some((Way::SpacedBpe { cutter, model, head }, rest, words))
}

/// Whether a pre-tokenizer does nothing to a text without spaces.
fn cuts_at_spaces(pre_tokenizer: &PreTokenizer) -> bool {
    matches!(pre_tokenizer, PreTokenizer::Split(split) if is_space(&split.pattern) && !split.invert)
}

fn is_space(pattern: &Pattern) -> bool {
    matches!(pattern.source(), Source::Literal(text) if text == " ")
}

fn flatten<'a>(normalizer: &'a Normalizer, steps: &mut Vec<&'a Normalizer>) {
    match normalizer {
        Normalizer::Sequence(parts) => parts.iter().for_each(|part| flatten(part, steps)),
        step => steps.push(step),
    }
}

/// How raw text may be cut, and what is simple about the pieces.
fn cutter(
    normalizer: Option<&Normalizer>,
    pre_tokenizer: Option<&PreTokenizer>,
) -> Option<(Cutter, Option<Shortcut>)> {
    let local = Local::new(normalizer)?;
    match pre_tokenizer? {
        PreTokenizer::Metaspace(settings) if settings.split => joints(local, settings),
        pre_tokenizer => apart(normalizer, &local, pre_tokenizer),
    }
}

/// White space is dropped.
fn apart(
    normalizer: Option<&Normalizer>,
    local: &Local,
    pre_tokenizer: &PreTokenizer,
) -> Option<(Cutter, Option<Shortcut>)> {
    let parts = match pre_tokenizer {
        PreTokenizer::Sequence(parts) => parts.as_slice(),
        single => std::slice::from_ref(single),
    };
    let (first, rest) = parts.split_first()?;
    let drops =
        matches!(first, PreTokenizer::Bert | PreTokenizer::Whitespace | PreTokenizer::WhitespaceSplit);
    if !drops || parts.iter().any(knows_start) || local.squeezed.is_some_and(|space| !space.is_whitespace()) {
        return None;
    }
    let is_white = |text: String| !text.is_empty() && text.chars().all(char::is_whitespace);
    let dropped = WHITE.map(|byte| local.becomes(byte as char).is_some_and(is_white));
    if !dropped[0] {
        return None;
    }
    let dropped = |byte| WHITE.iter().zip(dropped).any(|(&white, dropped)| dropped && white == byte);
    // Characters that stand alone: no mark after them may change what they are.
    let isolates = *first == PreTokenizer::Bert && !local.composes;
    let stands_alone = |character: char| {
        let ends = |character: char| is_punctuation(character) || character.is_whitespace();
        let becomes = local.becomes(character).unwrap_or_default();
        becomes.chars().next().is_some_and(ends) && becomes.chars().next_back().is_some_and(ends)
    };
    let alone = |byte: u8| isolates && byte.is_ascii_punctuation() && stands_alone(byte as char);
    let spaces_ideographs =
        matches!(normalizer, Some(Normalizer::Bert(settings)) if settings.handle_chinese_chars);
    let isolated = isolates.then(|| {
        let ideograph = |character| Traits::of(character).any(Traits::IDEOGRAPH);
        let candidate = |character: char| is_punctuation(character) || character.is_whitespace();
        let has = |character| {
            spaces_ideographs && ideograph(character) || candidate(character) && stands_alone(character)
        };
        Isolated::new(has, spaces_ideographs.then_some(ideograph))
    });
    let before = match rest {
        [] if *first != PreTokenizer::Whitespace => Some(String::new()),
        [PreTokenizer::Metaspace(settings)] if *first == PreTokenizer::WhitespaceSplit => before(settings),
        _ => None,
    };
    let simple = |byte: u8| *first != PreTokenizer::Bert || alone(byte) || byte.is_ascii_alphanumeric();
    let shortcut = before.map(|before| Shortcut { becomes: becomes(local, simple), before, most_spaces: 0 });
    let apart = Apart::new(dropped, alone, isolated, local.clusters);
    Some((Cutter::Apart(Box::new(apart)), shortcut))
}

/// Spaces start pieces.
fn joints(local: Local, settings: &Metaspace) -> Option<(Cutter, Option<Shortcut>)> {
    let space = settings.replacement;
    let is_space = |character: char| character == ' ' || character == space;
    if local.strips_left || local.vanishes || !local.squeezed.is_none_or(is_space) {
        return None;
    }
    let becomes_space = |byte: &&u8| {
        let becomes = local.becomes(**byte as char).unwrap_or_default();
        becomes.chars().count() == 1 && becomes.chars().all(is_space)
    };
    let starts: Vec<u8> = WHITE.iter().filter(becomes_space).copied().collect();
    let most_spaces = if local.squeezed.is_some() { usize::MAX } else { 1 };
    let graphic = |_| true;
    let shortcut = before(settings).map(|_| Shortcut {
        becomes: becomes(&local, graphic),
        before: space.to_string(),
        most_spaces,
    });
    let ends = Ends::new(local, space);
    let mut parting = Box::new(Parting::new(false));
    for last in (b'!'..=b'~').filter(|&last| ends.get(last as char)) {
        for &first in &starts {
            parting.set(last, first, true);
        }
    }
    Some((Cutter::Joints(Box::new(Joints::new(parting, Some(Box::new(ends))))), shortcut))
}

/// What is put in front of a word without spaces, if that is all that happens to it.
fn before(settings: &Metaspace) -> Option<String> {
    let prepends = settings.prepend_scheme != PrependScheme::Never;
    (!settings.replacement.is_ascii())
        .then(|| if prepends { settings.replacement.to_string() } else { String::new() })
}

/// What becomes of graphic characters of ASCII, each by itself.
fn becomes(local: &Local, simple: impl Fn(u8) -> bool) -> [u8; 128] {
    let alone = |byte: u8| {
        let simple = byte.is_ascii_graphic() && simple(byte) && !local.patterns.contains(byte as char);
        let becomes = local.becomes(byte as char).filter(|_| simple)?;
        let [single] = becomes.as_bytes() else { return None };
        single.is_ascii_graphic().then_some(*single)
    };
    std::array::from_fn(|byte| alone(byte as u8).unwrap_or(0))
}
