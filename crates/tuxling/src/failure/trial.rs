//! Failures of booting, checking and recording.

use trial::error::Error;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Host(error) => error.into(),
            Error::Vm(error) => error.into(),
            Error::Medium(error) => error.into(),
            Error::Record(error) => error.into(),
            Error::Identity(_) => Failure::new(error.kind(), error.to_string()),
        }
    }
}
