//! `tuxling ram`: the smallest RAM.

use builder::System;
use host::error::Kind;
use host::session::Session;
use prune::rebuild;
use trial::check::CheckOptions;
use trial::connections::{self, Connections, Slope};
use trial::stacks::{self, Stacks};

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
    if !args.connections.is_empty() {
        return of_connections(args, request, &system, &session);
    }
    if args.stacks {
        return of_stacks(args, request, &system, &session);
    }
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

/// What a connection costs, from boots of their own.
fn of_connections(args: &Ram, request: &Request, system: &System, session: &Session) -> Result<()> {
    let boots = usize::try_from(args.boots).unwrap_or(usize::MAX);
    let counts = &args.connections;
    let found = connections::measure(&request.plan, system, counts, boots, session)?;
    if args.json {
        print_json(&found)
    } else {
        print(&text(&found))
    }
}

fn text(found: &Connections) -> String {
    let line = |name: &str, slope: &Slope| {
        let interval = match (slope.low, slope.high) {
            (Some(low), Some(high)) => format!(", {low:.2} to {high:.2} at 95 %"),
            _ => String::new(),
        };
        format!("  {name:<28}{:>8.2} KiB{interval}\n", slope.kib)
    };
    format!(
        "{}: RAM that one TCP connection takes, from {} boots\n{}{}",
        found.recipe,
        found.boots,
        line("idle", &found.idle),
        line("with a download unread", &found.full)
    )
}

/// How deep the kernel's stacks get, from boots of their own.
fn of_stacks(args: &Ram, request: &Request, system: &System, session: &Session) -> Result<()> {
    let boots = usize::try_from(args.boots).unwrap_or(usize::MAX);
    let found = stacks::measure(&request.plan, system, boots, session)?;
    if args.json {
        print_json(&found)
    } else {
        print(&stacks_text(&found))
    }
}

fn stacks_text(found: &Stacks) -> String {
    let mut text = format!(
        "{}: kernel stacks of {} B, {} tasks, {} boots\n",
        found.recipe, found.stack_bytes, found.tasks, found.boots
    );
    for mark in &found.marks {
        text.push_str(&format!("  {:<28}{:>8} B\n", mark.task, mark.used_bytes));
    }
    let half = found.stack_bytes / 2;
    let verdict = if found.half_does {
        format!(
            "half of a stack does here: {} of {half} B",
            found.deepest_bytes
        )
    } else {
        format!(
            "half of a stack doesn't do: the deepest had {} B, and a quarter of {half} is to stay",
            found.deepest_bytes
        )
    };
    text.push_str(&verdict);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use trial::stacks::TaskMark;

    #[test]
    fn stacks_are_told_with_what_half_of_one_would_do() {
        let mark = |task: &str, used_bytes| TaskMark {
            task: task.to_owned(),
            used_bytes,
        };
        let found = Stacks {
            schema: stacks::SCHEMA.to_owned(),
            recipe: "pc64".to_owned(),
            boots: 9,
            stack_bytes: 16384,
            tasks: 2,
            deepest_bytes: 3000,
            half_does: true,
            marks: vec![mark("swapper", 3000), mark("init", 2000)],
        };
        assert_eq!(
            stacks_text(&found),
            "pc64: kernel stacks of 16384 B, 2 tasks, 9 boots\n  \
             swapper                         3000 B\n  \
             init                            2000 B\n\
             half of a stack does here: 3000 of 8192 B\n"
        );
        let deep = Stacks {
            deepest_bytes: 7000,
            half_does: false,
            ..found
        };
        assert!(stacks_text(&deep).ends_with(
            "half of a stack doesn't do: the deepest had 7000 B, and a quarter of 8192 is to stay\n"
        ));
    }

    #[test]
    fn a_connections_cost_is_told_with_its_confidence() {
        let found = Connections {
            schema: connections::SCHEMA.to_owned(),
            recipe: "pc-net".to_owned(),
            boots: 5,
            seen: Vec::new(),
            idle: Slope {
                kib: 3.0,
                low: Some(2.875),
                high: Some(3.125),
            },
            full: Slope {
                kib: 64.5,
                low: None,
                high: None,
            },
        };
        assert_eq!(
            text(&found),
            "pc-net: RAM that one TCP connection takes, from 5 boots\n  \
             idle                            3.00 KiB, 2.88 to 3.12 at 95 %\n  \
             with a download unread         64.50 KiB\n"
        );
    }
}
