//! A section header as it stands in a file.

use object::elf;

/// One section header.
#[derive(Default)]
pub(super) struct SectionHeader {
    pub(super) name: u32,
    pub(super) kind: elf::SectionType,
    pub(super) flags: elf::SectionFlags,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) link: u32,
    pub(super) info: u32,
    pub(super) align: u64,
    pub(super) entry_size: u64,
}
