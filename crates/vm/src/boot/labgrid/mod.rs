//! A place of a board farm's: labgrid's drivers (<https://labgrid.readthedocs.io>)
//! switch its board, go through its boot loader and give its console.
//!
//! They are Python, so a program of ours in that language stands between: it is
//! told to switch by one pipe, answers in a file, and its terminal is the
//! console, a serial line as any other.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host::process::{Cancel, Cmd, Processes, Running};
use recipe::labgrid::LabgridPlace;
use recipe::serial_port::SerialPort;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::error::{Error, Result};
use crate::machine::qemu::Machine;

/// The program between.
const PROGRAM: &str = include_str!("board.py");

/// A coordinator and its exporters answer within this time.
const BEGIN_LIMIT: Duration = Duration::from_secs(60);

/// Switched off, at the end of a boot as well, it is within this time.
const OFF_LIMIT: Duration = Duration::from_secs(30);

/// How often the answers are looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// What an answer begins with.
const ANSWERS: [&str; 3] = ["console ", "done", "failed "];

/// A terminal has no speed that matters.
const SPEED: u32 = 115_200;

/// A board of a place, held as long as this lives.
#[derive(Debug)]
pub struct LabgridBoard {
    place: String,
    running: Running,
    commands: File,
    answers: PathBuf,
    /// Where the answers go on.
    read: usize,
    console: SerialPort,
    on: bool,
}

impl LabgridBoard {
    /// Acquires a place and switches its board off. What it is loaded with is
    /// known to the place's environment as `$LG_KERNEL`, `$LG_RAMDISK`,
    /// `$LG_DEVICE_TREE` and `$LG_CMDLINE`; files of ours stand in `dir`.
    ///
    /// # Errors
    /// When labgrid is missing, the place can't be had, or nothing switches it.
    pub fn acquire(
        processes: &Processes,
        place: &LabgridPlace,
        machine: &Machine,
        dir: &Path,
    ) -> Result<LabgridBoard> {
        let [program, commands, answers, errors] = [
            "labgrid-board.py",
            "labgrid.in",
            "labgrid.out",
            "labgrid.log",
        ]
        .map(|name| dir.join(name));
        write(&program, PROGRAM.as_bytes())?;
        let pipe = pipe(&commands)?;
        let stdout = create(&answers)?;
        let stderr = create(&errors)?;
        let command = command(place, machine, &program).input(&commands);
        let running = processes.spawn(&command, stdout.into(), stderr.into());
        let mut board = LabgridBoard {
            place: place.name.clone(),
            running: running.map_err(|error| Error::Hands {
                key: "labgrid",
                error,
            })?,
            commands: pipe,
            answers,
            read: 0,
            console: SerialPort {
                device: PathBuf::new(),
                speed: SPEED,
            },
            on: false,
        };
        let said = board.answer(processes.cancel(), BEGIN_LIMIT)?;
        let device = said.strip_prefix("console ");
        board.console.device = device.ok_or_else(|| board.failed(&said))?.into();
        board.tell(processes.cancel(), "off", OFF_LIMIT)?;
        Ok(board)
    }

    /// Its console.
    pub fn console(&self) -> &SerialPort {
        &self.console
    }

    /// Switches it on; a boot loader is led through its prompt.
    ///
    /// # Errors
    /// When it isn't on by then.
    pub fn switch_on(&mut self, cancel: &Cancel, limit: Duration) -> Result<()> {
        self.on = true;
        self.tell(cancel, "on", limit)
    }

    /// Switches it off, also when the user wants to stop.
    ///
    /// # Errors
    /// When it isn't off by then.
    pub fn switch_off(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.on) {
            return Ok(());
        }
        self.tell(&Cancel::default(), "off", OFF_LIMIT)
    }

    fn tell(&mut self, cancel: &Cancel, command: &str, limit: Duration) -> Result<()> {
        let told = self.commands.write_all(format!("{command}\n").as_bytes());
        told.map_err(|e| self.failed(&e.to_string()))?;
        match self.answer(cancel, limit)?.as_str() {
            "done" => Ok(()),
            said => Err(self.failed(said)),
        }
    }

    /// The next line that is an answer: labgrid, and what an environment imports,
    /// may print others.
    fn answer(&mut self, cancel: &Cancel, limit: Duration) -> Result<String> {
        let started = Instant::now();
        loop {
            // Before the file: what was said before the end is still read.
            let ended = self.running.poll().map_err(Error::Lost)?;
            let said = std::fs::read(&self.answers)
                .map_err(|e| host::Error::file("read", &self.answers, e))?;
            let new = said.get(self.read..).unwrap_or_default();
            if let Some(end) = new.iter().position(|byte| *byte == b'\n') {
                self.read += end + 1;
                let line = String::from_utf8_lossy(&new[..end]).into_owned();
                if ANSWERS.iter().any(|answer| line.starts_with(answer)) {
                    return Ok(line);
                }
                continue;
            }
            if let Some(status) = ended {
                return Err(self.failed(&format!("its program ended with {status}")));
            }
            if let Some(signal) = cancel.signal() {
                return Err(host::Error::Interrupted { signal }.into());
            }
            if started.elapsed() >= limit {
                return Err(self.failed(&format!("no answer within {} s", limit.as_secs())));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn failed(&self, said: &str) -> Error {
        let said = said.strip_prefix("failed ").unwrap_or(said);
        let log = self.answers.with_file_name("labgrid.log");
        let log = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        Error::Labgrid {
            place: self.place.clone(),
            said: said.to_owned(),
            log: lines[lines.len().saturating_sub(10)..].join("\n"),
        }
    }
}

impl Drop for LabgridBoard {
    fn drop(&mut self) {
        // Whoever drops what is on has an error of his own to tell.
        let _ = self.switch_off();
        // It gives the place back at the end of its commands.
        if let Ok(null) = File::open("/dev/null") {
            self.commands = null;
        }
        let started = Instant::now();
        while matches!(self.running.poll(), Ok(None)) && started.elapsed() < OFF_LIMIT {
            std::thread::sleep(PAUSE);
        }
    }
}

/// What starts the program between.
fn command(place: &LabgridPlace, machine: &Machine, program: &Path) -> Cmd {
    let shown = |path: Option<&Path>| path.map(Path::to_owned).unwrap_or_default();
    let environment = shown(place.environment.as_deref());
    let mut command = Cmd::new("python3").arg(program).arg(&place.name);
    command = command
        .arg(environment)
        .env("LG_KERNEL", &machine.kernel)
        .env("LG_RAMDISK", shown(machine.initrd.as_deref()))
        .env("LG_DEVICE_TREE", shown(machine.device_tree.as_deref()))
        .env("LG_CMDLINE", &machine.cmdline);
    // Where its coordinator is, and by what an environment's templates are filled.
    for (key, value) in std::env::vars_os() {
        let named = key.to_string_lossy();
        if named.starts_with("LG_") && !OURS.contains(&&*named) {
            command = command.env(key, value);
        }
    }
    command
}

/// What a system is told to a place's environment by.
const OURS: &[&str] = &["LG_KERNEL", "LG_RAMDISK", "LG_DEVICE_TREE", "LG_CMDLINE"];

fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|e| host::Error::file("create", path, e).into())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| host::Error::file("write", path, e).into())
}

/// A named pipe, open at both ends so that nobody waits for the other.
fn pipe(path: &Path) -> Result<File> {
    super::files::remove(path)?;
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .map_err(|e| host::Error::file("create", path, e.into()))?;
    File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(|e| host::Error::file("open", path, e).into())
}
