//! What can go wrong where records are kept.

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
    #[error("the store holds an unreadable record: {0}")]
    Unreadable(serde_json::Error),
    /// The database of attempts.
    #[error("can't {doing}: {error}")]
    Store {
        /// What was to be done with it.
        doing: &'static str,
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
            Error::Unwritable(_) | Error::Unreadable(_) | Error::Store { .. } => Kind::Machine,
        }
    }
}
