//! The smallest RAM of a system, what stands there, and what a download costs.
//!
//! Every boot is an attempt in the store, under the trial that it belongs to:
//! nothing is tried twice, and after an interruption the next call goes on.

mod prober;

use std::fs;

use builder::system::System;
use host::error::Kind;
use host::session::{Cached, Session};
use host::units::Bytes;
use measure::system_map::SystemMap;
use recipe::Plan;
use recipe::plan::CheckKind;
use record::{Outcome, Record};
use shrink::edge::{self, Found, Range};
use trial::check::{self, CheckOptions};
use trial::wall::{self, WallEvidence};
use vm::check::agent;
use vm::machine::inspect::InspectWish;

use crate::failure::{Failure, Result};
use prober::Prober;
use report::ram::{AgentCost, Download, RamReport, SCHEMA, Steady, Tried, Wall};

/// How the smallest RAM is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct RamOptions {
    /// How the system is booted.
    pub check: CheckOptions,
    /// The least to be tried.
    pub from: Option<Bytes>,
    /// The most to be tried; the recipe's when `None`.
    pub to: Option<Bytes>,
    /// How many pairs of boots say what a download costs; none when `None`.
    pub download: Option<u32>,
}

/// Finds it. Gives the report, and the record of the recipe's own machine with
/// what was found.
pub(crate) fn smallest(
    plan: &Plan,
    system: &System,
    options: &RamOptions,
    session: &Session,
) -> Result<(RamReport, Record)> {
    let bench = check::bench(plan, system, &options.check, session)?;
    session.phase("smallest RAM", || {
        searched(plan, system, options, &bench, session).map(Cached::fresh)
    })
}

fn searched(
    plan: &Plan,
    system: &System,
    options: &RamOptions,
    bench: &check::Bench,
    session: &Session,
) -> Result<(RamReport, Record)> {
    let mut prober = Prober::new(plan, system, bench, &options.check, session)?;
    let range = range(plan, options)?;
    let pairs = options.download.unwrap_or_default();
    prober.expect(edge::expected_boots(range) + 1 + 2 * u64::from(pairs));
    let mut record = prober.own_machine()?;
    let found = edge::search(range, &mut prober)?;
    let wall = match found.edge.and_then(|edge| edge.checked_sub(range.step)) {
        Some(below) if found.tallies.contains_key(&below) => {
            Some(look_at_wall(below, system, &mut prober)?)
        }
        _ => None,
    };
    let download = match options.download {
        Some(pairs) => Some(download(plan, pairs, &mut prober)?),
        None => None,
    };
    record.ram.smallest_kib = found.edge.filter(|_| found.confirmed);
    record.ram.download_kib = download.as_ref().and_then(|d| d.download_kib);
    record.ram.download_spread_kib = download.as_ref().map(|d| d.spread_kib);
    let report = RamReport {
        schema: SCHEMA.to_owned(),
        recipe: plan.name.clone(),
        board: plan.board.name.clone(),
        recipe_kib: plan.machine.memory.as_kib(),
        step_kib: range.step,
        smallest_kib: found.edge,
        confirmed: found.confirmed,
        tried: tried(&found),
        steady: prober.steady(found.edge)?,
        wall,
        agent: AgentCost {
            archive_bytes: agent_archive(plan, bench)?,
            running_kib: record.ram.agent_kib,
        },
        download,
    };
    Ok((report, record))
}

fn range(plan: &Plan, options: &RamOptions) -> Result<Range> {
    let own = plan.machine.memory;
    let (from, to) = (options.from.unwrap_or(Bytes(0)), options.to.unwrap_or(own));
    if from > to {
        return Err(
            Failure::new(Kind::Usage, format!("nothing lies between {from} and {to}"))
                .help("--from is the least to be tried, --to the most"),
        );
    }
    Ok(Range {
        from: from.as_kib(),
        to: to.0 / 1024,
        step: plan.board.memory_step.as_kib(),
    })
}

fn tried(found: &Found) -> Vec<Tried> {
    let tried = found.tallies.iter().rev();
    tried
        .map(|(kib, tally)| Tried {
            kib: *kib,
            passed: tally.passed,
            failed: tally.failed,
        })
        .collect()
}

/// The agent's archive but for the text of its plan.
fn agent_archive(plan: &Plan, bench: &check::Bench) -> Result<u64> {
    let (Some(agent), Some(channel)) = (&bench.agent, &plan.board.channel) else {
        return Ok(0);
    };
    let bytes = fs::read(agent).map_err(|e| host::Error::file("read", agent, e))?;
    let parts = agent::Parts {
        agent: &bytes,
        adversary: None,
        plan: "",
        channel,
    };
    Ok(parts.archive()?.len() as u64)
}

/// Boots once more with too little RAM, and looks into the machine.
fn look_at_wall(kib: u64, system: &System, prober: &mut Prober<'_>) -> Result<Wall> {
    let text = |name: &str| fs::read_to_string(system.output.join(name)).unwrap_or_default();
    let symbols = SystemMap::parse(&text("System.map"));
    let log = symbols
        .address("__log_buf")
        .and_then(|address| Some((address, symbols.size("__log_buf")?)));
    let (report, initrd_bytes) = prober.inspect(
        kib,
        InspectWish {
            log,
            ..InspectWish::default()
        },
    )?;
    let plan = prober.plan();
    let facts = plan.board.arch.facts();
    Ok(wall::explain(&WallEvidence {
        kib,
        outcome: Some(report.outcome),
        reason: Some(report.reason.as_str()).filter(|reason| !reason.is_empty()),
        console: &report.console,
        inspection: report.inspection.as_ref(),
        symbols: &symbols,
        config: &text("config"),
        ram_base: facts.ram_base,
        ramdisk_place: facts.ramdisk_place,
        decompressor_bytes: facts.decompressor_bytes
            + match plan.kernel.compress.strength() {
                Some(_) => initramfs::compress::cm_heap(plan.machine.memory.0),
                None => 0,
            },
        kernel_bytes: system.image.kernel_bytes,
        initrd_bytes,
        archive_bytes: system.contents.archive_bytes,
        placement: plan.ramdisk.placement,
    }))
}

/// A plan whose checks are the one download (or not even that), after the
/// network is up and the system has settled.
fn download_plan(plan: &Plan, with: bool) -> Option<(Plan, String)> {
    let fetch = |kind: &CheckKind| matches!(kind, CheckKind::Fetch { .. });
    let settling =
        |kind: &CheckKind| matches!(kind, CheckKind::Dhcp { .. } | CheckKind::Sleep { .. });
    let download = plan.checks.iter().find(|check| fetch(&check.kind))?;
    let mut own = plan.clone();
    own.exercises.clear();
    own.checks.retain(|check| settling(&check.kind));
    if with {
        own.checks.push(download.clone());
    }
    Some((own, download.name.clone()))
}

fn download(plan: &Plan, pairs: u32, prober: &mut Prober<'_>) -> Result<Download> {
    let plans = download_plan(plan, true).zip(download_plan(plan, false));
    let Some(((with, name), (without, _))) = plans else {
        return Err(Failure::new(
            Kind::Usage,
            format!("{} has no check that downloads", plan.name),
        )
        .help("add one: [[check]] with fetch = { size = \"64KiB\" }"));
    };
    let mut measured = Vec::new();
    for at in 0..pairs as usize {
        let used_with = prober.used_after(&with, at, &format!("download {}", at + 1))?;
        let used_without = prober.used_after(&without, at, &format!("control {}", at + 1))?;
        measured.push((used_with, used_without));
    }
    trial::download::cost(&name, &measured)
        .ok_or_else(|| Failure::new(Kind::Usage, "no boots, no figure: --boots is 0"))
}
