//! Decoders of vocabularies that mark the parts of words: BPE with a suffix, WordPiece, CTC.

/// Settings of `{"type": "BPEDecoder"}`: `suffix` ends a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BpeDecoder {
    pub suffix: String,
}

impl Default for BpeDecoder {
    fn default() -> Self {
        Self { suffix: "</w>".into() }
    }
}

impl BpeDecoder {
    pub(super) fn decode(&self, tokens: &mut [String]) {
        let Some((last, others)) = tokens.split_last_mut() else { return };
        for token in others {
            *token = token.replace(&self.suffix, " ");
        }
        *last = last.replace(&self.suffix, "");
    }
}

/// Settings of `{"type": "WordPiece"}`: tokens without `prefix` begin a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordPiece {
    pub prefix: String,
    /// Undo spaces that tokenization put into English text.
    pub cleanup: bool,
}

impl Default for WordPiece {
    fn default() -> Self {
        Self { prefix: "##".into(), cleanup: true }
    }
}

impl WordPiece {
    pub(super) fn decode(&self, tokens: &mut [String]) {
        for (index, token) in tokens.iter_mut().enumerate() {
            if index > 0 {
                *token = match token.strip_prefix(&self.prefix) {
                    Some(rest) => rest.to_owned(),
                    None => format!(" {token}"),
                };
            }
            if self.cleanup {
                cleanup(token);
            }
        }
    }
}

/// Settings of `{"type": "CTC"}`: repeated tokens are one, `pad_token` separates real repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ctc {
    pub pad_token: String,
    /// Stands for a space, if `cleanup` is on.
    pub word_delimiter_token: String,
    /// Undo spaces that tokenization put into English text.
    pub cleanup: bool,
}

impl Default for Ctc {
    fn default() -> Self {
        Self { pad_token: "<pad>".into(), word_delimiter_token: "|".into(), cleanup: true }
    }
}

impl Ctc {
    pub(super) fn decode(&self, mut tokens: Vec<String>) -> Vec<String> {
        tokens.dedup();
        for token in &mut tokens {
            *token = token.replace(&self.pad_token, "");
            if self.cleanup {
                cleanup(token);
                *token = token.replace(&self.word_delimiter_token, " ");
            }
        }
        tokens.retain(|token| !token.is_empty());
        tokens
    }
}

/// What cleaning up replaces, in this order.
const CLEANUP: [(&str, &str); 11] = [
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
];

fn cleanup(token: &mut String) {
    for (dirty, clean) in CLEANUP {
        if token.contains(dirty) {
            *token = token.replace(dirty, clean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn ctc_joins_repetitions_unless_padding_is_between() {
        let decoded = Ctc::default().decode(tokens("<pad> h h e l l <pad> l o <pad> | | y o"));
        assert_eq!(decoded.concat(), "hello yo");
    }

    #[test]
    fn only_the_last_suffix_of_a_text_is_no_space() {
        let mut decoded = tokens("a b</w> c</w>");
        BpeDecoder::default().decode(&mut decoded);
        assert_eq!(decoded, ["a", "b ", "c"]);
        BpeDecoder::default().decode(&mut []);
    }

    #[test]
    fn cleaning_up_sees_one_token_at_a_time() {
        let mut decoded = tokens("it 's do not . ##y");
        WordPiece::default().decode(&mut decoded);
        assert_eq!(decoded, ["it", "'s", " do", " not", ".", "y"]);
    }
}
