//! `tuxling boot`: the system's console in this terminal.

use super::args::Boot;
use super::build::{build, options};
use super::progress::Terminal;
use super::{dry_run, load, print, print_json, session};
use crate::error::{Failure, Kind, Result};
use crate::session::{Progress, process_failure};
use crate::trial::{self, check};

/// Builds what is missing, and gives the terminal to QEMU.
pub fn run(args: &Boot) -> Result<()> {
    let common = &args.common;
    let plan = load(&common.recipe)?;
    let terminal = Terminal::new(common.verbose);
    let session = session(common, &terminal)?;
    let options = options(common)?;
    if common.dry_run {
        let boot = dry_run::boot(&plan, &options, &args.qemu_arg, &session)?;
        return print(&format!(
            "{}{boot}",
            dry_run::build(&plan, &options, &session)?
        ));
    }
    let system = build(&plan, &options, &session)?;
    if common.json {
        print_json(&trial::built_record(&plan, &system, &session))?;
    }
    let version = check::qemu_version(&plan, &session)?;
    let accelerator = check::accelerator(plan.board.arch, &version, &session)?;
    let command = check::interactive(&check::machine(
        &plan,
        &system.output,
        accelerator,
        &args.qemu_arg,
    ));
    terminal.note(&format!("Ctrl-A X leaves\n{}", command.to_line()));
    let status = session
        .processes
        .run_on_terminal(&command)
        .map_err(|e| process_failure(Kind::Machine, "boot", e))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(Kind::Check, format!("QEMU ended with {status}")).detail(command.to_line()))
}
