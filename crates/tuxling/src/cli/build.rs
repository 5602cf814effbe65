//! `tuxling build`: the kernel and the ramdisk.

use builder::system::BuildOptions;
use host::Cache;
use host::cache::Lock;
use host::error::Kind;
use host::session::Session;
use prune::rebuild;
use recipe::Plan;
use record::{Database, Record};

use super::args::Build;
use super::carry_out::Needs;
use super::request::{Request, Typed};
use super::{diff_kernels, print, print_json};
use crate::failure::{Failure, Result};
use report::budget::over_budget;
use report::{card, diff, growth};

/// Builds, and prints the sizes.
pub(super) fn run(args: &Build) -> Result<()> {
    let request = Request::new(Typed {
        pruned: args.which.pruned,
        ..Typed::of(&args.common, args.json)
    })?;
    request.carry_out(
        Needs::Build,
        |list| list.build(),
        |request, session| work(request, &session),
    )
}

fn work(request: &Request, session: &Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let _lock = lock_output(plan, options, session)?;
    let system = rebuild::build(plan, options, session)?;
    let record = trial::built_record(plan, &system, session);
    record::keep(&record, &system.output)?;
    if request.json {
        print_json(&record)?;
    } else {
        let outputs = format!("\nOutputs in {}\n", system.output.display());
        print(&format!("{}{outputs}", card::card(&record, None)))?;
    }
    within_budget(plan, &record)
}

/// Locks the folder of a plan's outputs: two tuxlings that write there would
/// spoil each other's boots and records.
pub(super) fn lock_output(plan: &Plan, options: &BuildOptions, session: &Session) -> Result<Lock> {
    let output = builder::system::output_folder(plan, options);
    Ok(session
        .cache
        .lock(&output.join("output"), &|text| session.progress.note(text))?)
}

/// Fails when the record is over the recipe's budget.
pub(super) fn within_budget(plan: &Plan, record: &Record) -> Result<()> {
    let over = over_budget(&plan.budget, record);
    if over.is_empty() {
        return Ok(());
    }
    let mut detail = over.join("\n");
    if let Some(grew) = grew(plan, record) {
        detail.push_str(&grew);
    }
    Err(Failure::new(
        Kind::Budget,
        format!("{} is over its budget", record.recipe),
    )
    .detail(detail)
    .help(
        "`tuxling size` says what takes the room; raise [budget] in the recipe if it is worth it",
    ))
}

/// What grew since the newest stored record that was within the budget. It only
/// explains: where it can't be told, the budget is overrun all the same.
fn grew(plan: &Plan, record: &Record) -> Option<String> {
    let store = Database::open(&record::store_path(&Cache::of_user().ok()?)).ok()?;
    let attempts = store.all(&record.recipe).ok()?;
    let last = attempts.into_iter().rev().map(|a| a.record).find(|r| {
        !r.ram.probe && r.board == record.board && over_budget(&plan.budget, r).is_empty()
    })?;
    let kernels = if last.ids.build_id == record.ids.build_id {
        None
    } else {
        diff_kernels::of_records((None, &last), (None, record))
            .ok()
            .flatten()
    };
    let lines = growth::lines(&diff::diff(&last, record), kernels.as_ref());
    if lines.is_empty() {
        return None;
    }
    let heading = "\nWhat grew since the last record within this budget:";
    Some(format!("{heading}\n  {}", lines.join("\n  ")))
}
