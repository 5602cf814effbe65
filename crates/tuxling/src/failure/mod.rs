//! What a user is told when a command fails: one sentence, the evidence, the
//! mend, and the exit code that belongs to it.
//!
//! The libraries say what went wrong and where; each has its table here that
//! turns its errors into failures.

mod builder;
mod farm;
mod host;
mod measure;
pub(crate) mod medium;
mod prune;
mod recipe;
mod record;
mod trial;
mod vm;

use std::fmt;

use ::host::error::Kind;

/// A failure as it is shown.
#[derive(Debug)]
pub struct Failure {
    /// What it is about.
    pub kind: Kind,
    /// One sentence: what could not be done.
    pub message: String,
    /// The evidence: a tool's last lines, an underlined source. Shown as it is.
    pub detail: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// The result of whatever can end a command.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure of this kind with its one sentence.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Failure {
            kind,
            message: message.into(),
            detail: None,
            help: None,
        }
    }

    /// Adds the evidence.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        exit_code(self.kind)
    }
}

/// The exit code of a failure that is about this.
pub fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Usage => 1,
        Kind::Source => 2,
        Kind::Config => 3,
        Kind::Build => 4,
        Kind::Check => 5,
        Kind::Budget => 6,
        Kind::Machine => 7,
        Kind::Waiting => 8,
        Kind::Interrupted(signal) => 128u8.saturating_add(signal.clamp(0, 127) as u8),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, "\n{}", detail.trim_end_matches('\n'))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
