//! Failures of keeping records.

use record::error::Error;
use rusqlite::ErrorCode;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.kind(), error.to_string());
        match error {
            Error::Host(error) => error.into(),
            Error::Store { error, .. } => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => failure.help("free some disk space"),
                _ => failure,
            },
            Error::Unwritable(_) | Error::Unreadable(_) => failure,
        }
    }
}
