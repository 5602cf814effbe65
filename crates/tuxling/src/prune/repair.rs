//! The loop that finds what a level has missed: link, boot, and where a boot
//! runs into a trap, keep that function and link again, until so many boots in
//! a row have passed.

use std::path::Path;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmlinux::Code;
use vmlinux::prune::{FunctionIndex, Graph, Pruned, TRAP_MAGIC, TRAP_RECORD, TRAP_STOPPED};

use super::policy::Kept;
use super::subject::{Subject, trapped_at};
use crate::error::{Failure, Kind, Result};
use crate::machine::boot::{BootReport, Observation, TrapWords, Traps};
use crate::machine::gdb::{TrapPoints, TrapSeen};
use crate::recipe::plan::PruneLevel;
use crate::session::Session;
use crate::trace::Runner;
use crate::trace::conditions::Condition;
use crate::trial::Outcome;

/// More attempts than this don't converge.
const ATTEMPTS_LIMIT: u32 = 200;

/// One boot of the loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Under which condition.
    pub condition: Condition,
    /// How it ended.
    pub outcome: Outcome,
    /// The function that it missed, and who called it.
    pub missed: Option<String>,
    /// The functions that were put back because of it.
    pub added: Vec<String>,
    /// How long the link before it took; `null` where the last one's kernel
    /// was booted again.
    pub link_seconds: Option<f64>,
    /// How long the boot took.
    pub boot_seconds: f64,
}

/// What came out of the loop.
#[derive(Debug)]
pub struct Repaired {
    /// What the engine says of the last kernel.
    pub pruned: Pruned,
    /// All boots.
    pub attempts: Vec<Attempt>,
    /// The last boot that passed.
    pub last: BootReport,
}

/// A kernel that was linked, and what its traps mean.
#[derive(Debug)]
pub struct Linked {
    /// What the engine says of it.
    pub pruned: Pruned,
    code: Code,
    points: TrapPoints,
    names: Vec<String>,
}

impl Linked {
    /// Links what is kept and reads the result.
    pub fn new(
        subject: &Subject,
        (level, kept): (PruneLevel, &Kept),
        runner: &Runner,
        dir: &Path,
        session: &Session,
    ) -> Result<Linked> {
        let wish = kept.wish(level, &subject.program, &runner.plan.kernel.cmdline);
        let pruned = subject.link(&wish, dir, session)?;
        let path = dir.join("vmlinux");
        let bytes = std::fs::read(&path).map_err(|e| Failure::io("read", &path, &e))?;
        let unreadable = |what: String| Failure::new(Kind::Build, what);
        let code = Code::parse(&bytes).map_err(|e| unreadable(e.to_string()))?;
        let record = vmlinux::code::address_of(&bytes, TRAP_RECORD)
            .ok_or_else(|| unreadable(format!("the pruned kernel has no {TRAP_RECORD}")))?;
        let stopped = code
            .address_of(TRAP_STOPPED)
            .ok_or_else(|| unreadable(format!("the pruned kernel has no {TRAP_STOPPED}")))?;
        let points = TrapPoints {
            stopped,
            record,
            magic: u64::from(TRAP_MAGIC),
            word: code.word,
            offset: runner.offset(&code),
        };
        let functions = subject.program.functions();
        let name = |trap: &vmlinux::prune::Trap| {
            let function = functions.get(trap.function.0 as usize);
            function.map_or_else(String::new, |f| {
                format!("{} ({})", f.id.symbol, f.id.object)
            })
        };
        let names = pruned.traps.iter().map(name).collect();
        Ok(Linked {
            pruned,
            code,
            points,
            names,
        })
    }

    /// The function that a trap stands for.
    pub fn missed(&self, seen: &TrapSeen) -> Option<FunctionIndex> {
        trapped_at(&self.code, &self.pruned, self.virtual_address(seen.trap))
    }

    /// Boots it under a condition, with an eye on its traps.
    pub fn boot(
        &self,
        runner: &Runner,
        dirs: (&Path, &Path),
        condition: &Condition,
        session: &Session,
    ) -> Result<BootReport> {
        let observation = Observation {
            traps: Some(Traps {
                points: &self.points,
                words: self,
            }),
            leave: Some(condition.idle()),
        };
        runner.boot(dirs, condition, Vec::new(), &observation, session)
    }

    fn virtual_address(&self, address: u64) -> u64 {
        match self.code.image.contains(&address) {
            true => address,
            false => address.wrapping_add(self.points.offset),
        }
    }
}

impl TrapWords for Linked {
    fn words(&self, seen: &TrapSeen) -> String {
        let trap = self.virtual_address(seen.trap);
        let missed = self
            .missed(seen)
            .and_then(|f| self.pruned.traps.iter().position(|t| t.function == f))
            .and_then(|at| self.names.get(at).cloned())
            .unwrap_or_else(|| format!("something at {trap:#x}"));
        let caller = self.virtual_address(seen.caller);
        match self.code.at(caller.saturating_sub(1)) {
            Some(symbol) => format!("{missed} was removed, and called from {}", symbol.name),
            None => format!("{missed} was removed, and called from {caller:#x}"),
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
    /// Under what it must pass, one boot each.
    pub schedule: &'a [Condition],
    /// A folder for kernels and boots.
    pub dir: &'a Path,
}

impl Repair<'_> {
    /// Runs until the whole schedule has passed in a row.
    pub fn run(&self, kept: &mut Kept, session: &Session) -> Result<Repaired> {
        let kernel = self.dir.join("kernel");
        let mut attempts: Vec<Attempt> = Vec::new();
        // Boots that have passed since the last link; the condition that the
        // next one begins with: the one that failed, which tells the most.
        let (mut passed, mut first) = (0, 0);
        let mut linked = None;
        loop {
            let started = Instant::now();
            let fresh = linked.is_none();
            let current = match linked.take() {
                Some(linked) => linked,
                None => Linked::new(
                    self.subject,
                    (self.level, kept),
                    self.runner,
                    &kernel,
                    session,
                )?,
            };
            let link_time = fresh.then(|| started.elapsed());
            let at = (first + passed) % self.schedule.len().max(1);
            let condition = self.schedule.get(at).cloned().unwrap_or_default();
            let boots = self.dir.join("boot");
            let report = current.boot(self.runner, (&kernel, &boots), &condition, session)?;
            let number = attempts.len() as u32 + 1;
            let mut attempt = attempt(number, condition, &report, link_time);
            if report.outcome == Outcome::Passed {
                attempts.push(attempt);
                tell(attempts.last(), session);
                passed += 1;
                if passed >= self.schedule.len() {
                    return Ok(Repaired {
                        pruned: current.pruned,
                        attempts,
                        last: report,
                    });
                }
                linked = Some(current);
                continue;
            }
            let missed = report.trap.as_ref().and_then(|seen| current.missed(seen));
            let Some(missed) = missed else {
                return Err(self.lost(&report, number));
            };
            let added = kept.mend(self.level, missed, number, self.graph);
            attempt.added = added.iter().map(|f| self.name(*f)).collect();
            attempts.push(attempt);
            tell(attempts.last(), session);
            if added.is_empty() || number >= ATTEMPTS_LIMIT {
                return Err(self.lost(&report, number));
            }
            (first, passed) = (at, 0);
        }
    }

    fn name(&self, function: FunctionIndex) -> String {
        let function = self.subject.program.functions().get(function.0 as usize);
        function.map_or_else(String::new, |f| f.id.symbol.clone())
    }

    /// A boot failed otherwise than by a trap that can be mended.
    fn lost(&self, report: &BootReport, number: u32) -> Failure {
        let failure = report
            .failure()
            .unwrap_or_else(|| Failure::new(Kind::Check, "the pruned kernel doesn't pass"));
        let message = format!("attempt {number} of the pruned kernel: {}", failure.message);
        Failure { message, ..failure }.help(
            "keep = [\"NAME\"] under [prune] keeps a function; a level that keeps more helps, too",
        )
    }
}

fn attempt(
    number: u32,
    condition: Condition,
    report: &BootReport,
    link_time: Option<Duration>,
) -> Attempt {
    Attempt {
        number,
        condition,
        outcome: report.outcome,
        missed: report.trap.map(|_| report.reason.clone()),
        added: Vec::new(),
        link_seconds: link_time.map(|t| t.as_secs_f64()),
        boot_seconds: report.took.as_secs_f64(),
    }
}

fn tell(attempt: Option<&Attempt>, session: &Session) {
    let Some(attempt) = attempt else { return };
    let link = attempt
        .link_seconds
        .map_or_else(String::new, |s| format!("link {s:.1} s, "));
    session.progress.note(&format!(
        "boot {}, {}: {} ({link}boot {:.1} s){}",
        attempt.number,
        attempt.condition.words(),
        attempt.outcome.words(),
        attempt.boot_seconds,
        attempt
            .missed
            .as_ref()
            .map_or_else(String::new, |m| format!("\n  {m}")),
    ));
}
