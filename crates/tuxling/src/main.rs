//! The `tuxling` program: the command line, the supervisor of what it starts,
//! or the linker of a kernel build.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if builder::kernel::linker::is_called_for(&args) {
        return ExitCode::from(builder::kernel::linker::link(&args));
    }
    match args.get(1) {
        Some(first) if first == host::process::SPIN => host::process::spin(),
        Some(first) if first == host::process::SUPERVISE => {
            ExitCode::from(host::process::supervise(&args[2..]))
        }
        _ => ExitCode::from(tuxling::cli::run(&args)),
    }
}
