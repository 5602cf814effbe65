//! Context mixing as a ramdisk has it: memory by the machine's RAM, a filter by
//! the programs in it.

use std::io::{self, Write};

use cm::{Filter, Settings as CmSettings, Strength};

use super::{Settings, cm_memory};

/// Keeps what is written to it until it is whole.
pub(super) struct Encoder<W> {
    output: W,
    input: Vec<u8>,
    strength: Strength,
    machine_ram: u64,
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(output: W, strength: Strength, settings: &Settings) -> Self {
        Self {
            output,
            input: Vec::new(),
            strength,
            machine_ram: settings.machine_ram,
        }
    }

    /// Packs, writes, and gives the output back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let input = &self.input;
        let memory = cm_memory(input.len() as u64, self.machine_ram);
        // The kernel allocates a block besides.
        let block = (self.machine_ram / 8).max(1).ilog2() as u8;
        let settings = CmSettings {
            strength: self.strength,
            memory,
            filter: code(input),
            block: block.clamp(12, 30),
        };
        let packed = cm::compress(input, &settings).map_err(io::Error::other)?;
        self.output.write_all(&packed)?;
        Ok(self.output)
    }
}

impl<W> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The filter for the first program: `e_machine` of an ELF file.
fn code(input: &[u8]) -> Filter {
    let mut heads = input
        .windows(20)
        .filter(|head| head.starts_with(b"\x7fELF"));
    match heads.next().map(|head| (head[18], head[19])) {
        Some((3 | 62, 0)) => Filter::X86,
        Some((40, 0)) => Filter::Arm,
        _ => Filter::None,
    }
}

/// Unpacks the stream at the start of `input`; gives the data and where the
/// stream ends.
pub(super) fn decode(input: &[u8], limit: usize) -> io::Result<(Vec<u8>, usize)> {
    cm::decompress(input, limit).map_err(|error| match error {
        cm::Error::TooLarge { .. } => io::Error::new(io::ErrorKind::FileTooLarge, error),
        _ => io::Error::new(io::ErrorKind::InvalidData, error),
    })
}
