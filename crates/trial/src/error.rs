//! What can go wrong when a system is booted, checked and recorded. That it does
//! not pass is no error.

use host::error::{Failure, Kind};

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// Of what stands below.
    #[error("{}", .0.message)]
    Failure(Failure),
    /// Of records that are kept.
    #[error(transparent)]
    Record(#[from] record::error::Error),
    /// What makes an identity can't be written down.
    #[error(transparent)]
    Identity(#[from] serde_json::Error),
}

/// The result of booting, checking and recording.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Failure(failure) => failure.kind,
            Error::Record(error) => error.kind(),
            Error::Identity(_) => Kind::Machine,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::Failure(failure)
    }
}
