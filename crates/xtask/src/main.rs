//! What CI runs, as commands that anyone can run.
fn main() {}
