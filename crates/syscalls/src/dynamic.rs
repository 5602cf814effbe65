//! What the dynamic linker makes of a file: which libraries it needs, which functions
//! it has for others and wants of them, and which addresses of code stand in its data
//! (System V ABI, chapter 5; AMD64 supplement, 4.4.1).

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use object::read::elf::{Dyn, FileHeader, ProgramHeader, Rela, SectionHeader, Sym};
use object::{Endianness, SymbolIndex, elf};

use super::image::{Image, Machine};

/// A program or a library that is linked when it is loaded.
#[derive(Clone, Debug)]
pub(crate) struct Dynamic {
    /// Its code and its data.
    pub image: Image,
    /// Its own name.
    pub soname: Option<String>,
    /// Which libraries it needs.
    pub needed: Vec<String>,
    /// Whether it is a program: it names the dynamic linker.
    pub program: bool,
    /// Whether it is loaded where it says: addresses in it are as they are.
    pub fixed: bool,
    /// The functions that others can call.
    pub exports: Vec<(String, u64)>,
    /// Words of its data that the dynamic linker fills with the address of a function
    /// which code calls through them: the function's name by the word's address.
    pub slots: HashMap<u64, String>,
    /// The same for functions of its own: their addresses.
    pub own_slots: HashMap<u64, u64>,
    /// Functions whose addresses are put into its data, where anyone may call them.
    pub handed: Vec<String>,
    /// Addresses of code that the file itself has called or puts into its data.
    pub roots: BTreeSet<u64>,
    /// Where its functions begin, as far as its unwind tables say.
    pub functions: BTreeSet<u64>,
    /// Addresses in its data, where an object begins.
    pub objects: BTreeSet<u64>,
    /// Texts in its data: what an argument of `dlsym` can be.
    pub texts: BTreeSet<String>,
}

type Header = elf::FileHeader64<Endianness>;

/// Whether a file has to be linked when it is loaded, and its code can be read so.
pub(crate) fn is_dynamic(file: &[u8]) -> bool {
    let is = || {
        let header = Header::parse(file).ok()?;
        let endian = header.endian().ok()?;
        let known = header.e_machine(endian) == elf::EM_X86_64;
        let segments = header.program_headers(endian, file).ok()?;
        let dynamic = segments.iter().any(|s| s.p_type(endian) == elf::PT_DYNAMIC);
        Some(known && dynamic)
    };
    file.get(4) == Some(&2) && is().unwrap_or_default()
}

impl Dynamic {
    /// Reads a file.
    ///
    /// # Errors
    /// In words, when it can't be read.
    pub(crate) fn parse(file: &[u8]) -> Result<Dynamic, String> {
        let image = Image::parse(file)?;
        if image.machine != Machine::X86_64 {
            return Err("only x86_64's dynamic programs are read".to_owned());
        }
        let mut dynamic = Dynamic {
            image,
            soname: None,
            needed: Vec::new(),
            program: false,
            fixed: false,
            exports: Vec::new(),
            slots: HashMap::new(),
            own_slots: HashMap::new(),
            handed: Vec::new(),
            roots: BTreeSet::new(),
            functions: BTreeSet::new(),
            objects: BTreeSet::new(),
            texts: BTreeSet::new(),
        };
        dynamic.read(file).map_err(|e| e.to_string())?;
        Ok(dynamic)
    }

    fn read(&mut self, file: &[u8]) -> object::Result<()> {
        let header = Header::parse(file)?;
        let endian = header.endian()?;
        let segments = header.program_headers(endian, file)?;
        let interpreted = |s: &elf::ProgramHeader64<Endianness>| s.p_type(endian) == elf::PT_INTERP;
        self.program = segments.iter().any(interpreted);
        let table = segments
            .iter()
            .find(|s| s.p_type(endian) == elf::PT_GNU_EH_FRAME);
        if let Some(table) = table {
            self.note_functions(table.p_vaddr(endian));
        }
        let sections = header.sections(endian, file)?;
        let symbols = sections.symbols(endian, file, elf::SHT_DYNSYM)?;
        let strings = symbols.strings();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if let Some((entries, _)) = sections.dynamic(endian, file)? {
            for entry in entries {
                let value = entry.d_val(endian);
                let name = || strings.get(value as u32).map(text).unwrap_or_default();
                match entry.d_tag(endian) {
                    elf::DT_NEEDED => self.needed.push(name()),
                    elf::DT_SONAME => self.soname = Some(name()),
                    elf::DT_INIT | elf::DT_FINI => self.note(value),
                    _ => {}
                }
            }
        }
        self.note(self.image.entry);
        let mut names = Vec::new();
        for symbol in symbols.iter() {
            let name = text(symbol.name(endian, strings)?);
            let (at, own) = (symbol.st_value(endian), !symbol.is_undefined(endian));
            if own && self.image.is_code(at) {
                self.exports.push((name.clone(), at));
            } else if own {
                self.objects.insert(at);
            }
            names.push((name, at, own));
        }
        let mut tables = BTreeSet::new();
        let is_offsets = |section: &&elf::SectionHeader64<Endianness>| {
            let name = sections.section_name(endian, section);
            name.is_ok_and(|name| name.starts_with(b".got"))
        };
        let offsets = sections.iter().filter(is_offsets);
        let offsets: Vec<Range<u64>> = offsets
            .map(|s| s.sh_addr(endian)..s.sh_addr(endian).saturating_add(s.sh_size(endian)))
            .collect();
        let named = |index: Option<SymbolIndex>| names.get(index?.0).cloned();
        for section in sections.iter() {
            if let Some((relocations, _)) = section.rela(endian, file)? {
                for one in relocations {
                    let symbol = named(one.symbol(endian, false));
                    let kind = one.r_type(endian, false);
                    let place = one.r_offset(endian);
                    let to = one.r_addend(endian) as u64;
                    let in_table = offsets.iter().any(|table| table.contains(&place));
                    if kind == elf::R_X86_64_RELATIVE && in_table && self.image.is_code(to) {
                        self.own_slots.insert(place, to);
                        continue;
                    }
                    self.relocate(kind, place, symbol, one.r_addend(endian));
                }
            }
            for place in section.relr(endian, file)?.into_iter().flatten() {
                if let Some(value) = self.image.word(place, 8) {
                    self.note(value);
                }
            }
            if section.sh_type(endian) == elf::SHT_STRTAB {
                tables.insert(section.sh_addr(endian));
            }
        }
        // Where a file is loaded where it says, its data holds addresses as they are.
        self.fixed = header.e_type(endian) == elf::ET_EXEC;
        if self.fixed {
            self.note_words();
        }
        self.note_texts(&tables);
        Ok(())
    }

    fn note(&mut self, at: u64) {
        if self.image.is_code(at) {
            self.roots.insert(at);
        } else if at != 0 {
            self.objects.insert(at);
        }
    }

    /// The table of functions that exceptions are unwound by (Linux Standard Base, Core,
    /// 10.6.2: `.eh_frame_hdr`), as linkers write it.
    fn note_functions(&mut self, table: u64) {
        let word = |at: u64| self.image.word(table.checked_add(at)?, 4);
        if word(0) != Some(0x3b03_1b01) {
            return;
        }
        let begins = (0..word(8).unwrap_or_default()).map_while(|n| word(12 + 8 * n));
        let begins = begins.map(|far| table.wrapping_add_signed(i64::from(far as u32 as i32)));
        self.functions = begins.collect();
    }

    fn relocate(
        &mut self,
        kind: elf::RelocationType,
        place: u64,
        symbol: Option<(String, u64, bool)>,
        addend: i64,
    ) {
        match (kind, symbol) {
            (elf::R_X86_64_GLOB_DAT | elf::R_X86_64_JUMP_SLOT, Some((name, ..))) => {
                self.slots.insert(place, name);
            }
            (elf::R_X86_64_64, Some((name, at, own))) => {
                if own {
                    self.note(at.wrapping_add_signed(addend));
                }
                self.handed.push(name);
            }
            (_, None) => self.note(addend as u64),
            _ => {}
        }
    }

    fn note_words(&mut self) {
        let mut words = Vec::new();
        for piece in self.image.pieces.iter().filter(|piece| !piece.code) {
            let mut at = piece.at.next_multiple_of(8);
            while let Some(word) = self.image.word(at, 8) {
                words.push(word);
                at += 8;
            }
        }
        words.retain(|word| self.image.is_code(*word));
        self.roots.extend(words);
    }

    /// `tables`: where the names of symbols stand, which are no texts.
    fn note_texts(&mut self, tables: &BTreeSet<u64>) {
        for piece in self.image.pieces.iter().filter(|piece| !piece.code) {
            let is_name = |text: &[u8]| {
                let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
                (3..100).contains(&text.len()) && text.iter().all(word)
            };
            let texts = piece.bytes.split(|byte| *byte == 0);
            let texts = texts.filter(|text| is_name(text));
            let texts = texts.map(|text| String::from_utf8_lossy(text).into_owned());
            if !tables.contains(&piece.at) {
                self.texts.extend(texts);
            }
        }
    }
}
