//! What errors are about, and what can go wrong on this machine itself: files,
//! commands, the cache.

use std::io;
use std::path::{Path, PathBuf};

use crate::process::ProcessError;

/// What an error is about; decides the exit code.
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
    /// Others have to do their part first (exit 8).
    Waiting,
    /// Ended by a signal (exit 128 + signal).
    Interrupted(i32),
}

/// What can go wrong on this machine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation on a file of ours: a full disk, a missing permission.
    #[error("can't {doing} {}: {error}", path.display())]
    File {
        /// The operation: `read`, `make the folder`.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A folder could not be put in the place of an older one, nor that one put
    /// back.
    #[error("can't put in place {}: {error}", path.display())]
    LeftAside {
        /// Its place.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
        /// Where the older one is now.
        kept: PathBuf,
    },
    /// Nothing says where the cache is to be.
    #[error("no folder for the cache: HOME is not set")]
    NoCacheFolder,
    /// The user wanted to stop.
    #[error("interrupted")]
    Interrupted {
        /// By which signal.
        signal: i32,
    },
    /// A command did not do what it was for.
    #[error("{}", command_message(doing, error))]
    Command {
        /// What the work is about that it was for.
        kind: Kind,
        /// That work: `build the kernel`.
        doing: String,
        /// How it ended.
        error: ProcessError,
    },
}

/// The result of what only this machine can make fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failed operation on a file of ours.
    pub fn file(doing: &'static str, path: &Path, error: io::Error) -> Error {
        let path = path.to_owned();
        Error::File { doing, path, error }
    }

    /// A command that did not do what it was for.
    pub fn command(kind: Kind, doing: impl Into<String>, error: ProcessError) -> Error {
        let doing = doing.into();
        Error::Command { kind, doing, error }
    }

    /// A program that is not installed, found out before it is started.
    pub fn missing_tool(program: &str, doing: &str) -> Error {
        let program = program.to_owned();
        Error::command(Kind::Machine, doing, ProcessError::Missing { program })
    }

    /// The program that is not installed, where that is the error.
    pub fn missing_program(&self) -> Option<&str> {
        match self {
            Error::Command {
                error: ProcessError::Missing { program },
                ..
            } => Some(program),
            _ => None,
        }
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::File { .. } | Error::LeftAside { .. } | Error::NoCacheFolder => Kind::Machine,
            Error::Interrupted { signal } => Kind::Interrupted(*signal),
            Error::Command { kind, error, .. } => match error {
                ProcessError::Interrupted { signal } => Kind::Interrupted(*signal),
                ProcessError::Missing { .. } | ProcessError::NotStarted { .. } => Kind::Machine,
                ProcessError::Failed { tail, .. } if is_of_full_disk(tail) => Kind::Machine,
                ProcessError::Failed { .. }
                | ProcessError::TimedOut { .. }
                | ProcessError::Stalled { .. } => *kind,
            },
        }
    }
}

/// Whether a tool's last words are of a full disk.
pub fn is_of_full_disk(tail: &str) -> bool {
    ["No space left on device", "Disk quota exceeded"]
        .iter()
        .any(|said| tail.contains(said))
}

fn command_message(doing: &str, error: &ProcessError) -> String {
    match error {
        ProcessError::Missing { program } => format!("can't {doing}: {program} is not installed"),
        ProcessError::Interrupted { .. } => "interrupted; what was finished is kept".to_owned(),
        ProcessError::Failed { tail, .. } if is_of_full_disk(tail) => {
            format!("can't {doing}: no space left on the disk")
        }
        ProcessError::Failed { status, .. } => {
            format!("can't {doing}: a command ended with {status}")
        }
        ProcessError::TimedOut { limit, .. } => {
            format!("can't {doing}: a command took longer than {limit:?}")
        }
        ProcessError::Stalled { .. } => {
            format!("can't {doing}: a command did not get on any more")
        }
        ProcessError::NotStarted { .. } => format!("can't {doing}: {error}"),
    }
}
