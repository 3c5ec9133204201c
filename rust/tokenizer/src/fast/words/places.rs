//! Where the tokens of pieces of simple ASCII stand, from their lengths alone.

use super::definition::Shortcut;
use crate::encoding::Placer;
use crate::model::Model;

/// What makes a piece simple, and the lengths of the tokens.
#[derive(Debug)]
pub(super) struct SimplePieces {
    /// Bytes each of which becomes one character.
    simple: [bool; 256],
    /// Characters of the word that are not in the piece.
    added: u32,
    /// Pieces start with a space, for which the first character of the word stands.
    spaced: bool,
    /// By id; 0 for tokens whose place takes more to know.
    lengths: Box<[u32]>,
    /// Characters of tokens that continue a word that are not in it.
    prefix: u32,
}

impl SimplePieces {
    /// None if pieces are not that simple.
    pub(super) fn new(shortcut: &Shortcut, model: &Model) -> Option<Self> {
        let before = shortcut.before.chars().count() as u32;
        let spaced = shortcut.most_spaces == 1;
        if shortcut.most_spaces > 1 || spaced && before != 1 {
            return None;
        }
        let (lengths, prefix) = lengths(model)?;
        let simple = |byte: usize| shortcut.becomes.get(byte).is_some_and(|&becomes| becomes != 0);
        let added = if spaced { 0 } else { before };
        Some(Self { simple: std::array::from_fn(simple), added, spaced, lengths: lengths.into(), prefix })
    }

    /// Place the tokens of `piece`, before which there are `base` characters; false, with none placed, if it is not
    /// simple.
    #[inline]
    pub(super) fn place(&self, piece: &[u8], base: u32, placer: &mut Placer<'_>) -> bool {
        let word = match piece {
            [b' ', word @ ..] if self.spaced => word,
            _ if self.spaced => return false,
            word => word,
        };
        if word.is_empty() || !word.iter().all(|&byte| self.simple[usize::from(byte)]) {
            return false;
        }
        let (mark, added) = (placer.mark(), self.added);
        let all = added + piece.len() as u32;
        let (mut start, mut prefix) = (0, 0);
        while start < all {
            let Some(id) = placer.id() else {
                if placer.is_cut_off() {
                    return true;
                }
                break;
            };
            let length = self.lengths.get(id as usize).map_or(0, |length| length.saturating_sub(prefix));
            let end = start + length;
            if end == start || end > all {
                break;
            }
            // What is put in front counts as part of the first character.
            placer.place((base + start.saturating_sub(added), base + end.saturating_sub(added).max(1)), 0);
            (start, prefix) = (end, self.prefix);
        }
        if start < all {
            placer.back_to(&mark);
        }
        start == all
    }
}

/// The lengths of tokens by id, and that of the prefix of those that continue a word. Tokens that do not spell their
/// text have none.
fn lengths(model: &Model) -> Option<(Vec<u32>, u32)> {
    let vocabulary = model.vocabulary();
    if vocabulary.has_shared_ids() {
        return None;
    }
    let mut lengths = vocabulary.lengths();
    match model {
        Model::WordPiece(model) => {
            let options = model.options();
            if let Some(id) = vocabulary.id(&options.unk_token) {
                lengths[id as usize] = 0;
            }
            Some((lengths, options.continuing_subword_prefix.chars().count() as u32))
        }
        Model::Unigram(model) => {
            let bytes = (0..=255u8).filter_map(|byte| vocabulary.id(&format!("<0x{byte:02X}>")));
            let unknown = model.options().unk_id.map(|id| id as u32);
            bytes.chain(unknown).for_each(|id| lengths[id as usize] = 0);
            Some((lengths, 0))
        }
        Model::WordLevel(_) | Model::Bpe(_) => None,
    }
}
