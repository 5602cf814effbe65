//! A client of QEMU's gdbstub: tests break a running kernel with it.
//!
//! The protocol is GDB's remote serial protocol (the GDB manual's appendix of
//! that name): `$DATA#SUM`, where `SUM` is the sum of the data's bytes modulo
//! 256 as two hexadecimal digits, answered by `+`.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The argument that lets QEMU listen on this socket.
pub(crate) fn qemu_arguments(socket: &Path) -> [String; 2] {
    let chardev = format!("unix:{},server=on,wait=off", socket.display());
    ["-gdb".to_owned(), chardev]
}

/// A connection to a stopped machine.
pub(crate) struct Gdb(UnixStream);

impl Gdb {
    /// Connects as soon as QEMU listens. The machine stops.
    pub(crate) fn connect(socket: &Path, limit: Duration) -> io::Result<Self> {
        let started = Instant::now();
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if started.elapsed() >= limit => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        stream.set_read_timeout(Some(limit))?;
        let mut gdb = Gdb(stream);
        gdb.send("?")?;
        while !is_stop(&gdb.answer()?) {}
        Ok(gdb)
    }

    /// Writes bytes at a virtual address.
    pub(crate) fn write(&mut self, address: u64, bytes: &[u8]) -> io::Result<()> {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let command = format!("M{address:x},{:x}:{hex}", bytes.len());
        match self.ask(&command)?.as_str() {
            "OK" => Ok(()),
            other => Err(io::Error::other(format!("{command}: {other}"))),
        }
    }

    /// Lets the machine run on, without us.
    pub(crate) fn detach(mut self) -> io::Result<()> {
        self.ask("D").map(|_| ())
    }

    /// Stops are told whenever they happen: they are no answers.
    fn ask(&mut self, command: &str) -> io::Result<String> {
        self.send(command)?;
        loop {
            let answer = self.answer()?;
            if !is_stop(&answer) {
                return Ok(answer);
            }
        }
    }

    fn send(&mut self, command: &str) -> io::Result<()> {
        let sum = command.bytes().fold(0u8, u8::wrapping_add);
        self.0.write_all(format!("${command}#{sum:02x}").as_bytes())
    }

    fn answer(&mut self) -> io::Result<String> {
        while self.byte()? != b'$' {}
        let mut data = String::new();
        loop {
            match self.byte()? {
                b'#' => break,
                byte => data.push(char::from(byte)),
            }
        }
        self.byte()?;
        self.byte()?;
        self.0.write_all(b"+")?;
        Ok(data)
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}

fn is_stop(answer: &str) -> bool {
    answer.starts_with(['S', 'T'])
}

/// A symbol's address by the kernel's `System.map`.
pub(crate) fn address_of(system_map: &str, symbol: &str) -> Option<u64> {
    system_map.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (address, _, name) = (words.next()?, words.next()?, words.next()?);
        (name == symbol).then(|| u64::from_str_radix(address, 16).ok())?
    })
}
