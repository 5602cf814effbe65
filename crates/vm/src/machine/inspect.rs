//! Looks into a machine that has stopped or hangs: where its processor stands
//! and what its memory holds. A kernel that dies before its console is up has
//! printed nothing, but its log is in memory all the same.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::qmp::{self, QmpClient};
use super::stacks::{self, GuestMemory, StackMark, StackWish};

/// An answer that takes longer doesn't come.
const LIMIT: Duration = Duration::from_secs(3);

/// Text shorter than this is taken for the log's own bookkeeping.
const SHORTEST: usize = 4;

/// What is to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InspectWish {
    /// Address and size of the kernel's log buffer, in its own addresses.
    pub log: Option<(u64, u64)>,
    /// Where the kernel's first task is, when all tasks' stacks are to be looked
    /// at.
    pub stacks: Option<StackWish>,
}

/// What a machine looked like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The program counter.
    pub pc: Option<u64>,
    /// The texts in the kernel's log buffer, in the order of their addresses.
    pub log: Vec<String>,
    /// How deep each task's stack has been; `None` where that can't be told.
    pub stacks: Option<Vec<StackMark>>,
}

/// QEMU's arguments for a boot that is looked into: it stays when the machine
/// stops.
pub fn arguments(socket: &Path) -> Vec<String> {
    let mut arguments = vec!["-no-shutdown".to_owned()];
    arguments.extend(qmp::arguments(socket));
    arguments
}

/// Looks into a machine; `None` where QEMU doesn't answer (it has ended, or
/// the socket's path is too long). `dir` is for the memory's file.
pub fn look(socket: &Path, wish: &InspectWish, dir: &Path) -> Option<Inspection> {
    let mut client = QmpClient::connect(socket, LIMIT).ok()?;
    // What is asked next is answered by a machine that runs, too.
    let _ = client.ask("stop", &json!({}));
    let order = json!({"command-line": "info registers"});
    let registers = client.ask("human-monitor-command", &order).ok();
    let registers = registers.as_ref().and_then(Value::as_str);
    let file = dir.join("guest-memory");
    let mut memory = Saved {
        client: &mut client,
        file: &file,
    };
    let log = wish.log.and_then(|(address, size)| {
        let size = usize::try_from(size).ok()?;
        memory.read(address, size)
    });
    let stacks = wish
        .stacks
        .and_then(|wish| stacks::marks(&mut memory, &wish));
    // What isn't there need not be removed.
    let _ = std::fs::remove_file(&file);
    Some(Inspection {
        pc: registers.and_then(program_counter),
        log: log.map_or_else(Vec::new, |bytes| texts(&bytes)),
        stacks,
    })
}

/// The memory of a machine, part by part by way of a file.
struct Saved<'a> {
    client: &'a mut QmpClient,
    file: &'a Path,
}

impl GuestMemory for Saved<'_> {
    fn read(&mut self, address: u64, length: usize) -> Option<Vec<u8>> {
        // QEMU takes the address as a signed number.
        let arguments = json!({
            "val": address.cast_signed(), "size": length,
            "filename": self.file.to_string_lossy(),
        });
        self.client.ask("memsave", &arguments).ok()?;
        let bytes = std::fs::read(self.file).ok()?;
        (bytes.len() == length).then_some(bytes)
    }
}

/// The program counter in what `info registers` prints: `EIP=c1000000`,
/// `RIP=ffffffff81000000` or `R15=c0008000`.
fn program_counter(registers: &str) -> Option<u64> {
    ["EIP=", "RIP=", "R15="].iter().find_map(|name| {
        let (_, rest) = registers.split_once(name)?;
        let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
        u64::from_str_radix(&digits, 16).ok()
    })
}

/// The readable texts among a log buffer's bytes. In the kernel's ring of
/// records (kernel/printk/printk_ringbuffer.c) each text stands behind a number
/// and is padded with zeros.
fn texts(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| !(byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\n')))
        .map(|run| String::from_utf8_lossy(run).trim().to_owned())
        .filter(|text| text.len() >= SHORTEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_program_counter_of_each_architecture_is_found() {
        let i386 = "EAX=00000001 EBX=0\nEIP=c1291a3d EFL=00000046 [---Z-P-] CPL=0 II=0";
        assert_eq!(program_counter(i386), Some(0xc129_1a3d));
        let arm = "R12=c0181bc8 R13=c0181ef8 R14=c0166294 R15=c0166298\nPSR=600000d3";
        assert_eq!(program_counter(arm), Some(0xc016_6298));
        assert_eq!(program_counter("no registers"), None);
    }

    #[test]
    fn the_texts_of_a_log_buffer_are_found_between_its_numbers() {
        let mut bytes = vec![0xee, 0xff, 0xff, 0xff];
        bytes.extend(b"Linux version 6.12.117\0\0");
        bytes.extend([0xef, 0xff, 0xff, 0xff]);
        bytes.extend(b"Kernel panic - not syncing: no memory\0\0\0");
        assert_eq!(
            texts(&bytes),
            [
                "Linux version 6.12.117",
                "Kernel panic - not syncing: no memory"
            ]
        );
    }

    proptest! {
        #[test]
        fn any_memory_and_registers_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = texts(&bytes);
            let _ = program_counter(&String::from_utf8_lossy(&bytes));
        }
    }
}
