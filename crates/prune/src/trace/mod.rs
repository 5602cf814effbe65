//! What of a kernel runs while its checks and exercises run.
//!
//! The kernel is booted by QEMU's translator, which logs every block of
//! instructions that it translates; the addresses are those of a kernel whose
//! functions are marked. Boots under several conditions are united until new
//! ones add almost nothing.

pub mod adverse_coverage;
pub mod conditions;
pub mod coverage;
pub mod estimate;
pub mod log;
pub mod ranges;
pub mod runner;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use host::session::{Cached, Session, Step, Unit};
use record::Outcome;
use vm::boot::Observation;
use vmlinux::Code;
use vmlinux::prune::{FunctionAddress, FunctionIndex, Wish, function_addresses};

use crate::error::{Error, Result};
use crate::subject::Subject;
use conditions::Condition;
pub use coverage::Coverage;
use coverage::{Covered, Run};
use log::{Layout, Reader};
use ranges::Ranges;
pub use runner::Runner;

/// So many runs in a row that add at most [`FEW`] functions together end a trace.
const QUIET_RUNS: usize = 4;

/// So few functions are almost nothing.
const FEW: u64 = 2;

/// A kernel whose functions are marked, and where they lie.
#[derive(Debug)]
pub struct Marked {
    /// The folder that holds it.
    pub kernel: PathBuf,
    layout: Layout,
    functions: Vec<(Range<u64>, FunctionIndex)>,
}

impl Marked {
    /// Links it.
    pub fn link(
        subject: &Subject,
        runner: &Runner,
        dir: &Path,
        session: &Session,
    ) -> Result<Marked> {
        let wish = Wish {
            marks: true,
            whole: true,
            ..Wish::default()
        };
        let kernel = dir.join("kernel");
        session.phase("kernel with marks", || {
            subject.link(&wish, &kernel, session).map(Cached::fresh)
        })?;
        let vmlinux = kernel.join("vmlinux");
        let bytes = std::fs::read(&vmlinux).map_err(|e| host::Error::file("read", &vmlinux, e))?;
        let code = Code::parse(&bytes).map_err(|error| Error::Unreadable {
            path: vmlinux,
            error,
        })?;
        let marked = Marked {
            kernel,
            layout: runner.layout(&code),
            functions: marked(&bytes)?,
        };
        if marked.functions.is_empty() {
            Err(Error::NothingMarked)
        } else {
            Ok(marked)
        }
    }

    /// QEMU's arguments that log what is translated to a file.
    pub fn logging(log: &Path) -> Vec<String> {
        let words = ["-d", "in_asm", "-D"].map(str::to_owned);
        let log = log.to_string_lossy().into_owned();
        words.into_iter().chain([log]).collect()
    }

    /// The functions that a boot's log names, and what of each ran. The log is
    /// removed: it is some ten MB, and has done its work.
    pub fn ran(&self, log: &Path) -> Result<BTreeMap<FunctionIndex, Ranges>> {
        let addresses = executed(log, self.layout.clone())?;
        let _ = std::fs::remove_file(log);
        Ok(touched(&self.functions, &addresses.to_vec()))
    }
}

/// Traces a kernel: boots it under all conditions, and then again under those
/// that add most, `runs` times at most.
pub fn trace(
    subject: &Subject,
    marked: &Marked,
    runner: &Runner,
    runs: usize,
    dir: &Path,
    session: &Session,
) -> Result<Coverage> {
    let trace = session.phase("trace", || {
        traced(marked, runner, runs, dir, session).map(Cached::fresh)
    })?;
    Ok(trace.coverage(subject, runner))
}

fn traced<'a>(
    marked: &'a Marked,
    runner: &Runner,
    runs: usize,
    dir: &Path,
    session: &Session,
) -> Result<Trace<'a>> {
    let mut trace = Trace {
        marked,
        most: runs,
        seen: BTreeMap::new(),
        runs: Vec::new(),
    };
    let mut all = conditions::all(&runner.plan);
    all.truncate(runs.max(1));
    for condition in &all {
        trace.run(condition, runner, dir, session)?;
        // A busy host breaks the time limits of checks: once is no verdict.
        let last = trace.runs.last().map(|run| run.outcome);
        if last == Some(Outcome::CheckFailed) {
            trace.run(condition, runner, dir, session)?;
        }
    }
    let again: Vec<Condition> = trace.passed();
    for at in 0..runs.saturating_sub(all.len()) {
        if trace.is_quiet() {
            break;
        }
        let Some(condition) = again.get(at % again.len().max(1)) else {
            break;
        };
        trace.run(condition, runner, dir, session)?;
    }
    Ok(trace)
}

struct Trace<'a> {
    marked: &'a Marked,
    /// How many boots it has at most.
    most: usize,
    seen: BTreeMap<FunctionIndex, Seen>,
    runs: Vec<Run>,
}

/// What was seen of a function.
#[derive(Default)]
struct Seen {
    /// How many boots have seen it.
    runs: u32,
    /// How many of them have seen all that is known of it.
    alike: u32,
    /// What of it ran.
    ran: Ranges,
}

impl Seen {
    /// Adds a boot's; gives the bytes that are new.
    fn add(&mut self, ran: Ranges) -> u64 {
        let before = self.ran.bytes();
        let known = self.ran == ran;
        let size = ran.bytes();
        let parts = ran.to_vec();
        parts.into_iter().for_each(|part| self.ran.insert(part));
        let after = self.ran.bytes();
        self.runs += 1;
        self.alike = match (known, size == after) {
            (true, _) => self.alike + 1,
            (false, true) => 1,
            (false, false) if after == before => self.alike,
            (false, false) => 0,
        };
        after - before
    }
}

impl Trace<'_> {
    fn run(
        &mut self,
        condition: &Condition,
        runner: &Runner,
        dir: &Path,
        session: &Session,
    ) -> Result<()> {
        session.progress.step(&Step {
            what: &condition.words(),
            done: self.runs.len() as u64,
            total: Some(self.most.max(self.runs.len() + 1) as u64),
            unit: Unit::Of("boots at most"),
        });
        let log = dir.join("in_asm.log");
        let observation = Observation {
            traps: None,
            leave: condition.leave(),
        };
        let report = runner.boot(
            &self.marked.kernel,
            &dir.join("boot"),
            condition,
            Marked::logging(&log),
            &observation,
            session,
        )?;
        let passed = report.outcome == Outcome::Passed;
        let functions = self.logged(&log, passed)?;
        let added = functions
            .keys()
            .filter(|f| !self.seen.contains_key(f))
            .count() as u64;
        let mut added_bytes = 0;
        let count = functions.len() as u64;
        for (function, ran) in functions {
            added_bytes += self.seen.entry(function).or_default().add(ran);
        }
        session.progress.note(&format!(
            "run {}, {}: {}",
            self.runs.len() + 1,
            condition.words(),
            if passed {
                format!("{count} functions, {added} new, {added_bytes} bytes of code new")
            } else {
                format!("{}, left out: {}", report.outcome.words(), report.reason)
            }
        ));
        if self.runs.is_empty() && !passed {
            return Err(report.as_failed().into());
        }
        self.runs.push(Run {
            condition: condition.clone(),
            outcome: report.outcome,
            functions: count,
            added,
            added_bytes,
            seconds: report.took.as_secs_f64(),
        });
        Ok(())
    }

    /// What a boot's log names. What broke says nothing of what works.
    fn logged(&self, log: &Path, passed: bool) -> Result<BTreeMap<FunctionIndex, Ranges>> {
        if passed {
            return self.marked.ran(log);
        }
        let _ = std::fs::remove_file(log);
        Ok(BTreeMap::new())
    }

    /// The conditions under which the whole kernel passes.
    fn passed(&self) -> Vec<Condition> {
        let passed = self.runs.iter().filter(|r| r.outcome == Outcome::Passed);
        passed.map(|r| r.condition.clone()).collect()
    }

    fn is_quiet(&self) -> bool {
        let passed = self.runs.iter().filter(|r| r.outcome == Outcome::Passed);
        let last: Vec<u64> = passed.rev().take(QUIET_RUNS).map(|r| r.added).collect();
        last.len() == QUIET_RUNS && last.iter().sum::<u64>() <= FEW
    }

    fn coverage(self, subject: &Subject, runner: &Runner) -> Coverage {
        let all = subject.program.functions();
        let passed = self.passed().len() as u32;
        let covered: Vec<Covered> = self
            .seen
            .iter()
            .filter_map(|(index, seen)| {
                let function = all.get(index.0 as usize)?;
                Some(Covered {
                    object: function.id.object.clone(),
                    symbol: function.id.symbol.clone(),
                    ordinal: function.id.ordinal,
                    bytes: function.bytes,
                    runs: seen.runs,
                    ran: seen.ran.clone(),
                    alike: seen.alike,
                })
            })
            .collect();
        Coverage {
            schema: coverage::SCHEMA.to_owned(),
            recipe: runner.plan.name.clone(),
            board: runner.plan.board.name.clone(),
            qemu_version: runner.qemu_version.clone(),
            all_functions: all.len() as u64,
            all_bytes: all.iter().map(|f| f.bytes).sum(),
            covered_bytes: covered.iter().map(|f| f.bytes).sum(),
            executed_bytes: self.seen.values().map(|seen| seen.ran.bytes()).sum(),
            missing: estimate::missing(self.seen.values().map(|seen| seen.runs), passed),
            runs: self.runs,
            functions: covered,
        }
    }
}

/// Where each function lies in a kernel that was linked with marks, by address.
fn marked(vmlinux: &[u8]) -> Result<Vec<(Range<u64>, FunctionIndex)>> {
    let addresses = function_addresses(vmlinux)?;
    let range = |f: &FunctionAddress| f.address..f.address.saturating_add(f.bytes.max(1));
    Ok(addresses.iter().map(|f| (range(f), f.function)).collect())
}

/// The functions that executed addresses belong to, and the offsets in them.
fn touched(
    marked: &[(Range<u64>, FunctionIndex)],
    executed: &[Range<u64>],
) -> BTreeMap<FunctionIndex, Ranges> {
    let of = |range: &Range<u64>| -> Ranges {
        let from = executed.partition_point(|e| e.end <= range.start);
        let hit = executed[from..].iter();
        hit.take_while(|e| e.start < range.end)
            .map(|e| e.start.max(range.start) - range.start..e.end.min(range.end) - range.start)
            .collect()
    };
    let found = marked.iter().map(|(range, index)| (*index, of(range)));
    found.filter(|(_, ran)| !ran.is_empty()).collect()
}

/// The addresses that a log of translated blocks says were executed.
pub fn executed(path: &Path, layout: Layout) -> Result<Ranges> {
    let failed = |e: std::io::Error| host::Error::file("read", path, e);
    let mut file = File::open(path).map_err(failed)?;
    let mut reader = Reader::new(layout);
    let mut piece = vec![0; 1 << 18];
    loop {
        match file.read(&mut piece).map_err(failed)? {
            0 => break,
            n => reader.push(&piece[..n]),
        }
    }
    if !reader.reached_kernel() {
        return Err(Error::NothingTranslated);
    }
    Ok(reader.executed().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_touched_by_what_overlaps_them() {
        let marked = [
            (0x100..0x140, FunctionIndex(7)),
            (0x120..0x130, FunctionIndex(3)),
            (0x140..0x150, FunctionIndex(1)),
        ];
        let of = |range| {
            let touched = touched(&marked, &[range]).into_iter();
            touched
                .map(|(f, ran)| format!("{}: {}", f.0, String::from(ran)))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(0x100..0x104), ["7: 0-4"]);
        assert_eq!(of(0x12e..0x132), ["3: e-10", "7: 2e-32"]);
        assert_eq!(of(0x13f..0x141), ["1: 0-1", "7: 3f-40"]);
        assert_eq!(of(0x150..0x160), [""; 0]);
    }
}
