//! Boots a system headless, with its checks, and watches it until it is done.
//!
//! QEMU writes the console, the agent's channel and the wire into files, which
//! are read here as they grow: a log can be read while the machine runs, there
//! is no connection to be lost, and QEMU never waits for a reader, so that two
//! boots under `-icount` are equal.

pub mod board;
mod capture;
mod confined;
mod files;
mod hands;
pub mod labgrid;
mod loaded;
mod request;
mod servers;
pub mod starting;
pub mod target;
pub mod watch;
mod watchdog;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host::error::Kind;
use host::process::{Cmd, ProcessError, Processes};
use recipe::plan::{GATEWAY, Via};
use record::{CheckRecord, ExerciseRecord, GuestMemory, Outcome, RamRecord};

use crate::check::agent::{self, PlanInput};
use crate::check::gateway::{Deeds, Gateway};
use crate::check::outcome::{self, BootEnd, BootFacts};
use crate::check::typist::{Calling, Typist};
use crate::check::verdict::Evidence;
use crate::check::wire::DhcpTraffic;
use crate::error::{Error, Result};
use crate::machine::console::last_lines;
use crate::machine::gdb::{self, TrapPoints, TrapSeen, TrapWatch};
use crate::machine::inspect::{self, Inspection};
use crate::machine::qemu::{self, Accelerator, Clock, Files, Machine, Wiring};
use board::BoardLines;
use confined::Confined;
use files::{read_ends, remove};
pub use loaded::on_medium;
pub use request::{BootRequest, Observation};
use servers::Servers;
use starting::Starting;
use target::Target;
use watch::{FirstPass, On, Progress, Watch};
use watchdog::Watchdog;

/// How often the files are looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// How much of the console's text a report holds.
const CONSOLE_KEPT: u64 = 256 << 10;

/// How many of the console's last lines a message shows.
const LINES_SHOWN: usize = 20;

/// What came out of a boot.
#[derive(Clone, Debug)]
pub struct BootReport {
    /// The outcome.
    pub outcome: Outcome,
    /// What it rests on.
    pub reason: String,
    /// Every check, in order.
    pub checks: Vec<CheckRecord>,
    /// What shows that they passed: one for each check, `None` where it didn't.
    pub evidence: Vec<Option<Evidence>>,
    /// Every exercise, in order.
    pub exercises: Vec<ExerciseRecord>,
    /// RAM when the last check had ended.
    pub ram: RamRecord,
    /// What the guest's own files said of it.
    pub memory: GuestMemory,
    /// How long the longest pause was between two signs of life.
    pub longest_silence: Duration,
    /// What the machine looked like at its end, where that was asked for.
    pub inspection: Option<Inspection>,
    /// The first check that passed.
    pub first_pass: Option<FirstPass>,
    /// What the console printed; of very much only the beginning and the end.
    pub console: String,
    /// All that the console printed.
    pub console_log: PathBuf,
    /// The command that booted it; none for a board.
    pub command: Option<Cmd>,
    /// What ran it; none for a board.
    pub accelerator: Option<Accelerator>,
    /// What the user should know of the boot's files.
    pub note: Option<String>,
    /// The system's init, and why it could not be executed.
    pub no_init: Option<i32>,
    /// What QEMU said of itself, when it failed.
    pub qemu_said: Option<String>,
    /// What a DHCP server said on the wire.
    pub dhcp: DhcpTraffic,
    /// The trap that ended it.
    pub trap: Option<TrapSeen>,
    /// Wall-clock time from QEMU's start to its end.
    pub took: Duration,
    /// What a gateway of our own did.
    pub deeds: Option<Deeds>,
    /// Which pages of cold code were loaded when the checks were done.
    pub loaded: Option<Vec<u16>>,
}

impl BootReport {
    /// What there is to tell of it; `None` when the boot passed.
    pub fn failed(&self) -> Option<FailedBoot> {
        (self.outcome != Outcome::Passed).then(|| self.as_failed())
    }

    /// What there is to tell of a boot that is not good enough, even if its own
    /// checks passed.
    pub fn as_failed(&self) -> FailedBoot {
        FailedBoot {
            outcome: self.outcome,
            reason: self.reason.clone(),
            console: last_lines(&self.console, LINES_SHOWN),
            console_log: self.console_log.clone(),
            command: self.command.as_ref().map(Cmd::to_line),
        }
    }
}

/// A boot that did not pass.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {reason}", outcome.words())]
pub struct FailedBoot {
    /// Its outcome.
    pub outcome: Outcome,
    /// What that rests on.
    pub reason: String,
    /// The console's last lines; empty when it printed nothing.
    pub console: String,
    /// All that the console printed.
    pub console_log: PathBuf,
    /// The command that booted it; none for a board.
    pub command: Option<String>,
}

impl FailedBoot {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self.outcome {
            Outcome::InfrastructureBroke => Kind::Machine,
            _ => Kind::Check,
        }
    }
}

/// Boots, checks, and reports. An `Err` is no outcome: the user interrupted,
/// QEMU is missing, or a file of ours could not be written or read.
pub fn boot(
    processes: &Processes,
    request: &BootRequest<'_>,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<BootReport> {
    observed(processes, request, &Observation::default(), on_progress)
}

/// Boots and checks like [`boot()`], and looks for more.
pub fn observed(
    processes: &Processes,
    request: &BootRequest<'_>,
    observation: &Observation<'_>,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<BootReport> {
    Prepared::new(processes, request, Clock::Host, observation)?.run(
        processes,
        request,
        observation,
        on_progress,
    )
}

/// Boots once more, counting instructions, and stops at the first check that
/// passes. The guest's cycle counter then is the number of instructions since
/// reset, idle time counted as if it had been spent in instructions; `None`
/// where no check passed or the architecture has no such counter.
pub fn count_instructions(
    processes: &Processes,
    request: &BootRequest<'_>,
    observation: &Observation<'_>,
) -> Result<CountedBoot> {
    let report = Prepared::new(processes, request, Clock::Instructions, observation)?.run(
        processes,
        request,
        observation,
        &mut |_| {},
    )?;
    Ok(CountedBoot {
        instructions: report.first_pass.and_then(|pass| pass.ticks),
        trapped: report.trap.map(|_| report),
    })
}

/// A boot that counted instructions.
#[derive(Debug)]
pub struct CountedBoot {
    /// How many until the first check that passed.
    pub instructions: Option<u64>,
    /// The boot, where it ran into a trap.
    pub trapped: Option<BootReport>,
}

/// A boot with all its files written.
struct Prepared {
    clock: Clock,
    files: Files,
    errors: PathBuf,
    machine: Machine,
    servers: Servers,
    confined: Option<Confined>,
}

impl Prepared {
    fn new(
        processes: &Processes,
        request: &BootRequest<'_>,
        clock: Clock,
        observation: &Observation<'_>,
    ) -> Result<Self> {
        let dir = &request.dir;
        std::fs::create_dir_all(dir).map_err(|e| host::Error::file("create", dir, e))?;
        let files = fresh_files(request, clock)?;
        let servers = Servers::start(request, clock)?;
        let plan = agent::plan(&PlanInput {
            nonce: &servers.nonce,
            init: init(&request.machine),
            checks: request.checks,
            exercises: request.exercises,
            host: request
                .machine
                .subnet
                .map_or(GATEWAY, |fixed| fixed.gateway),
            server: &servers.files,
            echoes: &servers.echoes,
            askers: &servers.askers,
            board: request.board.is_some(),
            on_disk: request.machine.storage.is_some(),
            quiet: request.quiet,
            pause: request.pause,
            leave: observation.leave,
        })?;
        let mut machine = loaded::machine(request, &plan, processes)?;
        machine.forwards = servers.askers.forwards().to_vec();
        machine.gateway = servers.gateway.as_ref().map(Gateway::address);
        Ok(Prepared {
            confined: Confined::new(request, &machine)?,
            clock,
            files,
            errors: dir.join("qemu.log"),
            machine,
            servers,
        })
    }

    fn run(
        &self,
        processes: &Processes,
        request: &BootRequest<'_>,
        observation: &Observation<'_>,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<BootReport> {
        let ended = self.run_through(processes, request, observation, on_progress);
        // However it ended, no board is left running.
        let left = match &request.board {
            Some(lines) => hands::leave(processes, &lines.hands),
            None => Ok(()),
        };
        let report = ended?;
        left?;
        Ok(report)
    }

    fn run_through(
        &self,
        processes: &Processes,
        request: &BootRequest<'_>,
        observation: &Observation<'_>,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<BootReport> {
        let socket = match observation.traps {
            Some(_) => Some(gdb::socket_folder().map_err(Error::Unwatched)?),
            None => None,
        };
        let socket = socket.as_ref().map(|(_folder, path)| path.as_path());
        let (mut target, command) = self.start(processes, request, socket, on_progress)?;
        let mut watch = self.watch(request);
        let started = Instant::now();
        let mut traps = None;
        if let (Some(path), Some(wanted)) = (socket, observation.traps) {
            traps = self.watch_traps(path, wanted.points, &mut target)?;
        }
        let mut watchdog = Watchdog::new(request, self.clock, observation.leave);
        let end = self.attend(
            processes,
            &mut target,
            &mut watchdog,
            &mut watch,
            &mut traps,
            on_progress,
        )?;
        let inspection = request
            .inspect
            .as_ref()
            .and_then(|wish| inspect::look(&monitor(request), wish, &request.dir));
        let looked = self.confined.as_ref().map(|c| c.look(&request.dir));
        target.end()?;
        watch.finish(on_progress).map_err(|e| self.unreadable(e))?;
        let took = started.elapsed();
        let end = match (end, observation.traps) {
            (Looked::Trapped(seen), Some(traps)) => {
                let end = BootEnd::Trapped(traps.words.words(&seen));
                (end, Some(seen))
            }
            (Looked::Trapped(seen), None) => (BootEnd::Trapped(String::new()), Some(seen)),
            (Looked::Ended(end), _) => (end, None),
        };
        let mut report = self.report(request, command, end, &watch, took);
        report.longest_silence = watchdog.longest_silence;
        report.inspection = inspection;
        confined::judge(&mut report, looked);
        report.loaded = traps.and_then(|traps| traps.loaded().map(<[u16]>::to_vec));
        Ok(report)
    }

    /// What looks at the boot's files.
    fn watch<'a>(&'a self, request: &'a BootRequest<'_>) -> Watch<'a> {
        let (on, calling, patience) = match &request.board {
            None => {
                let channel = self.machine.board.channel.as_ref();
                let on = channel.map_or(On::MuteQemu, |_| On::Qemu);
                (on, Calling::Freely, request.silence)
            }
            Some(lines) => (
                lines.channel.as_ref().map_or(On::MuteBoard, |_| On::Board),
                lines.calling(),
                watchdog::board_wait(request),
            ),
        };
        let checks = match self.clock {
            Clock::Host => request.checks,
            Clock::Instructions => &[],
        };
        Watch::new(
            &self.files,
            &self.servers.nonce,
            request.checks,
            request.exercises,
            &self.servers,
            Typist::new(&self.servers.nonce, checks, calling, patience),
            on,
        )
    }

    /// Starts QEMU, or opens the lines to the board.
    fn start(
        &self,
        processes: &Processes,
        request: &BootRequest<'_>,
        traps: Option<&Path>,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(Target, Option<Cmd>)> {
        if let Some(lines) = &request.board {
            let loaded = self.loaded(request, lines);
            let board = Starting {
                processes,
                lines,
                loaded,
                dir: &request.dir,
                files: &self.files,
            };
            return Ok((board.start(on_progress)?, None));
        }
        let keys = match &self.files.keys {
            Some(base) => Some(target::console_with_keys(&self.files, base)?),
            None => None,
        };
        let mut command = qemu::command(&self.machine, Wiring::Headless(&self.files), self.clock);
        if request.inspect.is_some() {
            command = command.args(inspect::arguments(&monitor(request)));
        }
        // Who boots it by hand has no debugger that would let it run.
        let shown = command.clone();
        if let Some(confined) = &self.confined {
            command = confined.watched(command);
        }
        if let Some(socket) = traps {
            command = command.args(gdb::qemu_arguments(socket));
        }
        let errors =
            File::create(&self.errors).map_err(|e| host::Error::file("create", &self.errors, e))?;
        let again = errors
            .try_clone()
            .map_err(|e| host::Error::file("open", &self.errors, e))?;
        let running = processes
            .spawn(&command, errors.into(), again.into())
            .map_err(not_started)?;
        let errors = self.errors.clone();
        let qemu = Target::Qemu {
            running,
            keys,
            errors,
        };
        Ok((qemu, Some(shown)))
    }

    /// What a board is loaded with.
    fn loaded<'a>(&'a self, request: &'a BootRequest<'_>, lines: &BoardLines) -> &'a Machine {
        // Without a channel there is nobody whom an agent could tell anything.
        match lines.channel {
            Some(_) => &self.machine,
            None => &request.machine,
        }
    }

    /// Lets a machine that waits for it run with an eye on its traps. `None`
    /// when QEMU ended before it listened: its own words tell why.
    fn watch_traps(
        &self,
        socket: &Path,
        points: &TrapPoints,
        target: &mut Target,
    ) -> Result<Option<TrapWatch>> {
        let accelerator = self.machine.accelerator;
        let mut alive = || matches!(target.poll(), Ok(None));
        match TrapWatch::begin(socket, points.clone(), accelerator, &mut alive) {
            Ok(watch) => Ok(Some(watch)),
            Err(_) if !alive() => Ok(None),
            Err(error) => Err(Error::Unwatched(error)),
        }
    }

    /// Looks on until there is a reason to stop.
    fn attend(
        &self,
        processes: &Processes,
        target: &mut Target,
        watchdog: &mut Watchdog,
        watch: &mut Watch<'_>,
        traps: &mut Option<TrapWatch>,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Looked> {
        loop {
            // Before the files: what was written before the end is still read.
            let ended = target.poll()?;
            if watch.poll(on_progress).map_err(|e| self.unreadable(e))? {
                watchdog.sign();
            }
            if let Some(traps) = traps {
                if watch.done() && ended.is_none() {
                    // A machine that ends meanwhile tells nothing more.
                    let _ = traps.look_at_loaded();
                }
                if let Some(seen) = traps.poll().map_err(Error::Unwatched)? {
                    return Ok(Looked::Trapped(seen));
                }
            }
            if let Some(end) = ended {
                return Ok(Looked::Ended(end));
            }
            target.send(&watch.take_keys())?;
            if let Some(signal) = processes.cancel().signal() {
                return Err(host::Error::Interrupted { signal }.into());
            }
            if let Some(end) = watchdog.reason_to_stop(watch) {
                return Ok(Looked::Ended(end));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn report(
        &self,
        request: &BootRequest<'_>,
        command: Option<Cmd>,
        (end, trap): (BootEnd, Option<TrapSeen>),
        watch: &Watch<'_>,
        took: Duration,
    ) -> BootReport {
        let checks = watch.records();
        let qemu_said = match &end {
            BootEnd::QemuFailed(said) => Some(said.clone()),
            _ => None,
        };
        let facts = BootFacts {
            end,
            checks: &checks,
            console: watch.console(),
            printed: watch.volume().0 > 0,
            agent: watch.agent_spoke(),
            mute: self.machine.board.channel.is_none(),
            board: request.board.is_some(),
            init: (init(&request.machine), watch.no_init()),
        };
        let (outcome, reason) = outcome::outcome(&facts);
        BootReport {
            outcome,
            reason,
            evidence: watch.evidence().to_vec(),
            exercises: watch.exercises(),
            ram: watch.ram(self.machine.memory.as_kib()),
            memory: watch.guest_memory(),
            longest_silence: Duration::ZERO,
            inspection: None,
            first_pass: watch.first_pass(),
            // A console that was never written has no file.
            console: read_ends(&self.files.console, CONSOLE_KEPT).unwrap_or_default(),
            console_log: self.files.console.clone(),
            accelerator: command.as_ref().map(|_| match self.clock {
                Clock::Host => self.machine.accelerator,
                Clock::Instructions => Accelerator::Tcg,
            }),
            command,
            note: watch.note(),
            no_init: watch.no_init(),
            qemu_said,
            dhcp: watch.dhcp(),
            trap,
            took,
            checks,
            deeds: self.servers.gateway.as_ref().map(Gateway::deeds),
            loaded: None,
        }
    }

    fn unreadable(&self, error: std::io::Error) -> host::Error {
        let dir = self.files.console.parent().unwrap_or(Path::new("."));
        host::Error::file("read QEMU's files in", dir, error)
    }
}

/// The files of a boot, with nothing in them of an earlier one.
fn fresh_files(request: &BootRequest<'_>, clock: Clock) -> Result<Files> {
    let dir = &request.dir;
    let typed = request.checks.iter().any(|check| check.via == Via::Console);
    // Counting stops at the first check of the agent's; keys from outside
    // would make two boots differ.
    let keys = typed && request.board.is_none() && clock == Clock::Host;
    let files = Files {
        keys: keys.then(|| dir.join("console")),
        console: dir.join("console.log"),
        channel: dir.join("channel.log"),
        wire: dir.join("wire.pcap"),
    };
    for path in [&files.console, &files.channel, &files.wire] {
        remove(path)?;
    }
    Ok(files)
}

/// The init that the shipped system's kernel starts; empty where it looks for one.
fn init(machine: &Machine) -> &str {
    match machine.storage {
        Some(_) => agent::init_on_disk(&machine.cmdline),
        None => agent::real_init(&machine.cmdline),
    }
}

/// Where the monitor of a boot listens that is looked into.
fn monitor(request: &BootRequest<'_>) -> PathBuf {
    request.dir.join("monitor")
}

/// Why nobody looks on any more.
enum Looked {
    Ended(BootEnd),
    Trapped(TrapSeen),
}

fn not_started(error: ProcessError) -> Error {
    match error {
        ProcessError::Missing { program } => {
            host::Error::missing_tool(&program, "boot this board").into()
        }
        _ => Error::Qemu(error),
    }
}
