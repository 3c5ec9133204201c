//! Tokens that are bytes, as vocabularies have them for characters that they do not know: `<0xE2>`.

/// The byte that `token` stands for.
pub(super) fn byte_of(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    // Two bytes are enough for the reference, which so takes a sign for a digit too.
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

pub(super) fn decode(tokens: Vec<String>) -> Vec<String> {
    let mut decoded = Vec::with_capacity(tokens.len());
    let mut run = Vec::new();
    for token in tokens {
        if let Some(byte) = byte_of(&token) {
            run.push(byte);
            continue;
        }
        end_run(&mut run, &mut decoded);
        decoded.push(token);
    }
    end_run(&mut run, &mut decoded);
    decoded
}

/// Neighbouring bytes spell text together; if they are not UTF-8, each becomes U+FFFD.
fn end_run(run: &mut Vec<u8>, decoded: &mut Vec<String>) {
    match std::str::from_utf8(run) {
        Ok("") => {}
        Ok(text) => decoded.push(text.to_owned()),
        Err(_) => decoded.extend(run.iter().map(|_| char::REPLACEMENT_CHARACTER.to_string())),
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(tokens: &[&str]) -> Vec<String> {
        decode(tokens.iter().map(|&token| token.to_owned()).collect())
    }

    #[test]
    fn neighbouring_bytes_spell_text_together() {
        assert_eq!(decoded(&["a", "<0xE6>", "<0xBC>", "<0xa2>", "b"]), ["a", "漢", "b"]);
        assert_eq!(decoded(&["<0xE6>", "<0xBC>", "b", "<0xa2>"]), ["\u{fffd}", "\u{fffd}", "b", "\u{fffd}"]);
    }

    #[test]
    fn other_tokens_stay() {
        for token in ["<0xGG>", "<0x>", "<0x123>", "<0xé>", "", "<0x-1>", "0x41"] {
            assert_eq!(decoded(&[token]), [token], "{token}");
        }
        assert_eq!(decoded(&["<0x+5>"]), ["\u{5}"]);
    }
}
