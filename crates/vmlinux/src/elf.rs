//! The sections and symbols of an ELF file, as binutils name and count them.
//!
//! What `nm` prints before a name (`bfd_decode_symclass` in binutils'
//! bfd/syms.c), what `size -A` lists, and where the bytes stand in memory and
//! in the image (`objcopy -O binary` goes by load addresses).

use std::borrow::Cow;

use object::elf;
use object::read::elf::{
    ElfFile, ElfFile32, ElfFile64, FileHeader, ProgramHeader, SectionHeader, Sym,
};
use object::{Endianness, ReadRef};

/// What of an ELF file is needed to say where its bytes are.
#[derive(Clone, Debug, Default)]
pub struct Elf {
    /// `e_machine`.
    pub machine: elf::Machine,
    /// `ELFCLASS64` rather than `ELFCLASS32`.
    pub is_64: bool,
    /// `ELFDATA2MSB` rather than `ELFDATA2LSB`.
    pub big_endian: bool,
    /// `e_entry`: physical or virtual.
    pub entry: u64,
    /// Virtual minus physical address of the first segment that is loaded, by
    /// the program headers. 0 where the file says that both are equal, as ARM's
    /// does, whatever the board does.
    pub offset: u64,
    /// All sections that hold something of the program; index 0 is unused.
    pub sections: Vec<Section>,
    /// All named symbols that are defined.
    pub symbols: Vec<Symbol>,
}

/// One section header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    /// Its address in memory.
    pub address: u64,
    /// The address that it is loaded to, from its program header.
    pub load_address: u64,
    /// Where its bytes start in the file.
    pub offset: u64,
    /// Its size in memory, in bytes.
    pub bytes: u64,
}

/// One symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Its value.
    pub address: u64,
    /// `st_size`, in bytes.
    pub bytes: u64,
    /// The letter that `nm` prints.
    pub letter: char,
    /// The index of its section; none for absolute ones.
    pub section: Option<usize>,
}

/// Why a file can't be read, with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a readable ELF file: {0}")]
pub struct ElfError(pub(crate) String);

impl Section {
    /// Whether it takes room in memory.
    pub fn is_loaded(&self) -> bool {
        self.flags & elf::SHF_ALLOC.0 != 0
    }

    /// Whether its bytes stand in the file (`.bss` has none).
    pub fn has_bytes(&self) -> bool {
        self.kind != elf::SHT_NOBITS.0
    }

    /// Whether it holds instructions.
    pub fn is_text(&self) -> bool {
        self.flags & elf::SHF_EXECINSTR.0 != 0
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: u64) -> bool {
        self.is_loaded() && address >= self.address && address - self.address < self.bytes
    }

    /// The letter of `decode_section_type`, in lower case.
    fn letter(&self) -> char {
        let writable = self.flags & elf::SHF_WRITE.0 != 0;
        if self.is_text() {
            't'
        } else if !self.has_bytes() {
            'b'
        } else if self.is_loaded() {
            if writable { 'd' } else { 'r' }
        } else if [".debug", ".zdebug", ".stab", ".line"]
            .iter()
            .any(|prefix| self.name.starts_with(prefix))
        {
            'N'
        } else if writable {
            '?'
        } else {
            'n'
        }
    }

    /// Whether binutils count it among the sections of the program: not the
    /// tables that describe others.
    fn is_content(&self) -> bool {
        ![
            elf::SHT_NULL.0,
            elf::SHT_SYMTAB.0,
            elf::SHT_STRTAB.0,
            elf::SHT_SYMTAB_SHNDX.0,
        ]
        .contains(&self.kind)
            && (self.is_loaded() || ![elf::SHT_REL.0, elf::SHT_RELA.0].contains(&self.kind))
            || (self.kind == elf::SHT_STRTAB.0 && self.is_loaded())
    }
}

impl Elf {
    /// Reads an ELF file of 32 or 64 bits, in either byte order.
    pub fn parse(file: &[u8]) -> Result<Elf, ElfError> {
        let mut symbols = Vec::new();
        let mut elf = parse_with(file, |name, facts| {
            symbols.push(Symbol {
                name: name.into_owned(),
                address: facts.address,
                bytes: facts.bytes,
                letter: facts.letter,
                section: facts.section,
            });
        })?;
        elf.symbols = symbols;
        Ok(elf)
    }

    /// The sections that `size -A` lists, in the file's order.
    pub fn listed(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.is_content())
    }

    /// The loaded sections with at least one byte, and their indices.
    pub fn loaded(&self) -> impl Iterator<Item = (usize, &Section)> {
        self.sections
            .iter()
            .enumerate()
            .filter(|(_, section)| section.is_loaded() && section.bytes > 0)
    }

    /// The address of a symbol by its name.
    pub fn address_of(&self, name: &str) -> Option<u64> {
        self.symbols
            .iter()
            .find(|symbol| symbol.name == name)
            .map(|symbol| symbol.address)
    }
}

/// A symbol but for its name.
pub(crate) struct SymbolFacts {
    pub(crate) address: u64,
    pub(crate) bytes: u64,
    pub(crate) letter: char,
    pub(crate) kind: elf::SymbolType,
    pub(crate) section: Option<usize>,
}

/// Reads all but the symbols, and gives these out one by one, with names that
/// stand in the file itself: a kernel has 50,000 and more of them.
pub(crate) fn parse_with<'data>(
    file: &'data [u8],
    take: impl FnMut(Cow<'data, str>, SymbolFacts),
) -> Result<Elf, ElfError> {
    let wrong = |e: object::Error| ElfError(e.to_string());
    match object::FileKind::parse(file).map_err(wrong)? {
        object::FileKind::Elf32 => {
            read(&ElfFile32::<Endianness>::parse(file).map_err(wrong)?, take)
        }
        object::FileKind::Elf64 => {
            read(&ElfFile64::<Endianness>::parse(file).map_err(wrong)?, take)
        }
        _ => Err(ElfError("no ELF magic at offset 0".to_owned())),
    }
}

fn read<'data, H, R>(
    file: &ElfFile<'data, H, R>,
    mut take: impl FnMut(Cow<'data, str>, SymbolFacts),
) -> Result<Elf, ElfError>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let endian = file.endian();
    let wrong = |e: object::Error| ElfError(e.to_string());
    let mut sections = sections(file)?;
    if sections.len() <= 1 {
        sections.extend(segments(file.elf_program_headers(), endian));
    }
    check_extent(&sections, file.data().len().unwrap_or(0))?;
    check_overlap(&sections)?;
    let table = file.elf_symbol_table();
    for (index, symbol) in table.enumerate() {
        let name = table.symbol_name(endian, symbol).map_err(wrong)?;
        let of = table
            .symbol_section(endian, symbol, index)
            .map_err(|e| ElfError(format!("symbol {}: {e}", index.0)))?
            .map(|section| section.0);
        let kind = symbol.st_type();
        if name.is_empty() || [elf::STT_FILE, elf::STT_SECTION].contains(&kind) {
            continue;
        }
        let absolute = symbol.st_shndx(endian) == elf::SHN_ABS;
        let section = of.and_then(|of| sections.get(of));
        if section.is_none() && !absolute {
            continue; // undefined or common
        }
        let facts = SymbolFacts {
            address: symbol.st_value(endian).into(),
            bytes: symbol.st_size(endian).into(),
            letter: letter(symbol.st_bind(), kind, section),
            kind,
            section: of,
        };
        take(String::from_utf8_lossy(name), facts);
    }
    Ok(Elf {
        machine: file.elf_header().e_machine(endian),
        is_64: file.elf_header().is_class_64(),
        big_endian: file.elf_header().is_big_endian(),
        entry: file.elf_header().e_entry(endian).into(),
        offset: offset(file.elf_program_headers(), endian),
        sections,
        symbols: Vec::new(),
    })
}

fn sections<'data, H, R>(file: &ElfFile<'data, H, R>) -> Result<Vec<Section>, ElfError>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let endian = file.endian();
    let segments = file.elf_program_headers();
    let table = file.elf_section_table();
    let mut sections = Vec::new();
    for (index, header) in table.enumerate() {
        let name = table
            .section_name(endian, header)
            .map_err(|e| ElfError(format!("section {}: {e}", index.0)))?;
        let address = header.sh_addr(endian).into();
        sections.push(Section {
            name: String::from_utf8_lossy(name).into_owned(),
            kind: header.sh_type(endian).0,
            flags: header.sh_flags(endian).0,
            address,
            load_address: load_address::<H>(segments, endian, address),
            offset: header.sh_offset(endian).into(),
            bytes: header.sh_size(endian).into(),
        });
    }
    Ok(sections)
}

/// What stands for the sections of a file that has none: its loaded segments, by
/// what they may be used for; what the file holds, and what starts as zeros.
fn segments<P: ProgramHeader>(headers: &[P], endian: P::Endian) -> Vec<Section> {
    let mut found = Vec::new();
    let loaded = headers
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    for (segment, number) in loaded.zip(1..) {
        let flags = segment.p_flags(endian).0;
        let letter = |bit: u32, letter: char| if flags & bit != 0 { letter } else { '-' };
        let rights: String = [(4, 'r'), (2, 'w'), (1, 'x')]
            .map(|(bit, one)| letter(bit, one))
            .into_iter()
            .collect();
        let (held, whole): (u64, u64) = (
            segment.p_filesz(endian).into(),
            segment.p_memsz(endian).into(),
        );
        let address: u64 = segment.p_vaddr(endian).into();
        let load: u64 = segment.p_paddr(endian).into();
        let mut flags_of = elf::SHF_ALLOC.0;
        flags_of |= if flags & 2 != 0 { elf::SHF_WRITE.0 } else { 0 };
        flags_of |= if flags & 1 != 0 {
            elf::SHF_EXECINSTR.0
        } else {
            0
        };
        let held = held.min(whole);
        let mut push = |name: String, kind, from: u64, bytes| {
            found.push(Section {
                name,
                kind,
                flags: flags_of,
                address: address.saturating_add(from),
                load_address: load.saturating_add(from),
                offset: segment.p_offset(endian).into(),
                bytes,
            });
        };
        push(
            format!("(segment {number}, {rights})"),
            elf::SHT_PROGBITS.0,
            0,
            held,
        );
        let zeros = format!("(segment {number}, {rights}, zeros)");
        push(zeros, elf::SHT_NOBITS.0, held, whole - held);
    }
    found
}

fn letter(bind: elf::SymbolBind, kind: elf::SymbolType, section: Option<&Section>) -> char {
    if kind == elf::STT_GNU_IFUNC {
        return 'i';
    }
    if bind == elf::STB_WEAK {
        return if kind == elf::STT_OBJECT { 'V' } else { 'W' };
    }
    if bind == elf::STB_GNU_UNIQUE {
        return 'u';
    }
    let lower = section.map_or('a', Section::letter);
    if bind == elf::STB_GLOBAL {
        lower.to_ascii_uppercase()
    } else {
        lower
    }
}

/// Virtual minus physical address of the first segment that is loaded.
fn offset<P: ProgramHeader>(segments: &[P], endian: P::Endian) -> u64 {
    let is_loaded =
        |segment: &&P| segment.p_type(endian) == elf::PT_LOAD && segment.p_memsz(endian).into() > 0;
    segments.iter().find(is_loaded).map_or(0, |segment| {
        let physical: u64 = segment.p_paddr(endian).into();
        segment.p_vaddr(endian).into().wrapping_sub(physical)
    })
}

/// Where the program header that covers an address loads it to.
fn load_address<H: FileHeader<Endian = Endianness>>(
    segments: &[H::ProgramHeader],
    endian: Endianness,
    address: u64,
) -> u64 {
    segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .find_map(|segment| {
            let from: u64 = segment.p_vaddr(endian).into();
            let bytes: u64 = segment.p_memsz(endian).into();
            let into = address.checked_sub(from).filter(|into| *into < bytes)?;
            let load: u64 = segment.p_paddr(endian).into();
            Some(load.wrapping_add(into))
        })
        .unwrap_or(address)
}

/// Refuses two loaded sections that share bytes of the file: no linker makes
/// such a file, and its figures would count bytes twice. Addresses may overlap:
/// ARM's vectors do (`OVERLAY` in arch/arm/include/asm/vmlinux.lds.h).
fn check_overlap(sections: &[Section]) -> Result<(), ElfError> {
    let mut there: Vec<(usize, &Section)> = sections
        .iter()
        .enumerate()
        .filter(|(_, s)| s.is_loaded() && s.has_bytes() && s.bytes > 0)
        .collect();
    there.sort_by_key(|(_, s)| s.offset);
    for pair in there.windows(2) {
        let ((first, a), (second, b)) = (pair[0], pair[1]);
        if b.offset - a.offset < a.bytes {
            return Err(ElfError(format!(
                "sections {first} ({}) and {second} ({}) overlap at offset {:#x}",
                a.name, b.name, b.offset
            )));
        }
    }
    Ok(())
}

/// Refuses what the file can't hold, so that nobody believes its figures.
fn check_extent(sections: &[Section], file: u64) -> Result<(), ElfError> {
    for (index, section) in sections.iter().enumerate() {
        let end = section.offset.checked_add(section.bytes);
        if section.kind != elf::SHT_NULL.0
            && section.has_bytes()
            && end.is_none_or(|end| end > file)
        {
            return Err(ElfError(format!(
                "section {index} ({}) at offset {:#x}, {} bytes, does not fit into a file of {file} bytes",
                section.name, section.offset, section.bytes
            )));
        }
        if section.address.checked_add(section.bytes).is_none() {
            return Err(ElfError(format!(
                "section {index} ({}) at address {:#x}, {} bytes, ends beyond the last address",
                section.name, section.address, section.bytes
            )));
        }
    }
    Ok(())
}
