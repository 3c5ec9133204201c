//! The machine: one search through one text.

use std::ops::Range;

use super::program::{Instruction, Program};
use crate::error::{Result, TokenizerError};
use crate::pattern::syntax::Assertion;

/// Steps for all matches of a text, and per byte of it, where failures cannot be remembered.
const MAX_STEPS: usize = 20_000_000;
const MAX_STEPS_PER_BYTE: usize = 1_000;
/// Bytes of memory for failures; beyond, nothing is remembered and steps are counted.
const MAX_MEMORY: usize = 512 << 20;

/// What is to be done when a way fails.
enum Pending {
    /// Try this way.
    Way { at: usize, position: usize },
    /// Both ways of this branch have failed.
    Failed { memory: usize, position: usize },
    /// Give a slot its former value.
    Slot { slot: usize, value: usize },
}

/// No place of a text.
const UNSET: usize = usize::MAX;

const FAILED: u8 = 1;
const SUCCEEDED: u8 = 2;

pub(in crate::pattern) struct Search<'a> {
    program: &'a Program,
    text: &'a str,
    pending: Vec<Pending>,
    slots: Vec<usize>,
    /// What is known of each branch at each place of the text, two bits each.
    memory: Option<Vec<u8>>,
    steps: usize,
    start: usize,
}

/// What a run of a part of the program is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To match text.
    Match,
    /// To know whether there is a match.
    Look,
    /// To match up to this place, for which nothing can be remembered.
    EndAt(usize),
}

impl<'a> Search<'a> {
    pub(super) fn new(program: &'a Program, text: &'a str) -> Self {
        let bytes = program.branches.checked_mul(text.len() + 1).map(|bits| bits / 4 + 1);
        let bytes = bytes.filter(|&bytes| program.remembers && bytes <= MAX_MEMORY);
        Self {
            program,
            text,
            pending: Vec::new(),
            slots: vec![UNSET; program.slots],
            memory: bytes.map(|bytes| vec![0; bytes]),
            steps: 0,
            start: 0,
        }
    }

    /// The first match that starts at `from` or later.
    pub fn find_at(&mut self, from: usize) -> Result<Option<Range<usize>>> {
        let mut at = from;
        self.start = from;
        loop {
            let next = self.text.get(at..).and_then(|rest| rest.chars().next());
            let possible = match (&self.program.first, next) {
                (Some(first), Some(character)) => first.contains(character),
                (Some(_), None) => false,
                (None, _) => true,
            };
            if possible {
                self.slots.fill(UNSET);
                if let Some(end) = self.run(0, at, Purpose::Match, true)? {
                    self.pending.clear();
                    return Ok(Some(at..end));
                }
            }
            let Some(character) = next else { return Ok(None) };
            at += character.len_utf8();
        }
    }

    /// Where the program from `at` on ends, if it matches the text at `position`.
    fn run(
        &mut self,
        mut at: usize,
        mut position: usize,
        purpose: Purpose,
        keeps_slots: bool,
    ) -> Result<Option<usize>> {
        let base = self.pending.len();
        let program = self.program;
        loop {
            self.count_step()?;
            let goes_on = match program.instructions.get(at) {
                Some(Instruction::Character(set)) => {
                    let next = self.text.get(position..).and_then(|rest| rest.chars().next());
                    match (next, program.sets.get(*set)) {
                        (Some(character), Some(set)) if set.contains(character) => {
                            position += character.len_utf8();
                            at += 1;
                            true
                        }
                        _ => false,
                    }
                }
                Some(Instruction::Branch { first, second, memory }) => {
                    match self.recall(*memory, position, purpose) {
                        FAILED => false,
                        SUCCEEDED if purpose == Purpose::Look => {
                            self.accept(base, purpose, keeps_slots);
                            return Ok(Some(position));
                        }
                        _ => {
                            if self.memory.is_some() && !matches!(purpose, Purpose::EndAt(_)) {
                                self.pending.push(Pending::Failed { memory: *memory, position });
                            }
                            self.pending.push(Pending::Way { at: *second, position });
                            at = *first;
                            true
                        }
                    }
                }
                Some(Instruction::Jump(next)) => {
                    at = *next;
                    true
                }
                Some(Instruction::Assert(assertion)) => {
                    at += 1;
                    self.holds(*assertion, position)
                }
                Some(Instruction::LookAhead { negate, next }) => {
                    let found = self.run(at + 1, position, Purpose::Look, !negate)?.is_some();
                    at = *next;
                    found != *negate
                }
                Some(Instruction::LookBehind { negate, least, most, next }) => {
                    let found = self.look_behind(at + 1, position, *least..=*most, !negate)?;
                    at = *next;
                    found != *negate
                }
                Some(Instruction::Atomic { next }) => {
                    let inner = if matches!(purpose, Purpose::EndAt(_)) { purpose } else { Purpose::Match };
                    match self.run(at + 1, position, inner, true)? {
                        Some(end) => {
                            (at, position) = (*next, end);
                            true
                        }
                        None => false,
                    }
                }
                Some(Instruction::Backreference { groups, ignore_case }) => {
                    at += 1;
                    match self.backreference(groups, *ignore_case, position) {
                        Some(end) => {
                            position = end;
                            true
                        }
                        None => false,
                    }
                }
                Some(Instruction::Save(slot)) => {
                    at += 1;
                    if let Some(saved) = self.slots.get_mut(*slot) {
                        self.pending.push(Pending::Slot { slot: *slot, value: *saved });
                        *saved = position;
                    }
                    true
                }
                Some(Instruction::LeaveIfEmpty { slot, next }) => {
                    at = if self.slots.get(*slot) == Some(&position) { *next } else { at + 1 };
                    true
                }
                Some(Instruction::Accept) | None => {
                    if !matches!(purpose, Purpose::EndAt(end) if end != position) {
                        self.accept(base, purpose, keeps_slots);
                        return Ok(Some(position));
                    }
                    false
                }
            };
            if !goes_on {
                match self.next_way(base) {
                    Some(way) => (at, position) = way,
                    None => return Ok(None),
                }
            }
        }
    }

    fn count_step(&mut self) -> Result<()> {
        self.steps += 1;
        let limit = MAX_STEPS + MAX_STEPS_PER_BYTE.saturating_mul(self.text.len());
        if self.memory.is_none() && self.steps > limit {
            return Err(TokenizerError::Limit { what: "steps of the pattern", found: self.steps, limit });
        }
        Ok(())
    }

    /// Undo what was done since the last branch with a way left, and take that.
    fn next_way(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.pending.len() > base {
            match self.pending.pop()? {
                Pending::Way { at, position } => return Some((at, position)),
                Pending::Failed { memory, position } => self.remember(memory, position, FAILED),
                Pending::Slot { slot, value } => {
                    if let Some(saved) = self.slots.get_mut(slot) {
                        *saved = value;
                    }
                }
            }
        }
        None
    }

    /// Forget the ways that are left since `base`; the branches on the way here have succeeded.
    fn accept(&mut self, base: usize, purpose: Purpose, keeps_slots: bool) {
        let mut kept = base;
        for index in (base..self.pending.len()).rev() {
            match self.pending.get(index) {
                Some(&Pending::Failed { memory, position }) if purpose == Purpose::Look => {
                    self.remember(memory, position, SUCCEEDED);
                }
                Some(&Pending::Slot { slot, value }) if !keeps_slots => {
                    if let Some(saved) = self.slots.get_mut(slot) {
                        *saved = value;
                    }
                }
                _ => {}
            }
        }
        if keeps_slots {
            // Should what follows fail, the slots get their former values.
            for index in base..self.pending.len() {
                if matches!(self.pending.get(index), Some(Pending::Slot { .. })) {
                    self.pending.swap(kept, index);
                    kept += 1;
                }
            }
        }
        self.pending.truncate(kept);
    }

    fn cell(&self, memory: usize, position: usize) -> (usize, u32) {
        let cell = memory * (self.text.len() + 1) + position;
        (cell / 4, (cell % 4 * 2) as u32)
    }

    fn recall(&self, memory: usize, position: usize, purpose: Purpose) -> u8 {
        if matches!(purpose, Purpose::EndAt(_)) {
            return 0;
        }
        let (byte, shift) = self.cell(memory, position);
        self.memory.as_ref().and_then(|known| known.get(byte)).map_or(0, |cell| cell >> shift & 3)
    }

    fn remember(&mut self, memory: usize, position: usize, what: u8) {
        let (byte, shift) = self.cell(memory, position);
        if let Some(cell) = self.memory.as_mut().and_then(|known| known.get_mut(byte)) {
            *cell |= what << shift;
        }
    }

    fn look_behind(
        &mut self,
        at: usize,
        position: usize,
        lengths: std::ops::RangeInclusive<usize>,
        keeps_slots: bool,
    ) -> Result<bool> {
        let before = self.text.get(..position).unwrap_or_default();
        let starts = std::iter::once(position).chain(before.char_indices().rev().map(|(start, _)| start));
        for start in starts.skip(*lengths.start()).take((lengths.end() - lengths.start()).saturating_add(1)) {
            if self.run(at, start, Purpose::EndAt(position), keeps_slots)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn holds(&self, assertion: Assertion, position: usize) -> bool {
        let (before, after) = self.text.split_at_checked(position).unwrap_or_default();
        let is_word = |character: Option<char>| character.is_some_and(|c| self.program.words.contains(c));
        let boundary = || is_word(before.chars().next_back()) != is_word(after.chars().next());
        match assertion {
            Assertion::LineStart => before.is_empty() || (before.ends_with('\n') && !after.is_empty()),
            Assertion::LineEnd => after.is_empty() || after.starts_with('\n'),
            Assertion::TextStart => before.is_empty(),
            Assertion::TextEnd => after.is_empty(),
            Assertion::LastLineEnd => after.is_empty() || after == "\n",
            Assertion::WordBoundary => boundary(),
            Assertion::NotWordBoundary => !boundary(),
            Assertion::SearchStart => position == self.start,
        }
    }

    /// Where the text of the last of these groups that has matched ends, if it is repeated here.
    fn backreference(&self, groups: &[usize], ignore_case: bool, position: usize) -> Option<usize> {
        let text = |&group: &usize| {
            let (start, end) = (*self.slots.get(2 * group)?, *self.slots.get(2 * group + 1)?);
            self.text.get(start..end)
        };
        let rest = self.text.get(position..)?;
        let captured = groups.iter().rev().find_map(text)?;
        if !ignore_case {
            return rest.starts_with(captured).then_some(position + captured.len());
        }
        let mut characters = rest.chars();
        for wanted in captured.chars() {
            let found = characters.next()?;
            if found != wanted && !found.to_lowercase().eq(wanted.to_lowercase()) {
                return None;
            }
        }
        Some(self.text.len() - characters.as_str().len())
    }
}
