//! The bytes that the kernel's build compresses: `objcopy -O binary` of
//! vmlinux, and which address each of them has.

use vmlinux::Elf;

/// The loaded bytes of a kernel in the order of their load addresses, with
/// zeros between sections.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The load address of the first.
    base: u64,
}

/// A file of more than this between two sections is not one image.
const LIMIT: u64 = 1 << 30;

impl Stream {
    /// The stream of a linked kernel; empty when its sections stand too far
    /// apart for one image, as in a program for a host.
    pub fn of(elf: &Elf, file: &[u8]) -> Stream {
        let sections = || elf.loaded().map(|(_, s)| s).filter(|s| s.has_bytes());
        let base = sections().map(|s| s.load_address).min().unwrap_or(0);
        let end = sections()
            .filter_map(|s| s.load_address.checked_add(s.bytes))
            .max()
            .unwrap_or(base);
        if end - base > LIMIT {
            return Stream::default();
        }
        let mut bytes = vec![0; usize::try_from(end - base).unwrap_or(0)];
        for section in sections() {
            let range = |from: u64| {
                let from = usize::try_from(from).ok()?;
                Some(from..from.checked_add(usize::try_from(section.bytes).ok()?)?)
            };
            let from = range(section.offset).and_then(|r| file.get(r));
            let to = range(section.load_address - base).and_then(|r| bytes.get_mut(r));
            if let (Some(from), Some(to)) = (from, to) {
                to.copy_from_slice(from);
            }
        }
        Stream { bytes, base }
    }

    /// Where in the stream these bytes of a section stand; none for what
    /// starts as zeros behind the end.
    pub fn place(&self, elf: &Elf, section: usize, address: u64, bytes: u64) -> Option<std::ops::Range<usize>> {
        let section = elf.sections.get(section).filter(|s| s.has_bytes())?;
        let load = section
            .load_address
            .checked_add(address.checked_sub(section.address)?)?;
        let from = usize::try_from(load.checked_sub(self.base)?).ok()?;
        let to = from.checked_add(usize::try_from(bytes).ok()?)?;
        (to <= self.bytes.len()).then_some(from..to)
    }
}
