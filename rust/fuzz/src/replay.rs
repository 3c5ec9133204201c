//! The corpus of a target again, without a fuzzer: a test of each crate includes this file and its targets.

use std::path::Path;

/// Panics where the target does, and where there is hardly anything to replay.
pub fn replay(target: fn(&[u8]), name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        target(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 2, "{name} has {count} files");
}
