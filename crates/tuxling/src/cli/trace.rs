//! `tuxling trace`: which functions of the kernel run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use host::session::Session;
use host::units::grouped;
use prune::job::{TRACE_RUNS, Whole};
use prune::trace::Coverage;
use prune::trace::coverage::outside_names;

use super::args::Trace;
use super::build::lock_output;
use super::carry_out::Needs;
use super::request::{Request, Typed};
use super::{cwd, print, print_json};
use crate::failure::Result;

/// Traces, and tells what ran.
pub(super) fn run(args: &Trace) -> Result<()> {
    let request = Request::new(Typed::of(&args.common, args.json))?;
    let names = names_in(&args.from)?;
    request.carry_out(
        Needs::Boot,
        |list| list.trace(args.runs.unwrap_or(TRACE_RUNS)),
        |request, session| work(args, request, &names, session),
    )
}

fn work(args: &Trace, request: &Request, names: &BTreeSet<String>, session: Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let _lock = lock_output(plan, options, &session)?;
    let whole = Whole::build(plan, options, &session)?;
    let subject = whole.subject(&session)?;
    let coverage = whole.coverage(&subject, args.runs.unwrap_or(TRACE_RUNS), &session)?;
    let ran: BTreeSet<&str> = coverage
        .functions
        .iter()
        .map(|f| f.symbol.as_str())
        .collect();
    let known: BTreeSet<&str> = subject
        .program
        .functions()
        .iter()
        .map(|f| f.id.symbol.as_str())
        .collect();
    let new = names
        .iter()
        .filter(|n| known.contains(n.as_str()) && !ran.contains(n.as_str()));
    let new: Vec<&String> = new.collect();
    drop(session);
    if args.json {
        return print_json(&coverage);
    }
    let mut text = summary(&coverage);
    if !names.is_empty() {
        let _ = writeln!(
            text,
            "\nfrom outside: {} names, {} of them not seen here",
            grouped(names.len() as u64),
            grouped(new.len() as u64)
        );
    }
    print(&text)
}

/// The names of functions in files from outside.
pub(super) fn names_in(files: &[PathBuf]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in files {
        let path = cwd()?.join(file);
        let bytes = std::fs::read(&path).map_err(|e| host::Error::file("read", &path, e))?;
        names.extend(outside_names(&String::from_utf8_lossy(&bytes)));
    }
    Ok(names)
}

/// Coverage for people.
pub(super) fn summary(coverage: &Coverage) -> String {
    let mut text = String::from("Boots\n");
    for run in &coverage.runs {
        let _ = writeln!(
            text,
            "  {:<28} {:<14} {:>6} functions {:>5} new",
            run.condition.words(),
            run.outcome.words(),
            grouped(run.functions),
            grouped(run.added)
        );
    }
    let percent = |part: u64, all: u64| part as f64 * 100.0 / all.max(1) as f64;
    let functions = coverage.functions.len() as u64;
    let _ = writeln!(
        text,
        "\nRan\n  {} of {} functions, {:.1} %\n  {} of {} B of code, {:.1} %",
        grouped(functions),
        grouped(coverage.all_functions),
        percent(functions, coverage.all_functions),
        grouped(coverage.covered_bytes),
        grouped(coverage.all_bytes),
        percent(coverage.covered_bytes, coverage.all_bytes),
    );
    let missing = &coverage.missing;
    if let (Some(next), Some(at_least)) = (missing.next_run, missing.at_least) {
        let _ = writeln!(
            text,
            "\nExpected to be missing\n  one more boot adds {next:.1} functions, \
             all further ones {at_least:.0} or more;\n  {} were seen by one boot alone. What no \
             check asks for doesn't count here.",
            grouped(missing.seen_once)
        );
    }
    text
}
