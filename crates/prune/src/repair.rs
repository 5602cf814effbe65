//! The loop that finds what a level has missed: link, boot, and where a boot
//! runs into a trap, keep that function and link again, until so many boots in
//! a row have passed.

use std::path::Path;
use std::time::{Duration, Instant};

use host::session::{Session, Step, Unit};
use recipe::plan::PruneLevel;
use record::{Fix, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vm::boot::{BootReport, Observation};
use vm::machine::gdb::TrapSeen;
use vm::machine::traps::{KernelTraps, TrapWords};
use vmlinux::prune::{FunctionIndex, Graph, Missed, Program, Pruned, TrapRecord};

use super::loading::Loaded;
use super::memory::Memory;
use super::policy::Kept;
use super::subject::{CallGraph, Relinked, Subject};
use crate::adversity::{Bench, Boot, Case, CaseRecord};
use crate::error::{Error, Result};
use crate::trace::Runner;
use crate::trace::conditions::Condition;

/// A kernel that has to be repaired more often than this doesn't converge. Boots
/// that pass don't count: a long row has many.
const REPAIRS_LIMIT: usize = 200;

/// So often in a row a kernel may fail a trial without a trap, before it counts.
const LOST_LIMIT: u32 = 1;

/// One boot of the loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Under which condition.
    pub condition: Condition,
    /// The case of adversity, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The function that it missed, and who called it.
    pub missed: Option<String>,
    /// Why it failed, where it didn't miss a function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The functions that were put back because of it.
    pub added: Vec<String>,
    /// How long the link before it took; `null` where the last one's kernel
    /// was booted again.
    pub link_seconds: Option<f64>,
    /// How long of that rewriting and verifying the objects took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite_seconds: Option<f64>,
    /// How long the boot took.
    pub boot_seconds: f64,
    /// How many pages of cold code were loaded until its checks were done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded_pages: Option<u64>,
}

/// One boot that a pruned kernel must pass.
#[derive(Clone, Debug)]
pub enum Trial {
    /// The recipe's checks under a condition.
    Ordinary(Condition),
    /// A case of adversity.
    Adverse(&'static Case),
}

impl Trial {
    fn words(&self) -> String {
        match self {
            Trial::Ordinary(condition) => condition.words(),
            Trial::Adverse(case) => case.name.to_owned(),
        }
    }
}

/// What came out of the loop.
#[derive(Debug)]
pub struct Repaired {
    /// What the engine says of the last kernel.
    pub pruned: Pruned,
    /// What that kernel loads.
    pub loaded: Option<Loaded>,
    /// All boots.
    pub attempts: Vec<Attempt>,
    /// The last ordinary boot that passed with the recipe's RAM.
    pub last: Option<BootReport>,
    /// The cases of adversity that the last kernel survived.
    pub cases: Vec<CaseRecord>,
    /// What boots had to put back.
    pub fixes: Vec<Fix>,
}

/// A kernel that was linked, and what its traps mean.
#[derive(Debug)]
pub struct Linked<'a> {
    /// What the engine says of it.
    pub pruned: Pruned,
    /// How long rewriting its objects took.
    pub rewrite: Duration,
    /// What it loads when something first needs it.
    pub loaded: Option<Loaded>,
    traps: KernelTraps,
    program: &'a Program,
}

impl<'a> Linked<'a> {
    /// Links what is kept and reads the result.
    pub fn new(
        subject: &'a Subject<'a>,
        (level, kept): (PruneLevel, &Kept),
        runner: &Runner,
        dir: &Path,
        session: &Session,
    ) -> Result<Linked<'a>> {
        let wish = kept.wish_of(subject, level, &runner.plan);
        let Relinked {
            pruned,
            rewrite,
            loaded,
        } = subject.link(&wish, dir, session)?;
        let path = dir.join("vmlinux");
        let bytes = std::fs::read(&path).map_err(|e| host::Error::file("read", &path, e))?;
        let traps = KernelTraps::of(bytes, runner.kernel_place())?.ok_or(Error::NoTraps)?;
        Ok(Linked {
            pruned,
            rewrite,
            loaded,
            traps,
            program: &subject.program,
        })
    }

    /// What a trap says.
    pub fn missed(&self, seen: &TrapSeen) -> Option<Missed> {
        if self.traps.not_loaded(seen).is_some() {
            return None;
        }
        let record = TrapRecord {
            trap: self.traps.virtual_address(seen.trap),
            caller: self.traps.virtual_address(seen.caller),
        };
        let vmlinux = self.traps.vmlinux();
        let missed = self.program.missed(&self.pruned, vmlinux, record);
        missed.ok().flatten()
    }

    /// How a boot of it is looked at: with an eye on its traps.
    pub fn observation(&self, leave: Option<Duration>) -> Observation<'_> {
        Observation {
            traps: Some(self.traps.watched(self)),
            leave,
        }
    }
}

impl TrapWords for Linked<'_> {
    fn words(&self, seen: &TrapSeen) -> String {
        if let Some(words) = self.traps.not_loaded(seen) {
            return words;
        }
        let Some(Missed {
            function,
            caller,
            part,
        }) = self.missed(seen)
        else {
            let trap = self.traps.virtual_address(seen.trap);
            return format!("something was removed that was called at {trap:#x}");
        };
        let name = |function: FunctionIndex| {
            let function = self.program.functions().get(function.0 as usize);
            function.map(|f| (f.id.symbol.as_str(), f.id.object.as_str()))
        };
        let (symbol, object) = name(function).unwrap_or_default();
        if let Some((from, to)) = part {
            return format!(
                "{symbol} ({object}) came to a part that was removed, {from:#x} to {to:#x}"
            );
        }
        match caller.and_then(name) {
            Some((caller, _)) => {
                format!("{symbol} ({object}) was removed, and called from {caller}")
            }
            None => format!(
                "{symbol} ({object}) was removed, and called from {:#x}",
                seen.caller
            ),
        }
    }
}

/// What the loop works on.
#[derive(Debug)]
pub struct Repair<'a> {
    /// The kernel.
    pub subject: &'a Subject<'a>,
    /// Its calls.
    pub graph: &'a Graph,
    /// Boots.
    pub runner: &'a Runner,
    /// The level.
    pub level: PruneLevel,
    /// What it must pass, one boot each.
    pub trials: &'a [Trial],
    /// Boots under adversity, where there are such trials.
    pub bench: Option<&'a Bench<'a>>,
    /// Where what had to be put back is kept.
    pub memory: &'a Memory,
    /// A folder for kernels and boots.
    pub dir: &'a Path,
}

/// One boot that was made.
struct Booted {
    report: BootReport,
    /// How it took a case of adversity.
    case: Option<CaseRecord>,
}

impl Booted {
    fn passed(&self) -> bool {
        match &self.case {
            Some(case) => case.survived == Some(true),
            None => self.report.outcome == Outcome::Passed,
        }
    }
}

/// What is known of the kernel that was linked last.
#[derive(Default)]
struct Standing {
    /// How many trials in a row it has passed.
    passed: usize,
    /// How often in a row it failed without a trap.
    lost: u32,
    last: Option<BootReport>,
    cases: Vec<CaseRecord>,
}

impl Repair<'_> {
    /// Runs until all trials have passed in a row.
    pub fn run(&self, kept: &mut Kept, session: &Session) -> Result<Repaired> {
        let mut attempts: Vec<Attempt> = Vec::new();
        // The trial that a new kernel begins with: the one that the last kernel
        // failed, which tells the most.
        let mut first = 0;
        let mut linked = None;
        let mut standing = Standing::default();
        let mut fixes = Vec::new();
        loop {
            self.tell(&standing, session);
            let started = Instant::now();
            let fresh = linked.is_none();
            let current = match linked.take() {
                Some(linked) => linked,
                None => self.link(kept, session)?,
            };
            let link_time = fresh.then(|| (started.elapsed(), current.rewrite));
            let at = (first + standing.passed) % self.trials.len().max(1);
            let Some(trial) = self.trials.get(at) else {
                return Err(Error::NothingToBoot);
            };
            let booted = self.boot(&current, trial, session)?;
            let number = attempts.len() as u32 + 1;
            let mut attempt = attempt(number, trial, &booted, link_time);
            if booted.passed() {
                tell(&attempt, trial, session);
                attempts.push(attempt);
                standing.pass(booted, trial);
                if standing.passed >= self.trials.len() {
                    return Ok(standing.repaired(current, attempts, fixes));
                }
                linked = Some(current);
                continue;
            }
            let seen = booted.report.trap.as_ref();
            let missed = seen.and_then(|seen| current.missed(seen));
            let lost = standing.lost;
            (first, standing) = (at, Standing::default());
            let goes_on = if let Some(missed) = missed {
                let added = self.put_back(kept, missed, number);
                attempt.added = added.iter().map(|f| self.name(*f)).collect();
                fixes.extend(self.remember(&added, trial, session)?);
                let repairs = attempts.iter().filter(|a| a.missed.is_some()).count();
                !added.is_empty() && repairs < REPAIRS_LIMIT
            } else {
                // A host that is busy breaks time limits: once is no verdict.
                standing.lost = lost + 1;
                linked = Some(current);
                lost < LOST_LIMIT
            };
            tell(&attempt, trial, session);
            if !goes_on {
                return Err(Self::lost(&booted, number));
            }
            attempts.push(attempt);
        }
    }

    /// Says how many of the boots in a row have passed.
    fn tell(&self, standing: &Standing, session: &Session) {
        session.progress.step(&Step {
            what: "",
            done: standing.passed as u64,
            total: Some(self.trials.len() as u64),
            unit: Unit::Of("boots in a row"),
        });
    }

    /// Keeps for the next pruning what had to be put back.
    fn remember(
        &self,
        added: &[FunctionIndex],
        trial: &Trial,
        session: &Session,
    ) -> Result<Vec<Fix>> {
        let program = &self.subject.program;
        self.memory
            .add(added, program, &trial.words(), &session.cache)
    }

    /// Keeps what was missed, and what comes with it.
    fn put_back(&self, kept: &mut Kept, missed: Missed, attempt: u32) -> Vec<FunctionIndex> {
        let kernel = CallGraph {
            program: &self.subject.program,
            graph: self.graph,
        };
        kept.put_back(self.level, missed, attempt, kernel)
    }

    fn link(&self, kept: &Kept, session: &Session) -> Result<Linked<'_>> {
        let kernel = self.dir.join("kernel");
        let what = (self.level, kept);
        Linked::new(self.subject, what, self.runner, &kernel, session)
    }

    fn boot(&self, linked: &Linked<'_>, trial: &Trial, session: &Session) -> Result<Booted> {
        let kernel = self.dir.join("kernel");
        match trial {
            Trial::Ordinary(condition) => {
                let observation = linked.observation(condition.leave());
                let report = self.runner.boot(
                    &kernel,
                    &self.dir.join("boot"),
                    condition,
                    Vec::new(),
                    &observation,
                    session,
                )?;
                Ok(Booted { report, case: None })
            }
            Trial::Adverse(case) => {
                let boot = Boot {
                    kernel: Some(kernel.join("image")),
                    dir: self.dir.join("adversity").join(case.name),
                    extra: Vec::new(),
                    observation: linked.observation(None),
                };
                let bench = self.bench.ok_or(Error::NoBench)?;
                let (record, report) = bench.boot(case, &boot, session)?;
                let case = Some(record);
                Ok(Booted { report, case })
            }
        }
    }

    fn name(&self, function: FunctionIndex) -> String {
        let function = self.subject.program.functions().get(function.0 as usize);
        function.map_or_else(String::new, |f| f.id.symbol.clone())
    }

    /// A boot failed otherwise than by a trap that can be repaired.
    fn lost(booted: &Booted, attempt: u32) -> Error {
        let report = &booted.report;
        match &booted.case {
            Some(case) if report.trap.is_none() => Error::NotSurvived {
                attempt,
                case: case.name.clone(),
                detail: case.detail.clone(),
                console_log: report.console_log.clone(),
            },
            _ => Error::Lost {
                attempt,
                boot: report.as_failed(),
            },
        }
    }
}

impl Standing {
    /// What came out, once it stands.
    fn repaired(self, linked: Linked<'_>, attempts: Vec<Attempt>, fixes: Vec<Fix>) -> Repaired {
        Repaired {
            pruned: linked.pruned,
            loaded: linked.loaded,
            attempts,
            last: self.last,
            cases: self.cases,
            fixes,
        }
    }

    fn pass(&mut self, booted: Booted, trial: &Trial) {
        self.passed += 1;
        self.lost = 0;
        match (booted.case, trial) {
            (Some(case), _) => self.cases.push(case),
            // What it says of RAM is of the recipe's own machine.
            (None, Trial::Ordinary(c)) if c.memory_kib.is_some() || c.cpus.is_some() => {}
            (None, _) => self.last = Some(booted.report),
        }
    }
}

fn attempt(
    number: u32,
    trial: &Trial,
    booted: &Booted,
    link_time: Option<(Duration, Duration)>,
) -> Attempt {
    let (condition, case) = match trial {
        Trial::Ordinary(condition) => (condition.clone(), None),
        Trial::Adverse(case) => (Condition::default(), Some(case.name.to_owned())),
    };
    let report = &booted.report;
    // A case may make checks fail that a living kernel's programs report.
    let outcome = if booted.passed() {
        Outcome::Passed
    } else {
        report.outcome
    };
    Attempt {
        number,
        condition,
        case,
        outcome,
        missed: report.trap.map(|_| report.reason.clone()),
        reason: failed_without_trap(booted),
        added: Vec::new(),
        link_seconds: link_time.map(|(whole, _)| whole.as_secs_f64()),
        rewrite_seconds: link_time.map(|(_, rewrite)| rewrite.as_secs_f64()),
        boot_seconds: report.took.as_secs_f64(),
        loaded_pages: report.loaded.as_ref().map(|pages| pages.len() as u64),
    }
}

fn failed_without_trap(booted: &Booted) -> Option<String> {
    let report = &booted.report;
    if booted.passed() || report.trap.is_some() {
        return None;
    }
    Some(match &booted.case {
        Some(case) => case.detail.clone(),
        None => report.reason.clone(),
    })
}

fn tell(attempt: &Attempt, trial: &Trial, session: &Session) {
    let link = attempt
        .link_seconds
        .map_or_else(String::new, |s| format!("link {s:.1} s, "));
    let loaded = attempt
        .loaded_pages
        .map_or_else(String::new, |pages| format!(", {pages} pages loaded"));
    session.progress.note(&format!(
        "boot {}, {}: {} ({link}boot {:.1} s{loaded}){}",
        attempt.number,
        trial.words(),
        attempt.outcome.words(),
        attempt.boot_seconds,
        attempt
            .missed
            .as_ref()
            .or(attempt.reason.as_ref())
            .map_or_else(String::new, |m| format!("\n  {m}")),
    ));
}
