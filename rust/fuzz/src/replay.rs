//! The corpus of a target again, without a fuzzer: a test of each crate includes this file and its targets.

use std::path::Path;

/// Panics where the target does, and where there are fewer than `least` files.
pub fn replay(target: fn(&[u8]), name: &str, least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        target(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= least, "{name} has {count} files");
}
