//! The dependency graph of 2,000 options of Linux 6.12: names, and what each
//! can't do without. `tests/graph_source.rs` says how it is taken.

/// The options, each with what it depends on.
pub(crate) fn options() -> Vec<(&'static str, Vec<&'static str>)> {
    include_str!("linux-6.12-x86.txt")
        .lines()
        .map(|line| {
            let (name, on) = line.split_once(':').expect("NAME: DEPENDENCIES");
            (name, on.split_whitespace().collect())
        })
        .collect()
}
