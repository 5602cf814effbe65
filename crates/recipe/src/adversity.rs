//! The cases of adversity that a recipe can name. What each does stands with
//! the boots.

/// Their names, in the order of their boots.
pub const NAMES: &[&str] = &[
    "local",
    "sockets",
    "uses",
    "less-ram",
    "four-times-ram",
    "another-cpu",
    "a-third-cpu",
    "one-cpu",
    "two-cpus",
    "four-cpus",
    "past",
    "future",
    "idle",
    "link",
    "storm",
    "resets",
    "leases",
    "flood",
    "fragments",
    "renewals",
    "loader",
];
