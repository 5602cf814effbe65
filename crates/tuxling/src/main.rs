//! The `tuxling` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    match args.get(1) {
        Some(first) if first == tuxling::process::SUPERVISE => {
            ExitCode::from(tuxling::process::supervise(&args[2..]))
        }
        _ => ExitCode::from(tuxling::cli::run(&args)),
    }
}
