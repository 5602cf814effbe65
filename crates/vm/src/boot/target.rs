//! What a boot runs on: QEMU, or a board at the other end of a serial line.
//! Either fills the same files; the rest of a boot can't tell them apart.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use host::process::Running;
use recipe::serial_port::SerialPort;
use rustix::fs::OFlags;

use super::labgrid::LabgridBoard;
use crate::check::outcome::BootEnd;
use crate::error::{Error, Result};
use crate::machine::qemu::Files;
use crate::machine::serial::{Line, send_all};

/// What a boot runs on.
#[derive(Debug)]
pub enum Target {
    /// QEMU, which writes the files itself.
    Qemu {
        /// Its process.
        running: Running,
        /// Where the console's keys go, if any are typed.
        keys: Option<File>,
        /// What it says of itself.
        errors: PathBuf,
    },
    /// A board.
    Board {
        /// Its console, and the file for what it prints.
        console: (Line, File),
        /// Its channel, and the file for what the agent says.
        channel: Option<(Line, File)>,
        /// The place that holds it, of a board farm.
        place: Option<LabgridBoard>,
    },
}

impl Target {
    /// Opens the lines to a board.
    ///
    /// # Errors
    /// When a line can't be used.
    pub(super) fn board(
        console: &SerialPort,
        channel: Option<&SerialPort>,
        files: &Files,
    ) -> Result<Self> {
        let open = |port: &SerialPort, log: &Path| -> Result<(Line, File)> {
            let file = File::create(log).map_err(|e| host::Error::file("create", log, e))?;
            Ok((Line::open(port)?, file))
        };
        Ok(Target::Board {
            console: open(console, &files.console)?,
            channel: channel.map(|port| open(port, &files.channel)).transpose()?,
            place: None,
        })
    }

    /// Keeps a farm's place as long as its board is in use.
    pub(super) fn held_by(&mut self, holder: Option<LabgridBoard>) {
        if let Target::Board { place, .. } = self {
            *place = holder;
        }
    }

    /// Takes in what is new. Gives how the boot ended, when the target knows.
    ///
    /// # Errors
    /// When QEMU's process is lost.
    pub fn poll(&mut self) -> Result<Option<BootEnd>> {
        match self {
            Target::Qemu {
                running, errors, ..
            } => {
                let status = running.poll().map_err(Error::Lost)?;
                Ok(status.map(|status| {
                    if status.success() {
                        BootEnd::MachineStopped
                    } else {
                        let said = super::files::read_ends(errors, 1 << 14).unwrap_or_default();
                        BootEnd::QemuFailed(format!("it ended with {status}: {}", said.trim()))
                    }
                }))
            }
            Target::Board {
                console, channel, ..
            } => {
                let lines = std::iter::once(console).chain(channel);
                for (line, log) in lines {
                    let bytes = match line.more() {
                        Ok(bytes) => bytes,
                        Err(e) => return Ok(Some(BootEnd::LineLost(e.to_string()))),
                    };
                    let kept = log.write_all(&bytes);
                    kept.map_err(Error::Console)?;
                }
                Ok(None)
            }
        }
    }

    /// Types at the console.
    ///
    /// # Errors
    /// When the keys are not taken.
    pub fn send(&mut self, keys: &[u8]) -> Result<()> {
        let sent = match self {
            Target::Qemu {
                keys: Some(file), ..
            } => send_all(file, keys),
            Target::Qemu { .. } => Ok(()),
            Target::Board { console, .. } => console.0.send(keys),
        };
        sent.map_err(Error::Keys)
    }

    /// Ends QEMU, or switches a farm's board off; another board is left as it is.
    ///
    /// # Errors
    /// When QEMU's process is lost, or the board isn't off.
    pub fn end(&mut self) -> Result<()> {
        match self {
            Target::Qemu { running, .. } => running.end().map(|_| ()).map_err(Error::Lost),
            Target::Board { place, .. } => place.as_mut().map_or(Ok(()), LabgridBoard::switch_off),
        }
    }
}

/// A console that takes keys: QEMU's `pipe` reads from PATH.in and writes to
/// PATH.out. The one is a named pipe, the other a link to the file that a
/// console without keys is written to.
///
/// # Errors
/// When they can't be made.
pub fn console_with_keys(files: &Files, base: &Path) -> Result<File> {
    let named = |end: &str| {
        let mut name = base.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let (keys, printed) = (named(".in"), named(".out"));
    for path in [&keys, &printed] {
        super::files::remove(path)?;
    }
    File::create(&files.console).map_err(|e| host::Error::file("create", &files.console, e))?;
    std::os::unix::fs::symlink(&files.console, &printed)
        .map_err(|e| host::Error::file("create", &printed, e))?;
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &keys, rustix::fs::FileType::Fifo, mode, 0)
        .map_err(|e| host::Error::file("create", &keys, e.into()))?;
    // Both ends, so that neither side waits for the other.
    File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(&keys)
        .map_err(|e| host::Error::file("open", &keys, e).into())
}
