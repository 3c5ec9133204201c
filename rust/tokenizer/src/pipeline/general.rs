//! The general path: pieces as the model sees them, each byte knowing where in the text it comes from.

use std::ops::Range;
use std::sync::Arc;

use crate::added::Segment;
use crate::byte_level::BYTE_TO_CHAR;
use crate::error::Result;
use crate::normalized::NormalizedString;
use crate::pre_tokenized::{PreTokenizedString, Split};
use crate::pre_tokenizer::{ByteLevel, PreTokenizer};
use crate::tokenizer::Tokenizer;

/// A piece of text as the model sees it.
pub(super) struct Piece {
    text: String,
    /// For each byte of `text`, the bytes of the input that it comes from: those of a whole character.
    origin: Vec<Range<usize>>,
}

/// A token and the bytes of the input that it comes from.
pub(super) struct Span {
    pub id: u32,
    pub range: Range<usize>,
}

impl Piece {
    /// All of `text[range]`.
    fn whole(text: &str, range: Range<usize>) -> Self {
        let mut whole = Self { text: text[range.clone()].to_owned(), origin: Vec::new() };
        for (at, character) in whole.text.char_indices() {
            let start = range.start + at;
            let bytes = start..start + character.len_utf8();
            whole.origin.extend(std::iter::repeat_n(bytes, character.len_utf8()));
        }
        whole
    }
}

impl Tokenizer {
    /// Append the ids of a stretch in which only tokens of normalized text can be found yet.
    pub(super) fn push_general_ids(&self, stretch: &str, _at_start: bool, ids: &mut Vec<u32>) -> Result<()> {
        for Segment { range, added } in self.normalized_segments(stretch) {
            if let Some(id) = added {
                ids.push(id);
                continue;
            }
            for piece in self.pieces(stretch, range)? {
                ids.extend(self.spans(&piece)?.iter().map(|span| span.id));
            }
        }
        Ok(())
    }

    fn normalized_segments(&self, text: &str) -> Vec<Segment> {
        let mut segments = Vec::new();
        self.added_vocabulary().normalized_segments(text, |segment| segments.push(segment));
        segments
    }

    /// The added tokens of a text and what is between them.
    pub(super) fn segments(&self, text: &str) -> Vec<Segment> {
        let mut segments = Vec::new();
        self.added_vocabulary().segments(text, |Segment { range, added }| match added {
            Some(_) => segments.push(Segment { range, added }),
            None => {
                segments.extend(self.normalized_segments(&text[range.clone()]).into_iter().map(|inner| {
                    let moved = inner.range.start + range.start..inner.range.end + range.start;
                    Segment { range: moved, added: inner.added }
                }))
            }
        });
        segments
    }

    /// The pieces of `text[range]`, a stretch without added tokens.
    pub(super) fn pieces(&self, text: &str, range: Range<usize>) -> Result<Vec<Piece>> {
        match self.pre_tokenizer() {
            None => Ok(vec![Piece::whole(text, range)]),
            Some(PreTokenizer::ByteLevel(settings)) => {
                Ok(byte_level_pieces(Piece::whole(text, range), *settings))
            }
            Some(other) => {
                let mut pieces = PreTokenizedString::from(NormalizedString::part_of(&Arc::from(text), range));
                other.pre_tokenize(&mut pieces)?;
                let piece =
                    |split: &Split| Piece { text: split.text.get().to_owned(), origin: split.text.origins() };
                Ok(pieces.splits().iter().map(piece).collect())
            }
        }
    }

    /// The tokens of a piece.
    pub(super) fn spans(&self, piece: &Piece) -> Result<Vec<Span>> {
        let mut tokens = Vec::new();
        self.model().tokenize(&piece.text, &mut tokens)?;
        let span = |token: &crate::model::PieceToken| {
            let (start, end) = (token.start as usize, token.end as usize);
            // Characters that the model drops shift what follows them, as in the reference.
            let first = piece.origin.get(start).map_or(0, |origin| origin.start);
            let last = piece.origin.get(end.saturating_sub(1)).map_or(first, |origin| origin.end);
            Span { id: token.id, range: first..last }
        };
        Ok(tokens.iter().map(span).collect())
    }
}

fn byte_level_pieces(mut whole: Piece, settings: ByteLevel) -> Vec<Piece> {
    if settings.adds_space(&whole.text) {
        whole.text.insert(0, ' ');
        // The space counts as part of the first character.
        let first = whole.origin[0].clone();
        whole.origin.insert(0, first);
    }
    let mut pieces = Vec::new();
    settings.pieces(&whole.text, |range| {
        let mut piece = Piece { text: String::new(), origin: Vec::new() };
        for (&byte, origin) in whole.text.as_bytes()[range.clone()].iter().zip(&whole.origin[range]) {
            let character = BYTE_TO_CHAR[usize::from(byte)];
            piece.text.push(character);
            piece.origin.extend(std::iter::repeat_n(origin.clone(), character.len_utf8()));
        }
        pieces.push(piece);
    });
    pieces
}
