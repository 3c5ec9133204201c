//! Bytes that are joined from slots of fixed size.

use super::table::{BLOCK, SLOT, Slot};

/// Bytes with room behind them, so that a slot is copied whole and its end written over by the next.
pub(super) struct Output {
    bytes: Vec<u8>,
    pub length: usize,
    /// Room for the slots of a block.
    room: usize,
}

impl Output {
    pub fn new(start: &[u8], tokens: usize) -> Self {
        let room = SLOT * tokens.min(BLOCK);
        let mut output = Self { bytes: vec![0; start.len() + tokens * 6 + room], length: 0, room };
        output.push(start);
        output
    }

    /// Room for `length` bytes and a block of slots.
    pub fn make_room(&mut self, length: usize) {
        let needed = self.length + length + self.room;
        if needed > self.bytes.len() {
            self.bytes.resize(needed.max(self.bytes.len() * 2), 0);
        }
    }

    /// There is room for a block of these.
    #[inline]
    pub fn push_slot(&mut self, slot: &Slot, length: usize) {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + SLOT) {
            room.copy_from_slice(slot);
        }
        self.length += length;
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// Bytes that are not UTF-8 together become U+FFFD, one by one.
    pub fn end_run(&mut self, start: usize) {
        let run = &self.bytes[start..self.length];
        if std::str::from_utf8(run).is_err() {
            let count = run.len();
            self.length = start;
            self.push("\u{fffd}".repeat(count).as_bytes());
        }
    }

    pub fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.length);
        self.bytes.shrink_to_fit();
        self.bytes
    }
}
