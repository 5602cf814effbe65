//! `tuxling check`: build, boot, prove, measure.

use builder::system::System;
use host::cache::write_whole;
use host::error::Kind;
use host::session::Session;
use prune::adversity::{self, Adversity};
use prune::rebuild;
use recipe::Plan;
use trial::check;

use super::args::Check;
use super::build::{lock_output, within_budget};
use super::carry_out::Needs;
use super::dry_run::CheckList;
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::{Failure, Result};
use report::card;

/// Checks, prints the card, and fails when the system did not pass.
pub(super) fn run(args: &Check) -> Result<()> {
    let request = Request::new(Typed {
        pruned: args.which.pruned,
        ..Typed::of(&args.common, args.json)
    })?;
    let wanted = CheckList {
        machine: Some(&args.machine),
        boot_cost: !args.no_boot_cost,
        adversity: args.adversity.then_some(&args.cases[..]),
        unwatched: false,
    };
    request.carry_out(
        Needs::Boot,
        |list| list.check(wanted),
        |request, session| work(args, request, session),
    )
}

fn work(args: &Check, request: &Request, session: Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let _lock = lock_output(plan, options, &session)?;
    let system = rebuild::build(plan, options, &session)?;
    let wanted = check::CheckOptions {
        qemu_args: args.machine.qemu_arg.clone(),
        accelerator: args.machine.accelerator(),
        boot_cost: !args.no_boot_cost,
        medium: None,
    };
    let verdict = check::check(plan, &system, &wanted, &session)?;
    let record = &verdict.record;
    record::keep(record, &system.output)?;
    record::remember(record, &session.cache)?;
    let survived = if args.adversity && verdict.failed.is_none() {
        Some(adversity(args, plan, &system, wanted, &session)?)
    } else {
        None
    };
    drop(session);
    match &survived {
        Some(adversity) if args.json => print_json(adversity)?,
        _ if args.json => print_json(record)?,
        _ => {
            // A board is not booted by a command.
            let interactive = match plan.machine.console {
                None => Some(check::interactive(&verdict.machine).to_line()),
                Some(_) => None,
            };
            print(&card::card(record, interactive.as_deref()))?;
            print(&survived.as_ref().map(table).unwrap_or_default())?;
        }
    }
    match verdict.failed {
        Some(failed) => return Err(Failure::diagnosed(failed, &record.diagnoses)),
        None => within_budget(plan, record)?,
    }
    match survived {
        Some(adversity) => endured(&adversity, plan),
        None => Ok(()),
    }
}

/// Boots under adversity, once the system passed without.
fn adversity(
    args: &Check,
    plan: &Plan,
    system: &System,
    wanted: check::CheckOptions,
    session: &Session,
) -> Result<Adversity> {
    let options = adversity::Options {
        only: args.cases.clone(),
        flood: args.flood,
        seed: args.seed,
        check: wanted,
    };
    let result = adversity::run(plan, system, &options, session)?;
    let json = serde_json::to_vec_pretty(&result)
        .map_err(|e| Failure::new(Kind::Machine, format!("can't write the result: {e}")))?;
    write_whole(&system.output.join("adversity.json"), &json)?;
    Ok(result)
}

fn endured(adversity: &Adversity, plan: &Plan) -> Result<()> {
    let failed = adversity.failed();
    if failed.is_empty() {
        return Ok(());
    }
    let message = format!("{} did not survive: {}", plan.name, failed.join(", "));
    Err(Failure::new(Kind::Check, message)
        .help("build/NAME/adversity/CASE/console.log has what each boot printed"))
}

fn table(adversity: &Adversity) -> String {
    let rows = adversity.cases.iter().map(|case| {
        let mark = match case.survived {
            Some(true) => "ok",
            Some(false) => "!!",
            None => "--",
        };
        format!("  {mark} {:<15} {}\n", case.name, case.detail)
    });
    format!("\nAdversity\n{}", rows.collect::<String>())
}
