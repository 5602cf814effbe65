//! A program's file, as far as its code is concerned.

use std::ops::Range;

use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::{Endianness, elf};

/// A machine whose programs can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86, 32 bits.
    I386,
    /// x86, 64 bits.
    X86_64,
    /// ARM, 64 bits, little endian.
    Aarch64,
    /// ARM's 32-bit instructions, little endian.
    Arm,
}

/// A piece of a program that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its address.
    pub at: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it is executed.
    pub code: bool,
    /// Whether it is written to.
    pub writable: bool,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What its code is for.
    pub machine: Machine,
    /// Sections that are loaded, by address.
    pub pieces: Vec<Piece>,
    /// Where it begins.
    pub entry: u64,
    /// Its functions, by address, where it has symbols.
    pub functions: Vec<(Range<u64>, String)>,
    /// Whether others can call its functions by name: a shared library.
    pub shared: bool,
}

impl Image {
    /// Reads a program.
    ///
    /// # Errors
    /// In words, when it can't be read as one.
    pub fn parse(file: &[u8]) -> Result<Image, String> {
        match file.get(4) {
            Some(1) => read::<elf::FileHeader32<Endianness>>(file),
            Some(2) => read::<elf::FileHeader64<Endianness>>(file),
            _ => Err("it is no ELF file".to_owned()),
        }
    }

    /// Whether an address lies in code.
    pub fn is_code(&self, at: u64) -> bool {
        let code = self.pieces.iter().filter(|piece| piece.code);
        code.into_iter().any(|piece| holds(piece, at))
    }

    /// Whether data begins at an address.
    pub fn begins_data(&self, at: u64) -> bool {
        self.pieces
            .iter()
            .any(|piece| !piece.code && piece.at == at)
    }

    /// Whether an address lies in data that nobody writes.
    pub fn is_constant(&self, at: u64) -> bool {
        let constant = |piece: &Piece| !piece.code && !piece.writable && holds(piece, at);
        self.pieces.iter().any(constant)
    }

    /// A little-endian word of so many bytes.
    pub fn word(&self, at: u64, bytes: usize) -> Option<u64> {
        let piece = self.pieces.iter().find(|piece| holds(piece, at))?;
        let from = usize::try_from(at - piece.at).ok()?;
        let word = piece.bytes.get(from..from.checked_add(bytes)?)?;
        Some(word.iter().rev().fold(0, |all, b| all << 8 | u64::from(*b)))
    }

    /// The function that an address belongs to.
    pub fn function(&self, at: u64) -> Option<&str> {
        let after = self
            .functions
            .partition_point(|(range, _)| range.start <= at);
        let (range, name) = self.functions.get(after.checked_sub(1)?)?;
        range.contains(&at).then_some(name)
    }

    /// The address of a function.
    pub fn address_of(&self, name: &str) -> Option<u64> {
        let found = self.functions.iter().find(|(_, other)| other == name);
        found.map(|(range, _)| range.start)
    }

    /// Takes over the symbols of the same program before it was stripped.
    ///
    /// # Errors
    /// In words, when it is another one.
    pub fn name_from(&mut self, unstripped: &Image) -> Result<(), String> {
        let same = self.pieces == unstripped.pieces && self.entry == unstripped.entry;
        if !same {
            return Err("the file with its symbols is of another program".to_owned());
        }
        self.functions.clone_from(&unstripped.functions);
        Ok(())
    }
}

fn holds(piece: &Piece, at: u64) -> bool {
    at >= piece.at && at - piece.at < piece.bytes.len() as u64
}

fn read<H: FileHeader<Endian = Endianness>>(file: &[u8]) -> Result<Image, String> {
    let wrong = |e: object::Error| e.to_string();
    let header = H::parse(file).map_err(wrong)?;
    let endian = header.endian().map_err(wrong)?;
    let is_64 = header.is_type_64();
    let machine = match (header.e_machine(endian), is_64, endian) {
        (elf::EM_386, false, Endianness::Little) => Machine::I386,
        (elf::EM_X86_64, true, Endianness::Little) => Machine::X86_64,
        (elf::EM_AARCH64, true, Endianness::Little) => Machine::Aarch64,
        (elf::EM_ARM, false, Endianness::Little) => Machine::Arm,
        _ => return Err("it is a program of a machine that isn't known".to_owned()),
    };
    let sections = header.sections(endian, file).map_err(wrong)?;
    let mut pieces = Vec::new();
    for section in sections.iter() {
        let flags = section.sh_flags(endian).0;
        if flags & elf::SHF_ALLOC.0 == 0 {
            continue;
        }
        let bytes = section.data(endian, file).map_err(wrong)?.to_vec();
        let code = flags & elf::SHF_EXECINSTR.0 != 0;
        pieces.push(Piece {
            at: section.sh_addr(endian).into(),
            bytes,
            code,
            writable: flags & elf::SHF_WRITE.0 != 0,
        });
    }
    if !pieces.iter().any(|piece| piece.code) {
        return Err("it has no sections of code".to_owned());
    }
    pieces.sort_by_key(|piece| piece.at);
    let symbols = sections
        .symbols(endian, file, elf::SHT_SYMTAB)
        .map_err(wrong)?;
    let mut functions = Vec::new();
    for symbol in symbols.iter() {
        let name = symbol.name(endian, symbols.strings()).map_err(wrong)?;
        let (at, size): (u64, u64) = (
            symbol.st_value(endian).into(),
            symbol.st_size(endian).into(),
        );
        if symbol.st_type() == elf::STT_FUNC && size > 0 {
            let name = String::from_utf8_lossy(name).into_owned();
            functions.push((at..at.saturating_add(size), name));
        }
    }
    functions.sort_by_key(|(range, _)| range.start);
    let exports = sections
        .symbols(endian, file, elf::SHT_DYNSYM)
        .map_err(wrong)?;
    Ok(Image {
        machine,
        pieces,
        entry: header.e_entry(endian).into(),
        functions,
        shared: exports.iter().count() > 1,
    })
}
