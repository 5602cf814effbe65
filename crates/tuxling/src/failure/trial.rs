//! Failures of booting, checking and recording.

use trial::error::Error;
use trial::matrix::CellError;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Host(error) => error.into(),
            Error::Vm(error) => error.into(),
            Error::Medium(error) => error.into(),
            Error::Record(error) => error.into(),
            Error::Identity(_)
            | Error::DeviceTree(_)
            | Error::DoesNotPass(_)
            | Error::NoStacks(_) => Failure::new(error.kind(), error.to_string()),
        }
    }
}

impl From<CellError> for Failure {
    fn from(error: CellError) -> Failure {
        match error {
            CellError::Build(error) => error.into(),
            CellError::Trial(error) => error.into(),
            CellError::Host(error) => error.into(),
        }
    }
}
