//! What can go wrong, as a user is told it: one message, the evidence, the
//! mend, and the exit code that belongs to it.

use std::fmt;
use std::path::Path;

/// What a failure is about; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line or the recipe is wrong (exit 1).
    Usage,
    /// A source could not be had (exit 2).
    Source,
    /// The configuration doesn't resolve as asked (exit 3).
    Config,
    /// The build failed (exit 4).
    Build,
    /// The boot or a check failed (exit 5).
    Check,
    /// Over budget (exit 6).
    Budget,
    /// The machine lacks something: a tool, disk space, a permission (exit 7).
    Machine,
    /// Ended by a signal (exit 128 + signal).
    Interrupted(i32),
}

impl Kind {
    /// The exit code of the process.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Usage => 1,
            Kind::Source => 2,
            Kind::Config => 3,
            Kind::Build => 4,
            Kind::Check => 5,
            Kind::Budget => 6,
            Kind::Machine => 7,
            Kind::Interrupted(signal) => 128u8.saturating_add(signal.clamp(0, 127) as u8),
        }
    }
}

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

    /// A failed operation on a file of ours: a full disk, a missing permission.
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let failure = Failure::new(
            Kind::Machine,
            format!("can't {doing} {}: {error}", path.display()),
        );
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => failure.help(
                "free some disk space; what was done so far is kept, nothing is half written",
            ),
            std::io::ErrorKind::PermissionDenied => {
                failure.help("check the owner and the permissions of that path")
            }
            _ => failure,
        }
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
