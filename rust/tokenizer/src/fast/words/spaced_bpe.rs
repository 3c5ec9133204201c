//! BPE over text whose spaces became `▁`, as SentencePiece has it: what stands between the words that a merge may
//! not join, and what becomes of a piece.
//!
//! Without a pre-tokenizer the whole text is one piece, and any two characters may end up in one token. But a token
//! has the characters of the text in their order, so two characters that are neighbours in no token that a merge
//! makes are never joined, and what merges on one side of them has no influence on the other side. There the text
//! may be cut ([`Parting`], by bytes). With characters that are not in the vocabulary, a cut must not come between
//! two of those, as they may share one unknown token.

use std::sync::{Arc, OnceLock};

use super::super::merge::merge_tokens;
use super::batch::Resolve;
use super::cutter::Parting;
use crate::error::Result;
use crate::model::Bpe;
use crate::model::bpe::{Symbol, merge_all};

/// A byte or a character without a token.
const UNKNOWN: u32 = u32::MAX;

/// A BPE model and how spaces are spelled for it.
#[derive(Debug)]
pub(super) struct SpacedBpe {
    pub(super) bpe: Arc<Bpe>,
    pub(super) space: char,
    /// Every space starts a piece.
    pub(super) split: bool,
    /// The tokens of ASCII characters as they stand in raw text, or of their bytes.
    ascii: Box<[u32; 128]>,
    /// The tokens of bytes, if all have one.
    pub(super) bytes: Option<Box<[u32; 256]>>,
    /// See [`spaced_details`](super::spaced_details).
    pub(super) lengths: OnceLock<Box<[u32]>>,
}

impl SpacedBpe {
    /// None where only the general path is exact.
    pub(super) fn new(bpe: &Arc<Bpe>, space: char, split: bool) -> Option<(Self, Box<Parting>)> {
        let options = bpe.options();
        let plain = |affix: &Option<String>| affix.as_deref().unwrap_or("").is_empty();
        if bpe.is_random()
            || bpe.vocabulary().has_shared_ids()
            || !plain(&options.continuing_subword_prefix)
            || !plain(&options.end_of_word_suffix)
            || options.ignore_merges && !split
        {
            return None;
        }
        let vocabulary = bpe.vocabulary();
        let bytes: Option<Vec<u32>> =
            (0..=255u8).map(|byte| vocabulary.id(&format!("<0x{byte:02X}>"))).collect();
        let bytes: Option<Box<[u32; 256]>> =
            bytes.filter(|_| options.byte_fallback).and_then(|ids| ids.try_into().ok());
        let unknown = options.unk_token.as_deref().map(|token| vocabulary.id(token));
        // Unknown characters that vanish join their neighbours; those that are an error must be met as one.
        if bytes.is_none() && unknown.flatten().is_none() {
            return None;
        }
        let fallback = |byte: u8| bytes.as_ref().map_or(UNKNOWN, |bytes| bytes[usize::from(byte)]);
        let ascii: [u32; 128] = std::array::from_fn(|byte| {
            let character = if byte == usize::from(b' ') { space } else { byte as u8 as char };
            vocabulary
                .id(character.encode_utf8(&mut [0; 4]))
                .unwrap_or_else(|| if character.is_ascii() { fallback(character as u8) } else { UNKNOWN })
        });
        let this =
            Self { bpe: bpe.clone(), space, split, ascii: Box::new(ascii), bytes, lengths: OnceLock::new() };
        if this.merges_stand_ins(unknown.flatten()) {
            return None;
        }
        let parting = this.parting();
        Some((this, parting))
    }

    /// Whether a token merges that stands for something else than its own spelling.
    fn merges_stand_ins(&self, unknown: Option<u32>) -> bool {
        let mut stands_in = vec![false; self.bpe.vocabulary().id_bound()];
        let ids = unknown.into_iter().chain(self.bytes.iter().flat_map(|bytes| bytes.iter().copied()));
        ids.for_each(|id| stands_in[id as usize] = true);
        let mut parts = self.bpe.merges().pairs().iter().flat_map(|&(left, right)| [left, right]);
        parts.any(|id| stands_in[id as usize])
    }

    fn parting(&self) -> Box<Parting> {
        let options = self.bpe.options();
        let mut parting = Box::new(Parting::new(!options.ignore_merges));
        let mut spelled = String::new();
        for &(left, right) in self.bpe.merges().pairs() {
            spelled.clear();
            spelled.extend([left, right].iter().filter_map(|&id| self.bpe.vocabulary().token(id)));
            let mut before = None;
            for character in spelled.chars() {
                let (ends, starts) = self.raw_bytes(character);
                for &last in before.iter().flatten() {
                    for &first in &starts {
                        parting.set(last, first, false);
                    }
                }
                before = Some(ends);
            }
        }
        if self.bytes.is_none() && (options.fuse_unk || options.byte_fallback) {
            let may_be_unknown = |byte: u8| self.ascii.get(usize::from(byte)).is_none_or(|&id| id == UNKNOWN);
            let unknown: Vec<u8> = (0..=255).filter(|&byte| may_be_unknown(byte)).collect();
            for &last in &unknown {
                for &first in &unknown {
                    parting.set(last, first, false);
                }
            }
        }
        if self.split {
            (0..=255).filter(|&last| last != b' ').for_each(|last| parting.set(last, b' ', true));
        }
        parting
    }

    /// The last bytes and the first bytes that a character of a token may have in raw text.
    fn raw_bytes(&self, character: char) -> ([u8; 2], [u8; 2]) {
        let mut buffer = [0; 4];
        let bytes = character.encode_utf8(&mut buffer).as_bytes();
        let (first, last) = (bytes[0], bytes[bytes.len() - 1]);
        let other = |byte| if character == self.space { b' ' } else { byte };
        ([last, other(last)], [first, other(first)])
    }

    /// The token of a character; [`UNKNOWN`] if it has none and is to be spelled in bytes.
    #[inline]
    fn token(&self, character: char) -> u32 {
        match self.ascii.get(character as usize) {
            Some(&id) => id,
            None => self.bpe.vocabulary().id(character.encode_utf8(&mut [0; 4])).unwrap_or(UNKNOWN),
        }
    }

    /// Append the tokens of the characters of raw text; false if one is unknown.
    fn characters(&self, text: &str, tokens: &mut Vec<u32>) -> bool {
        for character in text.chars() {
            let id = self.token(character);
            if id != UNKNOWN {
                tokens.push(id);
            } else if let Some(bytes) = &self.bytes {
                let spelled = if character == ' ' { self.space } else { character };
                let mut buffer = [0; 4];
                let spelled = spelled.encode_utf8(&mut buffer).bytes();
                tokens.extend(spelled.map(|byte| bytes[usize::from(byte)]));
            } else {
                return false;
            }
        }
        true
    }

    /// Append the ids of a piece of the pre-tokenizer, its spaces not replaced yet.
    pub(super) fn push_ids(&self, piece: &str, tokens: &mut Vec<u32>, ids: &mut Vec<u32>) -> Result<()> {
        tokens.clear();
        if self.bpe.options().ignore_merges || !self.characters(piece, tokens) {
            let mut symbols = Vec::new();
            self.bpe.tokenize(&piece.replace(' ', self.space.encode_utf8(&mut [0; 4])), &mut symbols)?;
            ids.extend(symbols.iter().map(|symbol| symbol.id));
        } else if !merge_tokens(self.bpe.merges(), tokens, ids) {
            let mut symbols: Vec<_> = tokens.iter().map(|&id| Symbol { id, len: 1 }).collect();
            merge_all(&mut symbols, self.bpe.merges());
            ids.extend(symbols.iter().map(|symbol| symbol.id));
        }
        Ok(())
    }
}

/// Resolves pieces of raw text.
pub(super) struct Resolver<'a> {
    pub(super) model: &'a SpacedBpe,
    pub(super) tokens: Vec<u32>,
}

impl Resolve for Resolver<'_> {
    fn resolve(&mut self, mut piece: &str, ids: &mut Vec<u32>) -> Result<()> {
        let space = self.model.space;
        while self.model.split
            && let Some((at, _)) =
                piece.char_indices().skip(1).find(|&(_, character)| character == ' ' || character == space)
        {
            let (first, rest) = piece.split_at(at);
            self.model.push_ids(first, &mut self.tokens, ids)?;
            piece = rest;
        }
        self.model.push_ids(piece, &mut self.tokens, ids)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cutter::{Cutter, Joints};
    use super::super::engine::{Head, Way, WordEngine};
    use super::*;
    use crate::model::BpeOptions;

    const CHARACTERS: [&str; 9] = ["▁", "a", "b", "\n", ",", "é", "漢", "字", "0"];

    /// A model of some of the characters, with merges of whatever there is.
    fn model(known: u16, picks: &[(usize, usize)], bytes: bool, options: BpeOptions) -> Option<Arc<Bpe>> {
        let kept = CHARACTERS.iter().enumerate().filter(|(index, _)| known >> index & 1 == 1);
        let mut tokens: Vec<String> = kept.map(|(_, &character)| character.to_owned()).collect();
        let mut merges = Vec::new();
        for &(left, right) in picks {
            if tokens.is_empty() {
                break;
            }
            let (left, right) = (tokens[left % tokens.len()].clone(), tokens[right % tokens.len()].clone());
            let made = [&*left, &*right].concat();
            if made.len() < 24 {
                if !tokens.contains(&made) {
                    tokens.push(made);
                }
                merges.push((left, right));
            }
        }
        tokens.push("<unk>".to_owned());
        if bytes {
            tokens.extend((0..=255u8).map(|byte| format!("<0x{byte:02X}>")));
        }
        let entries = tokens.iter().map(String::as_str).zip(0..tokens.len() as u32);
        let pairs = merges.iter().map(|(left, right)| (&**left, &**right));
        Bpe::new(entries, pairs, options).ok().map(Arc::new)
    }

    fn definition(bpe: &Bpe, text: &str, split: bool) -> Vec<u32> {
        let replaced = text.replace(' ', "▁");
        let mut symbols = Vec::new();
        let mut starts: Vec<usize> =
            replaced.match_indices('▁').map(|(at, _)| at).filter(|_| split).collect();
        starts.retain(|&at| at > 0);
        starts.insert(0, 0);
        starts.push(replaced.len());
        starts
            .windows(2)
            .for_each(|bounds| bpe.tokenize(&replaced[bounds[0]..bounds[1]], &mut symbols).unwrap());
        symbols.iter().map(|symbol| symbol.id).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn ids_are_those_of_one_long_piece(
            known in prop_oneof![Just(0x1FFu16), any::<u16>()],
            picks in proptest::collection::vec((0usize..60, 0usize..60), 0..24),
            flags in any::<[bool; 5]>(),
            parts in proptest::collection::vec(
                proptest::sample::select(vec![" ", " ", "  ", "▁", "a", "b", "ab", "\n", ",", "é", "漢", "字", "0", "z", "🙂"]),
                0..150,
            ),
            size in 1usize..60,
        ) {
            let [bytes, byte_fallback, fuse_unk, ignore_merges, split] = flags;
            let unk_token = Some("<unk>".to_owned());
            let options = BpeOptions { unk_token, fuse_unk, byte_fallback, ignore_merges, ..BpeOptions::default() };
            let Some(bpe) = model(known, &picks, bytes, options) else { return Ok(()) };
            let Some((model, parting)) = SpacedBpe::new(&bpe, '▁', split) else {
                prop_assert!(ignore_merges && !split);
                return Ok(());
            };
            let cutter = Cutter::Joints(Box::new(Joints::new(parting, None)));
            let engine = WordEngine::of(Way::SpacedBpe { cutter, model, head: Head::Space }, None);
            let text = parts.concat();
            let expected = if text.is_empty() { Vec::new() } else { definition(&bpe, &format!(" {text}"), split) };
            let mut ids = Vec::new();
            engine.encode(&text, true, &mut ids).unwrap();
            prop_assert_eq!(&ids, &expected);
            ids.clear();
            for (index, part) in engine.cut(&text, size).enumerate() {
                if index == 0 { engine.encode(part, true, &mut ids).unwrap() } else { engine.encode_rest(part, &mut ids).unwrap() }
            }
            prop_assert_eq!(&ids, &expected);
        }
    }

    #[test]
    fn tokens_that_stand_for_others_must_not_merge() {
        let tokens = ["<unk>", "a", "b", "<unk>a", "ab"];
        let make = |pairs: [(&str, &str); 1], unk_token: Option<String>| {
            let options = BpeOptions { unk_token, ..BpeOptions::default() };
            Arc::new(Bpe::new(tokens.into_iter().zip(0..5), pairs.into_iter(), options).unwrap())
        };
        assert!(SpacedBpe::new(&make([("<unk>", "a")], Some("<unk>".into())), '▁', false).is_none());
        assert!(SpacedBpe::new(&make([("a", "b")], Some("<unk>".into())), '▁', false).is_some());
        // Here unknown characters vanish, and what is left and right of them merges.
        assert!(SpacedBpe::new(&make([("a", "b")], None), '▁', false).is_none());
    }
}
