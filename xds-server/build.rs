//! Migrations are compiled in; a new file among them is not seen by Cargo otherwise.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
