//! Boots a system headless, with its checks, and watches it until it is done.
//!
//! QEMU writes the console, the agent's channel and the wire into files, which
//! are read here as they grow: a log can be read while the machine runs, there
//! is no connection to be lost, and QEMU never waits for a reader, so that two
//! boots under `-icount` are equal.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::console::last_lines;
use super::gdb::{self, TrapPoints, TrapSeen, TrapWatch};
use super::qemu::{self, Accelerator, Clock, Files, Machine, Wiring};
use super::watch::{FirstPass, Progress, Watch};
use crate::check::agent::{self, PlanInput};
use crate::check::http::{FileServer, random_word};
use crate::check::verdict::{self, BootEnd, BootFacts};
use crate::error::{Failure, Kind, Result};
use crate::process::{Cmd, ProcessError, Processes, Running};
use crate::recipe::plan::{CheckKind, CheckPlan, ExercisePlan};
use crate::report::record::{CheckRecord, ExerciseRecord, RamRecord};
use crate::session::missing_tool;
use crate::trial::Outcome;
use crate::units::Bytes;

/// How often the files are looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// After the last check the machine runs on for so long: a late oops counts.
const GRACE: Duration = Duration::from_millis(500);

/// After a panic or an oops so much time is left to print all of it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A console or an agent that writes more writes without end.
const VOLUME_LIMIT: u64 = 16 << 20;

/// How much of the console's text a report holds.
const CONSOLE_KEPT: u64 = 256 << 10;

/// How many of the console's last lines a message shows.
const LINES_SHOWN: usize = 20;

/// A system that was told to leave takes no longer to restart.
const LEAVE_LIMIT: Duration = Duration::from_secs(60);

/// Under `-icount` a guest is so much slower at most.
const COUNTING_FACTOR: u32 = 4;

/// A boot to be done.
#[derive(Clone, Debug)]
pub struct BootRequest<'a> {
    /// The machine as it is shipped: its ramdisk without the agent, its command
    /// line as the recipe has it.
    pub machine: Machine,
    /// What it must do.
    pub checks: &'a [CheckPlan],
    /// What is run besides.
    pub exercises: &'a [ExercisePlan],
    /// The compiled agent ([`agent::build`]).
    pub agent: &'a Path,
    /// The wall-clock limit.
    pub timeout: Duration,
    /// A boot that prints nothing and answers nothing for so long has hung;
    /// longer while a check runs that may take longer.
    pub silence: Duration,
    /// A folder for the boot's files; what an earlier boot left there is
    /// replaced.
    pub dir: PathBuf,
}

/// How a boot is looked at besides its checks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observation<'a> {
    /// Where a kernel that lacks code shows that it missed some.
    pub traps: Option<Traps<'a>>,
    /// How long the system idles when all is done, before it restarts the
    /// machine as it would by itself: what runs only then is seen too. The
    /// machine is switched off at once when `None`.
    pub leave: Option<Duration>,
}

/// The traps of a pruned kernel.
#[derive(Clone, Copy, Debug)]
pub struct Traps<'a> {
    /// Where they show.
    pub points: &'a TrapPoints,
    /// What their addresses mean, for people.
    pub words: &'a dyn TrapWords,
}

/// Says what the addresses of a trap mean.
pub trait TrapWords: std::fmt::Debug {
    /// Which function was missed, and who called it.
    fn words(&self, seen: &TrapSeen) -> String;
}

/// What came out of a boot.
#[derive(Clone, Debug)]
pub struct BootReport {
    /// The outcome.
    pub outcome: Outcome,
    /// What it rests on.
    pub reason: String,
    /// Every check, in order.
    pub checks: Vec<CheckRecord>,
    /// Every exercise, in order.
    pub exercises: Vec<ExerciseRecord>,
    /// RAM when the last check had ended.
    pub ram: RamRecord,
    /// The first check that passed.
    pub first_pass: Option<FirstPass>,
    /// What the console printed; of very much only the beginning and the end.
    pub console: String,
    /// All that the console printed.
    pub console_log: PathBuf,
    /// The command that booted it.
    pub command: Cmd,
    /// What ran it.
    pub accelerator: Accelerator,
    /// The trap that ended it.
    pub trap: Option<TrapSeen>,
    /// Wall-clock time from QEMU's start to its end.
    pub took: Duration,
}

impl BootReport {
    /// The failure to be shown; `None` when the boot passed.
    pub fn failure(&self) -> Option<Failure> {
        let kind = match self.outcome {
            Outcome::Passed => return None,
            Outcome::InfrastructureBroke => Kind::Machine,
            _ => Kind::Check,
        };
        let console = match last_lines(&self.console, LINES_SHOWN) {
            lines if lines.is_empty() => "the console printed nothing".to_owned(),
            lines => format!("the console's last lines:\n{lines}"),
        };
        let message = format!("{}: {}", self.outcome.words(), self.reason);
        Some(Failure::new(kind, message).detail(format!(
            "{console}\nthe whole console: {}\nbooted by: {}",
            self.console_log.display(),
            self.command.to_line()
        )))
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
    Prepared::new(request, Clock::Host, observation)?.run(
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
pub fn count_instructions(processes: &Processes, request: &BootRequest<'_>) -> Result<Option<u64>> {
    let nothing_else = Observation::default();
    let report = Prepared::new(request, Clock::Instructions, &nothing_else)?.run(
        processes,
        request,
        &nothing_else,
        &mut |_| {},
    )?;
    Ok(report.first_pass.and_then(|pass| pass.ticks))
}

/// A boot with all its files written.
struct Prepared {
    clock: Clock,
    files: Files,
    errors: PathBuf,
    machine: Machine,
    server: FileServer,
    nonce: String,
}

impl Prepared {
    fn new(request: &BootRequest<'_>, clock: Clock, observation: &Observation<'_>) -> Result<Self> {
        let dir = &request.dir;
        std::fs::create_dir_all(dir).map_err(|e| Failure::io("create", dir, &e))?;
        let files = Files {
            console: dir.join("console.log"),
            channel: dir.join("channel.log"),
            wire: dir.join("wire.pcap"),
        };
        for path in [&files.console, &files.channel, &files.wire] {
            remove(path)?;
        }
        let sizes: Vec<Bytes> = request.checks.iter().filter_map(fetched).collect();
        // Counting wants equal boots more than it fears old messages and files.
        let (server, nonce) = match clock {
            Clock::Host => (FileServer::start(&sizes)?, random_word()?),
            Clock::Instructions => (FileServer::start_repeatable(&sizes)?, "0".repeat(16)),
        };
        let plan = agent::plan(
            &PlanInput {
                nonce: &nonce,
                init: agent::real_init(&request.machine.cmdline),
                checks: request.checks,
                exercises: request.exercises,
                leave: observation.leave,
            },
            &server,
        )?;
        let initrd = dir.join("initrd");
        write_initrd(request, &plan, &initrd)?;
        let mut machine = request.machine.clone();
        machine.cmdline = agent::cmdline_with_agent(&machine.cmdline);
        machine.initrd = Some(initrd);
        Ok(Prepared {
            clock,
            files,
            errors: dir.join("qemu.log"),
            machine,
            server,
            nonce,
        })
    }

    fn run(
        &self,
        processes: &Processes,
        request: &BootRequest<'_>,
        observation: &Observation<'_>,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<BootReport> {
        let mut command = qemu::command(&self.machine, Wiring::Headless(&self.files), self.clock);
        let socket = match observation.traps {
            Some(_) => Some(gdb::socket_folder().map_err(|e| unwatched(&e))?),
            None => None,
        };
        if let Some((_, path)) = &socket {
            command = command.args(gdb::qemu_arguments(path));
        }
        let errors =
            File::create(&self.errors).map_err(|e| Failure::io("create", &self.errors, &e))?;
        let again = errors
            .try_clone()
            .map_err(|e| Failure::io("open", &self.errors, &e))?;
        let mut watch = Watch::new(
            &self.files,
            &self.nonce,
            request.checks,
            request.exercises,
            &self.server,
        );
        let started = Instant::now();
        let mut running = processes
            .spawn(&command, errors.into(), again.into())
            .map_err(not_started)?;
        let mut traps = None;
        if let (Some((_, path)), Some(wanted)) = (&socket, observation.traps) {
            traps = self.watch_traps(path, wanted.points, &mut running)?;
        }
        let vigil = Vigil::new(request, self.clock, observation.leave);
        let end = self.attend(
            processes,
            &mut running,
            (&mut watch, &mut traps),
            vigil,
            on_progress,
        )?;
        running
            .end()
            .map_err(|e| not_ended(&e))
            .and_then(|_| watch.finish(on_progress).map_err(|e| self.unreadable(&e)))?;
        let took = started.elapsed();
        let end = match (end, observation.traps) {
            (Looked::Trapped(seen), Some(traps)) => {
                let end = BootEnd::Trapped(traps.words.words(&seen));
                (end, Some(seen))
            }
            (Looked::Trapped(seen), None) => (BootEnd::Trapped(String::new()), Some(seen)),
            (Looked::Ended(end), _) => (end, None),
        };
        Ok(self.report(request, command, end, &watch, took))
    }

    /// Lets a machine that waits for it run with an eye on its traps. `None`
    /// when QEMU ended before it listened: its own words tell why.
    fn watch_traps(
        &self,
        socket: &Path,
        points: &TrapPoints,
        running: &mut Running,
    ) -> Result<Option<TrapWatch>> {
        let accelerator = self.machine.accelerator;
        let mut alive = || matches!(running.poll(), Ok(None));
        match TrapWatch::begin(socket, points.clone(), accelerator, &mut alive) {
            Ok(watch) => Ok(Some(watch)),
            Err(_) if !alive() => Ok(None),
            Err(error) => Err(unwatched(&error)),
        }
    }

    /// Looks on until there is a reason to stop.
    fn attend(
        &self,
        processes: &Processes,
        running: &mut Running,
        (watch, traps): (&mut Watch<'_>, &mut Option<TrapWatch>),
        mut vigil: Vigil,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Looked> {
        loop {
            // Before the files: what was written before the end is still read.
            let status = running.poll().map_err(|e| not_ended(&e))?;
            if watch.poll(on_progress).map_err(|e| self.unreadable(&e))? {
                vigil.last_sign = Instant::now();
            }
            if let Some(traps) = traps
                && let Some(seen) = traps.poll().map_err(|e| unwatched(&e))?
            {
                return Ok(Looked::Trapped(seen));
            }
            if let Some(status) = status {
                return Ok(Looked::Ended(self.qemu_ended(status)));
            }
            if let Some(signal) = processes.cancel().signal() {
                return Err(Failure::new(Kind::Interrupted(signal), "interrupted"));
            }
            if let Some(end) = vigil.reason_to_stop(watch) {
                return Ok(Looked::Ended(end));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn qemu_ended(&self, status: ExitStatus) -> BootEnd {
        if status.success() {
            return BootEnd::MachineStopped;
        }
        let said = read_ends(&self.errors, 1 << 14).unwrap_or_default();
        BootEnd::QemuFailed(format!("it ended with {status}: {}", said.trim()))
    }

    fn report(
        &self,
        request: &BootRequest<'_>,
        command: Cmd,
        (end, trap): (BootEnd, Option<TrapSeen>),
        watch: &Watch<'_>,
        took: Duration,
    ) -> BootReport {
        let checks = watch.records();
        let facts = BootFacts {
            end,
            checks: &checks,
            console: watch.console(),
            printed: watch.volume().0 > 0,
            agent: watch.agent_spoke(),
            init: (agent::real_init(&request.machine.cmdline), watch.no_init()),
        };
        let (outcome, reason) = verdict::outcome(&facts);
        BootReport {
            outcome,
            reason,
            exercises: watch.exercises(),
            ram: watch.ram(self.machine.memory.as_kib()),
            first_pass: watch.first_pass(),
            // A console that was never written has no file.
            console: read_ends(&self.files.console, CONSOLE_KEPT).unwrap_or_default(),
            console_log: self.files.console.clone(),
            command,
            accelerator: match self.clock {
                Clock::Host => self.machine.accelerator,
                Clock::Instructions => Accelerator::Tcg,
            },
            trap,
            took,
            checks,
        }
    }

    fn unreadable(&self, error: &std::io::Error) -> Failure {
        let dir = self.files.console.parent().unwrap_or(Path::new("."));
        Failure::io("read QEMU's files in", dir, error)
    }
}

/// Why nobody looks on any more.
enum Looked {
    Ended(BootEnd),
    Trapped(TrapSeen),
}

/// When to stop a boot.
struct Vigil {
    clock: Clock,
    leave: Option<Duration>,
    started: Instant,
    last_sign: Instant,
    timeout: Duration,
    silence: Duration,
    done: Option<Instant>,
    hopeless: Option<Instant>,
}

impl Vigil {
    fn new(request: &BootRequest<'_>, clock: Clock, leave: Option<Duration>) -> Self {
        let factor = match clock {
            Clock::Host => 1,
            Clock::Instructions => COUNTING_FACTOR,
        };
        Vigil {
            clock,
            leave,
            started: Instant::now(),
            last_sign: Instant::now(),
            timeout: request.timeout * factor,
            silence: request.silence * factor,
            done: None,
            hopeless: None,
        }
    }

    fn reason_to_stop(&mut self, watch: &Watch<'_>) -> Option<BootEnd> {
        let passed_since = |since: Option<Instant>, time: Duration| {
            since.is_some_and(|since| since.elapsed() >= time)
        };
        if watch.hopeless() {
            self.hopeless.get_or_insert_with(Instant::now);
        }
        if watch.done() {
            self.done.get_or_insert_with(Instant::now);
        }
        let counted = self.clock == Clock::Instructions && watch.first_pass().is_some();
        if passed_since(self.hopeless, LAST_WORDS) {
            return Some(BootEnd::Hopeless);
        }
        if let Some(idle) = self.leave {
            let limit = LEAVE_LIMIT + idle;
            if passed_since(self.done, limit) {
                return Some(BootEnd::Stayed(limit));
            }
        }
        let finished =
            self.leave.is_none() && self.hopeless.is_none() && passed_since(self.done, GRACE);
        if counted || finished {
            return Some(BootEnd::Finished);
        }
        if self.started.elapsed() >= self.timeout && !(self.leave.is_some() && self.done.is_some())
        {
            return Some(BootEnd::WallLimit(self.timeout));
        }
        // The guest's clock may run slower than the host's.
        let silence = self.silence + watch.running_limit().unwrap_or_default() * 2;
        if self.last_sign.elapsed() >= silence && self.done.is_none() {
            return Some(BootEnd::Silent(silence));
        }
        let (printed, said) = watch.volume();
        (printed.max(said) > VOLUME_LIMIT).then_some(BootEnd::Flooded(printed.max(said)))
    }
}

fn fetched(check: &CheckPlan) -> Option<Bytes> {
    match check.kind {
        CheckKind::Fetch { size, .. } => Some(size),
        _ => None,
    }
}

/// The agent's archive, then the shipped ramdisk as it is.
fn write_initrd(request: &BootRequest<'_>, plan: &str, initrd: &Path) -> Result<()> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| Failure::io("read", path, &e));
    let agent = read(request.agent)?;
    let mut bytes = agent::archive(&agent, plan, &request.machine.board.channel)?;
    if let Some(ramdisk) = &request.machine.initrd {
        bytes.extend(read(ramdisk)?);
    }
    std::fs::write(initrd, bytes).map_err(|e| Failure::io("write", initrd, &e))
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::io("remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// A file's text; of a long one the beginning and the end.
fn read_ends(path: &Path, limit: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    if length <= limit {
        file.read_to_end(&mut bytes)?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    (&mut file).take(limit / 2).read_to_end(&mut bytes)?;
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    text.push_str(&format!("\n[… {} bytes …]\n", length - limit));
    bytes.clear();
    file.seek(SeekFrom::Start(length - limit / 2))?;
    file.take(limit / 2).read_to_end(&mut bytes)?;
    text.push_str(&String::from_utf8_lossy(&bytes));
    Ok(text)
}

fn not_started(error: ProcessError) -> Failure {
    match error {
        ProcessError::Missing { program } => missing_tool(&program, "boot this board"),
        _ => Failure::new(Kind::Machine, error.to_string()),
    }
}

fn unwatched(error: &std::io::Error) -> Failure {
    Failure::new(
        Kind::Machine,
        format!("can't watch the machine for traps: {error}"),
    )
}

fn not_ended(error: &std::io::Error) -> Failure {
    Failure::new(Kind::Machine, format!("lost QEMU's process: {error}"))
}
