//! The Python package is embedded as a folder, and only a build script can make cargo notice a file added to it.

fn main() {
    println!("cargo::rerun-if-changed=python");
}
