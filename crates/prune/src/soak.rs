//! Boots and long runs in turn, for hours: how seldom a system stops.
//!
//! Every boot is kept in the store as it ends, by the kernel's bytes: a soak
//! that was interrupted goes on, and further hours add to those before.

use std::collections::BTreeMap;
use std::time::Duration;

use builder::system::System;
use host::Id;
use host::session::{Cached, Session, Step, Unit};
use recipe::Plan;
use record::{Outcome, SoakBoot, known_soak, remember_soak};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vm::boot::{BootReport, Observation};
use vm::machine::traps::KernelTraps;

use crate::adversity::{self, Bench, Boot, Case};
use crate::certificate::Certificate;
use crate::error::{Error, Result};
use crate::rate::at_most;
use crate::trace::Runner;
use crate::trace::conditions::{self, Condition};
use crate::trace::estimate::Missing;

/// The version of the result's format.
pub const SCHEMA: &str = "tuxling.soak/1";

/// Boots of each kind before the conditions begin anew.
const ROUND: usize = 12;

/// What is asked for.
#[derive(Debug)]
pub struct SoakOptions {
    /// How long all boots of this kernel that are kept take together, in time of
    /// the host.
    pub time: Duration,
    /// The cases of adversity that take their turns, where they do.
    pub adversity: Option<adversity::Options>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Soak {
    /// Always `tuxling.soak/1`.
    pub schema: String,
    /// The recipe's name.
    pub recipe: String,
    /// The bytes of the kernel.
    pub kernel: Id,
    /// How many boots there were, in all calls together.
    pub boots: u64,
    /// How long the guests ran by their own clocks, in hours; a lower bound.
    pub guest_hours: f64,
    /// How long the host took, in hours.
    pub host_hours: f64,
    /// How many boots the kernel stopped in, by what stopped it.
    pub stops: BTreeMap<String, u64>,
    /// How many boots did not pass although the kernel lived: time limits that a
    /// busy host broke, or programs that failed.
    pub failed: u64,
    /// With 95 % confidence a boot under these conditions stops less often.
    pub stops_per_boot_below: Option<f64>,
    /// With 95 % confidence an hour of the guest's has fewer stops.
    pub stops_per_guest_hour_below: Option<f64>,
    /// How many boots of each kind there were.
    pub kinds: BTreeMap<String, u64>,
    /// What the trace that the kernel was pruned by is expected to have missed.
    pub missing: Option<Missing>,
}

/// One boot of the turn.
#[derive(Clone, Debug)]
enum Turn {
    Ordinary(Condition),
    Adverse(&'static Case),
}

impl Turn {
    fn words(&self) -> String {
        match self {
            Turn::Ordinary(condition) => condition.words(),
            Turn::Adverse(case) => case.name.to_owned(),
        }
    }
}

/// Boots until the time is over.
pub fn run(
    plan: &Plan,
    system: &System,
    certificate: Option<&Certificate>,
    options: &SoakOptions,
    session: &Session,
) -> Result<Soak> {
    let path = system.output.join("kernel");
    let kernel = Id::of_file(&path).map_err(|e| host::Error::file("read", &path, e))?;
    let place = plan.board.arch.facts().place;
    let soaking = Soaking {
        plan,
        system,
        runner: Runner::new(plan, system, session)?,
        traps: KernelTraps::of_file(&system.kernel.vmlinux(), place)?,
        bench: match &options.adversity {
            Some(wanted) => Some(Bench::new(plan, system, wanted, session)?),
            None => None,
        },
    };
    let turns = soaking.turns(certificate);
    let mut boots = known_soak(&kernel, &session.cache)?;
    while host_time(&boots) < options.time {
        let Some(turn) = turns.get(boots.len() % turns.len().max(1)) else {
            break;
        };
        let boot = soaking.boot((turn, boots.len()), session)?;
        remember_soak(&kernel, &boot, &session.cache)?;
        boots.push(boot);
        tell(&boots, options.time, session);
    }
    Ok(result(plan, kernel, &boots, certificate))
}

/// What is soaked.
struct Soaking<'a> {
    plan: &'a Plan,
    system: &'a System,
    runner: Runner,
    traps: Option<KernelTraps>,
    bench: Option<Bench<'a>>,
}

impl Soaking<'_> {
    /// The boots of one round: conditions in turns, then a case after each third
    /// of them.
    fn turns(&self, certificate: Option<&Certificate>) -> Vec<Turn> {
        let passed = match certificate {
            Some(certificate) => passed(certificate),
            // Nothing is known of other machines: the recipe's own alone.
            None => conditions::all(self.plan)
                .into_iter()
                .filter(|c| c.idle_seconds.is_some() || c.console || *c == Condition::default())
                .collect(),
        };
        let mut cases: Vec<&'static Case> = match &self.bench {
            Some(bench) => bench.cases(),
            None => Vec::new(),
        };
        cases.retain(|case| adversity::not_concerned(case, self.plan).is_none());
        let mut turns = Vec::new();
        for (at, condition) in conditions::schedule(&passed, ROUND).into_iter().enumerate() {
            turns.push(Turn::Ordinary(condition));
            if at % 3 == 2 && !cases.is_empty() {
                turns.push(Turn::Adverse(cases[at / 3 % cases.len()]));
            }
        }
        turns
    }

    fn boot(&self, (turn, done): (&Turn, usize), session: &Session) -> Result<SoakBoot> {
        session.phase("soak", || {
            session.progress.step(&Step {
                what: &turn.words(),
                done: done as u64,
                total: None,
                unit: Unit::Of("boots so far"),
            });
            let (report, passed) = self.booted(turn, session)?;
            Ok(Cached::fresh(kept(turn, &report, passed)))
        })
    }

    /// One boot, and whether it passed.
    fn booted(&self, turn: &Turn, session: &Session) -> Result<(BootReport, bool)> {
        let observation = |leave| Observation {
            traps: self.traps.as_ref().map(|traps| traps.watched(traps)),
            leave,
        };
        let dir = self.system.output.join("soak");
        match turn {
            Turn::Ordinary(condition) => {
                let kernel = self.system.output.join("kernel");
                let seen = observation(condition.leave());
                let (runner, extra) = (&self.runner, Vec::new());
                let report = runner.boot_image(&kernel, &dir, condition, extra, &seen, session)?;
                let passed = report.outcome == Outcome::Passed;
                Ok((report, passed))
            }
            Turn::Adverse(case) => {
                let bench = self.bench.as_ref().ok_or(Error::NoBench)?;
                let boot = Boot {
                    kernel: None,
                    dir,
                    extra: Vec::new(),
                    observation: observation(None),
                };
                let (record, report) = bench.boot(case, &boot, session)?;
                Ok((report, record.survived == Some(true)))
            }
        }
    }
}

/// What is kept of a boot.
fn kept(turn: &Turn, report: &BootReport, passed: bool) -> SoakBoot {
    let host_seconds = report.took.as_secs_f64();
    let guest_seconds = match turn {
        Turn::Ordinary(Condition {
            idle_seconds: Some(idle),
            ..
        }) if passed => f64::from(*idle),
        // Instructions are its clock: how long it ran isn't known.
        Turn::Ordinary(Condition {
            idle_seconds: Some(_),
            ..
        }) => 0.0,
        _ => host_seconds,
    };
    let stops = matches!(
        report.outcome,
        Outcome::Trapped | Outcome::Panicked | Outcome::Oopsed | Outcome::ExitedEarly
    );
    let why = || report.reason.clone();
    SoakBoot {
        about: turn.words(),
        guest_seconds,
        host_seconds,
        stopped: (!passed && stops).then(why),
        failed: (!passed && !stops).then(why),
    }
}

/// The conditions of the boots that a certificate counts, each once.
fn passed(certificate: &Certificate) -> Vec<Condition> {
    let mut all: Vec<Condition> = Vec::new();
    for attempt in certificate.attempts.iter().filter(|a| a.case.is_none()) {
        let condition = Condition {
            loaded: false,
            cpus: None,
            ..attempt.condition.clone()
        };
        // Of an idle boot elsewhere both halves are known to pass.
        let halves = [
            Condition {
                cpus: attempt.condition.cpus,
                ..Condition::default()
            },
            Condition {
                idle_seconds: None,
                ..condition.clone()
            },
            Condition {
                idle_seconds: condition.idle_seconds,
                console: condition.console,
                ..Condition::default()
            },
        ];
        for half in halves {
            if attempt.outcome == Outcome::Passed && !all.contains(&half) {
                all.push(half);
            }
        }
    }
    all
}

fn host_time(boots: &[SoakBoot]) -> Duration {
    Duration::from_secs_f64(boots.iter().map(|boot| boot.host_seconds).sum())
}

fn tell(boots: &[SoakBoot], time: Duration, session: &Session) {
    let Some(last) = boots.last() else { return };
    let stops = boots.iter().filter(|boot| boot.stopped.is_some()).count();
    let ended = match (&last.stopped, &last.failed) {
        (Some(why), _) => format!("stopped: {why}"),
        (None, Some(why)) => format!("not passed: {why}"),
        (None, None) => "passed".to_owned(),
    };
    let left = time.saturating_sub(host_time(boots));
    session.progress.note(&format!(
        "boot {}, {}: {ended}; {stops} stops so far, {} left",
        boots.len(),
        last.about,
        host::units::show_duration(left)
    ));
}

fn result(plan: &Plan, kernel: Id, boots: &[SoakBoot], certificate: Option<&Certificate>) -> Soak {
    let mut stops: BTreeMap<String, u64> = BTreeMap::new();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for boot in boots {
        *kinds.entry(boot.about.clone()).or_default() += 1;
        if let Some(why) = &boot.stopped {
            *stops.entry(why.clone()).or_default() += 1;
        }
    }
    let stopped: u64 = stops.values().sum();
    let hours = |seconds: f64| seconds / 3600.0;
    let guest_hours = hours(boots.iter().map(|boot| boot.guest_seconds).sum());
    Soak {
        schema: SCHEMA.to_owned(),
        recipe: plan.name.clone(),
        kernel,
        boots: boots.len() as u64,
        guest_hours,
        host_hours: host_time(boots).as_secs_f64() / 3600.0,
        failed: boots.iter().filter(|boot| boot.failed.is_some()).count() as u64,
        stops_per_boot_below: at_most(stopped, boots.len() as f64),
        stops_per_guest_hour_below: at_most(stopped, guest_hours),
        stops,
        kinds,
        missing: certificate.map(|c| c.missing),
    }
}
