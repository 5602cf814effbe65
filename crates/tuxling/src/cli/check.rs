//! `tuxling check`: build, boot, prove, measure.

use super::args::Check;
use super::build::{lock_output, options, within_budget};
use super::progress::Terminal;
use super::{dry_run, load, print, print_json, session};
use crate::error::Result;
use crate::report::card;
use crate::trial::{self, check};

/// Checks, prints the card, and fails when the system did not pass.
pub fn run(args: &Check) -> Result<()> {
    let common = &args.common;
    let plan = load(&common.recipe)?;
    let terminal = Terminal::new(common.verbose);
    let session = session(common, &terminal)?;
    let options = options(common)?;
    if common.dry_run {
        let boot = dry_run::boot(&plan, &options, &args.machine, &session)?;
        return print(&format!(
            "{}{boot}",
            dry_run::build(&plan, &options, &session)?
        ));
    }
    let _lock = lock_output(&plan, &options, &session)?;
    let system = trial::system::build(&plan, &options, &session)?;
    let wanted = check::CheckOptions {
        qemu_args: args.machine.qemu_arg.clone(),
        accelerator: args.machine.accelerator(),
        boot_cost: !args.no_boot_cost,
    };
    let verdict = check::check(&plan, &system, &wanted, &session)?;
    let record = &verdict.record;
    trial::keep(record, &system.output)?;
    trial::remember(record, &session.cache)?;
    drop(session);
    if args.json {
        print_json(record)?;
    } else {
        // A board is not booted by a command.
        let interactive = match plan.machine.console {
            None => Some(check::interactive(&verdict.machine).to_line()),
            Some(_) => None,
        };
        print(&card::card(record, interactive.as_deref()))?;
    }
    match verdict.failure {
        Some(failure) => Err(failure),
        None => within_budget(&plan, record),
    }
}
