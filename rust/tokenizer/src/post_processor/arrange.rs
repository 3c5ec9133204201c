//! Where ids go when several post-processors put special tokens around each other's.

use super::{PostProcessor, Slot};

impl PostProcessor {
    /// The layout of ids that [`process`](Self::process) makes of one sequence, also of a chain for which
    /// [`layout`](Self::layout) has none; none if processing is an error. Only of the ids: what later post-processors
    /// make of masks and types of the special tokens of earlier ones is another matter.
    pub(crate) fn id_layout(&self, add_special_tokens: bool) -> Option<Vec<Slot>> {
        let parts = self.arrange(vec![vec![Slot::Sequence(0, 0)]], add_special_tokens)?;
        Some(parts.concat())
    }

    /// What becomes of the parts that the post-processors before have made.
    fn arrange(&self, mut parts: Vec<Vec<Slot>>, add_special_tokens: bool) -> Option<Vec<Vec<Slot>>> {
        match self {
            Self::Bert(bert) if add_special_tokens => {
                for (index, part) in parts.iter_mut().enumerate() {
                    if index == 0 {
                        part.insert(0, Slot::Special(bert.cls.1, 0));
                    }
                    part.push(Slot::Special(bert.sep.1, 0));
                }
            }
            Self::Roberta(roberta) if add_special_tokens => {
                for (index, part) in parts.iter_mut().enumerate() {
                    let before = if index == 0 { roberta.cls.1 } else { roberta.sep.1 };
                    part.insert(0, Slot::Special(before, 0));
                    part.push(Slot::Special(roberta.sep.1, 0));
                }
            }
            Self::ByteLevel(_) | Self::Bert(_) | Self::Roberta(_) => {}
            Self::Template(template) => {
                if parts.len() > 2 {
                    return None;
                }
                let pieces = template.piece_layouts(parts.len() == 2, add_special_tokens)?;
                let part = |piece: Vec<Slot>| match piece[..] {
                    [Slot::Sequence(index, _)] => parts.get(index).cloned(),
                    _ => Some(piece),
                };
                return pieces.into_iter().map(part).collect();
            }
            Self::Sequence(processors) => {
                return processors
                    .iter()
                    .try_fold(parts, |parts, processor| processor.arrange(parts, add_special_tokens));
            }
        }
        Some(parts)
    }
}
