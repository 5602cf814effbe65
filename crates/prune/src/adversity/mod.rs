//! Adversity: what a system must survive although its checks never do it. One
//! boot for each case; in each the recipe's own checks show that the kernel is
//! still alive, and a panic, an oops or a trap fails the case.
//!
//! docs/adversity.md says what each case does.

mod cases;

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use cases::{ALL, Case, Change, LOADER};

use builder::system::System;
use host::session::{Cached, Session, Step, Unit};
use host::units::Bytes;
use recipe::Plan;
use recipe::plan::{CheckKind, CheckPlan, Expectation, GuestCommand, Via};
use record::{CheckOutcome, Outcome};
use trial::check::{self, GuestPrograms};
use vm::boot::watch::Progress;
use vm::boot::{self, BootReport, BootRequest, Observation};
use vm::check::agent::{self, ADVERSARY};
use vm::check::gateway::{Deeds, Faults};
use vm::check::verdict::Evidence;
use vm::machine::qemu::Accelerator;
use vm::machine::qmp::{self, MonitorSocket, QmpClient, QmpError};

use crate::error::{Error, Result};

/// QEMU answers at once, or there is something wrong with it.
const MONITOR_LIMIT: Duration = Duration::from_secs(20);

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

/// What boots of one system under adversity have in common.
#[derive(Debug)]
pub struct Bench<'a> {
    plan: &'a Plan,
    output: &'a Path,
    programs: GuestPrograms,
    accelerator: Accelerator,
    options: &'a Options,
}

/// How one boot of a case differs from an ordinary one.
#[derive(Debug)]
pub struct Boot<'a> {
    /// The kernel; the system's own when `None`.
    pub kernel: Option<PathBuf>,
    /// A folder for its files.
    pub dir: PathBuf,
    /// Further arguments for QEMU.
    pub extra: Vec<String>,
    /// How it is looked at.
    pub observation: Observation<'a>,
}

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
    let bench = Bench::new(plan, system, options, session)?;
    let cases = session.phase("adversity", || {
        all_cases(plan, system, &bench, session).map(Cached::fresh)
    })?;
    Ok(Adversity {
        schema: SCHEMA.to_owned(),
        recipe: plan.name.clone(),
        cases,
    })
}

/// Says which of the cases comes now, from 0.
pub(crate) fn tell(bench: &Bench<'_>, at: usize, session: &Session) {
    session.progress.step(&Step {
        what: "",
        done: at as u64,
        total: Some(bench.cases().len() as u64),
        unit: Unit::Of("cases"),
    });
}

fn all_cases(
    plan: &Plan,
    system: &System,
    bench: &Bench<'_>,
    session: &Session,
) -> Result<Vec<CaseRecord>> {
    let mut cases = Vec::new();
    for case in bench.cases() {
        if let Some(record) = not_concerned(case, plan) {
            cases.push(record);
            continue;
        }
        let boot = Boot {
            kernel: None,
            dir: system.output.join("adversity").join(case.name),
            extra: Vec::new(),
            observation: Observation::default(),
        };
        tell(bench, cases.len(), session);
        let (record, _) = session.phase(case.name, || {
            bench.boot(case, &boot, session).map(Cached::fresh)
        })?;
        cases.push(record);
    }
    Ok(cases)
}

/// The record of a case that doesn't concern a system.
pub fn not_concerned(case: &Case, plan: &Plan) -> Option<CaseRecord> {
    case.not_for(plan).map(|why| CaseRecord {
        name: case.name.to_owned(),
        survived: None,
        outcome: None,
        detail: why,
    })
}

impl<'a> Bench<'a> {
    /// Gets ready to boot a system, or other kernels with its ramdisk.
    pub fn new(
        plan: &'a Plan,
        system: &'a System,
        options: &'a Options,
        session: &Session,
    ) -> Result<Bench<'a>> {
        Ok(Bench {
            plan,
            output: &system.output,
            programs: check::build_programs(system, session)?,
            accelerator: match options.check.accelerator {
                Some(accelerator) => accelerator,
                None => check::accelerator(plan, session)?,
            },
            options,
        })
    }

    /// The cases that were asked for.
    pub fn cases(&self) -> Vec<&'static Case> {
        wanted(self.plan, self.options)
    }

    /// How many packets of a fault come at most.
    pub fn flood(&self) -> u64 {
        self.options.flood
    }

    /// What faults are chosen by.
    pub fn seed(&self) -> u64 {
        self.options.seed
    }

    /// Boots once, and says how the system took it.
    pub fn boot(
        &self,
        case: &Case,
        boot: &Boot<'_>,
        session: &Session,
    ) -> Result<(CaseRecord, BootReport)> {
        let plan = self.plan;
        let checks = case.checks(plan);
        let qemu_args = &self.options.check.qemu_args;
        let mut machine = check::machine(plan, self.output, self.accelerator, qemu_args);
        if let Some(kernel) = &boot.kernel {
            machine.kernel.clone_from(kernel);
        }
        machine.extra.extend(boot.extra.iter().cloned());
        case.change(&mut machine);
        let faults = case.faults().map(|faults| Faults {
            seed: self.options.seed,
            flood: faults.flood.min(self.options.flood),
            fragments: faults.fragments.min(self.options.flood),
            ..faults
        });
        let monitor = case.needs_monitor().then(MonitorSocket::new).transpose();
        let monitor =
            monitor.map_err(|e| host::Error::file("make a folder in", &std::env::temp_dir(), e))?;
        if let Some(monitor) = &monitor {
            machine.extra.extend(qmp::arguments(&monitor.path));
        }
        let pause = case.pause(plan);
        let waited = pause.map(|pause| pause.limit()).unwrap_or_default();
        let request = BootRequest {
            machine,
            checks: &checks,
            exercises: &[],
            agent: Some(&self.programs.agent),
            adversary: Some(&self.programs.adversary),
            timeout: plan.machine.timeout + Duration::from_secs(180) + waited,
            silence: plan.machine.silence * case.slowness() + waited,
            board: None,
            faults,
            quiet: Duration::ZERO,
            pause,
            inspect: None,
            dir: boot.dir.clone(),
        };
        let monitor = monitor.as_ref().map(|m| m.path.as_path());
        let report = watched(&request, &boot.observation, monitor, case, session)?;
        Ok((judge(case, &report), report))
    }
}

/// Boots, and draws the cable when it is time for that.
fn watched(
    request: &BootRequest<'_>,
    observation: &Observation<'_>,
    monitor: Option<&Path>,
    case: &Case,
    session: &Session,
) -> Result<BootReport> {
    let mut problem = None;
    let mut told = |progress: Progress<'_>| {
        let Progress::CheckStarted(started) = progress else {
            return;
        };
        if let (Some(up), Some(monitor)) = (case.link_at(&started.name), monitor) {
            problem = set_link(monitor, up).err().or(problem.take());
        }
    };
    let report = boot::observed(&session.processes, request, observation, &mut told)?;
    match problem {
        // A machine that stands still at a trap answers nobody.
        Some(problem) if report.trap.is_none() => Err(Error::Cable(problem)),
        _ => Ok(report),
    }
}

/// Draws the cable of the machine's one card, or plugs it in.
fn set_link(socket: &Path, up: bool) -> std::result::Result<(), QmpError> {
    let mut client = QmpClient::connect(socket, MONITOR_LIMIT)?;
    client.ask("set_link", &json!({ "name": "net0", "up": up }))?;
    Ok(())
}

fn wanted(plan: &Plan, options: &Options) -> Vec<&'static Case> {
    let named = if options.only.is_empty() {
        plan.adversity.as_deref()
    } else {
        Some(&options.only[..])
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
        .evidence
        .iter()
        .filter_map(|evidence| match evidence {
            Some(Evidence::Survived(topic)) => Some(topic.as_str()),
            _ => None,
        })
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
        renewals,
        reassembly,
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
        (u64::from(renewals), "renewals"),
        (reassembly.fragments, "fragments"),
        (reassembly.whole, "pings in fragments"),
        (reassembly.answered, "of them answered"),
        (reassembly.overlapping, "with overlaps"),
        (reassembly.overlapping_answered, "with overlaps answered"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    words.join(", ")
}

/// A check that runs the adversary on a topic.
fn provoke(topic: &str, seconds: u64) -> CheckPlan {
    command(topic, &[ADVERSARY, topic], seconds, &agent::survived(topic))
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
