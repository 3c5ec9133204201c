//! Taggers from any bytes: an error, or one that tags and comes back from its own file.

use ferrolm_base::cancel::NEVER;
use ferrolm_tagging::{Sentences, Tagger};

const HEADER: usize = 20;

/// With the length and the checksum that the content has, so that what comes after is tried out as well.
fn completed(payload: &[u8]) -> Vec<u8> {
    let step = |sum: u64, &byte: &u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    let sum = payload.iter().fold(0xCBF2_9CE4_8422_2325, step);
    let mut bytes = b"FLMTAG01\x01\0\0\0".to_vec();
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(payload);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// The bytes are those between header and checksum.
pub fn tagger(data: &[u8]) {
    let _ = Tagger::from_bytes(data);
    let Ok(tagger) = Tagger::from_bytes(&completed(data)) else { return };
    let mut sentences = Sentences::default();
    for sentence in ["", "a", "the Ab 12 x-y", "漢字 e\u{301} 🙂 \0 A. a a a a a a a a"] {
        sentence.split(' ').for_each(|word| sentences.push(word));
        sentences.end_sentence();
    }
    let tags = tagger.tag(&sentences, &NEVER).unwrap();
    assert_eq!(tags.len(), sentences.num_words());
    assert!(tags.iter().all(|&tag| usize::from(tag) < tagger.tags().len()));
    let bytes = tagger.to_bytes();
    assert!(bytes.len() > HEADER);
    let again = Tagger::from_bytes(&bytes).expect("what was saved can be loaded");
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(again.tag(&sentences, &NEVER).unwrap(), tags);
}
