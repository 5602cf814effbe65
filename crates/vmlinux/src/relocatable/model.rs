//! What an object file holds, as values.

use std::collections::BTreeMap;
use std::ops::Range;

use object::elf;

use crate::code;

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
    pub machine: elf::Machine,
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
        if self.big_endian {
            bytes.iter().fold(0, one)
        } else {
            bytes.iter().rev().fold(0, one)
        }
    }

    /// Writes the low `width` bytes of a number.
    pub fn put(&self, out: &mut Vec<u8>, number: u64, width: usize) {
        let bytes = number.to_le_bytes();
        if self.big_endian {
            out.extend(bytes[..width].iter().rev());
        } else {
            out.extend(&bytes[..width]);
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
    pub sections: Vec<ObjectSection>,
    /// The symbols, without the null symbol.
    pub symbols: Vec<ObjectSymbol>,
}

impl Object {
    /// Data within code, by section, as ARM's mapping symbols mark it: `$d`
    /// begins data, `$a`, `$t` and `$x` end it (*ELF for the Arm Architecture*, 5.5.5).
    pub fn data_in_code(&self) -> BTreeMap<usize, Vec<Range<u64>>> {
        let mut marks: BTreeMap<usize, BTreeMap<u64, bool>> = BTreeMap::new();
        for symbol in &self.symbols {
            let mark = code::mark(&symbol.name).split('.').next();
            let is_data = match mark {
                Some("$d") => true,
                Some("$a" | "$t" | "$x") => false,
                _ => continue,
            };
            let Some(section) = symbol.section() else {
                continue;
            };
            if self.sections[section].has(elf::SHF_EXECINSTR) {
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
pub struct ObjectSection {
    /// Its name.
    pub name: String,
    /// `sh_type`.
    pub kind: elf::SectionType,
    /// `sh_flags`.
    pub flags: elf::SectionFlags,
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

impl ObjectSection {
    /// Whether what runs may write to it.
    pub fn writable(&self) -> bool {
        self.has(elf::SHF_WRITE)
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: elf::SectionFlags) -> bool {
        (self.flags & flag).0 != 0
    }
}

/// A relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Where, from the beginning of the section.
    pub offset: u64,
    /// The machine's number for what is to be computed.
    pub kind: elf::RelocationType,
    /// An index into [`Object::symbols`]; `None` when it names no symbol.
    pub symbol: Option<usize>,
    /// The addend of a RELA; 0 for a REL, whose addend is in the bytes.
    pub addend: i64,
}

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSymbol {
    /// Its name.
    pub name: String,
    /// Its value: an offset in its section, or the alignment of a common one.
    pub value: u64,
    /// Its size.
    pub size: u64,
    /// `STB_…`.
    pub binding: elf::SymbolBind,
    /// `STT_…`.
    pub kind: elf::SymbolType,
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

impl ObjectSymbol {
    /// Whether other objects see it.
    pub fn is_global(&self) -> bool {
        self.binding != elf::STB_LOCAL
    }

    /// The section it is defined in.
    pub fn section(&self) -> Option<usize> {
        match self.place {
            Place::Section(index) => Some(index),
            _ => None,
        }
    }
}
