//! Relocatable object files (`ET_REL`): read from bytes into values that can
//! be changed, and written back to bytes.
//!
//! ELF32 and ELF64, both byte orders, REL and RELA, and the extended section
//! indexes that files with more than 65,279 sections need. The format is that
//! of the System V ABI, chapter 4, and of the generic ABI's extensions.

use std::collections::BTreeMap;
use std::ops::Range;

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::ReadError;

/// Section types and flags, symbol types and bindings (System V ABI).
pub mod abi {
    #![allow(missing_docs, reason = "the ABI's own names")]
    pub const SHT_NULL: u32 = 0;
    pub const SHT_PROGBITS: u32 = 1;
    pub const SHT_SYMTAB: u32 = 2;
    pub const SHT_STRTAB: u32 = 3;
    pub const SHT_RELA: u32 = 4;
    pub const SHT_NOTE: u32 = 7;
    pub const SHT_NOBITS: u32 = 8;
    pub const SHT_REL: u32 = 9;
    pub const SHT_GROUP: u32 = 17;
    pub const SHT_SYMTAB_SHNDX: u32 = 18;

    pub const SHF_WRITE: u64 = 0x1;
    pub const SHF_ALLOC: u64 = 0x2;
    pub const SHF_EXECINSTR: u64 = 0x4;
    pub const SHF_MERGE: u64 = 0x10;
    pub const SHF_STRINGS: u64 = 0x20;
    pub const SHF_INFO_LINK: u64 = 0x40;
    pub const SHF_LINK_ORDER: u64 = 0x80;
    pub const SHF_GROUP: u64 = 0x200;
    pub const SHF_TLS: u64 = 0x400;
    pub const SHF_COMPRESSED: u64 = 0x800;

    pub const SHN_UNDEF: u16 = 0;
    pub const SHN_LORESERVE: u16 = 0xff00;
    pub const SHN_ABS: u16 = 0xfff1;
    pub const SHN_COMMON: u16 = 0xfff2;
    pub const SHN_XINDEX: u16 = 0xffff;

    pub const STB_LOCAL: u8 = 0;
    pub const STB_GLOBAL: u8 = 1;
    pub const STB_WEAK: u8 = 2;

    pub const STT_NOTYPE: u8 = 0;
    pub const STT_OBJECT: u8 = 1;
    pub const STT_FUNC: u8 = 2;
    pub const STT_SECTION: u8 = 3;
    pub const STT_FILE: u8 = 4;

    pub const EM_386: u16 = 3;
    pub const EM_ARM: u16 = 40;
    pub const EM_X86_64: u16 = 62;
}

/// What the file's header says of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// `ELFCLASS64` rather than `ELFCLASS32`.
    pub is_64: bool,
    /// `ELFDATA2MSB` rather than `ELFDATA2LSB`.
    pub big_endian: bool,
    /// `EI_OSABI`.
    pub os_abi: u8,
    /// `e_machine`.
    pub machine: u16,
    /// `e_flags`: the version of the calling convention, for ARM.
    pub flags: u32,
}

impl Target {
    /// The size of an address, in bytes.
    pub fn word(&self) -> u64 {
        if self.is_64 { 8 } else { 4 }
    }

    /// Reads a number of `bytes.len()` bytes, at most 8.
    pub fn number(&self, bytes: &[u8]) -> u64 {
        let one = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        match self.big_endian {
            true => bytes.iter().fold(0, one),
            false => bytes.iter().rev().fold(0, one),
        }
    }

    /// Writes the low `width` bytes of a number.
    pub fn put(&self, out: &mut Vec<u8>, number: u64, width: usize) {
        let bytes = number.to_le_bytes();
        match self.big_endian {
            true => out.extend(bytes[..width].iter().rev()),
            false => out.extend(&bytes[..width]),
        }
    }
}

/// A relocatable object file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The machine.
    pub target: Target,
    /// The sections, without the null section and without symbol, string
    /// and relocation tables.
    pub sections: Vec<Section>,
    /// The symbols, without the null symbol.
    pub symbols: Vec<Symbol>,
}

impl Object {
    /// Data within code, by section, as ARM's mapping symbols mark it: `$d`
    /// begins data, `$a` and `$t` end it (*ELF for the Arm Architecture*, 5.5.5).
    pub fn data_in_code(&self) -> BTreeMap<usize, Vec<Range<u64>>> {
        let mut marks: BTreeMap<usize, BTreeMap<u64, bool>> = BTreeMap::new();
        for symbol in &self.symbols {
            let mark = symbol.name.split('.').next().unwrap_or_default();
            let is_data = match mark {
                "$d" => true,
                "$a" | "$t" => false,
                _ => continue,
            };
            let Some(section) = symbol.section() else {
                continue;
            };
            if self.sections[section].has(abi::SHF_EXECINSTR) {
                let of_section = marks.entry(section).or_default();
                of_section.insert(symbol.value, is_data);
            }
        }
        let data = |(section, marks): (usize, BTreeMap<u64, bool>)| {
            let ends = marks.keys().skip(1).copied();
            let ends = ends.chain([self.sections[section].size]);
            let all = marks.iter().zip(ends);
            let data = all.filter(|((_, is_data), _)| **is_data);
            (section, data.map(|((from, _), to)| *from..to).collect())
        };
        marks.into_iter().map(data).collect()
    }
}

/// A section with its relocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    /// `sh_addralign`.
    pub align: u64,
    /// `sh_entsize`.
    pub entry_size: u64,
    /// The section it is ordered with (`SHF_LINK_ORDER`), an index into
    /// [`Object::sections`].
    pub linked: Option<usize>,
    /// Its bytes; empty when it has none in the file.
    pub data: Vec<u8>,
    /// Its size in memory.
    pub size: u64,
    /// Its relocations, sorted by offset.
    pub relocations: Vec<Relocation>,
    /// Whether their addends stand in the relocations (RELA) rather than in
    /// the section's bytes (REL).
    pub explicit_addends: bool,
}

impl Section {
    /// Whether a flag is set.
    pub fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }
}

/// A relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Where, from the beginning of the section.
    pub offset: u64,
    /// The machine's number for what is to be computed.
    pub kind: u32,
    /// An index into [`Object::symbols`]; `None` when it names no symbol.
    pub symbol: Option<usize>,
    /// The addend of a RELA; 0 for a REL, whose addend is in the bytes.
    pub addend: i64,
}

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Its value: an offset in its section, or the alignment of a common one.
    pub value: u64,
    /// Its size.
    pub size: u64,
    /// `STB_…`.
    pub binding: u8,
    /// `STT_…`.
    pub kind: u8,
    /// `st_other`: the visibility.
    pub other: u8,
    /// Where it is defined.
    pub place: Place,
}

/// Where a symbol is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere in this object.
    Undefined,
    /// It is a number.
    Absolute,
    /// The linker makes room for it.
    Common,
    /// In a section, by its index in [`Object::sections`].
    Section(usize),
}

impl Symbol {
    /// Whether other objects see it.
    pub fn is_global(&self) -> bool {
        self.binding != abi::STB_LOCAL
    }

    /// The section it is defined in.
    pub fn section(&self) -> Option<usize> {
        match self.place {
            Place::Section(index) => Some(index),
            _ => None,
        }
    }
}
