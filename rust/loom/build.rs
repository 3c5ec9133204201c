//! Says `cfg(loom)` to this package alone; said to the whole build, others would change by it too.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(loom)");
    println!("cargo::rustc-cfg=loom");
}
