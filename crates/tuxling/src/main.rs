//! The command line of tuxling.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    if args
        .first()
        .is_some_and(|arg| arg == tuxling::process::SUPERVISE)
    {
        return ExitCode::from(tuxling::process::supervise(&args[1..]));
    }
    ExitCode::SUCCESS
}
