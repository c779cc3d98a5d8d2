//! Migrations are embedded by a macro, which Cargo does not see: a new file must rebuild the crate.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
