//! What the dynamic linker makes of a file: which libraries it needs, which functions
//! it has for others and wants of them, and which addresses of code stand in its data
//! (System V ABI, chapter 5; AMD64 supplement, 4.4.1).

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use object::read::elf::{Dyn, FileHeader, ProgramHeader, Rela, SectionHeader, SectionTable, Sym};
use object::{Endianness, elf};

use super::image::{Image, Machine};
use super::unwind::Unwinding;

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
    /// What its tables of unwinding say.
    pub unwinding: Unwinding,
    /// Addresses in its data, where an object begins.
    pub objects: BTreeSet<u64>,
    /// Texts in its data: what an argument of `dlsym` can be.
    pub texts: BTreeSet<String>,
}

type Header = elf::FileHeader64<Endianness>;

type Sections<'a> = SectionTable<'a, Header>;

type Read = object::Result<()>;

/// A symbol's name and address, and whether the file has it itself.
type Symbol = (String, u64, bool);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where the tables of addresses stand that code calls through.
fn offset_tables(sections: &Sections<'_>, endian: Endianness) -> Vec<Range<u64>> {
    let is_table = |section: &&elf::SectionHeader64<Endianness>| {
        let name = sections.section_name(endian, section);
        name.is_ok_and(|name| name.starts_with(b".got"))
    };
    let range = |section: &elf::SectionHeader64<Endianness>| {
        let at = section.sh_addr(endian);
        at..at.saturating_add(section.sh_size(endian))
    };
    sections.iter().filter(is_table).map(range).collect()
}

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
            unwinding: Unwinding::default(),
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
        for segment in segments {
            match segment.p_type(endian) {
                elf::PT_INTERP => self.program = true,
                elf::PT_GNU_EH_FRAME => {
                    self.unwinding = Unwinding::read(&self.image, segment.p_vaddr(endian));
                }
                _ => {}
            }
        }
        let sections = header.sections(endian, file)?;
        self.note(self.image.entry);
        self.read_needs(&sections, endian, file)?;
        self.read_relocations(&sections, endian, file)?;
        // Where a file is loaded where it says, its data holds addresses as they are.
        self.fixed = header.e_type(endian) == elf::ET_EXEC;
        if self.fixed {
            self.note_words();
        }
        let strings = sections.iter();
        let strings = strings.filter(|s| s.sh_type(endian) == elf::SHT_STRTAB);
        self.note_texts(&strings.map(|s| s.sh_addr(endian)).collect());
        Ok(())
    }

    fn read_needs(&mut self, sections: &Sections<'_>, endian: Endianness, file: &[u8]) -> Read {
        let symbols = sections.symbols(endian, file, elf::SHT_DYNSYM)?;
        let strings = symbols.strings();
        let Some((entries, _)) = sections.dynamic(endian, file)? else {
            return Ok(());
        };
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
        Ok(())
    }

    fn read_relocations(
        &mut self,
        sections: &Sections<'_>,
        endian: Endianness,
        file: &[u8],
    ) -> Read {
        let symbols = self.read_symbols(sections, endian, file)?;
        let offsets = offset_tables(sections, endian);
        for section in sections.iter() {
            let relocations = section.rela(endian, file)?;
            for one in relocations.map_or(&[][..], |(all, _)| all) {
                let symbol = one.symbol(endian, false);
                let symbol = symbol.and_then(|index| symbols.get(index.0).cloned());
                let (place, to) = (one.r_offset(endian), one.r_addend(endian));
                let kind = one.r_type(endian, false);
                let own = kind == elf::R_X86_64_RELATIVE && self.image.is_code(to as u64);
                if own && offsets.iter().any(|table| table.contains(&place)) {
                    self.own_slots.insert(place, to as u64);
                } else {
                    self.relocate(kind, place, symbol, to);
                }
            }
            for place in section.relr(endian, file)?.into_iter().flatten() {
                if let Some(value) = self.image.word(place, 8) {
                    self.note(value);
                }
            }
        }
        Ok(())
    }

    /// Notes what others can call, and gives all symbols.
    fn read_symbols(
        &mut self,
        sections: &Sections<'_>,
        endian: Endianness,
        file: &[u8],
    ) -> object::Result<Vec<Symbol>> {
        let symbols = sections.symbols(endian, file, elf::SHT_DYNSYM)?;
        let mut all = Vec::new();
        for symbol in symbols.iter() {
            let name = text(symbol.name(endian, symbols.strings())?);
            let (at, own) = (symbol.st_value(endian), !symbol.is_undefined(endian));
            if own && self.image.is_code(at) {
                self.exports.push((name.clone(), at));
            } else if own {
                self.objects.insert(at);
            }
            all.push((name, at, own));
        }
        Ok(all)
    }

    fn note(&mut self, at: u64) {
        if self.image.is_code(at) {
            self.roots.insert(at);
        } else if at != 0 {
            self.objects.insert(at);
        }
    }

    fn relocate(
        &mut self,
        kind: elf::RelocationType,
        place: u64,
        symbol: Option<Symbol>,
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
