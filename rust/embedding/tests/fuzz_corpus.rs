//! The corpus of the fuzz targets of vectors (see rust/fuzz), replayed without a fuzzer.

#![expect(clippy::unwrap_used, reason = "what is wrong has to panic here")]

#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/vectors.rs"]
mod vectors;

use replay::replay;

#[test]
fn files_of_vectors() {
    replay(vectors::vectors, "vectors", 7);
}

#[test]
fn models_to_train_on() {
    replay(vectors::word2vec_model, "word2vec_model", 3);
}
