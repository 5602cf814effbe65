//! Adversity: what a system must survive although its checks never do it. One
//! boot for each case; in each the recipe's own checks show that the kernel is
//! still alive, and a panic, an oops or a trap fails the case.
//!
//! docs/adversity.md says what each case does.

mod cases;
mod qmp;

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cases::{ALL, Case, Change};

use crate::check::agent::ADVERSARY;
use crate::check::gateway::{Deeds, Weather};
use crate::error::Result;
use crate::machine::boot::{self, BootReport, BootRequest};
use crate::machine::watch::Progress;
use crate::recipe::Plan;
use crate::recipe::plan::{CheckKind, CheckPlan, Expectation, GuestCommand, Via};
use crate::session::{Cached, Session};
use crate::trial::system::System;
use crate::trial::{CheckOutcome, Outcome, check};
use crate::units::Bytes;

/// The version of the result's format.
pub const SCHEMA: &str = "tuxling.adversity/1";

/// How a system took it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Adversity {
    /// Always `tuxling.adversity/1`.
    pub schema: String,
    /// The recipe's name.
    pub recipe: String,
    /// Every case, in the order of their boots.
    pub cases: Vec<CaseRecord>,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseRecord {
    /// Its name.
    pub name: String,
    /// Whether the system survived; `null` when the case doesn't concern it.
    pub survived: Option<bool>,
    /// How the boot ended.
    pub outcome: Option<Outcome>,
    /// Why it did not survive, why it was left out, or what was done to it.
    pub detail: String,
}

impl Adversity {
    /// The names of the cases that the system did not survive.
    pub fn failed(&self) -> Vec<&str> {
        let failed = |case: &&CaseRecord| case.survived == Some(false);
        self.cases
            .iter()
            .filter(failed)
            .map(|case| &*case.name)
            .collect()
    }
}

/// How adversity is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only these cases; those that the recipe names when empty.
    pub only: Vec<String>,
    /// Packets of the flood.
    pub flood: u64,
    /// Where the gateway's chances come from.
    pub seed: u64,
    /// What is asked of the machine.
    pub check: check::CheckOptions,
}

/// The flood of an ordinary run.
pub const FLOOD: u64 = 100_000;

/// Boots a system once for each case that concerns it.
///
/// # Errors
/// When the user interrupts, or something of this machine's fails. A system
/// that doesn't survive is a result.
pub fn run(
    plan: &Plan,
    system: &System,
    options: &Options,
    session: &Session,
) -> Result<Adversity> {
    let programs = check::build_programs(system, session)?;
    let accelerator = match options.check.accelerator {
        Some(accelerator) => accelerator,
        None => check::accelerator(plan, session)?,
    };
    let mut cases = Vec::new();
    for case in wanted(plan, options) {
        if let Some(why) = case.not_for(plan) {
            cases.push(CaseRecord {
                name: case.name.to_owned(),
                survived: None,
                outcome: None,
                detail: why,
            });
            continue;
        }
        let checks = case.checks(plan);
        let mut machine =
            check::machine(plan, &system.output, accelerator, &options.check.qemu_args);
        case.change(&mut machine);
        let weather = case.weather().map(|weather| Weather {
            seed: options.seed,
            flood: weather.flood.min(options.flood),
            ..weather
        });
        let monitor = system.output.join("adversity").join("monitor");
        if case.needs_monitor() {
            qmp::plug(&mut machine, &monitor);
        }
        let slow = case.slowness();
        let request = BootRequest {
            machine,
            checks: &checks,
            exercises: &[],
            agent: &programs.agent,
            adversary: Some(&programs.adversary),
            timeout: plan.machine.timeout + Duration::from_secs(180),
            silence: plan.machine.silence * slow,
            board: None,
            weather,
            quiet: Duration::ZERO,
            inspect: None,
            dir: system.output.join("adversity").join(case.name),
        };
        let report = session.phase(case.name, || boot(&request, &monitor, case, session))?;
        cases.push(judge(case, &report));
    }
    Ok(Adversity {
        schema: SCHEMA.to_owned(),
        recipe: plan.name.clone(),
        cases,
    })
}

fn boot(
    request: &BootRequest<'_>,
    monitor: &Path,
    case: &Case,
    session: &Session,
) -> Result<Cached<BootReport>> {
    let mut problem = None;
    let mut told = |progress: Progress<'_>| {
        let Progress::CheckStarted(started) = progress else {
            return;
        };
        if let Some(up) = case.link_at(&started.name) {
            problem = qmp::set_link(monitor, up).err().or(problem.take());
        }
    };
    let report = boot::boot(&session.processes, request, &mut told)?;
    match problem {
        Some(problem) => Err(problem),
        None => Ok(Cached::fresh(report)),
    }
}

fn wanted<'a>(plan: &Plan, options: &Options) -> Vec<&'a Case> {
    let named = match options.only.is_empty() {
        true => plan.adversity.as_deref(),
        false => Some(&options.only[..]),
    };
    ALL.iter()
        .filter(|case| named.is_none_or(|names| names.iter().any(|name| name == case.name)))
        .collect()
}

/// The kernel lives when all checks passed but those that the case itself makes
/// fail.
fn judge(case: &Case, report: &BootReport) -> CaseRecord {
    let alive = matches!(report.outcome, Outcome::Passed | Outcome::CheckFailed);
    let failed = report
        .checks
        .iter()
        .find(|check| check.outcome != CheckOutcome::Passed && !case.may_fail(&check.name));
    let undone = case.undone(report.deeds.as_ref());
    let survived = alive && failed.is_none() && undone.is_none();
    let detail = match (alive, failed, undone) {
        (false, ..) => report.reason.clone(),
        (true, Some(check), _) => format!(
            "{}: {}: {}",
            check.name,
            check.outcome.words(),
            check.detail
        ),
        (true, None, Some(why)) => why,
        (true, None, None) => done(report),
    };
    CaseRecord {
        name: case.name.to_owned(),
        survived: Some(survived),
        outcome: Some(report.outcome),
        detail,
    }
}

/// What was done to the system, in words.
fn done(report: &BootReport) -> String {
    let provoked: Vec<&str> = report
        .checks
        .iter()
        .filter_map(|check| check.detail.split_once("survived "))
        .map(|(_, rest)| rest.split('"').next().unwrap_or(rest))
        .collect();
    if provoked.is_empty() && report.deeds.is_none() {
        return "all checks passed".to_owned();
    }
    let Some(Deeds {
        to_guest,
        from_guest,
        flooded,
        resets,
        naks,
        ignored_renewals,
    }) = report.deeds
    else {
        return provoked.join("; ");
    };
    let counts = [
        (to_guest.frames + from_guest.frames, "frames"),
        (to_guest.dropped + from_guest.dropped, "lost"),
        (to_guest.duplicated + from_guest.duplicated, "doubled"),
        (to_guest.delayed + from_guest.delayed, "delayed"),
        (to_guest.corrupted + from_guest.corrupted, "corrupted"),
        (to_guest.fragmented + from_guest.fragmented, "fragmented"),
        (flooded, "hostile packets"),
        (u64::from(resets), "connections reset"),
        (u64::from(naks), "leases refused"),
        (u64::from(ignored_renewals), "renewals ignored"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    words.join(", ")
}

/// A check that runs the adversary on a topic.
fn provoke(topic: &str, seconds: u64) -> CheckPlan {
    command(
        topic,
        &[ADVERSARY, topic],
        seconds,
        &format!("survived {topic}"),
    )
}

fn command(name: &str, words: &[&str], seconds: u64, expect: &str) -> CheckPlan {
    CheckPlan {
        name: name.to_owned(),
        kind: CheckKind::Run {
            command: GuestCommand::Argv(words.iter().map(|word| (*word).to_owned()).collect()),
            expect: Some(Expectation::Contains(expect.to_owned())),
        },
        timeout: Duration::from_secs(seconds),
        via: Via::Channel,
    }
}

/// Half or a multiple of a machine's RAM, in whole MiB.
fn scaled(memory: Bytes, numerator: u64, denominator: u64) -> Bytes {
    Bytes::mib((memory.0 * numerator / denominator) >> 20)
}
