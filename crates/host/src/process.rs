//! The only place that starts processes; nothing it starts outlives tuxling.
//!
//! Every command runs below a supervisor: tuxling's own executable, started
//! again as `tuxling __supervise`. The supervisor's standard input is the
//! read end of a pipe whose write end only tuxling holds. When tuxling ends
//! in whatever way, kill -9 included, the pipe closes and the supervisor kills
//! everything below it. Being a child subreaper (prctl(2),
//! `PR_SET_CHILD_SUBREAPER`), it inherits grandchildren whose parents are gone,
//! so that daemons don't escape it either. It stands in a process group of its
//! own: Ctrl-C reaches tuxling, which ends its children itself.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeWriter, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

mod command;
mod listener;
mod recorder;
mod supervisor;

pub use command::{Cmd, shell_line};
use listener::Listener;
use recorder::Recorder;
pub use supervisor::supervise;

/// The hidden subcommand that turns tuxling into a supervisor.
pub const SUPERVISE: &str = "__supervise";

/// The hidden subcommand that keeps one processor busy.
pub const SPIN: &str = "__spin";

/// Keeps one processor busy until it is ended: what a loaded host does to a
/// boot's timing.
pub fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// Where programs are looked for that aren't in PATH.
const ADMINISTRATORS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// How much of a command's output is kept in memory.
const CAPTURE_LIMIT: u64 = 64 << 20;

/// How many of the last lines a failure shows.
const TAIL_LINES: usize = 25;

/// Variables of the user's environment that commands see.
pub const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TERM",
    "XDG_CACHE_HOME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CCACHE_DIR",
];

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program is not installed.
    #[error("{program} is not installed (looked for it in PATH)")]
    Missing {
        /// Its name.
        program: String,
    },
    /// It could not be started.
    #[error("can't start {line}: {error}")]
    NotStarted {
        /// The command line.
        line: String,
        /// What the system said.
        error: io::Error,
    },
    /// It ended with another status than 0.
    #[error("{line}\nended with {status}")]
    Failed {
        /// The command line.
        line: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last lines of output.
        tail: String,
    },
    /// It took longer than it may.
    #[error("{line}\ntook longer than {limit:?} and was ended")]
    TimedOut {
        /// The command line.
        line: String,
        /// The limit.
        limit: Duration,
        /// Its last lines of output.
        tail: String,
    },
    /// It did not get on any more.
    #[error("{line}\ndid not get on any more and was ended")]
    Stalled {
        /// The command line.
        line: String,
        /// Its last lines of output.
        tail: String,
    },
    /// The user ended tuxling by a signal.
    #[error("interrupted by signal {signal}")]
    Interrupted {
        /// Which.
        signal: i32,
    },
}

/// Whether the user asked to stop (Ctrl-C, SIGTERM, SIGHUP). Shared by all that
/// take long.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicI32>);

impl Cancel {
    /// Stops on SIGINT, SIGTERM and SIGHUP from now on.
    pub fn on_signals() -> io::Result<Self> {
        let cancel = Cancel::default();
        let mut signals = signal_hook::iterator::Signals::new([
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ])?;
        let flag = cancel.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                flag.0.store(signal, Ordering::SeqCst);
            }
        });
        Ok(cancel)
    }

    /// The signal that asked to stop.
    pub fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }

    /// Asks to stop.
    pub fn cancel(&self, signal: i32) {
        self.0.store(signal, Ordering::SeqCst);
    }
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text, without the white space at its end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}

/// A running command; dropping it ends it with all that it started.
#[derive(Debug)]
pub struct Running {
    /// None of a command that is only recorded: it has ended.
    supervisor: Option<Child>,
    lifeline: Option<PipeWriter>,
    line: String,
}

impl Running {
    /// How it ended, or `None` while it runs.
    pub fn poll(&mut self) -> io::Result<Option<ExitStatus>> {
        match &mut self.supervisor {
            Some(supervisor) => supervisor.try_wait(),
            None => Ok(Some(ExitStatus::default())),
        }
    }

    /// Ends it and everything that it started, and waits until all is gone.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        drop(self.lifeline.take());
        match &mut self.supervisor {
            Some(supervisor) => supervisor.wait(),
            None => Ok(ExitStatus::default()),
        }
    }

    /// Waits until it ends; ends it when the user cancels or the time is up.
    fn wait(
        &mut self,
        cancel: &Cancel,
        limit: Option<Duration>,
    ) -> Result<ExitStatus, ProcessError> {
        self.wait_while(cancel, limit, &mut || true)
    }

    /// The same; ends it, too, when `gets_on` says that it doesn't any more.
    fn wait_while(
        &mut self,
        cancel: &Cancel,
        limit: Option<Duration>,
        gets_on: &mut dyn FnMut() -> bool,
    ) -> Result<ExitStatus, ProcessError> {
        let started = Instant::now();
        let mut pause = Duration::from_micros(200);
        loop {
            let polled = self.poll().map_err(|error| self.not_started(error))?;
            if let Some(status) = polled {
                return Ok(status);
            }
            if let Some(signal) = cancel.signal() {
                self.end().map_err(|error| self.not_started(error))?;
                return Err(ProcessError::Interrupted { signal });
            }
            if let Some(limit) = limit.filter(|limit| started.elapsed() >= *limit) {
                self.end().map_err(|error| self.not_started(error))?;
                return Err(ProcessError::TimedOut {
                    line: self.line.clone(),
                    limit,
                    tail: String::new(),
                });
            }
            if !gets_on() {
                self.end().map_err(|error| self.not_started(error))?;
                return Err(ProcessError::Stalled {
                    line: self.line.clone(),
                    tail: String::new(),
                });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn not_started(&self, error: io::Error) -> ProcessError {
        ProcessError::NotStarted {
            line: self.line.clone(),
            error,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing can be done about a failed wait here: the supervisor has lost
        // its lifeline and ends all the same.
        let _ = self.end();
    }
}

/// Starts commands below supervisors.
#[derive(Clone, Debug)]
pub struct Processes {
    supervisor: PathBuf,
    cancel: Cancel,
    /// Takes every command in place of its start.
    recorder: Option<Recorder>,
    /// Is told of every command that starts.
    listener: Listener,
}

impl Processes {
    /// `supervisor` is tuxling's executable.
    pub fn new(supervisor: impl Into<PathBuf>, cancel: Cancel) -> Self {
        Processes {
            supervisor: supervisor.into(),
            cancel,
            recorder: None,
            listener: Listener::default(),
        }
    }

    /// Tells of every command that starts, as a line for a shell.
    pub fn on_start(mut self, told: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.listener = Listener(Some(Arc::new(told)));
        self
    }

    /// Starts nothing: what is to be started is recorded, has printed nothing
    /// and ended with 0. Programs are looked up all the same.
    pub fn recording(supervisor: impl Into<PathBuf>) -> Self {
        Processes {
            supervisor: supervisor.into(),
            cancel: Cancel::default(),
            recorder: Some(Recorder::default()),
            listener: Listener::default(),
        }
    }

    /// The commands that were recorded since this was last asked, in the order
    /// of their starts.
    pub fn take_recorded(&self) -> Vec<Cmd> {
        self.recorder
            .as_ref()
            .map(Recorder::take)
            .unwrap_or_default()
    }

    /// What the user's wish to stop is read from.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Tuxling's executable.
    pub fn executable(&self) -> &Path {
        &self.supervisor
    }

    /// Where a program stands, as `execvp(3)` would find it.
    pub fn find(&self, program: impl AsRef<OsStr>) -> Option<PathBuf> {
        find_program(program.as_ref())
    }

    /// Runs a command, keeps what it prints, and fails unless it ends with 0.
    pub fn run(&self, cmd: &Cmd) -> Result<Output, ProcessError> {
        self.run_while(cmd, &mut || true)
    }

    /// The same; ends the command when `gets_on`, which is asked many times a
    /// second, says that it doesn't get on any more.
    pub fn run_while(
        &self,
        cmd: &Cmd,
        gets_on: &mut dyn FnMut() -> bool,
    ) -> Result<Output, ProcessError> {
        let output = self.captured(cmd, gets_on)?;
        if output.status.success() {
            return Ok(output);
        }
        let mut both = output.stdout;
        both.extend_from_slice(&output.stderr);
        Err(ProcessError::Failed {
            line: cmd.to_line(),
            status: output.status,
            tail: tail(&String::from_utf8_lossy(&both)),
        })
    }

    /// Runs a command and keeps what it prints, however it ends.
    pub fn run_any_status(&self, cmd: &Cmd) -> Result<Output, ProcessError> {
        self.captured(cmd, &mut || true)
    }

    fn captured(
        &self,
        cmd: &Cmd,
        gets_on: &mut dyn FnMut() -> bool,
    ) -> Result<Output, ProcessError> {
        let broken = |error| ProcessError::NotStarted {
            line: cmd.to_line(),
            error,
        };
        let (out_read, out_write) = io::pipe().map_err(broken)?;
        let (err_read, err_write) = io::pipe().map_err(broken)?;
        let mut running = self.spawn(cmd, out_write.into(), err_write.into())?;
        std::thread::scope(|scope| {
            let stdout = scope.spawn(move || read_bounded(out_read));
            let stderr = scope.spawn(move || read_bounded(err_read));
            let status = running.wait_while(&self.cancel, cmd.limit, gets_on);
            let stdout = stdout.join().unwrap_or_default();
            let stderr = stderr.join().unwrap_or_default();
            let said =
                || String::from_utf8_lossy(&[&stdout[..], &stderr[..]].concat()).into_owned();
            match status {
                Ok(status) => Ok(Output {
                    status,
                    stdout,
                    stderr,
                }),
                Err(ProcessError::Stalled { line, .. }) => Err(ProcessError::Stalled {
                    line,
                    tail: tail(&said()),
                }),
                Err(error) => Err(error),
            }
        })
    }

    /// Runs a command whose output goes to a log file, and line by line to
    /// `on_line`; fails with its last lines unless it ends with 0.
    pub fn run_logged(
        &self,
        cmd: &Cmd,
        log: &Path,
        on_line: &(dyn Fn(&str) + Sync),
    ) -> Result<(), ProcessError> {
        if self.recorder.is_some() {
            return self.spawn(cmd, Stdio::null(), Stdio::null()).map(drop);
        }
        let line = cmd.to_line();
        let broken = |error| ProcessError::NotStarted {
            line: line.clone(),
            error,
        };
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(broken)?;
        writeln!(file, "$ {line}").map_err(broken)?;
        let (read, write) = io::pipe().map_err(broken)?;
        let again = write.try_clone().map_err(broken)?;
        let mut running = self.spawn(cmd, write.into(), again.into())?;
        let (status, last) = std::thread::scope(|scope| {
            let reader = scope.spawn(move || copy_lines(read, file, on_line));
            let status = running.wait(&self.cancel, cmd.limit);
            (status, reader.join().unwrap_or_default())
        });
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(ProcessError::Failed {
                line,
                status,
                tail: tail(&last),
            }),
            Err(ProcessError::TimedOut { line, limit, .. }) => Err(ProcessError::TimedOut {
                line,
                limit,
                tail: tail(&last),
            }),
            Err(other) => Err(other),
        }
    }

    /// Runs a command on tuxling's own terminal and gives back how it ended.
    pub fn run_on_terminal(&self, cmd: &Cmd) -> Result<ExitStatus, ProcessError> {
        let cmd = cmd.clone().on_terminal();
        let mut running = self.spawn(&cmd, Stdio::inherit(), Stdio::inherit())?;
        running.wait(&self.cancel, cmd.limit)
    }

    /// Starts a command below a supervisor. Its standard input is empty unless
    /// it has a file for it or runs on the terminal.
    pub fn spawn(&self, cmd: &Cmd, stdout: Stdio, stderr: Stdio) -> Result<Running, ProcessError> {
        let program = find_program(&cmd.program).ok_or_else(|| ProcessError::Missing {
            program: cmd.program.to_string_lossy().into_owned(),
        });
        if let Some(recorder) = &self.recorder {
            recorder.take_in(cmd);
            return Ok(Running {
                supervisor: None,
                lifeline: None,
                line: cmd.to_line(),
            });
        }
        let program = program?;
        let line = cmd.to_line();
        self.listener.tell(&line);
        let broken = |error| ProcessError::NotStarted {
            line: line.clone(),
            error,
        };
        let (read, lifeline) = io::pipe().map_err(broken)?;
        // The one allowed use: see the head of this file.
        #[allow(clippy::disallowed_methods)]
        let mut supervisor = Command::new(&self.supervisor);
        supervisor.arg(SUPERVISE);
        if cmd.terminal {
            supervisor.arg(format!("/proc/{}/fd/0", std::process::id()));
        } else {
            let input = cmd.input.as_deref().unwrap_or(Path::new("/dev/null"));
            supervisor.arg(input).process_group(0);
        }
        supervisor.arg(program).args(&cmd.args);
        supervisor.env_clear().env("LC_ALL", "C");
        for key in PASSED_ON {
            if let Some(value) = std::env::var_os(key) {
                supervisor.env(key, value);
            }
        }
        supervisor
            .envs(&cmd.env)
            .stdin(read)
            .stdout(stdout)
            .stderr(stderr);
        if let Some(dir) = &cmd.dir {
            supervisor.current_dir(dir);
        }
        let supervisor = supervisor.spawn().map_err(broken)?;
        Ok(Running {
            supervisor: Some(supervisor),
            lifeline: Some(lifeline),
            line: cmd.to_line(),
        })
    }
}

/// Becomes another program, in the same process and environment: nothing is
/// started that could outlive anything. Comes back only when that failed.
pub fn become_program(program: &OsStr, args: &[OsString]) -> io::Error {
    #[allow(clippy::disallowed_methods)] // this file is where processes start
    Command::new(program).args(args).exec()
}

fn find_program(program: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runnable = |path: &Path| {
        path.metadata()
            .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    let path = Path::new(program);
    if path.components().count() > 1 {
        return runnable(path).then(|| path.to_owned());
    }
    // What administrators' folders hold is often not in a user's PATH: mke2fs.
    let further = ADMINISTRATORS.map(PathBuf::from);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .chain(further)
        .map(|dir| dir.join(path))
        .find(|p| runnable(p))
}

fn read_bounded(read: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut read = read.take(CAPTURE_LIMIT);
    // What could be read before an error is still worth showing.
    let _ = read.read_to_end(&mut bytes);
    let _ = io::copy(&mut read.into_inner(), &mut io::sink());
    bytes
}

/// Copies lines to a log and to `on_line`; gives back the last ones.
fn copy_lines(read: impl Read, mut log: File, on_line: &(dyn Fn(&str) + Sync)) -> String {
    let mut last: std::collections::VecDeque<String> = Default::default();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        match read.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        // A full disk must not stop the reading: the command would block.
        let _ = log.write_all(&line);
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        on_line(&text);
        if last.len() == TAIL_LINES * 4 {
            last.pop_front();
        }
        last.push_back(text);
    }
    last.into_iter().collect::<Vec<_>>().join("\n")
}

/// The last lines of a text; the lines from the first error on when there is
/// one among them.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len().saturating_sub(TAIL_LINES);
    let error = lines
        .iter()
        .position(|l| l.contains("error:") || l.contains("Error "));
    let from = error.filter(|at| *at < last).unwrap_or(last);
    lines[from..lines.len().min(from + TAIL_LINES)].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_starts_at_the_first_error() {
        let mut text = String::from("CC a.o\nfoo.c:1: error: no\n");
        text.push_str(&"  CC x.o\n".repeat(100));
        assert!(tail(&text).starts_with("foo.c:1: error: no"));
        assert_eq!(tail("one\ntwo"), "one\ntwo");
    }

    #[test]
    fn a_recorder_keeps_every_way_to_start_and_starts_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mark, log) = (dir.path().join("mark"), dir.path().join("log"));
        let touch = |name: &str| Cmd::new("touch").arg(&mark).env("BY", name);
        let processes = Processes::recording("/nonexistent");
        let output = processes.run(&touch("run")).expect("is recorded");
        assert_eq!(output.text(), "");
        processes
            .run_logged(&touch("run_logged"), &log, &|_| {})
            .expect("is recorded");
        let status = processes.run_on_terminal(&touch("run_on_terminal"));
        assert!(status.expect("is recorded").success());
        let spawned = processes.spawn(&touch("spawn"), Stdio::null(), Stdio::null());
        let mut running = spawned.expect("is recorded");
        assert!(running.poll().expect("has ended").is_some());
        let told = processes.take_recorded();
        let told: Vec<String> = told.iter().map(Cmd::to_line).collect();
        let line = |by: &str| format!("BY={by} touch {}", mark.display());
        let all = ["run", "run_logged", "run_on_terminal", "spawn"];
        assert_eq!(told, all.map(line));
        assert!(processes.take_recorded().is_empty(), "each is given once");
        assert!(!mark.exists() && !log.exists());
    }

    #[test]
    fn a_missing_program_is_told_by_name() {
        let processes = Processes::new("/nonexistent", Cancel::default());
        let error = processes
            .run(&Cmd::new("no-such-program-here"))
            .expect_err("must fail");
        assert!(
            matches!(error, ProcessError::Missing { program } if program == "no-such-program-here")
        );
    }
}
