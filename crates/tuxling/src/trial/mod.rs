//! Trials: one candidate, built, booted, checked and measured; and what came
//! out.

pub mod bytes;
pub mod check;
mod diagnosis;
pub mod ram;
pub mod system;
pub mod why;
pub mod without;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Kind, Result};
use crate::recipe::Plan;
use crate::recipe::plan::BudgetPlan;
use crate::report::Record;
use crate::report::record::{BootRecord, Ids, RamRecord, SCHEMA};
use crate::session::Session;
use crate::store::cache::write_whole;
use crate::store::{Cache, Database};
use crate::units::Bytes;

pub use system::System;

/// How a trial, or one attempt at it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every check passed, and no oops, BUG, panic or trap in the whole boot.
    Passed,
    /// The system came up, but a check failed or timed out.
    CheckFailed,
    /// Nothing happened any more, or the time limit was reached.
    BootHung,
    /// The kernel panicked.
    Panicked,
    /// The kernel printed an oops, a BUG or a warning of its own.
    Oopsed,
    /// The machine was switched off or restarted before the checks were done.
    ExitedEarly,
    /// Code ran that had been removed.
    Trapped,
    /// The build failed.
    DidNotBuild,
    /// The configuration doesn't resolve as asked.
    DidNotResolve,
    /// Something outside the system under test failed: never a verdict.
    InfrastructureBroke,
}

/// How a single check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It did what it should.
    Passed,
    /// It did something else.
    Failed,
    /// It took longer than it may.
    TimedOut,
    /// It was not reached.
    Skipped,
}

impl Outcome {
    /// The outcome in words.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::CheckFailed => "check failed",
            Outcome::BootHung => "boot hung",
            Outcome::Panicked => "panicked",
            Outcome::Oopsed => "oopsed",
            Outcome::ExitedEarly => "exited early",
            Outcome::Trapped => "trapped",
            Outcome::DidNotBuild => "did not build",
            Outcome::DidNotResolve => "did not resolve",
            Outcome::InfrastructureBroke => "infrastructure broke",
        }
    }
}

impl CheckOutcome {
    /// The outcome for people.
    pub fn words(self) -> &'static str {
        match self {
            CheckOutcome::Passed => "passed",
            CheckOutcome::Failed => "failed",
            CheckOutcome::TimedOut => "timed out",
            CheckOutcome::Skipped => "skipped",
        }
    }
}

/// Where the database of attempts stands.
pub fn store_path(cache: &Cache) -> PathBuf {
    cache.root().join("store.sqlite")
}

/// The record of a system that was built and not booted.
pub fn built_record(plan: &Plan, system: &System, session: &Session) -> Record {
    Record {
        schema: SCHEMA.to_owned(),
        recipe: plan.name.clone(),
        board: plan.board.name.clone(),
        outcome: None,
        reason: None,
        image: system.image,
        vmlinux: system.vmlinux.clone(),
        ramdisk: system.contents.clone(),
        checks: Vec::new(),
        exercises: Vec::new(),
        ram: RamRecord {
            machine_kib: plan.machine.memory.as_kib(),
            ..RamRecord::default()
        },
        mem: None,
        boot: BootRecord::default(),
        phases: session.phases(),
        inputs: system.inputs.clone(),
        diagnoses: Vec::new(),
        qemu: Vec::new(),
        accelerator: None,
        qemu_version: None,
        ids: Ids {
            build_id: Some(system.kernel.build_id.clone()),
            image_id: Some(system.image_id.clone()),
            trial_id: None,
        },
    }
}

/// Writes a record as `record.json` into the output folder.
pub fn keep(record: &Record, output: &Path) -> Result<()> {
    let json = serde_json::to_vec_pretty(record)
        .map_err(|e| Failure::new(Kind::Machine, format!("can't write the record: {e}")))?;
    write_whole(&output.join("record.json"), &json)
}

/// Adds an attempt's record to the store.
pub fn remember(record: &Record, cache: &Cache) -> Result<()> {
    let at = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    Database::open(&store_path(cache))?.add(i64::try_from(at).unwrap_or(i64::MAX), record)
}

/// What of a record is over the budget, a line each.
pub fn over_budget(budget: &BudgetPlan, record: &Record) -> Vec<String> {
    let image = &record.image;
    let rows = [
        (
            "the kernel's image",
            budget.image,
            Some(Bytes(image.kernel_bytes)),
        ),
        (
            "the ramdisk",
            budget.ramdisk,
            Some(Bytes(image.ramdisk_bytes)),
        ),
        (
            "kernel and ramdisk together",
            budget.total,
            Some(Bytes(image.total_bytes)),
        ),
        ("used RAM", budget.ram, record.ram.used_kib.map(Bytes::kib)),
    ];
    rows.into_iter()
        .filter_map(|(name, limit, is)| {
            let (limit, is) = (limit?, is?);
            let over = is.0.checked_sub(limit.0).filter(|over| *over > 0)?;
            Some(format!("{name}: {is}, {} more than {limit}", Bytes(over)))
        })
        .collect()
}
