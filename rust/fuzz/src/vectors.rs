//! Files of word vectors: an error, or vectors that come back when they are saved.

use std::path::PathBuf;

use ferrolm_base::cancel::NEVER;
use ferrolm_embedding::Model;
use ferrolm_embedding::format::{self, Reading, Unicode, Writing};
use flate2::Crc;

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ferrolm-fuzz-{}-{name}", std::process::id()))
}

/// The first byte says how the others are to be read.
pub fn vectors(data: &[u8]) {
    let Some((&how, content)) = data.split_first() else { return };
    let reading = Reading {
        binary: how & 1 == 1,
        no_header: how & 2 == 2,
        limit: (how & 4 == 4).then_some(usize::from(how >> 5)),
        unicode: [Unicode::Strict, Unicode::Replace, Unicode::Ignore][usize::from(how >> 3 & 3) % 3],
    };
    let (source, saved) = (path("vectors"), path("vectors-saved"));
    std::fs::write(&source, content).unwrap();
    let Ok(vectors) = format::load(&source, &reading, &NEVER) else { return };
    assert_eq!(vectors.values.len(), vectors.words.len() * vectors.size);
    for binary in [false, true] {
        // Words that the format cannot hold are refused.
        let writing = Writing { binary, header: true };
        if format::save(&saved, &vectors.words, &vectors.values, writing, &NEVER).is_ok()
            && !vectors.words.is_empty()
        {
            let again = format::load(&saved, &Reading { binary, ..Reading::default() }, &NEVER).unwrap();
            let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|value| value.to_bits()).collect() };
            assert_eq!(again.words, vectors.words);
            if binary {
                assert_eq!(bits(&again.values), bits(&vectors.values));
            }
        }
    }
}

/// The bytes are those of a model that can be trained on, without its checksum.
pub fn word2vec_model(data: &[u8]) {
    let mut crc = Crc::new();
    crc.update(data);
    let (source, saved) = (path("model"), path("model-saved"));
    std::fs::write(&source, [data, &crc.sum().to_le_bytes()].concat()).unwrap();
    let Ok((model, note)) = Model::load(&source, &NEVER) else { return };
    assert_eq!(model.words().count(), model.num_words());
    for word in ["a", "zzz", "漢字", ""] {
        let _ = model.vector(word);
    }
    let _ = (model.vectors(), model.output_vectors());
    model.save(&saved, &note, &NEVER).unwrap();
    let (again, note_again) = Model::load(&saved, &NEVER).unwrap();
    assert_eq!((again.num_words(), note_again), (model.num_words(), note));
}
