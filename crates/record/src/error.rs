//! What can go wrong where records are kept.

use std::path::PathBuf;

use host::error::Kind;

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// A record can't be written down.
    #[error("can't write the record: {0}")]
    Unwritable(serde_json::Error),
    /// A record in the store is of no form that this version knows.
    #[error("the store {} holds an unreadable record: {error}", path.display())]
    Unreadable {
        /// The store's file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The database of attempts.
    #[error("can't {doing} {}: {error}", path.display())]
    Store {
        /// What was to be done with it.
        doing: &'static str,
        /// Its file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
}

/// The result of keeping records.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Unwritable(_) | Error::Unreadable { .. } | Error::Store { .. } => Kind::Machine,
        }
    }
}
