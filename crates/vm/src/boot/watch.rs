//! Watches a headless boot through the files that QEMU writes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host::units::grouped;
use recipe::plan::{CheckKind, CheckPlan, ExercisePlan, GuestCommand, Via};
use record::{CheckOutcome, CheckRecord, ExerciseRecord, GuestMemory, RamRecord, meminfo_kib};

use super::capture::{self, Capture};
use super::servers::Servers;
use crate::check::asker::Asked;
use crate::check::echo::Echo;
use crate::check::protocol::{self, Ended, Message, Subject, When};
use crate::check::typist::{Event, Typist};
use crate::check::verdict::{self, Evidence, Judgement, Outside, Seen, ServedFile};
use crate::check::wire::{self, DhcpTraffic};
use crate::machine::console::{Scanner, Trouble};
use crate::machine::qemu::{Files, GUEST_MAC, Mac};

/// So much is read of a file at a time.
const PIECE: usize = 1 << 16;

/// /proc/meminfo and /proc/zoneinfo are shorter.
const MEMINFO_LIMIT: usize = 1 << 14;

/// What happens during a boot, for those who look on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The console printed this.
    Console(&'a [u8]),
    /// The user is to load this on the board.
    BoardAwaited(&'a str),
    /// This check was started.
    CheckStarted(&'a CheckPlan),
    /// This check has ended.
    CheckEnded(&'a CheckRecord),
}

/// A file that is read as it grows.
#[derive(Debug)]
struct Tail {
    path: PathBuf,
    file: Option<File>,
    read: u64,
}

impl Tail {
    fn new(path: &Path) -> Self {
        Tail {
            path: path.to_owned(),
            file: None,
            read: 0,
        }
    }

    /// What was added since the last call, up to a limit.
    fn more(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
        let mut bytes = Vec::new();
        if let Some(file) = &self.file {
            file.take(limit as u64).read_to_end(&mut bytes)?;
        }
        self.read += bytes.len() as u64;
        Ok(bytes)
    }
}

/// The first check that passed, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstPass {
    /// Wall-clock time since QEMU was started.
    pub after: Duration,
    /// The guest's cycle counter; `None` where there is none.
    pub ticks: Option<u64>,
}

/// What a boot runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// QEMU.
    Qemu,
    /// A machine of QEMU's without a channel, and so without an agent.
    MuteQemu,
    /// A board with a channel.
    Board,
    /// A board without one, and so without an agent: only what is typed at the
    /// console can be checked.
    MuteBoard,
}

impl On {
    /// Whether there is no agent.
    fn is_mute(self) -> bool {
        matches!(self, On::MuteQemu | On::MuteBoard)
    }
}

/// All that is known of a boot while it runs.
#[derive(Debug)]
pub struct Watch<'a> {
    checks: &'a [CheckPlan],
    exercises: &'a [ExercisePlan],
    servers: &'a Servers,
    typist: Typist,
    keys: Vec<u8>,
    on: On,
    capture_on_disk: Capture,
    started: Instant,
    console: Tail,
    channel: Tail,
    capture: Tail,
    scanner: Scanner,
    messages: protocol::MessageReader,
    wire: wire::CaptureReader,
    /// Where the wire's capture ended before the channel was last read.
    wire_before: u64,
    /// Where it ended when something was last typed.
    wire_when_typed: u64,
    seen: Vec<Seen>,
    begun: Option<Subject>,
    records: Vec<Option<CheckRecord>>,
    evidence: Vec<Option<Evidence>>,
    statuses: Vec<Option<i32>>,
    memory: Option<(u64, u64)>,
    meminfo: Vec<u8>,
    zoneinfo: Vec<u8>,
    agent_kib: Option<u64>,
    hello: bool,
    no_init: Option<i32>,
    done: bool,
    first_pass: Option<FirstPass>,
}

impl<'a> Watch<'a> {
    /// Starts to watch, just before the boot starts.
    pub(super) fn new(
        files: &Files,
        nonce: &str,
        checks: &'a [CheckPlan],
        exercises: &'a [ExercisePlan],
        servers: &'a Servers,
        typist: Typist,
        on: On,
    ) -> Self {
        Watch {
            checks,
            exercises,
            servers,
            typist,
            keys: Vec::new(),
            on,
            capture_on_disk: Capture::default(),
            started: Instant::now(),
            console: Tail::new(&files.console),
            channel: Tail::new(&files.channel),
            capture: Tail::new(&files.wire),
            scanner: Scanner::default(),
            messages: protocol::MessageReader::new(nonce),
            wire: wire::CaptureReader::watching(servers.echoes.ports()).keep(capture::KEPT),
            wire_before: 0,
            wire_when_typed: 0,
            seen: vec![Seen::default(); checks.len()],
            begun: None,
            records: vec![None; checks.len()],
            evidence: vec![None; checks.len()],
            statuses: vec![None; exercises.len()],
            memory: None,
            meminfo: Vec::new(),
            zoneinfo: Vec::new(),
            agent_kib: None,
            hello: false,
            no_init: None,
            done: false,
            first_pass: None,
        }
    }

    /// Reads what is new. Gives whether the console or the agent said anything.
    pub fn poll(&mut self, on_progress: &mut dyn FnMut(Progress<'_>)) -> io::Result<bool> {
        let printed = self.console.more(PIECE)?;
        if !printed.is_empty() {
            self.scanner.push(&printed);
            on_progress(Progress::Console(&printed));
        }
        // A packet of a check that has ended is in the capture before its end
        // is in the channel, and one of a check that starts is not in there
        // before its start: the capture is read on both sides of the channel.
        self.read_wire()?;
        let wire_before = self.wire.offset();
        let said = self.channel.more(PIECE)?;
        self.read_wire()?;
        for message in self.messages.push(&said) {
            self.take(message, on_progress);
        }
        self.wire_before = wire_before;
        self.capture_on_disk
            .free(&self.capture.path, self.capture.read);
        self.type_on(&printed, on_progress);
        Ok(!printed.is_empty() || !said.is_empty())
    }

    /// The machine has stopped: reads all that is left, and cuts a capture
    /// that is longer than what is kept of one.
    pub fn finish(&mut self, on_progress: &mut dyn FnMut(Progress<'_>)) -> io::Result<()> {
        while self.poll(on_progress)? {}
        self.scanner.finish();
        if self.capture.read > capture::KEPT {
            capture::cut(&self.capture.path, self.wire.kept())
        } else {
            Ok(())
        }
    }

    /// What the user should know of the boot's files.
    pub fn note(&self) -> Option<String> {
        let (all, kept) = (self.capture.read, self.wire.kept());
        (all > capture::KEPT).then(|| {
            format!(
                "{} holds the first {} of {} B that went over the wire; all of it was judged",
                self.capture.path.display(),
                grouped(kept),
                grouped(all)
            )
        })
    }

    /// What is to be typed at the console now.
    pub fn take_keys(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.keys)
    }

    /// Whether a board hasn't said anything: it may not even be switched on.
    pub fn waits_for_board(&self) -> bool {
        matches!(self.on, On::Board | On::MuteBoard)
            && self.console.read == 0
            && self.channel.read == 0
    }

    /// Goes on with the checks that are typed at the console, when the agent's
    /// are done: two shells at once would measure each other.
    fn type_on(&mut self, printed: &[u8], on_progress: &mut dyn FnMut(Progress<'_>)) {
        let go = self.done || self.on.is_mute();
        let (keys, events) = self.typist.step(Instant::now(), printed, go);
        if !keys.is_empty() {
            // What a typed command sends can be in the capture as soon as its
            // first mark is on the console.
            self.wire_when_typed = self.wire.offset();
        }
        self.keys.extend(keys);
        for event in events {
            match event {
                Event::Started(at) => {
                    self.take_start(Subject::Check(at), on_progress);
                    if let Some(seen) = self.seen.get_mut(at) {
                        seen.window.0 = self.wire_when_typed;
                    }
                }
                Event::Ended(at, output, end) => {
                    self.begun = None;
                    if let Some(seen) = self.seen.get_mut(at) {
                        seen.output = output;
                    }
                    self.take_end(at, end, on_progress);
                }
                Event::NoShell(at) => {
                    let why = "no shell answered at the console";
                    if let Some(check) = self.checks.get(at) {
                        self.records[at] =
                            Some(verdict::not_ended(check, CheckOutcome::Failed, why));
                    }
                }
            }
        }
    }

    fn read_wire(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.capture.more(PIECE)?;
            if bytes.is_empty() {
                return Ok(());
            }
            self.wire.push(&bytes);
        }
    }

    fn take(&mut self, message: Message, on_progress: &mut dyn FnMut(Progress<'_>)) {
        match message {
            Message::Hello => self.hello = true,
            Message::NoInit(errno) => self.no_init = Some(errno),
            Message::Memory {
                when: When::After,
                total,
                free,
            } => self.memory = Some((total, free)),
            Message::Meminfo {
                when: When::After,
                text,
            } if self.meminfo.len() < MEMINFO_LIMIT => self.meminfo.extend(text),
            Message::Zoneinfo {
                when: When::After,
                text,
            } if self.zoneinfo.len() < MEMINFO_LIMIT => self.zoneinfo.extend(text),
            Message::Memory { .. } | Message::Meminfo { .. } | Message::Zoneinfo { .. } => {}
            Message::Agent { files, anonymous } => {
                self.agent_kib = Some(files.saturating_add(anonymous));
            }
            Message::Done => self.done = true,
            Message::Start(subject) => self.take_start(subject, on_progress),
            Message::Output(subject, text) => {
                if let Some(seen) = self.seen_of(subject) {
                    seen.output.extend(text);
                }
            }
            Message::Address(subject, address) => {
                if let Some(seen) = self.seen_of(subject) {
                    seen.address = Some(address);
                }
            }
            Message::Digest(subject, digest) => {
                if let Some(seen) = self.seen_of(subject) {
                    seen.digest = Some(digest);
                }
            }
            Message::End(Subject::Exercise(at), end) => {
                self.begun = None;
                if let (Some(status), Ended::Status(value)) = (self.statuses.get_mut(at), end.how) {
                    *status = Some(value);
                }
            }
            Message::End(Subject::Check(at), end) => {
                self.begun = None;
                self.take_end(at, end, on_progress);
            }
        }
    }

    fn seen_of(&mut self, subject: Subject) -> Option<&mut Seen> {
        match subject {
            Subject::Check(at) => self.seen.get_mut(at),
            Subject::Exercise(_) => None,
        }
    }

    fn take_start(&mut self, subject: Subject, on_progress: &mut dyn FnMut(Progress<'_>)) {
        self.begun = Some(subject);
        let start = self.wire_before;
        if let Subject::Check(at) = subject
            && let (Some(seen), Some(check)) = (self.seen.get_mut(at), self.checks.get(at))
        {
            seen.window.0 = start;
            on_progress(Progress::CheckStarted(check));
        }
    }

    fn take_end(
        &mut self,
        at: usize,
        end: protocol::End,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) {
        let (served, echo, asked) = (self.served(at), self.echo(at), self.asked(at));
        let window_end = self.wire.offset();
        let (Some(check), Some(seen)) = (self.checks.get(at), self.seen.get_mut(at)) else {
            return;
        };
        seen.end = Some(end);
        seen.window.1 = window_end;
        let outside = Outside {
            wire: &self.wire,
            guest: GUEST_MAC,
            served,
            echo,
            asked,
        };
        let Judgement { record, evidence } = verdict::judge(check, seen, &outside);
        on_progress(Progress::CheckEnded(&record));
        if record.outcome == CheckOutcome::Passed && self.first_pass.is_none() {
            self.first_pass = Some(FirstPass {
                after: self.started.elapsed(),
                ticks: (end.ticks > 0).then_some(end.ticks),
            });
        }
        self.records[at] = Some(record);
        self.evidence[at] = evidence;
    }

    /// The echo that belongs to a check: they are in the checks' order.
    fn echo(&self, at: usize) -> Option<Echo> {
        let is_echo = |check: &&CheckPlan| matches!(check.kind, CheckKind::Echo { .. });
        self.checks.get(at).filter(is_echo)?;
        let before = self.checks[..at].iter().filter(is_echo).count();
        self.servers.echoes.echoes().get(before).cloned()
    }

    /// What came of asking for a check: they are in the checks' order.
    fn asked(&self, at: usize) -> Option<Asked> {
        let asks = |check: &&CheckPlan| matches!(check.kind, CheckKind::Ask(_));
        self.checks.get(at).filter(asks)?;
        let before = self.checks[..at].iter().filter(asks).count();
        Some(self.servers.askers.askings().get(before)?.asked())
    }

    /// The file that belongs to a check: the files are in the fetches' order.
    fn served(&self, at: usize) -> Option<ServedFile> {
        let is_fetch = |check: &&CheckPlan| matches!(check.kind, CheckKind::Fetch { .. });
        self.checks.get(at).filter(is_fetch)?;
        let before = self.checks[..at].iter().filter(is_fetch).count();
        let file = self.servers.files.files().get(before)?;
        Some(ServedFile {
            size: file.size(),
            sha256: file.sha256(),
            requests: file.requests(),
        })
    }

    /// How long the check or exercise that runs now may take, in guest time.
    pub fn running_limit(&self) -> Option<Duration> {
        match self.begun? {
            Subject::Check(at) => self.checks.get(at).map(|check| check.timeout),
            Subject::Exercise(at) => self.exercises.get(at).map(|exercise| exercise.timeout),
        }
    }

    /// Whether the agent said that it is done, and all was typed.
    pub fn done(&self) -> bool {
        (self.done || self.on.is_mute()) && self.typist.done()
    }

    /// Whether it is of no use to go on: the kernel has panicked or oopsed, the
    /// system has no init, or the agent can't work.
    pub fn hopeless(&self) -> bool {
        self.no_init.is_some()
            || self.scanner.first(Trouble::Panic).is_some()
            || self.scanner.first(Trouble::Oops).is_some()
            || self
                .scanner
                .hints()
                .any(|hint| hint.starts_with("tuxling-agent: "))
    }

    /// Bytes that the console has printed, and that the agent has written.
    pub fn volume(&self) -> (u64, u64) {
        (self.console.read, self.channel.read)
    }

    /// Bytes of the capture that could not be kept off the disk.
    pub fn excess(&self) -> u64 {
        self.capture_on_disk.excess(self.capture.read)
    }

    /// The first check that passed.
    pub fn first_pass(&self) -> Option<FirstPass> {
        self.first_pass
    }

    /// What the console said of trouble.
    pub fn console(&self) -> &Scanner {
        &self.scanner
    }

    /// Whether the agent said anything.
    pub fn agent_spoke(&self) -> bool {
        self.hello
    }

    /// Why the system's init could not be executed.
    pub fn no_init(&self) -> Option<i32> {
        self.no_init
    }

    /// What was seen of DHCP on the wire.
    pub fn dhcp(&self) -> DhcpTraffic {
        let any = |is: fn(&wire::Packet) -> Option<Mac>| {
            let mut packets = self.wire.packets.iter();
            packets.any(|captured| is(&captured.packet) == Some(GUEST_MAC))
        };
        DhcpTraffic {
            wanted: any(|packet| match packet {
                wire::Packet::LeaseWanted { client, .. } => Some(*client),
                _ => None,
            }),
            given: any(|packet| match packet {
                wire::Packet::Lease { client, .. } => Some(*client),
                _ => None,
            }),
        }
    }

    /// Messages of the agent's that were lost or spoiled on the way.
    pub fn lost_messages(&self) -> u64 {
        self.messages.missing
    }

    /// All checks, those that didn't end included.
    pub fn records(&self) -> Vec<CheckRecord> {
        let running = self.begun;
        let unfinished = |at: usize, check: &CheckPlan| {
            if running == Some(Subject::Check(at)) {
                verdict::not_ended(
                    check,
                    CheckOutcome::Failed,
                    "had not ended when the boot ended",
                )
            } else if let Some(why) = self.not_on_board(check) {
                verdict::not_ended(check, CheckOutcome::Skipped, why)
            } else if self.done && self.messages.missing > 0 {
                verdict::not_ended(
                    check,
                    CheckOutcome::Failed,
                    "its result did not arrive whole",
                )
            } else {
                verdict::not_ended(check, CheckOutcome::Skipped, "was not reached")
            }
        };
        self.records
            .iter()
            .zip(self.checks)
            .enumerate()
            .map(|(at, (record, check))| record.clone().unwrap_or_else(|| unfinished(at, check)))
            .collect()
    }

    /// What shows that checks passed, one for each check.
    pub fn evidence(&self) -> &[Option<Evidence>] {
        &self.evidence
    }

    /// Why a check can't be run without QEMU.
    fn not_on_board(&self, check: &CheckPlan) -> Option<&'static str> {
        if matches!(self.on, On::Qemu | On::MuteQemu) {
            return None;
        }
        if check.kind.needs_qemus_network() {
            return Some("needs QEMU's network, whose wire is captured");
        }
        (self.on == On::MuteBoard && check.via == Via::Channel).then_some(
            "needs the checks' channel: set via = \"console\", or machine.channel to a second serial line",
        )
    }

    /// All exercises.
    pub fn exercises(&self) -> Vec<ExerciseRecord> {
        let text = |command: &GuestCommand| match command {
            GuestCommand::Shell(line) => line.clone(),
            GuestCommand::Argv(words) => host::process::shell_line(words),
        };
        self.exercises
            .iter()
            .zip(&self.statuses)
            .map(|(exercise, status)| ExerciseRecord {
                command: text(&exercise.command),
                status: *status,
            })
            .collect()
    }

    /// What the guest's /proc told of RAM after the last check; empty texts
    /// where there is no /proc.
    pub fn guest_memory(&self) -> GuestMemory {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        GuestMemory {
            sysinfo_kib: self.memory,
            meminfo: text(&self.meminfo),
            zoneinfo: text(&self.zoneinfo),
        }
    }

    /// RAM after the last check, as the guest counts it.
    pub fn ram(&self, machine_kib: u64) -> RamRecord {
        RamRecord {
            machine_kib,
            total_kib: self.memory.map(|(total, _)| total),
            used_kib: self.memory.map(|(total, free)| total.saturating_sub(free)),
            free_kib: self.memory.map(|(_, free)| free),
            cache_kib: meminfo_kib(&String::from_utf8_lossy(&self.meminfo), "Cached"),
            agent_kib: self.agent_kib,
            ..RamRecord::default()
        }
    }
}
