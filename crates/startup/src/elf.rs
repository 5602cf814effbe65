//! The head of an ELF file: its machine, its loader, where it ends.

/// The head of an ELF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// `e_machine`.
    pub machine: u16,
    /// 32 or 64.
    pub bits: u32,
    /// The loader that it asks for (`PT_INTERP`).
    pub loader: Option<String>,
    /// Where its last loaded segment ends in physical memory.
    pub end: u64,
}

impl Elf {
    /// Reads the head of an ELF file (the System V gABI, chapters 4 and 5);
    /// `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Elf> {
        let (class, order) = match bytes.get(..6)? {
            [0x7f, b'E', b'L', b'F', class @ (1 | 2), order @ (1 | 2)] => (*class, *order),
            _ => return None,
        };
        let (wide, big) = (class == 2, order == 2);
        let number = |at: usize, size: usize| -> Option<u64> {
            let part = bytes.get(at..at.checked_add(size)?)?;
            let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
            Some(if big {
                part.iter().fold(0, fold)
            } else {
                part.iter().rev().fold(0, fold)
            })
        };
        let (phoff, sizes) = if wide {
            (number(32, 8)?, 54)
        } else {
            (number(28, 4)?, 42)
        };
        let (size, count) = (number(sizes, 2)?, number(sizes + 2, 2)?);
        let header = |at: u64| {
            let at = usize::try_from(phoff.checked_add(at.checked_mul(size)?)?).ok()?;
            (at < bytes.len()).then_some(at)
        };
        let loader = (0..count).find_map(|at| {
            let at = header(at)?;
            if number(at, 4)? != 3 {
                return None;
            }
            let (offset, length) = if wide {
                (number(at + 8, 8)?, number(at + 32, 8)?)
            } else {
                (number(at + 4, 4)?, number(at + 16, 4)?)
            };
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(usize::try_from(length).ok()?)?;
            let text = bytes.get(start..end)?.split(|b| *b == 0).next()?;
            Some(String::from_utf8_lossy(text).into_owned())
        });
        let end = |at: u64| -> Option<u64> {
            let at = header(at)?;
            let (start, size) = if wide {
                (number(at + 24, 8)?, number(at + 40, 8)?)
            } else {
                (number(at + 12, 4)?, number(at + 20, 4)?)
            };
            (number(at, 4)? == 1).then(|| start.saturating_add(size))
        };
        Some(Elf {
            end: (0..count).filter_map(end).max().unwrap_or(0),
            machine: number(18, 2)? as u16,
            bits: if wide { 64 } else { 32 },
            loader,
        })
    }

    /// Whether a kernel of one kind may run programs of the other.
    pub fn same_machine(&self, other: &Elf) -> bool {
        self.machine == other.machine && self.bits == other.bits
    }

    /// Whether a kernel of the other kind may run it, with whatever it has for
    /// older programs (32 bits on 64, `CONFIG_IA32_EMULATION` and so on).
    pub fn may_run_on(&self, kernel: &Elf) -> bool {
        const OLDER: &[(u16, u16)] = &[(3, 62), (40, 183), (20, 21)];
        let same = self.machine == kernel.machine && self.bits <= kernel.bits;
        same || OLDER.contains(&(self.machine, kernel.machine))
    }

    /// The machine's name (the gABI's registry of `e_machine`).
    pub fn machine_name(&self) -> String {
        let name = match self.machine {
            2 => "SPARC",
            3 => "32-bit x86",
            8 => "MIPS",
            20 => "32-bit PowerPC",
            21 => "64-bit PowerPC",
            22 => "s390",
            40 => "32-bit ARM",
            62 => "x86-64",
            183 => "64-bit ARM",
            243 => "RISC-V",
            258 => "LoongArch",
            other => return format!("machine number {other}"),
        };
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_headers_at_the_end_of_all_addresses_are_none() {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32..40].copy_from_slice(&(u64::MAX - 4).to_le_bytes());
        bytes[54..58].copy_from_slice(&[56, 0, 1, 0]);
        let elf = Elf::read(&bytes).expect("it has a head");
        assert_eq!((elf.end, elf.loader), (0, None));
    }
}
