//! Failures of trials that are carried out elsewhere, and of stores.

use farm::error::Error;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.kind(), error.to_string());
        let help = error.help();
        match error {
            Error::Host(error) => error.into(),
            Error::Builder(error) => (*error).into(),
            Error::Trial(error) => error.into(),
            Error::Record(error) => error.into(),
            _ => match help {
                Some(help) => failure.help(help),
                None => failure,
            },
        }
    }
}
