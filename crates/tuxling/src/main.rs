//! The tuxling program.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == tuxling::process::SUPERVISE => {
            ExitCode::from(tuxling::process::supervise(rest))
        }
        _ => ExitCode::FAILURE,
    }
}
