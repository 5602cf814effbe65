//! Failures of looking for bytes and weighing them.

use measure::error::Error;
use measure::without::ALL;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.kind(), error.to_string());
        match error {
            Error::Host(error) => error.into(),
            Error::Builder(error) => error.into(),
            Error::NoPayload => {
                failure.help("the image is no bzImage, and no map of its decompressor was kept")
            }
            Error::NoSuchOption { nearest, .. } => failure.help(format!(
                "the nearest are {}; `{ALL}` stands for every one that can be turned off",
                nearest.join(", ")
            )),
            _ => failure,
        }
    }
}
