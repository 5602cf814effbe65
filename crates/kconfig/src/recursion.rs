//! What is said of symbols that depend on themselves. `circles` finds them.

use crate::diagnostic::Location;

/// One step of a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecursionStep {
    /// Where the step is written.
    pub location: Location,
    /// What it says: `symbol A depends on B`.
    pub text: String,
}

/// A circle of symbols that depend on each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recursion {
    /// Its steps; the last leads back to the first.
    pub steps: Vec<RecursionStep>,
}
