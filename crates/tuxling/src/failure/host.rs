//! Failures of this machine.

use std::io::ErrorKind;

use host::error::{Error, is_of_full_disk};
use host::packages::Distribution;
use host::process::ProcessError;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.kind(), error.to_string());
        match error {
            Error::File { error, .. } => match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failure.help(
                    "free some disk space; what was done so far is kept, nothing is half written",
                ),
                ErrorKind::PermissionDenied => {
                    failure.help("check the owner and the permissions of that path")
                }
                _ => failure,
            },
            Error::LeftAside { kept, .. } => {
                failure.help(format!("what was there is now {}", kept.display()))
            }
            Error::NoCacheFolder => {
                failure.help("set TUXLING_CACHE to a folder with some GiB of space")
            }
            Error::Interrupted { .. } => failure,
            Error::Command { error, .. } => of_command(failure, error),
        }
    }
}

/// The failure of what a command was for.
fn of_command(failure: Failure, error: ProcessError) -> Failure {
    match error {
        ProcessError::Missing { program } => failure.help(how_to_install(&program)),
        ProcessError::Failed { tail, .. } if is_of_full_disk(&tail) => failure
            .detail(tail)
            .help("free some disk space; what was finished is kept"),
        ProcessError::Failed { line, tail, .. }
        | ProcessError::TimedOut { line, tail, .. }
        | ProcessError::Stalled { line, tail } => failure.detail(format!("$ {line}\n{tail}")),
        ProcessError::NotStarted { .. } | ProcessError::Interrupted { .. } => failure,
    }
}

fn how_to_install(program: &str) -> String {
    let all = "`tuxling doctor RECIPE` says all that is missing";
    match Distribution::of_this_machine().install_command(&[program]) {
        Some(command) => format!("{command}; {all}"),
        None => all.to_owned(),
    }
}
