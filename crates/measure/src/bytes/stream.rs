//! The bytes that the kernel's build compresses, and where in them each section
//! stands.
//!
//! x86 compresses an ELF file (`objcopy -R .comment -S`,
//! arch/x86/boot/compressed/Makefile), other architectures the loaded bytes
//! alone (`objcopy -O binary`). Which it is, the payload itself says.

use std::ops::Range;

use vmlinux::Elf;

/// What is compressed.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where each section of vmlinux begins; none for those that have no bytes
    /// in it.
    starts: Vec<Option<usize>>,
}

/// More than this from the first byte to the last is not one image.
const LIMIT: u64 = 1 << 28;

impl Stream {
    /// The stream of a linked kernel whose unpacked payload is at hand.
    pub fn of_payload(elf: &Elf, payload: Vec<u8>) -> Stream {
        let starts = match Elf::parse(&payload) {
            Ok(inner) => elf
                .sections
                .iter()
                .map(|section| {
                    let same = |s: &&vmlinux::elf::Section| {
                        s.name == section.name && s.address == section.address && s.has_bytes()
                    };
                    let found = inner.sections.iter().find(same)?;
                    usize::try_from(found.offset).ok()
                })
                .collect(),
            Err(_) => flat_starts(elf),
        };
        Stream {
            bytes: payload,
            starts,
        }
    }

    /// The loaded bytes of any ELF file in the order of their load addresses;
    /// empty when they stand too far apart for one image.
    pub fn of_file(elf: &Elf, file: &[u8]) -> Stream {
        let starts = flat_starts(elf);
        let sections = || elf.sections.iter().zip(&starts);
        let range =
            |from: usize, bytes: u64| Some(from..from.checked_add(usize::try_from(bytes).ok()?)?);
        let end = sections()
            .filter_map(|(s, start)| range((*start)?, s.bytes))
            .map(|r| r.end)
            .max()
            .unwrap_or(0);
        let mut bytes = vec![0; end];
        for (section, start) in sections() {
            let from = usize::try_from(section.offset)
                .ok()
                .and_then(|from| file.get(range(from, section.bytes)?));
            let to = start.and_then(|start| bytes.get_mut(range(start, section.bytes)?));
            if let (Some(from), Some(to)) = (from, to) {
                to.copy_from_slice(from);
            }
        }
        Stream { bytes, starts }
    }

    /// Where in the stream these bytes of a section stand; none for what
    /// starts as zeros.
    pub fn place(
        &self,
        elf: &Elf,
        section: usize,
        address: u64,
        bytes: u64,
    ) -> Option<Range<usize>> {
        let start = (*self.starts.get(section)?)?;
        let into = address.checked_sub(elf.sections.get(section)?.address)?;
        let from = start.checked_add(usize::try_from(into).ok()?)?;
        let to = from.checked_add(usize::try_from(bytes).ok()?)?;
        (to <= self.bytes.len()).then_some(from..to)
    }
}

/// Where sections begin when they are laid out by load address alone.
fn flat_starts(elf: &Elf) -> Vec<Option<usize>> {
    let has_bytes = |s: &vmlinux::elf::Section| s.is_loaded() && s.has_bytes() && s.bytes > 0;
    let sections = || elf.sections.iter().filter(|s| has_bytes(s));
    let base = sections().map(|s| s.load_address).min().unwrap_or(0);
    let end = sections()
        .filter_map(|s| s.load_address.checked_add(s.bytes))
        .max()
        .unwrap_or(base);
    if end - base > LIMIT {
        return vec![None; elf.sections.len()];
    }
    elf.sections
        .iter()
        .map(|s| {
            if has_bytes(s) {
                usize::try_from(s.load_address - base).ok()
            } else {
                None
            }
        })
        .collect()
}
