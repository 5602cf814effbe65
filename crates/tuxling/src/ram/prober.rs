//! Boots a system with other amounts of RAM, or with other checks, and keeps
//! every attempt in the store.

use std::cell::Cell;
use std::time::{Duration, Instant};

use builder::system::System;
use host::error::Kind;
use host::session::{Session, Step, Unit};
use host::units::{Bytes, grouped};
use measure::memory;
use recipe::Plan;
use record::{Database, Record, remember, store_path};
use shrink::edge::{Oracle, SizeTally};
use trial::check::{self, Bench, CheckOptions};
use vm::boot::{self, BootReport, BootRequest};
use vm::machine::inspect::InspectWish;

use super::wall::loader_refuses;
use super::{Outcome, Steady};
use crate::failure::{Failure, Result};

/// A boot that is silent for so many times the longest pause of one that
/// passed has hung.
const PATIENCE: u32 = 4;

/// The same by the time to the first check, where the pause isn't known.
const PATIENCE_BY_BOOT: f64 = 3.0;

/// However fast a boot is, a pause shorter than this is none.
const SHORTEST_SILENCE: Duration = Duration::from_secs(4);

/// Nothing is done for so long before the cost of a download is measured.
const QUIET: Duration = Duration::from_secs(1);

/// Boots a system in variants.
pub(super) struct Prober<'a> {
    plan: &'a Plan,
    system: &'a System,
    bench: &'a Bench,
    options: &'a CheckOptions,
    session: &'a Session<'a>,
    store: Database,
    silence: Duration,
    /// How many boots were made, and how many the search has, about.
    boots: Cell<u64>,
    about: u64,
}

impl<'a> Prober<'a> {
    /// Of a built system.
    pub(super) fn new(
        plan: &'a Plan,
        system: &'a System,
        bench: &'a Bench,
        options: &'a CheckOptions,
        session: &'a Session<'a>,
    ) -> Result<Self> {
        Ok(Prober {
            plan,
            system,
            bench,
            options,
            session,
            store: Database::open(&store_path(&session.cache))?,
            silence: plan.machine.silence,
            boots: Cell::new(0),
            about: 1,
        })
    }

    /// Is told how many boots there will be, about.
    pub(super) fn expect(&mut self, boots: u64) {
        self.about = boots;
    }

    /// The plan that all variants come from.
    pub(super) fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// A record of the recipe's own machine that passed, new or from before.
    pub(super) fn own_machine(&mut self) -> Result<Record> {
        let request = self.request(self.plan);
        let known = self.records(self.plan, &request)?;
        let passed = known
            .into_iter()
            .rev()
            .find(|record| record.outcome == Some(Outcome::Passed));
        let mut record = match passed {
            Some(record) => record,
            None => {
                let name = size(self.plan.machine.memory.as_kib());
                let (report, record) = self.attempt(self.plan, Duration::ZERO, &name)?;
                if let Some(failed) = report.failed() {
                    return Err(Failure::from(failed)
                        .help("with all of the recipe's RAM it has to pass first: tuxling check"));
                }
                self.learn(&report);
                record
            }
        };
        if let Some(seconds) = record.boot.seconds {
            let limit = Duration::from_secs_f64((seconds * PATIENCE_BY_BOOT).clamp(0.0, 3600.0));
            self.be_patient(limit);
        }
        record.ram.probe = false;
        Ok(record)
    }

    /// A boot that passed tells how long a pause may be.
    fn learn(&mut self, report: &BootReport) {
        if report.outcome == Outcome::Passed {
            self.be_patient(report.longest_silence * PATIENCE);
        }
    }

    fn be_patient(&mut self, limit: Duration) {
        let most = self.plan.machine.silence;
        let now = if self.silence == most {
            Duration::ZERO
        } else {
            self.silence
        };
        self.silence = limit.max(now).max(SHORTEST_SILENCE).min(most);
    }

    /// What the system used at the smallest RAM, by the last boot that passed
    /// there.
    pub(super) fn steady(&self, edge: Option<u64>) -> Result<Option<Steady>> {
        let Some(kib) = edge else { return Ok(None) };
        let plan = self.sized(kib);
        let records = self.records(&plan, &self.request(&plan))?;
        let free = records
            .iter()
            .rev()
            .filter(|record| record.outcome == Some(Outcome::Passed))
            .find_map(|record| record.ram.free_kib);
        Ok(free.map(|free| Steady {
            used_kib: kib.saturating_sub(free),
            free_kib: free,
        }))
    }

    /// Used RAM in attempt number `at` (from 0) at a variant of the plan.
    pub(super) fn used_after(&mut self, plan: &Plan, at: usize, name: &str) -> Result<u64> {
        let request = BootRequest {
            quiet: QUIET,
            pause: None,
            ..self.request(plan)
        };
        let all_used = |records: &[Record]| -> Vec<u64> {
            let passed = records
                .iter()
                .filter(|record| record.outcome == Some(Outcome::Passed));
            passed.filter_map(used).collect()
        };
        let known = all_used(&self.records(plan, &request)?);
        if let Some(used) = known.get(at) {
            return Ok(*used);
        }
        let (report, record) = self.attempt(plan, QUIET, name)?;
        match (report.failed(), used(&record)) {
            (Some(failed), _) => Err(failed.into()),
            (None, Some(used)) => Ok(used),
            (None, None) => Err(Failure::new(
                Kind::Check,
                "the guest did not tell how much RAM it uses",
            )),
        }
    }

    /// Boots with so much RAM, and looks into the machine at the end. It proves
    /// nothing, and isn't kept. Gives the size of what was loaded as the
    /// ramdisk, too.
    pub(super) fn inspect(&mut self, kib: u64, wish: InspectWish) -> Result<(BootReport, u64)> {
        let plan = self.sized(kib);
        let request = BootRequest {
            inspect: Some(wish),
            ..self.request(&plan)
        };
        let report = self.boot(&request, &format!("look at {}", size(kib)))?;
        let initrd = request.dir.join("initrd");
        // A machine that starts from flash memory has none.
        let bytes = std::fs::metadata(&initrd).map_or(0, |file| file.len());
        Ok((report, bytes))
    }

    /// The plan for a machine with so much RAM. The ramdisk stays as it was
    /// packed: the system under test is the same bytes.
    fn sized(&self, kib: u64) -> Plan {
        let mut plan = self.plan.clone();
        plan.machine.memory = Bytes::kib(kib);
        plan
    }

    fn request<'b>(&'b self, plan: &'b Plan) -> BootRequest<'b> {
        BootRequest {
            silence: self.silence,
            dir: self.system.output.join("ram"),
            ..check::request(plan, self.system, self.bench, self.options)
        }
    }

    /// What is known of a trial.
    fn records(&self, plan: &Plan, request: &BootRequest<'_>) -> Result<Vec<Record>> {
        let bench = self.bench;
        let trial = check::trial_id(
            plan,
            self.system,
            request,
            bench.qemu_version.as_deref(),
            Some(bench.accelerator),
        )?;
        Ok(self.store.of_trial(&trial)?)
    }

    /// One boot that counts: it is in the store when this returns.
    fn attempt(&self, plan: &Plan, quiet: Duration, name: &str) -> Result<(BootReport, Record)> {
        let request = BootRequest {
            quiet,
            ..self.request(plan)
        };
        let report = self.boot(&request, name)?;
        let version = self.bench.qemu_version.as_deref();
        let trial = check::trial_id(plan, self.system, &request, version, report.accelerator)?;
        let mut record = check::record(plan, self.system, &report, (version, trial), self.session);
        record.ram.probe = true;
        remember(&record, &self.session.cache)?;
        Ok((report, record))
    }

    fn boot(&self, request: &BootRequest<'_>, name: &str) -> Result<BootReport> {
        let progress = self.session.progress;
        let done = self.boots.replace(self.boots.get() + 1);
        progress.step(&Step {
            what: "",
            done,
            total: Some(self.about.max(done + 1)),
            unit: Unit::Of("boots or so"),
        });
        progress.begin(name);
        let started = Instant::now();
        let mut told = |event: vm::boot::watch::Progress<'_>| {
            check::tell(self.session, &event);
        };
        let report = boot::boot(&self.session.processes, request, &mut told);
        let report = report.map_err(|error| {
            progress.fail();
            let failure = Failure::from(error);
            match failure.kind {
                Kind::Interrupted(_) => {
                    failure.help("every boot so far is kept: the same command goes on from here")
                }
                _ => failure,
            }
        })?;
        let words = report.outcome.words();
        progress.end(&format!("{name}: {words}"), started.elapsed(), false);
        Ok(report)
    }
}

/// Used RAM without the free pages that a processor keeps at hand. How many
/// those are is chance (up to 150 KiB on a machine of 32 MiB), and they are free.
fn used(record: &Record) -> Option<u64> {
    let entries = record.mem.iter().flat_map(|mem| &mem.entries);
    let mut at_hand = entries.filter(|entry| entry.name == memory::AT_HAND);
    let at_hand = at_hand.find_map(|entry| u64::try_from(entry.kib?).ok());
    record.ram.used_kib?.checked_sub(at_hand.unwrap_or(0))
}

/// How a size is told.
fn size(kib: u64) -> String {
    format!("{:>9} KiB", grouped(kib))
}

/// Whether an attempt passed; `None` when it says nothing of the system.
fn verdict(outcome: Option<Outcome>, reason: Option<&str>) -> Option<bool> {
    match outcome? {
        Outcome::Passed => Some(true),
        Outcome::InfrastructureBroke => reason.is_some_and(loader_refuses).then_some(false),
        _ => Some(false),
    }
}

impl Oracle for Prober<'_> {
    type Error = Failure;

    fn known(&mut self, kib: u64) -> Result<SizeTally> {
        let plan = self.sized(kib);
        let mut tally = SizeTally::default();
        for record in self.records(&plan, &self.request(&plan))? {
            if let Some(passed) = verdict(record.outcome, record.reason.as_deref()) {
                tally.add(passed);
            }
        }
        Ok(tally)
    }

    fn passes(&mut self, kib: u64) -> Result<bool> {
        let plan = self.sized(kib);
        let (report, _) = self.attempt(&plan, Duration::ZERO, &size(kib))?;
        self.learn(&report);
        match verdict(Some(report.outcome), Some(&report.reason)) {
            Some(passed) => Ok(passed),
            None => Err(report.as_failed().into()),
        }
    }
}
