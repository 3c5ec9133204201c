//! Ids to text by a table of what every token becomes.

use super::output::Output;
use super::shape::{Join, Shape};
use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// Bytes of a token and, in the last one, their number and what else is known of it; one aligned read gets all.
pub(super) type Slot = [u8; SLOT];

pub(super) const SLOT: usize = 16;
const META: usize = SLOT - 1;
const LENGTH: u8 = 0x0F;
const SPECIAL: u8 = 0x10;
const UNKNOWN: u8 = 0x20;
/// One byte of text that others complete.
const BYTE: u8 = 0x40;
/// The slot holds the bounds of the bytes among the long ones.
const LONG: u8 = 0x80;

/// Ids between two looks at the room of the output.
pub(super) const BLOCK: usize = 256;

/// What every token becomes where it is not the first.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    long: Vec<u8>,
}

impl Table {
    pub fn new(tokenizer: &Tokenizer, shape: &Shape) -> Result<Self> {
        let mut table = Self { slots: vec![[UNKNOWN; SLOT]; tokenizer.id_bound()], long: Vec::new() };
        let (mut ids, mut tokens) = (Vec::new(), Vec::new());
        for id in 0..table.slots.len() {
            let Some(token) = tokenizer.id_to_token(id as u32) else { continue };
            let special = tokenizer.added_vocabulary().is_special(token);
            ids.push((id, if special { SPECIAL } else { 0 }));
            tokens.push(token.to_owned());
        }
        let mut scratch = Vec::new();
        for ((id, special), piece) in ids.into_iter().zip(shape.later(tokens)?) {
            let (bytes, is_byte) = shape.bytes(&piece, &mut scratch);
            table.slots[id] = table.slot(bytes, special | if is_byte { BYTE } else { 0 });
        }
        Ok(table)
    }

    fn slot(&mut self, bytes: &[u8], flags: u8) -> Slot {
        let mut slot = [0; SLOT];
        if let Some(short) = slot[..META].get_mut(..bytes.len()) {
            short.copy_from_slice(bytes);
            slot[META] = flags | bytes.len() as u8;
        } else {
            slot[..8].copy_from_slice(&(self.long.len() as u64).to_le_bytes());
            slot[8..12].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
            slot[META] = flags | LONG;
            self.long.extend_from_slice(bytes);
        }
        slot
    }

    fn long(&self, slot: &Slot) -> &[u8] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = *slot;
        let start = u64::from_le_bytes([a, b, c, d, e, f, g, h]) as usize;
        let length = u32::from_le_bytes([i, j, k, l]) as usize;
        self.long.get(start..start + length).unwrap_or_default()
    }

    /// The bytes of `id` and whether they are one byte of text; none if it is unknown or left out.
    pub fn get(&self, id: u32, skip_special_tokens: bool) -> Option<(&[u8], bool)> {
        let slot = self.slots.get(id as usize)?;
        let meta = slot[META];
        if meta & skip(skip_special_tokens) != 0 {
            return None;
        }
        let bytes = if meta & LONG != 0 { self.long(slot) } else { &slot[..usize::from(meta & LENGTH)] };
        Some((bytes, meta & BYTE != 0))
    }

    /// What `ids` become, joined, behind a first piece of bytes that may be one of text.
    pub fn join(&self, first: (&[u8], bool), ids: &[u32], join: Join, skip_special_tokens: bool) -> Vec<u8> {
        let mut output = Output::new(first.0, ids.len());
        match join {
            Join::Text | Join::Bytes => self.push_pieces(ids, skip(skip_special_tokens), &mut output),
            Join::Fallback => self.push_runs(first.1, ids, skip(skip_special_tokens), &mut output),
            Join::Words => {
                for word in ids.iter().filter_map(|&id| self.get(id, skip_special_tokens)) {
                    output.push(b" ");
                    output.push(word.0);
                }
            }
        }
        output.into_bytes()
    }

    fn push_pieces(&self, ids: &[u32], skip: u8, output: &mut Output) {
        for block in ids.chunks(BLOCK) {
            output.make_room(0);
            for slot in block.iter().filter_map(|&id| self.slots.get(id as usize)) {
                if slot[META] & (skip | LONG) == 0 {
                    output.push_slot(slot, usize::from(slot[META] & LENGTH));
                } else if slot[META] & skip == 0 {
                    output.push(self.long(slot));
                }
            }
        }
    }

    fn push_runs(&self, begun: bool, ids: &[u32], skip: u8, output: &mut Output) {
        let mut run = begun.then_some(0);
        for block in ids.chunks(BLOCK) {
            output.make_room(0);
            for slot in block.iter().filter_map(|&id| self.slots.get(id as usize)) {
                let meta = slot[META];
                if meta & skip != 0 {
                    continue;
                }
                if meta & BYTE != 0 {
                    run = run.or(Some(output.length));
                } else if let Some(start) = run.take() {
                    output.end_run(start);
                }
                if meta & LONG == 0 {
                    output.push_slot(slot, usize::from(slot[META] & LENGTH))
                } else {
                    output.push(self.long(slot))
                }
            }
        }
        if let Some(start) = run {
            output.end_run(start);
        }
    }
}

fn skip(skip_special_tokens: bool) -> u8 {
    if skip_special_tokens { SPECIAL | UNKNOWN } else { UNKNOWN }
}
