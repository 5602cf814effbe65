//! `tuxling ram`: the smallest RAM.

use host::error::Kind;
use host::session::Session;
use prune::rebuild;
use trial::check::CheckOptions;

use super::args::Ram;
use super::build::lock_output;
use super::carry_out::Needs;
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::{Failure, Result};
use crate::ram::RamOptions;
use report::ram;

/// Searches, and prints what was found. What was found goes into the record,
/// too.
pub(super) fn run(args: &Ram) -> Result<()> {
    let request = Request::new(Typed {
        pruned: args.which.pruned,
        ..Typed::of(&args.common, args.json)
    })?;
    request.carry_out(
        Needs::Boot,
        |list| list.ram(&args.machine),
        |request, session| work(args, request, session),
    )
}

fn work(args: &Ram, request: &Request, session: Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let _lock = lock_output(plan, options, &session)?;
    let system = rebuild::build(plan, options, &session)?;
    let wanted = RamOptions {
        check: CheckOptions {
            qemu_args: args.machine.qemu_arg.clone(),
            accelerator: args.machine.accelerator(),
            boot_cost: false,
            medium: None,
        },
        from: args.from,
        to: args.to,
        download: args.download.then_some(args.boots),
    };
    let (report, record) = crate::ram::smallest(plan, &system, &wanted, &session)?;
    record::keep(&record, &system.output)?;
    record::remember(&record, &session.cache)?;
    drop(session);
    if args.json {
        print_json(&report)?;
    } else {
        print(&ram::text(&report))?;
    }
    match report.smallest_kib {
        Some(_) => Ok(()),
        None => Err(Failure::new(
            Kind::Check,
            "the checks fail with the most RAM that was to be tried",
        )
        .help("raise --to; without it, the recipe's RAM is the most")),
    }
}
