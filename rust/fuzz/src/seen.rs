//! Files of what deduplication has seen.

use std::path::PathBuf;

use ferrolm_base::cancel::NEVER;
use ferrolm_text::duplicates::{NearDuplicates, SeenTexts};

#[path = "../../text/src/hash.rs"]
#[allow(dead_code, clippy::pedantic, reason = "the checksum of the crate, which is not public")]
mod hash;

/// A body with the checksum that belongs to it.
fn with_checksum(body: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 1 << 16;
    let next = |sum: u64, block: &[u8]| hash::fold(sum ^ hash::hash64(block, 0), 0x9e37_79b9_7f4a_7c15);
    let mut sum = body.chunks(BLOCK).fold(0, next);
    if body.len().is_multiple_of(BLOCK) {
        sum = next(sum, &[]);
    }
    [body, &sum.to_le_bytes()].concat()
}

/// The bytes are those of a file, without its checksum.
pub fn seen(data: &[u8]) {
    let path = std::env::temp_dir().join(format!("ferrolm-fuzz-{}-seen", std::process::id()));
    std::fs::write(&path, with_checksum(data)).unwrap();
    if let Ok(seen) = SeenTexts::load(&path, &NEVER) {
        let size = seen.len();
        seen.save(&saved(), &NEVER).unwrap();
        assert_eq!(SeenTexts::load(&saved(), &NEVER).unwrap().len(), size);
    }
    if let Ok(mut near) = NearDuplicates::load(&path, &NEVER) {
        // An error where a file claims as many texts as there may be; what is saved then is readable too.
        let _ = near.add(near.sketcher().sketch("some words of a text"));
        near.save(&saved(), &NEVER).unwrap();
        assert_eq!(NearDuplicates::load(&saved(), &NEVER).unwrap().len(), near.len());
    }
}

fn saved() -> PathBuf {
    std::env::temp_dir().join(format!("ferrolm-fuzz-{}-seen-saved", std::process::id()))
}
