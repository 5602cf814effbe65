//! A serial line to a board of the user's: raw, eight bits, no parity, one stop
//! bit, no flow control (termios(3)).

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use recipe::serial_port::SerialPort;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::termios::{self, ControlModes, InputModes, OptionalActions, SpecialCodeIndex};

use crate::error::{Error, LineProblem, Result};

/// A line that takes no keys for so long is dead.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// An open line.
#[derive(Debug)]
pub struct Line {
    file: File,
}

impl Line {
    /// Opens a line and sets it up.
    ///
    /// # Errors
    /// When the device is missing, not a terminal, or in use by another tuxling.
    pub fn open(port: &SerialPort) -> Result<Self> {
        let failed = |problem| Error::Line {
            port: port.clone(),
            problem,
        };
        let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&port.device)
            .map_err(|e| match e.kind() {
                ErrorKind::NotFound => failed(LineProblem::Missing),
                ErrorKind::PermissionDenied => failed(LineProblem::NotPermitted),
                _ => failed(LineProblem::NotOpened(e)),
            })?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(failed(LineProblem::InUse));
        }
        set_up(&file, port.speed).map_err(|e| failed(LineProblem::NoTerminal(e)))?;
        Ok(Line { file })
    }

    /// What has come in, without waiting.
    ///
    /// # Errors
    /// When the line is gone.
    pub fn more(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 1 << 14];
        loop {
            return match self.file.read(&mut bytes) {
                Ok(0) => Err(io::Error::other("the line was hung up")),
                Ok(count) => {
                    bytes.truncate(count);
                    Ok(bytes)
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(Vec::new()),
                Err(e) => Err(e),
            };
        }
    }

    /// Sends all of these bytes.
    ///
    /// # Errors
    /// When the line is gone or takes nothing.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        send_all(&mut self.file, bytes)
    }

    /// The open device, to be waited for.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// Writes to what doesn't block.
pub(crate) fn send_all(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    let started = Instant::now();
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock && started.elapsed() < WRITE_LIMIT => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn set_up(file: &File, speed: u32) -> io::Result<()> {
    let mut attributes = termios::tcgetattr(file)?;
    attributes.make_raw();
    attributes.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD | ControlModes::CS8;
    attributes.control_modes -= ControlModes::CRTSCTS | ControlModes::CSTOPB | ControlModes::PARENB;
    attributes.input_modes -= InputModes::IXON | InputModes::IXOFF;
    // With 1 and 0 nothing to read is EAGAIN, and 0 bytes are the line's end.
    attributes.special_codes[SpecialCodeIndex::VMIN] = 1;
    attributes.special_codes[SpecialCodeIndex::VTIME] = 0;
    attributes.set_speed(speed)?;
    Ok(termios::tcsetattr(file, OptionalActions::Now, &attributes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_no_line_is_told_so() {
        let open = |device: &str| {
            let port = SerialPort::parse(&format!("serial:{device}")).expect("is right");
            match Line::open(&port).expect_err("no line") {
                Error::Line { problem, .. } => problem,
                other => panic!("{other}"),
            }
        };
        assert!(matches!(open("/dev/no-such-line"), LineProblem::Missing));
        assert!(matches!(open("/dev/null"), LineProblem::NoTerminal(_)));
    }
}
