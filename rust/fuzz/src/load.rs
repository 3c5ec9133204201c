//! Files of any content: an error, or a tokenizer that can be used and saved.

use std::sync::Arc;

use ferrolm_tokenizer::{Input, Result, Tokenizer, file};

const TEXTS: [&str; 4] = ["", "ab abab", "a<x>b  e\u{301} 🙂", "\0 <X>\tABAB漢字'll 12345"];

/// The bytes are those of a tokenizer.json.
pub fn load_tokenizer(data: &[u8]) {
    let Ok(tokenizer) = file::from_json(data, "fuzz") else { return };
    if let Ok(json) = file::to_json(&tokenizer, false) {
        // Of tokens that share an id one is saved, which may be the one that a merge needs.
        if let Ok(again) = file::from_json(json.as_bytes(), "saved") {
            file::to_json(&again, true).expect("what was saved and loaded can be saved");
        }
    }
    let _ = use_it(tokenizer);
}

fn use_it(tokenizer: Tokenizer) -> Result<()> {
    let tokenizer = Arc::new(tokenizer);
    tokenizer.decode(&[0, 1, 2, 3, u32::MAX], false)?;
    for text in TEXTS {
        let encoding = tokenizer.encode_lazy(&Input::Text(text), None, true, true)?;
        let full = encoding.full()?;
        assert_eq!(encoding.ids(), full.ids, "ids and details differ");
        assert_eq!(full.ids.len(), full.offsets.len());
        tokenizer.decode(&full.ids, true)?;
        tokenizer
            .encode_lazy(&Input::Words(vec![text, "b"]), Some(&Input::Text(text)), true, true)?
            .full()?;
    }
    Ok(())
}

/// The first byte says of which format the others are.
pub fn load_formats(data: &[u8]) {
    let Some((kind, content)) = data.split_first() else { return };
    let tokenizer = match kind % 5 {
        0 => file::ranks_from_tiktoken(content, "fuzz").and_then(|ranks| {
            let special = [("<x>".to_owned(), ranks.iter().map(|(rank, _)| rank + 1).max().unwrap_or(0))];
            file::from_ranks(&ranks, "cl100k_base", &special)
        }),
        1 => file::tekken_from_bytes(content, "fuzz"),
        2 => file::sentencepiece_from_bytes(content, "fuzz"),
        3 => file::gguf_from_reader(content, "fuzz"),
        _ => match content.split_once_nul() {
            Some((vocab, merges)) => file::ranks_from_vocab(vocab, merges, "fuzz")
                .and_then(|ranks| file::from_ranks(&ranks, "gpt2", &[])),
            None => return,
        },
    };
    if let Ok(tokenizer) = tokenizer {
        let _ = use_it(tokenizer);
    }
}

trait SplitOnceNul {
    fn split_once_nul(&self) -> Option<(&[u8], &[u8])>;
}

impl SplitOnceNul for [u8] {
    fn split_once_nul(&self) -> Option<(&[u8], &[u8])> {
        let at = self.iter().position(|&byte| byte == 0)?;
        Some((&self[..at], &self[at + 1..]))
    }
}
