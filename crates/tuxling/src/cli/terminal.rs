//! A board's console in this terminal: what it prints goes out, keys go in,
//! Ctrl-A X leaves, as with QEMU.

use std::io::{Read, Write};
use std::time::Duration;

use host::error::Kind;
use host::process::Cancel;
use recipe::serial_port::SerialPort;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{self, OptionalActions, Termios};
use vm::machine::serial::Line;

use crate::failure::{Failure, Result};

/// How often a signal is looked for.
const PAUSE: Duration = Duration::from_millis(100);

/// Ctrl-A.
const ESCAPE: u8 = 1;

/// What keys mean: Ctrl-A X leaves, Ctrl-A Ctrl-A is one Ctrl-A.
#[derive(Debug, Default)]
struct Keys {
    escaped: bool,
}

impl Keys {
    /// What goes to the board; `None` when the user leaves.
    fn take(&mut self, typed: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for &key in typed {
            match (std::mem::take(&mut self.escaped), key) {
                (true, b'x' | b'X') => return None,
                (true, ESCAPE | b'a') => out.push(ESCAPE),
                (false, ESCAPE) => self.escaped = true,
                (_, key) => out.push(key),
            }
        }
        Some(out)
    }
}

/// A terminal that gives every key at once, until it is dropped.
struct Raw(Option<Termios>);

impl Raw {
    fn of_stdin() -> Raw {
        let stdin = std::io::stdin();
        let Ok(before) = termios::tcgetattr(&stdin) else {
            return Raw(None); // a pipe
        };
        let mut raw = before.clone();
        raw.make_raw();
        let set = termios::tcsetattr(&stdin, OptionalActions::Now, &raw);
        Raw(set.is_ok().then_some(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // Nothing can be done about a terminal that is gone.
            let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Connects the terminal and the line until the user leaves.
pub(super) fn run(port: &SerialPort, cancel: &Cancel) -> Result<()> {
    let mut line = Line::open(port)?;
    let raw = Raw::of_stdin();
    let result = copy(&mut line, cancel);
    drop(raw);
    result.map_err(|e| {
        Failure::new(Kind::Machine, format!("lost {port}: {e}")).help("check the cable")
    })
}

fn copy(line: &mut Line, cancel: &Cancel) -> std::io::Result<()> {
    let mut keys = Keys::default();
    let mut typed = [0; 256];
    let (mut stdin, mut stdout) = (std::io::stdin(), std::io::stdout());
    let pause = PAUSE.try_into().ok();
    while cancel.signal().is_none() {
        let mut ready = [
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::new(line.file(), PollFlags::IN),
        ];
        match poll(&mut ready, pause.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(e) => return Err(e.into()),
        }
        let [has_keys, has_text] = [0, 1].map(|at: usize| !ready[at].revents().is_empty());
        if has_text {
            let printed = line.more()?;
            stdout.write_all(&printed)?;
            stdout.flush()?;
        }
        if has_keys {
            let count = stdin.read(&mut typed)?;
            match keys.take(&typed[..count]) {
                Some(keys) if count > 0 => line.send(&keys)?,
                _ => return Ok(()),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_a_x_leaves_also_in_two_pieces() {
        let mut keys = Keys::default();
        assert_eq!(keys.take(b"ls\r"), Some(b"ls\r".to_vec()));
        assert_eq!(keys.take(b"x\x01"), Some(b"x".to_vec()));
        assert_eq!(keys.take(b"\x01b"), Some(b"\x01b".to_vec()));
        assert_eq!(keys.take(b"a\x01"), Some(b"a".to_vec()));
        assert_eq!(keys.take(b"x"), None);
    }
}
