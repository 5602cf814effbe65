//! From a built system to a record: boot, checks, measurements.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use builder::system::System;
use host::cache::write_whole;
use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session, Step, Unit};
use measure::memory::{self, MemoryEvidence};
use measure::system_map::SystemMap;
use recipe::medium::Form;
use recipe::plan::{
    CheckPlan, ExercisePlan, MachinePlan, NetworkMode, NetworkPlan, Placement, RootPlan,
    StaticAddress,
};
use recipe::{Arch, Plan};
use record::{
    BootRecord, CheckOutcome, Database, MemRecord, Outcome, RamRecord, Record, store_path,
};
use serde::Serialize;
use vm::boot::board::BoardLines;
use vm::boot::watch::Progress;
use vm::boot::{self, BootReport, BootRequest, CountedBoot, FailedBoot, Observation};
use vm::check::agent::{self, GuestCompiler};
use vm::machine::medium::Medium;
use vm::machine::qemu::{self, Accelerator, Clock, Machine, Storage, Wiring};
use vm::machine::traps::KernelTraps;

use super::{built_record, diagnosis};
use crate::error::Result;

/// How checks are asked for.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Further arguments for QEMU.
    pub qemu_args: Vec<String>,
    /// What runs the machine; found out when `None`.
    pub accelerator: Option<Accelerator>,
    /// Whether the boot's instructions are counted in a second boot.
    pub boot_cost: bool,
    /// What the board's firmware boots; `None` where QEMU loads the kernel.
    pub medium: Option<Medium>,
}

/// A record, and what to tell the user when the system did not pass.
#[derive(Debug)]
pub struct Verdict {
    /// Everything that was measured.
    pub record: Record,
    /// The machine that was booted, without the checks' agent.
    pub machine: Machine,
    /// The boot, where it did not pass.
    pub failed: Option<FailedBoot>,
}

/// What a trial's identity is made of.
#[derive(Serialize)]
struct TrialKey<'a> {
    image: &'a Id,
    board: &'a recipe::Board,
    cmdline: &'a str,
    machine: &'a MachinePlan,
    network: &'a NetworkPlan,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<&'a RootPlan>,
    qemu_args: &'a [String],
    checks: &'a [CheckPlan],
    exercises: &'a [ExercisePlan],
    qemu_version: &'a str,
    accelerator: &'a str,
    agent: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    medium: Option<(Form, &'a str)>,
}

/// The machine of a plan that boots what stands in the folder `output`.
pub fn machine(
    plan: &Plan,
    output: &Path,
    accelerator: Accelerator,
    qemu_args: &[String],
) -> Machine {
    let separate = plan.ramdisk.placement == Placement::Separate;
    let loaded = match plan.board.flash {
        Some(_) => "flash",
        None => "kernel",
    };
    Machine {
        board: plan.board.clone(),
        kernel: output.join(loaded),
        device_tree: plan
            .board
            .device_tree
            .as_ref()
            .map(|_| output.join("device-tree")),
        initrd: separate.then(|| output.join("ramdisk")),
        storage: plan.root.as_ref().map(|root| storage(root, output)),
        cmdline: plan.kernel.cmdline.clone(),
        memory: plan.machine.memory,
        cpu: plan.machine.cpu.clone(),
        cpus: plan.machine.cpus,
        nic: plan.network.nic.clone(),
        subnet: match plan.network.mode {
            NetworkMode::Static(fixed) if fixed != StaticAddress::QEMU => Some(fixed),
            _ => None,
        },
        gateway: None,
        forwards: Vec::new(),
        accelerator,
        extra: qemu_args.to_vec(),
        medium: None,
    }
}

/// The disks of a system.
fn storage(root: &RootPlan, output: &Path) -> Storage {
    let first = match &root.image {
        Some(image) => image.path.clone(),
        None => output.join("root"),
    };
    let data = root.data.as_ref().map(|_| output.join("data"));
    Storage {
        root: root.clone(),
        images: std::iter::once(first).chain(data).collect(),
    }
}

/// The command that boots a machine with its console on the terminal.
pub fn interactive(machine: &Machine) -> Cmd {
    qemu::command(machine, Wiring::Terminal, Clock::Host)
}

/// What every boot of a system needs besides its plan.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The compiled agent; none where the board has no channel for it.
    pub agent: Option<PathBuf>,
    /// QEMU's version; none where a board takes its place.
    pub qemu_version: Option<String>,
    /// What runs the machine.
    pub accelerator: Accelerator,
}

/// Gets ready to boot a system.
pub fn bench(
    plan: &Plan,
    system: &System,
    options: &CheckOptions,
    session: &Session,
) -> Result<Bench> {
    // A board of the user's needs no QEMU.
    let on_board = plan.machine.console.is_some();
    let qemu_version = if on_board {
        None
    } else {
        Some(qemu_version(plan, session)?)
    };
    let accelerator = match options.accelerator {
        Some(accelerator) => accelerator,
        None if on_board => Accelerator::Tcg,
        None => self::accelerator(plan, session)?,
    };
    let agent = match plan.board.channel {
        Some(_) => Some(session.phase("agent", || build_agent(system, session))?),
        None => None,
    };
    Ok(Bench {
        agent,
        qemu_version,
        accelerator,
    })
}

/// The boot of a plan, with all its checks.
pub fn request<'a>(
    plan: &'a Plan,
    system: &System,
    bench: &'a Bench,
    options: &CheckOptions,
) -> BootRequest<'a> {
    let mut machine = machine(plan, &system.output, bench.accelerator, &options.qemu_args);
    if let Some(medium) = &options.medium {
        machine.memory = machine.memory.max(medium.firmware.memory);
        machine.medium = Some(medium.clone());
    }
    BootRequest {
        machine,
        checks: &plan.checks,
        exercises: &plan.exercises,
        agent: bench.agent.as_deref(),
        adversary: None,
        faults: None,
        board: board_lines(plan),
        timeout: plan.machine.timeout,
        silence: plan.machine.silence,
        quiet: Duration::ZERO,
        pause: None,
        inspect: None,
        dir: system.output.join(match &options.medium {
            None => "boot".to_owned(),
            Some(medium) => format!("boot-{}", medium.form),
        }),
    }
}

/// The identity of a trial: of all boots that should come out alike.
pub fn trial_id(
    plan: &Plan,
    system: &System,
    request: &BootRequest<'_>,
    qemu_version: Option<&str>,
    accelerator: Option<Accelerator>,
) -> Result<Id> {
    let key = TrialKey {
        image: &system.image_id,
        board: &plan.board,
        cmdline: &plan.kernel.cmdline,
        machine: &plan.machine,
        network: &plan.network,
        root: plan.root.as_ref(),
        qemu_args: &request.machine.extra,
        checks: &plan.checks,
        exercises: &plan.exercises,
        qemu_version: qemu_version.unwrap_or_default(),
        accelerator: accelerator.map_or("", Accelerator::name),
        agent: Id::of_bytes(agent::SOURCE.as_bytes()),
        quiet: Some(request.quiet).filter(|quiet| !quiet.is_zero()),
        medium: request
            .machine
            .medium
            .as_ref()
            .map(|medium| (medium.form, medium.firmware.name.as_str())),
    };
    Ok(Id::of("trial/1", &key)?)
}

/// The record of one boot.
pub fn record(
    plan: &Plan,
    system: &System,
    report: &BootReport,
    (qemu_version, trial): (Option<&str>, Id),
    session: &Session,
) -> Record {
    let mut record = built_record(plan, system, session);
    fill(&mut record, report);
    record.mem = ledger(system, report);
    record.qemu_version = qemu_version.map(str::to_owned);
    record.ids.trial_id = Some(trial);
    record
}

/// Boots a system, runs its checks, and records what came out.
pub fn check(
    plan: &Plan,
    system: &System,
    options: &CheckOptions,
    session: &Session,
) -> Result<Verdict> {
    let bench = bench(plan, system, options, session)?;
    let mut request = request(plan, system, &bench, options);
    // Another QEMU's registers are not those that traps are read from.
    let medium = options.medium.as_ref();
    let traps = match medium.and_then(|medium| medium.firmware.qemu.as_ref()) {
        None => kernel_traps(plan, system)?,
        Some(_) => None,
    };
    let observation = observation(traps.as_ref());
    let mut report = boot_once(&request, &observation, session)?;
    // Nobody's kernel is judged by a KVM that runs nothing.
    if options.accelerator.is_none()
        && bench.accelerator == Accelerator::Kvm
        && printed_nothing(&report)
    {
        session
            .progress
            .note("under KVM the machine printed nothing at all; trying TCG");
        request.machine.accelerator = Accelerator::Tcg;
        report = boot_once(&request, &observation, session)?;
        if !printed_nothing(&report) {
            let version = bench.qemu_version.as_deref().unwrap_or_default();
            remember_accelerator(Accelerator::Tcg, plan.board.arch, version, session)?;
        }
    }
    let version = bench.qemu_version.as_deref();
    let trial_id = trial_id(plan, system, &request, version, report.accelerator)?;
    let on_board = request.board.is_some();
    let countable = plan.board.arch.facts().cycle_counter && !on_board;
    let mut instructions = None;
    if options.boot_cost && countable && report.outcome == Outcome::Passed {
        let counted = session.phase("boot cost", || {
            boot_cost(&trial_id, &request, system, &observation, session)
        })?;
        instructions = counted.instructions;
        // No boot of a check's own may end in a trap.
        if let Some(trapped) = counted.trapped {
            report = BootReport {
                reason: format!("{}, in the boot that counts instructions", trapped.reason),
                ..trapped
            };
        }
    }
    let mut record = record(plan, system, &report, (version, trial_id), session);
    record.boot.instructions = instructions;
    record.diagnoses = diagnosis::of_boot(plan, system, &request.machine, &report, version);
    Ok(Verdict {
        failed: report.failed(),
        record,
        machine: request.machine,
    })
}

/// The lines to a board that takes QEMU's place.
fn board_lines(plan: &Plan) -> Option<BoardLines> {
    Some(BoardLines {
        console: plan.machine.console.clone()?,
        channel: plan.machine.channel.clone(),
        hands: plan.machine.hands.clone(),
    })
}

/// The traps of a system's kernel, where it was pruned.
fn kernel_traps(plan: &Plan, system: &System) -> Result<Option<KernelTraps>> {
    if plan.machine.console.is_some() {
        return Ok(None); // nobody looks into a board
    }
    let place = plan.board.arch.facts().place;
    Ok(KernelTraps::of_file(&system.kernel.vmlinux(), place)?)
}

fn observation(traps: Option<&KernelTraps>) -> Observation<'_> {
    Observation {
        traps: traps.map(|traps| traps.watched(traps)),
        leave: None,
    }
}

fn boot_once(
    request: &BootRequest,
    observation: &Observation<'_>,
    session: &Session,
) -> Result<BootReport> {
    session.phase("boot and checks", || {
        let mut ended = 0;
        let mut told = |progress: Progress<'_>| {
            tell(session, &progress);
            if matches!(progress, Progress::CheckEnded(_)) {
                ended += 1;
                session.progress.step(&Step {
                    what: "",
                    done: ended,
                    total: Some(request.checks.len() as u64),
                    unit: Unit::Of("checks"),
                });
            }
        };
        let report = boot::observed(&session.processes, request, observation, &mut told)?;
        if let Some(note) = &report.note {
            session.progress.note(note);
        }
        Ok(Cached::fresh(report))
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
    observation: &Observation<'_>,
    session: &Session,
) -> Result<Cached<CountedBoot>> {
    let store = Database::open(&store_path(&session.cache))?;
    if let Some(known) = store.boot_instructions(trial)? {
        return Ok(Cached::hit(CountedBoot {
            instructions: Some(known),
            trapped: None,
        }));
    }
    let request = BootRequest {
        dir: system.output.join("boot-cost"),
        ..request.clone()
    };
    Ok(boot::count_instructions(&session.processes, &request, observation).map(Cached::fresh)?)
}

/// The console's lines are a tool's output; so are the checks' names.
pub fn tell(session: &Session, progress: &Progress<'_>) {
    match progress {
        Progress::Console(bytes) => {
            for line in String::from_utf8_lossy(bytes).lines() {
                session.progress.tool_line(line);
            }
        }
        Progress::BoardAwaited(text) => session.progress.note(text),
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
pub fn fill(record: &mut Record, report: &BootReport) {
    record.outcome = Some(report.outcome);
    let skipped = report
        .checks
        .iter()
        .any(|c| c.outcome == CheckOutcome::Skipped);
    record.reason =
        Some(report.reason.clone()).filter(|_| skipped || report.outcome != Outcome::Passed);
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
        instructions: None,
        seconds,
    };
    record.qemu = report
        .command
        .as_ref()
        .map(Cmd::to_list)
        .unwrap_or_default();
    record.accelerator = report.accelerator.map(|a| a.name().to_owned());
}

/// Where the RAM was. What of the evidence can't be read is left out.
fn ledger(system: &System, report: &BootReport) -> Option<MemRecord> {
    let text = |name: &str| fs::read_to_string(system.output.join(name)).unwrap_or_default();
    let device_tree = fs::metadata(system.output.join("device-tree"));
    memory::ledger(&MemoryEvidence {
        machine_kib: report.ram.machine_kib,
        guest: &report.memory,
        console: &report.console,
        symbols: &SystemMap::parse(&text("System.map")),
        config: &text("config"),
        device_tree_bytes: device_tree.ok().map(|file| file.len()),
        agent_kib: report.ram.agent_kib,
    })
}

/// QEMU's version for the board of a plan.
///
/// # Errors
/// When QEMU is not installed.
pub fn qemu_version(plan: &Plan, session: &Session) -> Result<String> {
    let facts = plan.board.arch.facts();
    if session.processes.find(facts.qemu).is_none() {
        return Err(host::Error::missing_tool(facts.qemu, "boot this board").into());
    }
    qemu::version(&session.processes, plan.board.arch)
        .map_err(|e| host::Error::command(Kind::Machine, "ask QEMU for its version", e).into())
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
    let json = serde_json::to_vec(&found)?;
    Ok(write_whole(
        &accelerator_file(arch, qemu_version, session)?,
        &json,
    )?)
}

/// Where the answer is kept until the host is booted again.
fn accelerator_file(arch: Arch, qemu_version: &str, session: &Session) -> Result<PathBuf> {
    let host_boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let id = Id::of("accelerator/2", &(host_boot.trim(), arch, qemu_version))?;
    Ok(session.cache.folder("accelerator")?.join(id.short()))
}

/// Programs of ours that run in a guest.
#[derive(Clone, Debug)]
pub struct GuestPrograms {
    /// What runs the checks.
    pub agent: PathBuf,
    /// What provokes the kernel.
    pub adversary: PathBuf,
}

/// The programs that a boot under adversity needs.
///
/// # Errors
/// When they don't compile.
pub fn build_programs(system: &System, session: &Session) -> Result<GuestPrograms> {
    let agent = session.phase("agent", || build_agent(system, session))?;
    let adversary = session.phase("adversary", || {
        guest_program("adversary", agent::ADVERSARY_SOURCE, system, session)
    })?;
    Ok(GuestPrograms { agent, adversary })
}

/// The checks' agent.
pub fn build_agent(system: &System, session: &Session) -> Result<Cached<PathBuf>> {
    guest_program("agent", agent::SOURCE, system, session)
}

/// The program that opens connections.
pub(crate) fn build_connections(system: &System, session: &Session) -> Result<Cached<PathBuf>> {
    guest_program("connections", agent::CONNECTIONS_SOURCE, system, session)
}

/// A program of ours, kept by its source and the compiler.
fn guest_program(
    name: &str,
    source: &str,
    system: &System,
    session: &Session,
) -> Result<Cached<PathBuf>> {
    let id = Id::of("agent/1", &(source, &system.compiler.id))?;
    let dir = session.cache.folder("agent")?.join(id.short());
    let program = dir.join(name);
    if program.exists() && is_sound(&dir, name, session.progress)? {
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
    fill_sealed(&dir, |fresh| {
        agent::compile(&session.processes, &compiler, source, &fresh.join(name))
    })?;
    Ok(Cached::fresh(program))
}
