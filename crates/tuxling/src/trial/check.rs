//! From a built system to a record: boot, checks, measurements.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::system::System;
use super::{Outcome, built_record, store_path};
use crate::check::agent::{self, GuestCompiler};
use crate::error::{Failure, Kind, Result};
use crate::machine::Arch;
use crate::machine::boot::{self, BootReport, BootRequest};
use crate::machine::qemu::{self, Accelerator, Clock, Machine, Wiring};
use crate::machine::watch::Progress;
use crate::process::Cmd;
use crate::recipe::Plan;
use crate::recipe::plan::{CheckPlan, ExercisePlan, MachinePlan, NetworkPlan, Placement};
use crate::report::Record;
use crate::report::record::{BootRecord, RamRecord};
use crate::session::{Cached, Session, missing_tool, process_failure};
use crate::store::Database;
use crate::store::cache::{fill_folder, write_whole};
use crate::store::id::Id;

/// How checks are asked for.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Further arguments for QEMU.
    pub qemu_args: Vec<String>,
    /// What runs the machine; found out when `None`.
    pub accelerator: Option<Accelerator>,
    /// Whether the boot's instructions are counted in a second boot.
    pub boot_cost: bool,
}

/// A record, and what to tell the user when the system did not pass.
#[derive(Debug)]
pub struct Verdict {
    /// Everything that was measured.
    pub record: Record,
    /// The machine that was booted, without the checks' agent.
    pub machine: Machine,
    /// Why it did not pass.
    pub failure: Option<Failure>,
}

/// What a trial's identity is made of.
#[derive(Serialize)]
struct TrialKey<'a> {
    image: &'a Id,
    board: &'a crate::machine::Board,
    cmdline: &'a str,
    machine: &'a MachinePlan,
    network: &'a NetworkPlan,
    qemu_args: &'a [String],
    checks: &'a [CheckPlan],
    exercises: &'a [ExercisePlan],
    qemu_version: &'a str,
    accelerator: &'a str,
    agent: Id,
}

/// The machine of a plan that boots what stands in the folder `output`.
pub fn machine(
    plan: &Plan,
    output: &Path,
    accelerator: Accelerator,
    qemu_args: &[String],
) -> Machine {
    let separate = plan.ramdisk.placement == Placement::Separate;
    Machine {
        board: plan.board.clone(),
        kernel: output.join("kernel"),
        device_tree: plan
            .board
            .device_tree
            .as_ref()
            .map(|_| output.join("device-tree")),
        initrd: separate.then(|| output.join("ramdisk")),
        cmdline: plan.kernel.cmdline.clone(),
        memory: plan.machine.memory,
        cpu: plan.machine.cpu.clone(),
        nic: plan.network.nic.clone(),
        accelerator,
        extra: qemu_args.to_vec(),
    }
}

/// The command that boots a machine with its console on the terminal.
pub fn interactive(machine: &Machine) -> Cmd {
    qemu::command(machine, Wiring::Terminal, Clock::Host)
}

/// Boots a system, runs its checks, and records what came out.
pub fn check(
    plan: &Plan,
    system: &System,
    options: &CheckOptions,
    session: &Session,
) -> Result<Verdict> {
    let version = qemu_version(plan, session)?;
    let chosen = match options.accelerator {
        Some(accelerator) => accelerator,
        None => accelerator(plan, session)?,
    };
    let agent = session.phase("agent", || build_agent(system, session))?;
    let mut request = BootRequest {
        machine: machine(plan, &system.output, chosen, &options.qemu_args),
        checks: &plan.checks,
        exercises: &plan.exercises,
        agent: &agent,
        timeout: plan.machine.timeout,
        silence: plan.machine.silence,
        dir: system.output.join("boot"),
    };
    let mut report = boot_once(&request, session)?;
    // Nobody's kernel is judged by a KVM that runs nothing.
    if options.accelerator.is_none() && chosen == Accelerator::Kvm && printed_nothing(&report) {
        session
            .progress
            .note("under KVM the machine printed nothing at all; trying TCG");
        request.machine.accelerator = Accelerator::Tcg;
        report = boot_once(&request, session)?;
        if !printed_nothing(&report) {
            remember_accelerator(Accelerator::Tcg, plan.board.arch, &version, session)?;
        }
    }
    let key = TrialKey {
        image: &system.image_id,
        board: &plan.board,
        cmdline: &plan.kernel.cmdline,
        machine: &plan.machine,
        network: &plan.network,
        qemu_args: &options.qemu_args,
        checks: &plan.checks,
        exercises: &plan.exercises,
        qemu_version: &version,
        accelerator: report.accelerator.name(),
        agent: Id::of_bytes(agent::SOURCE.as_bytes()),
    };
    let trial_id = Id::of("trial/1", &key).map_err(|e| Failure::new(Kind::Check, e.to_string()))?;
    let countable = plan.board.arch.facts().cycle_counter;
    let instructions = match options.boot_cost && countable && report.outcome == Outcome::Passed {
        true => session.phase("boot cost", || {
            boot_cost(&trial_id, &request, system, session)
        })?,
        false => None,
    };
    let mut record = built_record(plan, system, session);
    fill(&mut record, &report, instructions);
    record.qemu_version = Some(version);
    record.ids.trial_id = Some(trial_id);
    Ok(Verdict {
        record,
        machine: request.machine,
        failure: report.failure(),
    })
}

fn boot_once(request: &BootRequest, session: &Session) -> Result<BootReport> {
    session.phase("boot and checks", || {
        let mut told = |progress: Progress<'_>| tell(session, &progress);
        boot::boot(&session.processes, request, &mut told).map(Cached::fresh)
    })
}

fn printed_nothing(report: &BootReport) -> bool {
    report.outcome == Outcome::BootHung && report.console.is_empty()
}

/// The instructions of the boot: counted in a boot of its own, or remembered
/// from an earlier attempt at the same trial.
fn boot_cost(
    trial: &Id,
    request: &BootRequest,
    system: &System,
    session: &Session,
) -> Result<Cached<Option<u64>>> {
    let store = Database::open(&store_path(&session.cache))?;
    if let Some(known) = store.boot_instructions(trial)? {
        return Ok(Cached::hit(Some(known)));
    }
    let request = BootRequest {
        dir: system.output.join("boot-cost"),
        ..request.clone()
    };
    boot::count_instructions(&session.processes, &request).map(Cached::fresh)
}

/// The console's lines are a tool's output; so are the checks' names.
fn tell(session: &Session, progress: &Progress<'_>) {
    match progress {
        Progress::Console(bytes) => {
            for line in String::from_utf8_lossy(bytes).lines() {
                session.progress.tool_line(line);
            }
        }
        Progress::CheckStarted(check) => {
            session.progress.tool_line(&format!("check {}", check.name))
        }
        Progress::CheckEnded(check) => {
            let line = format!("check {}: {}", check.name, check.outcome.words());
            session.progress.tool_line(&line);
        }
    }
}

/// What a boot adds to the record of a build.
fn fill(record: &mut Record, report: &BootReport, instructions: Option<u64>) {
    record.outcome = Some(report.outcome);
    record.reason = Some(report.reason.clone()).filter(|_| report.outcome != Outcome::Passed);
    record.checks = report.checks.clone();
    record.exercises = report.exercises.clone();
    record.ram = RamRecord {
        machine_kib: record.ram.machine_kib,
        ..report.ram
    };
    let seconds = report
        .first_pass
        .as_ref()
        .map(|pass| pass.after.as_secs_f64());
    record.boot = BootRecord {
        instructions,
        seconds,
    };
    record.qemu = report.command.to_list();
    record.accelerator = Some(report.accelerator.name().to_owned());
}

/// QEMU's version for the board of a plan.
///
/// # Errors
/// When QEMU is not installed.
pub fn qemu_version(plan: &Plan, session: &Session) -> Result<String> {
    let facts = plan.board.arch.facts();
    if session.processes.find(facts.qemu).is_none() {
        return Err(missing_tool(facts.qemu, "boot this board"));
    }
    qemu::version(&session.processes, plan.board.arch)
        .map_err(|e| process_failure(Kind::Machine, "ask QEMU for its version", e))
}

/// What runs a plan's machine here. Whether KVM is of use is tried once for
/// each boot of the host.
pub fn accelerator(plan: &Plan, session: &Session) -> Result<Accelerator> {
    let arch = plan.board.arch;
    if !qemu::kvm_opens(arch) {
        return Ok(Accelerator::Tcg);
    }
    let version = qemu_version(plan, session)?;
    let kept = accelerator_file(arch, &version, session)?;
    if let Some(known) = fs::read(&kept)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
    {
        return Ok(known);
    }
    let found = Accelerator::probe(
        &session.processes,
        arch,
        &session.cache.folder("accelerator")?,
    )?;
    remember_accelerator(found, arch, &version, session)?;
    Ok(found)
}

fn remember_accelerator(
    found: Accelerator,
    arch: Arch,
    qemu_version: &str,
    session: &Session,
) -> Result<()> {
    let json =
        serde_json::to_vec(&found).map_err(|e| Failure::new(Kind::Machine, e.to_string()))?;
    write_whole(&accelerator_file(arch, qemu_version, session)?, &json)
}

/// Where the answer is kept until the host is booted again.
fn accelerator_file(arch: Arch, qemu_version: &str, session: &Session) -> Result<PathBuf> {
    let host_boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let id = Id::of("accelerator/1", &(host_boot.trim(), arch, qemu_version))
        .map_err(|e| Failure::new(Kind::Machine, e.to_string()))?;
    Ok(session.cache.folder("accelerator")?.join(id.short()))
}

/// The checks' agent, kept by its source and the compiler.
pub fn build_agent(system: &System, session: &Session) -> Result<Cached<PathBuf>> {
    let id = Id::of("agent/1", &(agent::SOURCE, &system.compiler.id))
        .map_err(|e| Failure::new(Kind::Build, e.to_string()))?;
    let dir = session.cache.folder("agent")?.join(id.short());
    let program = dir.join("agent");
    if program.exists() {
        return Ok(Cached::hit(program));
    }
    let _lock = session
        .cache
        .lock(&dir, &|text| session.progress.note(text))?;
    let compiler = GuestCompiler {
        cc: system.compiler.cc.clone(),
        cflags: Vec::new(),
        ldflags: Vec::new(),
    };
    fill_folder(&dir, |fresh| {
        agent::build(&session.processes, &compiler, fresh)
    })?;
    Ok(Cached::fresh(program))
}
