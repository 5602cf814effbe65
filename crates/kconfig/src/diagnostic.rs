//! What is wrong with a Kconfig tree, and where.

use std::fmt;
use std::sync::Arc;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Output of `$(info,…)`.
    Info,
    /// The kernel's `conf` would print this and go on.
    Warning,
    /// The kernel's `conf` would stop here. The tree can still be looked at,
    /// but its values are not to be trusted.
    Error,
}

/// A place in a Kconfig file. Lines and columns count from one; column zero
/// means the whole line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The path as the `source` statement named it.
    pub file: Arc<str>,
    /// Line, from one.
    pub line: u32,
    /// Column in bytes, from one; zero for the whole line.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file, self.line)?;
        if self.column > 0 {
            write!(out, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// One finding about a Kconfig tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    pub location: Location,
    /// What it is, as one sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(out, "{}: {kind}: {}", self.location, self.message)
    }
}
