//! What a connection costs in RAM: so many at once, in boots of their own, and a
//! line through what they took. The slope is the cost, its spread over the boots
//! the confidence.

use std::time::Duration;

use builder::System;
use host::session::{Cached, Session};
use host::units::Bytes;
use recipe::Plan;
use recipe::plan::{CheckKind, CheckPlan, Expectation, GuestCommand};
use schemars::JsonSchema;
use serde::Serialize;
use vm::boot::{self, BootRequest, Observation};
use vm::check::agent;
use vm::check::verdict::Evidence;

use crate::check::{self, CheckOptions};
use crate::error::{Error, Result};
use crate::interval::Estimate;

/// The format of what comes out.
pub const SCHEMA: &str = "tuxling.ram.connections/1";

/// The most connections at once that this host's server takes.
pub const MOST: u32 = 100;

/// What is downloaded over each: more than any end holds unread.
const DOWNLOAD: Bytes = Bytes(1024 * 1024);

/// For each number of connections four waits of ten seconds at most.
const PATIENCE: Duration = Duration::from_secs(45);

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Connections {
    /// The format.
    pub schema: String,
    /// The recipe.
    pub recipe: String,
    /// How many boots passed.
    pub boots: usize,
    /// What was seen, boot by boot.
    pub seen: Vec<Vec<Seen>>,
    /// KiB a connection that nothing is sent over.
    pub idle: Slope,
    /// KiB a connection that a download waits on, unread, as much of it as the
    /// system takes.
    pub full: Slope,
}

/// So many connections at once, in one boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Seen {
    /// How many.
    pub connections: u32,
    /// KiB less free than before, with all of them idle.
    pub idle_kib: i64,
    /// With a download waiting on each.
    pub full_kib: i64,
    /// After they were closed.
    pub after_kib: i64,
}

/// A cost with its 95 % confidence interval, in KiB a connection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Slope {
    /// The mean of the boots.
    pub kib: f64,
    /// The interval's lower end; `null` with one boot.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
}

impl Slope {
    fn of(slopes: &[f64]) -> Slope {
        let Estimate { mean, low, high } = Estimate::of(slopes);
        Slope {
            kib: mean,
            low,
            high,
        }
    }
}

/// Boots the system so often, and opens so many connections in each.
///
/// # Errors
/// When a boot doesn't pass, or this machine is at fault.
pub fn measure(
    plan: &Plan,
    system: &System,
    counts: &[u32],
    boots: usize,
    session: &Session,
) -> Result<Connections> {
    let options = CheckOptions::default();
    let bench = check::bench(plan, system, &options, session)?;
    let program = session.phase("program", || check::build_connections(system, session))?;
    let checks = checks(plan, counts);
    let mut request = check::request(plan, system, &bench, &options);
    request.checks = &checks;
    request.exercises = &[];
    request.adversary = Some(&program);
    request.timeout += PATIENCE * u32::try_from(counts.len()).unwrap_or(u32::MAX);
    request.dir = system.output.join("connections");
    let seen = session.phase("connections", || {
        seen(&request, boots, session).map(Cached::fresh)
    })?;
    let slope = |of: fn(&Seen) -> i64| {
        let slopes: Vec<f64> = seen.iter().map(|boot| least_squares(boot, of)).collect();
        Slope::of(&slopes)
    };
    Ok(Connections {
        schema: SCHEMA.to_owned(),
        recipe: plan.name.clone(),
        boots: seen.len(),
        idle: slope(|seen| seen.idle_kib),
        full: slope(|seen| seen.full_kib),
        seen,
    })
}

/// What each boot saw.
fn seen(request: &BootRequest<'_>, boots: usize, session: &Session) -> Result<Vec<Vec<Seen>>> {
    let mut seen = Vec::new();
    for done in 0..boots {
        crate::tell_boots(session, done, boots, "boots");
        let observation = Observation::default();
        let report = boot::observed(&session.processes, request, &observation, &mut |_| {})?;
        match report.evidence.last() {
            Some(Some(Evidence::Printed(text))) => seen.push(read(text)),
            _ => return Err(Error::DoesNotPass(report.reason)),
        }
    }
    Ok(seen)
}

/// The recipe's own check of its address, a whole download, and the connections.
fn checks(plan: &Plan, counts: &[u32]) -> Vec<CheckPlan> {
    let is_lease = |check: &&CheckPlan| matches!(check.kind, CheckKind::Dhcp { .. });
    let mut checks: Vec<CheckPlan> = plan.checks.iter().filter(is_lease).cloned().collect();
    let download = CheckKind::Fetch {
        size: DOWNLOAD,
        command: format!("{} keep {{url}} {{file}}", agent::ADVERSARY),
    };
    checks.push(CheckPlan {
        timeout: PATIENCE,
        ..CheckPlan::on_channel("download", download)
    });
    let words = [agent::ADVERSARY.to_owned(), "count".to_owned()];
    let command = words.into_iter().chain(counts.iter().map(u32::to_string));
    let count = CheckKind::Run {
        command: GuestCommand::Argv(command.collect()),
        expect: Some(Expectation::Matches("(?s)connections .*end".to_owned())),
    };
    checks.push(CheckPlan {
        timeout: PATIENCE * u32::try_from(counts.len()).unwrap_or(u32::MAX),
        ..CheckPlan::on_channel("connections", count)
    });
    checks
}

/// The program's lines, as a check's evidence has them: ` | ` between two.
fn read(text: &str) -> Vec<Seen> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let mut after = |name: &str| {
            words
                .find(|word| *word == name)
                .and(words.next())?
                .parse()
                .ok()
        };
        Some(Seen {
            connections: u32::try_from(after("connections")?).ok()?,
            idle_kib: after("idle")?,
            full_kib: after("full")?,
            after_kib: after("after")?,
        })
    };
    text.split('|').filter_map(line).collect()
}

/// The slope of the line through what was seen and through nothing at all with no
/// connection.
fn least_squares(seen: &[Seen], of: fn(&Seen) -> i64) -> f64 {
    let points = || {
        let measured = seen
            .iter()
            .map(|s| (f64::from(s.connections), of(s) as f64));
        measured.chain([(0.0, 0.0)])
    };
    let count = (seen.len() + 1) as f64;
    let mean = |sum: f64| sum / count;
    let (x, y) = (
        mean(points().map(|p| p.0).sum()),
        mean(points().map(|p| p.1).sum()),
    );
    let over: f64 = points().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let under: f64 = points().map(|p| (p.0 - x).powi(2)).sum();
    if under == 0.0 { 0.0 } else { over / under }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_lines_are_read() {
        let text =
            "connections 1 idle 8 full 72 after 0 | connections 10 idle 60 full 700 after -4 | end";
        let seen = read(text);
        assert_eq!(seen.len(), 2);
        assert_eq!(
            seen[1],
            Seen {
                connections: 10,
                idle_kib: 60,
                full_kib: 700,
                after_kib: -4
            }
        );
        assert!(read("connections many | end").is_empty());
    }

    #[test]
    fn a_cost_is_the_slope_and_its_spread_over_the_boots() {
        let boot = |per: i64| -> Vec<Seen> {
            let one = |connections: u32| Seen {
                connections,
                idle_kib: per * i64::from(connections),
                full_kib: 0,
                after_kib: 0,
            };
            [1, 10, 100].map(one).to_vec()
        };
        assert!((least_squares(&boot(6), |s| s.idle_kib) - 6.0).abs() < 1e-9);
        let slope = Slope::of(&[5.0, 6.0, 7.0]);
        assert!((slope.kib - 6.0).abs() < 1e-9 && slope.low < Some(6.0));
    }
}
