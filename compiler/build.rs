//! Python packages are embedded as folders, and only a build script can make cargo notice a file added to one.

fn main() {
    println!("cargo::rerun-if-changed=python");
    println!("cargo::rerun-if-changed=../sdk/engine/python/titan");
}
