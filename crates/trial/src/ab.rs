//! Two systems booted in turn: each figure's difference with its confidence.
//!
//! A busy host makes both slow alike, so it is the differences of neighbours that
//! are averaged, not the figures of each.

use std::collections::BTreeSet;
use std::path::Path;

use builder::System;
use host::session::{Cached, Session};
use recipe::Plan;
use record::{CheckOutcome, Outcome};
use schemars::JsonSchema;
use serde::Serialize;
use vm::boot::{self, BootReport, BootRequest, Observation};

use crate::check::{self, Bench, CheckOptions};
use crate::error::{Error, Result};
use crate::interval::Estimate;

/// The format of what comes out.
pub const SCHEMA: &str = "tuxling.ab/1";

/// What was measured of two systems.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Compared {
    /// The format.
    pub schema: String,
    /// The first system.
    pub a: String,
    /// The second.
    pub b: String,
    /// How many boots of each passed.
    pub boots: usize,
    /// What both have, in the order in which it comes.
    pub figures: Vec<ComparedFigure>,
    /// Instructions until the first check has passed, counted in a boot of each:
    /// the same each time. `null` where they can't be counted.
    pub instructions: Option<[u64; 2]>,
}

/// One figure of both.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ComparedFigure {
    /// What it is.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// The mean of the first system's boots.
    pub a: f64,
    /// Of the second's.
    pub b: f64,
    /// By how much the second's is larger, from pairs of boots.
    pub difference: Estimate,
    /// Whether that can be told from noise: zero is not in the interval.
    pub told: bool,
}

/// One of the two.
#[derive(Clone, Copy, Debug)]
pub struct Contender<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What it is.
    pub plan: &'a Plan,
    /// As it was built.
    pub system: &'a System,
}

/// What one boot gave: names, units, values.
type Figures = Vec<(String, &'static str, f64)>;

/// Boots both so often, in turn.
///
/// # Errors
/// When a boot doesn't pass, or this machine is at fault.
pub fn compare(
    contenders: [Contender<'_>; 2],
    boots: usize,
    dir: &Path,
    session: &Session,
) -> Result<Compared> {
    let options = CheckOptions::default();
    let bench = |c: &Contender| check::bench(c.plan, c.system, &options, session);
    let benches = [bench(&contenders[0])?, bench(&contenders[1])?];
    let request = |at: usize| ready(&contenders[at], &benches[at], &options, dir);
    let requests = [request(0), request(1)];
    let pairs = session.phase("boots", || {
        let mut pairs = Vec::new();
        for done in 0..boots {
            crate::tell_boots(session, done, boots, "pairs of boots");
            // Which of them comes first changes, too.
            let (first, second) = if done % 2 == 0 { (0, 1) } else { (1, 0) };
            let one = boot_once(&requests[first], contenders[first].name, session)?;
            let other = boot_once(&requests[second], contenders[second].name, session)?;
            pairs.push(if first == 0 {
                [one, other]
            } else {
                [other, one]
            });
        }
        Ok::<_, Error>(Cached::fresh(pairs))
    })?;
    let instructions = match (
        counted(&requests[0], session)?,
        counted(&requests[1], session)?,
    ) {
        (Some(a), Some(b)) => Some([a, b]),
        _ => None,
    };
    Ok(Compared {
        schema: SCHEMA.to_owned(),
        a: contenders[0].name.to_owned(),
        b: contenders[1].name.to_owned(),
        boots: pairs.len(),
        figures: compared(&pairs),
        instructions,
    })
}

fn ready<'a>(
    contender: &Contender<'a>,
    bench: &'a Bench,
    options: &CheckOptions,
    dir: &Path,
) -> BootRequest<'a> {
    BootRequest {
        dir: dir.to_owned(),
        ..check::request(contender.plan, contender.system, bench, options)
    }
}

fn boot_once(request: &BootRequest<'_>, name: &str, session: &Session) -> Result<Figures> {
    let report = boot::observed(
        &session.processes,
        request,
        &Observation::default(),
        &mut |_| {},
    )?;
    if report.outcome != Outcome::Passed {
        return Err(Error::DoesNotPass(format!("{name}: {}", report.reason)));
    }
    Ok(figures(&report))
}

fn figures(report: &BootReport) -> Figures {
    let mut figures = Figures::new();
    if let Some(first) = &report.first_pass {
        let after = first.after.as_secs_f64();
        figures.push(("until the first check passed".to_owned(), "s", after));
    }
    let passed = |c: &&record::CheckRecord| c.outcome == CheckOutcome::Passed;
    for check in report.checks.iter().filter(passed) {
        if let Some(seconds) = check.seconds {
            let name = format!("check {}, guest's clock", check.name);
            figures.push((name, "s", seconds));
        }
    }
    let took = report.took.as_secs_f64();
    figures.push(("the whole boot".to_owned(), "s", took));
    if let Some(used) = report.ram.used_kib {
        figures.push(("RAM in use".to_owned(), "KiB", used as f64));
    }
    figures
}

fn counted(request: &BootRequest<'_>, session: &Session) -> Result<Option<u64>> {
    let counts = request.machine.board.arch.facts().cycle_counter;
    if request.board.is_some() || !counts {
        return Ok(None);
    }
    let counted = boot::count_instructions(&session.processes, request, &Observation::default())?;
    Ok(counted.instructions)
}

/// The figures that every boot of both has.
fn compared(pairs: &[[Figures; 2]]) -> Vec<ComparedFigure> {
    let Some([first, _]) = pairs.first() else {
        return Vec::new();
    };
    let value = |figures: &Figures, name: &str| {
        let found = figures.iter().find(|(own, ..)| own == name)?;
        Some(found.2)
    };
    let mut seen = BTreeSet::new();
    let names = first.iter().filter(|(name, ..)| seen.insert(name.clone()));
    let figure = |(name, unit, _): &(String, &'static str, f64)| {
        let of = |at: usize| -> Option<Vec<f64>> {
            pairs.iter().map(|pair| value(&pair[at], name)).collect()
        };
        let (a, b) = (of(0)?, of(1)?);
        let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - a).collect();
        let difference = Estimate::of(&differences);
        Some(ComparedFigure {
            name: name.clone(),
            unit: (*unit).to_owned(),
            a: Estimate::of(&a).mean,
            b: Estimate::of(&b).mean,
            difference,
            told: difference.is_told(),
        })
    };
    names.filter_map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(first: f64, ram: f64) -> Figures {
        vec![
            ("first".to_owned(), "s", first),
            ("RAM in use".to_owned(), "KiB", ram),
        ]
    }

    #[test]
    fn the_differences_of_neighbours_are_told_even_where_all_of_them_drift() {
        // The host gets slower from pair to pair, by more than they differ.
        let pairs: Vec<[Figures; 2]> = (0..10)
            .map(|at| {
                let base = 1.0 + f64::from(at);
                let noise = f64::from(at % 3) * 0.01;
                [boot(base, 2000.0), boot(base + 0.5 + noise, 2000.0)]
            })
            .collect();
        let found = compared(&pairs);
        assert!(found[0].told && (found[0].difference.mean - 0.509).abs() < 1e-9);
        assert!(!found[1].told, "none is no difference");
        assert_eq!((found[1].a, found[1].b), (2000.0, 2000.0));
    }

    #[test]
    fn a_figure_that_a_boot_lacks_is_none() {
        let mut lacks = boot(1.0, 2.0);
        lacks.pop();
        let pairs = [[boot(1.0, 2.0), lacks]];
        let names: Vec<String> = compared(&pairs).into_iter().map(|f| f.name).collect();
        assert_eq!(names, ["first"]);
        assert!(compared(&[]).is_empty());
    }
}
