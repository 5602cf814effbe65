//! A client of QEMU's gdbstub, and what it is for: seeing from outside that a
//! machine has run into a trap, at once and in every context.
//!
//! The protocol is GDB's remote serial protocol (the GDB manual's appendix of
//! that name): `$DATA#SUM`, where `SUM` is the sum of the data's bytes modulo
//! 256 as two hexadecimal digits, answered by `+`.
//!
//! QEMU starts stopped (`-S`). A breakpoint is set where the trap handler ends,
//! at its virtual address and at the physical one, which is where it runs
//! before paging; then the machine runs. QEMU's translator keeps breakpoints
//! beside the guest's memory: nothing in the guest is changed by them.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host::aside::{self, Aside};

use super::qemu::Accelerator;

/// QEMU listens within a few milliseconds; a busy host takes longer.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// An answer takes as long as QEMU's main loop does for one round.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// No packet of the stub's is longer; what is, is none.
const PACKET_LIMIT: usize = 1 << 16;

/// So many numbers are asked for at a time: an answer is one packet.
const NUMBERS_AT_ONCE: u64 = 256;

/// A machine that stops more often without a trap stands where it was stopped.
const MOST_STRAYS: u32 = 64;

/// No kernel has more pages of cold code.
const MOST_NUMBERS: u64 = 1 << 16;

/// Where a kernel's trap handler lies. Virtual addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrapPoints {
    /// Where the handler ends: an endless loop.
    pub stopped: u64,
    /// What it leaves: a magic number, the address of the trap, and the address
    /// that the trapped function would have returned to, one word each.
    pub record: u64,
    /// The magic number.
    pub magic: u64,
    /// Bytes of a word.
    pub word: usize,
    /// What virtual addresses are above the physical ones.
    pub offset: u64,
    /// Where a kernel that loads cold code counts the pages that it has loaded,
    /// and where their numbers are.
    pub loaded: Option<(u64, u64)>,
}

/// A machine ran into a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapSeen {
    /// The address of the trap: just behind its call of the handler.
    pub trap: u64,
    /// The address that the function would have returned to.
    pub caller: u64,
}

/// Watches a machine for traps.
#[derive(Debug)]
pub struct TrapWatch {
    gdb: Gdb,
    points: TrapPoints,
    kind: char,
    seen: Option<TrapSeen>,
    loaded: Option<Vec<u16>>,
    /// How often the machine stood at a breakpoint and no trap was recorded.
    strays: u32,
}

/// The arguments that let QEMU listen on this socket, and wait for us.
pub fn qemu_arguments(socket: &Path) -> Vec<String> {
    let path = socket.to_string_lossy().replace(',', ",,");
    let chardev = format!("unix:{path},server=on,wait=off");
    vec!["-S".to_owned(), "-gdb".to_owned(), chardev]
}

/// A folder for the socket: the path of a socket has to be short (unix(7)),
/// which the folder of a boot need not be.
pub fn socket_folder() -> io::Result<(Aside, PathBuf)> {
    let folder = aside::scratch("gdb")?;
    let socket = folder.path().join("gdb");
    Ok((folder, socket))
}

impl TrapWatch {
    /// Connects to a machine that waits, sets the breakpoints, and lets it run.
    /// `alive` says whether QEMU still runs.
    pub fn begin(
        socket: &Path,
        points: TrapPoints,
        accelerator: Accelerator,
        alive: &mut dyn FnMut() -> bool,
    ) -> io::Result<Self> {
        let mut gdb = Gdb::connect(socket, alive)?;
        // KVM has no breakpoints beside the memory, but the processor's own.
        let kind = match accelerator {
            Accelerator::Tcg => '0',
            Accelerator::Kvm => '1',
        };
        for address in [points.stopped, points.physical(points.stopped)] {
            gdb.order(&format!("Z{kind},{address:x},1"))?;
        }
        gdb.send("c")?;
        gdb.stream.set_nonblocking(true)?;
        Ok(TrapWatch {
            gdb,
            points,
            kind,
            seen: None,
            loaded: None,
            strays: 0,
        })
    }

    /// Which pages of cold code the kernel has loaded, in that order, when its
    /// checks were done; `None` where nobody looked, or it has none.
    pub fn loaded(&self) -> Option<&[u16]> {
        self.loaded.as_deref()
    }

    /// Holds the machine for a moment to see which pages it has loaded.
    pub fn look_at_loaded(&mut self) -> io::Result<()> {
        let Some((count, pages)) = self.points.loaded else {
            return Ok(());
        };
        if self.loaded.is_some() || self.seen.is_some() {
            return Ok(());
        }
        self.gdb.stream.set_nonblocking(false)?;
        self.gdb.hold()?;
        self.loaded = self.gdb.counted(count, pages)?;
        // It may have been on its way into a trap.
        let (record, word) = (self.points.record, self.points.word);
        if let Some([magic, trap, caller]) = self.gdb.words(record, word, 3)?.as_deref()
            && *magic == self.points.magic
        {
            let (trap, caller) = (*trap, *caller);
            self.seen = Some(TrapSeen { trap, caller });
        } else {
            self.gdb.send("c")?;
        }
        self.gdb.stream.set_nonblocking(true)
    }

    /// Whether the machine has run into a trap by now. Costs nothing while it
    /// has not.
    pub fn poll(&mut self) -> io::Result<Option<TrapSeen>> {
        if self.seen.is_some() {
            return Ok(self.seen);
        }
        if !self.gdb.receive_what_is_there()? {
            return Ok(None);
        }
        while let Some(packet) = self.gdb.next_packet() {
            if is_stop(&packet) {
                self.gdb.stream.set_nonblocking(false)?;
                self.seen = self.examine()?;
                self.gdb.stream.set_nonblocking(true)?;
                break;
            }
        }
        Ok(self.seen)
    }

    /// The machine stands at a breakpoint. The record tells whether that was
    /// the handler: a user program may run at its physical address, long after
    /// the kernel has left the physical ones, and so may a CPU that has come off its
    /// way.
    fn examine(&mut self) -> io::Result<Option<TrapSeen>> {
        let points = self.points.clone();
        for address in [points.record, points.physical(points.record)] {
            let Some(words) = self.gdb.words(address, points.word, 3)? else {
                continue; // not mapped
            };
            if let [magic, trap, caller] = words[..]
                && magic == points.magic
            {
                return Ok(Some(TrapSeen { trap, caller }));
            }
        }
        if self.strays == 0 {
            let physical = points.physical(points.stopped);
            self.gdb.order(&format!("z{},{physical:x},1", self.kind))?;
        }
        self.strays += 1;
        if self.strays > MOST_STRAYS {
            return Err(io::Error::other(
                "the machine stands at a breakpoint, and no trap is recorded",
            ));
        }
        self.gdb.send("c")?;
        Ok(None)
    }
}

impl TrapPoints {
    fn physical(&self, address: u64) -> u64 {
        address.wrapping_sub(self.offset) & (u64::MAX >> (64 - 8 * self.word.clamp(1, 8)))
    }
}

/// A connection to the stub.
#[derive(Debug)]
struct Gdb {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Gdb {
    fn connect(socket: &Path, alive: &mut dyn FnMut() -> bool) -> io::Result<Self> {
        let started = Instant::now();
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if started.elapsed() >= CONNECT_LIMIT || !alive() => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        Ok(Gdb {
            stream,
            received: Vec::new(),
        })
    }

    /// A command that is answered by `OK`.
    fn order(&mut self, command: &str) -> io::Result<()> {
        match self.ask(command)?.as_str() {
            "OK" => Ok(()),
            other => Err(io::Error::other(format!(
                "QEMU's gdbstub answers {other:?} to {command}"
            ))),
        }
    }

    /// Words of memory, little-endian; `None` where nothing is mapped.
    fn words(&mut self, address: u64, word: usize, count: usize) -> io::Result<Option<Vec<u64>>> {
        let answer = self.ask(&format!("m{address:x},{:x}", word * count))?;
        let Ok(bytes) = hex::decode(answer.as_bytes()) else {
            return Ok(None); // E14: an error has an odd number of digits
        };
        let value = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0u64, |sum, b| sum << 8 | u64::from(*b))
        };
        let whole = bytes.len() == word * count;
        Ok(whole.then(|| bytes.chunks(word).map(value).collect()))
    }

    /// Stops the machine where it is.
    fn hold(&mut self) -> io::Result<()> {
        self.stream.write_all(&[3])?;
        loop {
            while let Some(packet) = self.next_packet() {
                if is_stop(&packet) {
                    return Ok(());
                }
            }
            self.wait()?;
        }
    }

    /// Numbers of two bytes, as many as another says.
    fn counted(&mut self, count: u64, numbers: u64) -> io::Result<Option<Vec<u16>>> {
        let count = self
            .words(count, 4, 1)?
            .and_then(|words| words.first().copied());
        let Some(count) = count else {
            return Ok(None);
        };
        let mut found = Vec::new();
        while (found.len() as u64) < count.min(MOST_NUMBERS) {
            let at = numbers + 2 * found.len() as u64;
            let next = (count - found.len() as u64).min(NUMBERS_AT_ONCE);
            let Some(words) = self.words(at, 2, next as usize)? else {
                return Ok(None);
            };
            found.extend(words.iter().map(|word| *word as u16));
        }
        Ok(Some(found))
    }

    fn wait(&mut self) -> io::Result<()> {
        let mut piece = [0; 1024];
        match self.stream.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.received.extend_from_slice(&piece[..n]);
                Ok(())
            }
        }
    }

    fn ask(&mut self, command: &str) -> io::Result<String> {
        self.send(command)?;
        loop {
            while let Some(packet) = self.next_packet() {
                // Stops are told whenever they happen: they are no answers.
                if !is_stop(&packet) {
                    return Ok(packet);
                }
            }
            self.wait()?;
        }
    }

    fn send(&mut self, command: &str) -> io::Result<()> {
        let sum = command.bytes().fold(0u8, u8::wrapping_add);
        self.stream
            .write_all(format!("${command}#{sum:02x}").as_bytes())
    }

    /// Takes what has arrived, without waiting. `false` when nothing has.
    fn receive_what_is_there(&mut self) -> io::Result<bool> {
        let mut piece = [0; 1024];
        loop {
            match self.stream.read(&mut piece) {
                // QEMU has ended: its process tells how.
                Ok(0) => break,
                Ok(n) if self.received.len() < PACKET_LIMIT => {
                    self.received.extend_from_slice(&piece[..n]);
                }
                Ok(_) => return Err(io::Error::other("QEMU's gdbstub sends without end")),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => break,
                Err(e) => return Err(e),
            }
        }
        Ok(!self.received.is_empty())
    }

    /// The next whole packet that has arrived; it is acknowledged.
    fn next_packet(&mut self) -> Option<String> {
        let start = self.received.iter().position(|b| *b == b'$')?;
        let end = start + self.received[start..].iter().position(|b| *b == b'#')?;
        if self.received.len() < end + 3 {
            return None;
        }
        let packet = String::from_utf8_lossy(&self.received[start + 1..end]).into_owned();
        self.received.drain(..end + 3);
        // A stub that has gone needs none: the next read tells.
        let _ = self.stream.write_all(b"+");
        Some(packet)
    }
}

fn is_stop(packet: &str) -> bool {
    packet.starts_with(['S', 'T'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Gdb, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let gdb = Gdb {
            stream: ours,
            received: Vec::new(),
        };
        (gdb, theirs)
    }

    #[test]
    fn packets_are_found_wherever_they_are_cut() {
        let (mut gdb, _theirs) = pair();
        for byte in b"++$OK#9a$T05thread:01;#0" {
            gdb.received.push(*byte);
        }
        assert_eq!(gdb.next_packet().as_deref(), Some("OK"));
        assert_eq!(gdb.next_packet(), None);
        gdb.received.push(b'7');
        let stop = gdb.next_packet().expect("whole now");
        assert!(is_stop(&stop), "{stop}");
    }

    #[test]
    fn words_are_read_and_an_error_is_none() {
        let (mut gdb, mut theirs) = pair();
        theirs
            .write_all(b"+$504152540100000002000000#00+$E14#00")
            .expect("sends");
        let words = gdb.words(0xc100_0000, 4, 3).expect("answers");
        assert_eq!(words, Some(vec![0x5452_4150, 1, 2]));
        assert_eq!(gdb.words(0, 4, 3).expect("answers"), None);
    }

    #[test]
    fn the_physical_address_has_the_machines_width() {
        let points = TrapPoints {
            stopped: 0xc100_1000,
            record: 0,
            magic: 0,
            word: 4,
            offset: 0xc000_0000,
            loaded: None,
        };
        assert_eq!(points.physical(points.stopped), 0x0100_1000);
        assert_eq!(points.physical(0x8000), 0x4000_8000);
    }
}
