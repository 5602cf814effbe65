//! Failures of keeping records.

use std::path::Path;

use record::error::Error;
use rusqlite::ErrorCode;

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.kind(), error.to_string());
        match error {
            Error::Host(error) => error.into(),
            Error::Store { error, path, .. } => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => failure.help("free some disk space"),
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    failure.help(set_aside(&path))
                }
                Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
                    failure.help("check the owner and the permissions of that path")
                }
                _ => failure,
            },
            Error::Unreadable { path, .. } => failure.help(set_aside(&path)),
            Error::Unwritable(_) => failure,
        }
    }
}

/// What is to be done with a damaged store.
fn set_aside(path: &Path) -> String {
    let path = path.display();
    format!(
        "it is damaged: `sqlite3 {path} .recover` may give back what was measured; or set it \
         aside, and tuxling begins a new one: mv {path} {path}.damaged"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Database;

    #[test]
    fn a_damaged_store_is_told_with_its_path_and_the_mend() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("store.sqlite");
        std::fs::write(&path, [b'x'; 8192]).expect("writes");
        let failure = Failure::from(Database::open(&path).expect_err("is none"));
        assert_eq!(
            failure.message,
            format!(
                "can't prepare the store {}: file is not a database",
                path.display()
            )
        );
        let help = failure.help.expect("a mend");
        assert!(
            help.contains("set it aside, and tuxling begins a new one"),
            "{help}"
        );
    }
}
