//! Cargo does not notice a new file in a folder by itself: rebuild when a migration is added.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
