//! Decoders that change the characters of each token: Metaspace, Strip.

/// Which texts Metaspace puts its character before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrependScheme {
    First,
    Never,
    Always,
}

/// Settings of `{"type": "Metaspace"}`: `replacement` stands for a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metaspace {
    pub replacement: char,
    /// Unless never, the first token has a space that was not in the text: all its spaces are left out.
    pub prepend_scheme: PrependScheme,
    /// For the pre-tokenizer of the same name.
    pub split: bool,
}

impl Default for Metaspace {
    fn default() -> Self {
        Self { replacement: '▁', prepend_scheme: PrependScheme::Always, split: true }
    }
}

impl Metaspace {
    pub(super) fn decode(&self, tokens: &mut [String]) {
        for (index, token) in tokens.iter_mut().enumerate() {
            let added = index == 0 && self.prepend_scheme != PrependScheme::Never;
            if token.contains(self.replacement) {
                *token = token.replace(self.replacement, if added { "" } else { " " });
            }
        }
    }
}

/// Settings of `{"type": "Strip"}`: at most `start` and `stop` times `content` at the ends of a token are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strip {
    pub content: char,
    pub start: usize,
    pub stop: usize,
}

impl Strip {
    pub(super) fn strip(&self, token: &mut String) {
        token.truncate(self.end(token));
        token.drain(..self.begin(token));
    }

    /// Where the rest of `token` begins.
    pub(super) fn begin(&self, token: &str) -> usize {
        let found = token.chars().take(self.start).take_while(|&character| character == self.content);
        found.count() * self.content.len_utf8()
    }

    fn end(&self, token: &str) -> usize {
        let found = token.chars().rev().take(self.stop).take_while(|&character| character == self.content);
        token.len() - found.count() * self.content.len_utf8()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(strip: Strip, token: &str) -> String {
        let mut token = token.to_owned();
        strip.strip(&mut token);
        token
    }

    #[test]
    fn at_most_so_many_characters_are_stripped() {
        let strip = Strip { content: '▁', start: 1, stop: 2 };
        assert_eq!(stripped(strip, "▁▁a▁▁▁"), "▁a▁");
        assert_eq!(stripped(strip, "a"), "a");
        // Where nothing is left the reference panics.
        assert_eq!(stripped(strip, "▁"), "");
        assert_eq!(stripped(strip, ""), "");
        assert_eq!(stripped(Strip { content: 'a', start: usize::MAX, stop: 0 }, "aaab"), "b");
    }

    #[test]
    fn the_first_token_of_metaspace_loses_all_its_spaces() {
        let decoded = |prepend_scheme| {
            let mut tokens = ["▁a▁", "▁b"].map(String::from);
            Metaspace { prepend_scheme, ..Metaspace::default() }.decode(&mut tokens);
            tokens
        };
        assert_eq!(decoded(PrependScheme::Always), ["a", " b"]);
        assert_eq!(decoded(PrependScheme::First), ["a", " b"]);
        assert_eq!(decoded(PrependScheme::Never), [" a ", " b"]);
    }
}
