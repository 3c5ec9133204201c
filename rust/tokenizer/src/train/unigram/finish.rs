//! From the trained pieces to the vocabulary.

use std::collections::{BTreeSet, HashSet};

use super::super::TrainError;
use super::model::Model;
use super::text::Text;
use super::{TrainedUnigram, UnigramOptions};

/// What an absent character's score is above that of the absent one before.
const STEP: f64 = 0.0001;
/// The reference has its unknown piece under this name, so that no piece can be called so.
const RESERVED: &str = "<UNK>";

/// The characters that must have a piece, in the order of their code points.
pub(super) fn required(text: &Text, options: &UnigramOptions) -> Result<BTreeSet<char>, TrainError> {
    let null = text.has_null.then_some('\0');
    let characters = text.alphabet.iter().chain(&options.initial_alphabet).copied().chain(null);
    let required: BTreeSet<char> = characters.collect();
    if required.len() > options.vocab_size {
        let (found, needed) = (options.vocab_size, required.len());
        return Err(TrainError::VocabularyTooSmall { found, needed });
    }
    Ok(required)
}

/// Special tokens, then pieces by falling score: all required characters, and as many of the others, in the order of
/// the model, as there is room for.
pub(super) fn finish(
    model: &Model,
    text: &Text,
    required: BTreeSet<char>,
    options: &UnigramOptions,
) -> TrainedUnigram {
    let spelled: Vec<(String, f64)> = model.pieces[1..]
        .iter()
        .zip(&model.scores[1..])
        .map(|(piece, &score)| (text.spell(piece.codes(text)), score))
        .collect();
    let single = |piece: &String| {
        let mut characters = piece.chars();
        characters.next().filter(|_| characters.next().is_none())
    };
    let known: std::collections::BTreeMap<char, f64> =
        spelled.iter().filter_map(|(piece, score)| Some((single(piece)?, *score))).collect();
    let mut penalty = 0.0;
    let mut pieces: Vec<(String, f64)> = Vec::with_capacity(options.vocab_size.min(spelled.len()));
    for character in required {
        let score = known.get(&character).copied().unwrap_or_else(|| {
            let score = model.least + penalty;
            penalty += STEP;
            score
        });
        pieces.push((character.to_string(), score));
    }
    let adds_unknown = options.adds_unknown();
    let room = options.vocab_size - options.special_tokens.len() - usize::from(adds_unknown);
    let mut inserted: HashSet<String> = pieces.iter().map(|(piece, _)| piece.clone()).collect();
    inserted.insert(RESERVED.into());
    for (piece, score) in spelled {
        if !inserted.insert(piece.clone()) {
            continue;
        }
        pieces.push((piece, score));
        // Only an exact fit ends it in the reference: characters beyond the room do not count.
        if pieces.len() == room {
            break;
        }
    }
    pieces.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    let unknown = options.unk_token.iter().filter(|_| adds_unknown);
    let special = unknown.chain(&options.special_tokens).map(|token| (token.clone(), 0.0));
    let unk_id = options
        .unk_token
        .as_ref()
        .map(|unknown| options.special_tokens.iter().position(|token| token == unknown).unwrap_or(0));
    TrainedUnigram { pieces: special.chain(pieces).collect(), unk_id }
}
