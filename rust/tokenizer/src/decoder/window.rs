//! Text that grows token by token, in time that depends on what is added alone.

use super::Decoder;
use super::shape::{Join, Shape};

/// The text of some tokens. It is that of decoding them together, whatever was pushed at once.
#[derive(Debug, Clone)]
pub(super) struct Window {
    join: Join,
    /// Left out at the start of the text: at most so many of this character.
    strip: Option<(char, usize)>,
    begun: bool,
    text: String,
    /// Bytes behind the text that are not a character yet, or the neighbouring byte tokens so far.
    pending: Vec<u8>,
    /// Of byte tokens: those up to here are characters.
    valid: usize,
    /// Of byte tokens: no others make text of them.
    broken: bool,
}

/// Looked at anew at every step.
const MOST_STRIPPED: usize = 64;

impl Window {
    /// An empty text; none if what the decoder makes of all of it cannot be followed.
    pub fn new(shape: &Shape) -> Option<Self> {
        let strip = match shape.whole.as_slice() {
            [] => None,
            [Decoder::Strip(strip)] if strip.stop == 0 && strip.start <= MOST_STRIPPED => {
                Some((strip.content, strip.start))
            }
            _ => return None,
        };
        let (text, pending) = (String::new(), Vec::new());
        Some(Self { join: shape.join, strip, begun: false, text, pending, valid: 0, broken: false })
    }

    pub fn clear(&mut self) {
        self.begun = false;
        self.text.clear();
        self.end_run();
    }

    /// There is a token, if one without text.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// Add a piece: bytes, or one byte of text that others complete.
    pub fn push(&mut self, bytes: &[u8], is_byte: bool) {
        if is_byte {
            self.pending.extend_from_slice(bytes);
            self.check_run();
        } else if self.join == Join::Bytes {
            self.pending.extend_from_slice(bytes);
            self.take_characters();
        } else {
            let run = self.run();
            self.text.push_str(&run);
            self.end_run();
            if self.join == Join::Words && self.begun {
                self.text.push(' ');
            }
            self.text.push_str(&String::from_utf8_lossy(bytes));
        }
        self.begun = true;
    }

    /// Move what is decided of the pending bytes to the text.
    fn take_characters(&mut self) {
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.text.push_str(text);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (text, unknown) = rest.split_at(error.valid_up_to());
                    self.text.push_str(&String::from_utf8_lossy(text));
                    rest = unknown;
                    let Some(length) = error.error_len() else { break };
                    self.text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[length..];
                }
            }
        }
        self.pending.drain(..self.pending.len() - rest.len());
    }

    fn check_run(&mut self) {
        if self.broken {
            return;
        }
        match std::str::from_utf8(&self.pending[self.valid..]) {
            Ok(_) => self.valid = self.pending.len(),
            Err(error) => {
                self.valid += error.valid_up_to();
                self.broken = error.error_len().is_some();
            }
        }
    }

    fn end_run(&mut self) {
        self.pending.clear();
        (self.valid, self.broken) = (0, false);
    }

    /// The pending bytes as text.
    fn run(&self) -> String {
        if self.pending.is_empty() {
            return String::new();
        }
        if self.join == Join::Bytes {
            return char::REPLACEMENT_CHARACTER.into();
        }
        match std::str::from_utf8(&self.pending) {
            Ok(text) => text.to_owned(),
            Err(_) => "\u{fffd}".repeat(self.pending.len()),
        }
    }

    fn run_length(&self) -> usize {
        match self.pending.len() {
            0 => 0,
            _ if self.join == Join::Bytes => char::REPLACEMENT_CHARACTER.len_utf8(),
            length if self.valid == length => length,
            length => length * char::REPLACEMENT_CHARACTER.len_utf8(),
        }
    }

    fn stripped(&self) -> usize {
        let Some((content, most)) = self.strip else { return 0 };
        let count = |text: &str| text.chars().take(most).take_while(|&c| c == content).count();
        let found = match count(&self.text) * content.len_utf8() {
            // Only then can the run begin the text.
            all if all == self.text.len() => count(&[self.text.as_str(), self.run().as_str()].concat()),
            bytes => bytes / content.len_utf8(),
        };
        found * content.len_utf8()
    }

    /// Bytes of [`text`](Self::text).
    pub fn len(&self) -> usize {
        self.text.len() + self.run_length() - self.stripped()
    }

    /// The text ends in U+FFFD, which bytes to come may make another character.
    pub fn is_unfinished(&self) -> bool {
        let last = char::REPLACEMENT_CHARACTER;
        let ends = match self.pending.len() {
            0 => self.text.ends_with(last),
            _ if self.join == Join::Bytes => true,
            length => self.valid < length || self.pending.ends_with(last.encode_utf8(&mut [0; 4]).as_bytes()),
        };
        ends && self.len() > 0
    }

    pub fn text(&self) -> String {
        let mut text = [self.text.as_str(), self.run().as_str()].concat();
        text.drain(..self.stripped());
        text
    }
}
