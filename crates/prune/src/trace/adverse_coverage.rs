//! What runs only under adversity: the traced kernel is booted once for each
//! case that concerns the system, and what no ordinary boot has seen is noted
//! with the case that needed it.
//!
//! The same boots tell which cases the system survives before anything is taken
//! away: no more can be asked of it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use host::session::{Cached, Session};
use recipe::Plan;
use record::Outcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vm::boot::Observation;
use vmlinux::prune::{FunctionIndex, Program};

use super::ranges::Ranges;
use super::{Coverage, Marked};
use crate::adversity::{self, Bench, Boot, Case, CaseRecord};
use crate::error::Result;
use crate::subject::Subject;

/// The version of the format.
pub const SCHEMA: &str = "tuxling.hardship/1";

/// What of a kernel runs only under adversity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AdverseCoverage {
    /// Always `tuxling.hardship/1`.
    pub schema: String,
    /// How the whole system took each case.
    pub cases: Vec<CaseRecord>,
    /// The functions that ran in none of the ordinary boots.
    pub functions: Vec<NeededBy>,
    /// The functions of which more ran than in any ordinary boot.
    #[serde(default)]
    pub more: Vec<NeededBy>,
}

/// A function, and the first case that needed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeededBy {
    /// Its object.
    pub object: String,
    /// Its symbol.
    pub symbol: String,
    /// Which of the object's functions of that name it is, from 0.
    pub ordinal: u32,
    /// The case.
    pub case: String,
}

impl AdverseCoverage {
    /// The cases that the whole system survives.
    pub fn survived(&self) -> BTreeSet<&str> {
        let survived = self.cases.iter().filter(|c| c.survived == Some(true));
        survived.map(|case| case.name.as_str()).collect()
    }
}

/// Boots the marked kernel once for each case.
pub fn trace(
    subject: &Subject,
    marked: &Marked,
    plan: &Plan,
    coverage: &Coverage,
    bench: &Bench<'_>,
    dir: &Path,
    session: &Session,
) -> Result<AdverseCoverage> {
    session.phase("trace, adversity", || {
        traced(subject, marked, plan, coverage, bench, dir, session).map(Cached::fresh)
    })
}

fn traced(
    subject: &Subject,
    marked: &Marked,
    plan: &Plan,
    coverage: &Coverage,
    bench: &Bench<'_>,
    dir: &Path,
    session: &Session,
) -> Result<AdverseCoverage> {
    let log = dir.join("in_asm.log");
    let mut cases = Vec::new();
    let mut needs = Needs::besides(coverage, &subject.program);
    for case in bench.cases() {
        if let Some(record) = adversity::not_concerned(case, plan) {
            cases.push(record);
            continue;
        }
        let boot = Boot {
            kernel: Some(marked.kernel.join("image")),
            dir: dir.join("adversity").join(case.name),
            extra: Marked::logging(&log),
            observation: Observation::default(),
        };
        adversity::tell(bench, cases.len(), session);
        let record = booted(case, &boot, bench, session)?;
        let before = needs.functions.len();
        if record.survived == Some(true) {
            for (function, ran) in marked.ran(&log)? {
                needs.note(function, &ran, case.name);
            }
        } else {
            let _ = std::fs::remove_file(&log);
        }
        session.progress.note(&format!(
            "{}: {}",
            case.name,
            match record.survived {
                Some(true) => format!(
                    "survived, {} more functions",
                    needs.functions.len() - before
                ),
                _ => format!(
                    "not survived by the whole kernel, left out: {}",
                    record.detail
                ),
            }
        ));
        cases.push(record);
    }
    Ok(AdverseCoverage {
        schema: SCHEMA.to_owned(),
        functions: named(needs.functions, &subject.program),
        more: named(needs.more, &subject.program),
        cases,
    })
}

/// What cases need that no ordinary boot has seen, each with the first of them.
struct Needs<'a> {
    program: &'a Program,
    /// What ran in ordinary boots, by object, symbol and ordinal.
    known: BTreeMap<(&'a str, &'a str, u32), &'a Ranges>,
    /// The functions that ran in none.
    functions: BTreeMap<FunctionIndex, &'static str>,
    /// The functions of which more runs.
    more: BTreeMap<FunctionIndex, &'static str>,
}

impl<'a> Needs<'a> {
    fn besides(coverage: &'a Coverage, program: &'a Program) -> Self {
        let ran = coverage.functions.iter();
        let known = ran.map(|f| ((f.object.as_str(), f.symbol.as_str(), f.ordinal), &f.ran));
        Needs {
            program,
            known: known.collect(),
            functions: BTreeMap::new(),
            more: BTreeMap::new(),
        }
    }

    /// This much of a function ran in a case.
    fn note(&mut self, function: FunctionIndex, ran: &Ranges, case: &'static str) {
        let all = self.program.functions();
        let Some(id) = all.get(function.0 as usize).map(|f| &f.id) else {
            return;
        };
        let known = self
            .known
            .get(&(id.object.as_str(), id.symbol.as_str(), id.ordinal));
        match known {
            None => {
                self.functions.entry(function).or_insert(case);
            }
            Some(known) if !known.holds(ran) => {
                self.more.entry(function).or_insert(case);
            }
            Some(_) => {}
        }
    }
}

/// Boots a case. A busy host breaks the time limits of checks: once is no
/// verdict.
fn booted(
    case: &Case,
    boot: &Boot<'_>,
    bench: &Bench<'_>,
    session: &Session,
) -> Result<CaseRecord> {
    let attempt = || {
        session.phase(case.name, || {
            bench.boot(case, boot, session).map(Cached::fresh)
        })
    };
    let (mut record, _) = attempt()?;
    if record.outcome == Some(Outcome::CheckFailed) && record.survived != Some(true) {
        (record, _) = attempt()?;
    }
    Ok(record)
}

/// Functions by their names, each with its case.
fn named(found: BTreeMap<FunctionIndex, &'static str>, program: &Program) -> Vec<NeededBy> {
    let named = found.into_iter().filter_map(|(function, case)| {
        let id = &program.functions().get(function.0 as usize)?.id;
        Some(NeededBy {
            object: id.object.clone(),
            symbol: id.symbol.clone(),
            ordinal: id.ordinal,
            case: case.to_owned(),
        })
    });
    named.collect()
}
