//! From an [`Object`] to bytes.

use std::collections::HashMap;

use object::elf;

use super::header::SectionHeader;
use super::model::{Object, ObjectSection, ObjectSymbol, Place, Target};

/// A table of strings under construction; equal strings share a place.
struct Strings {
    bytes: Vec<u8>,
    places: HashMap<String, u32>,
}

impl Strings {
    fn new() -> Strings {
        Strings {
            bytes: vec![0],
            places: HashMap::new(),
        }
    }

    fn add(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.bytes.len() as u32;
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
        self.places.insert(text.to_owned(), place);
        place
    }
}

impl Object {
    /// Writes the file.
    ///
    /// Local symbols come before global ones, as the format demands; their
    /// order is otherwise that of [`Object::symbols`].
    pub fn write(&self) -> Vec<u8> {
        let mut writer = ObjectWriter {
            target: self.target,
            out: vec![0; if self.target.is_64 { 64 } else { 52 }],
            headers: vec![SectionHeader::default()],
            names: Strings::new(),
        };
        writer.object(self);
        writer.out
    }
}

struct ObjectWriter {
    target: Target,
    out: Vec<u8>,
    headers: Vec<SectionHeader>,
    names: Strings,
}

impl ObjectWriter {
    fn number(&mut self, number: u64, width: usize) {
        self.target.put(&mut self.out, number, width);
    }

    fn word(&mut self, number: u64) {
        self.number(number, self.target.word() as usize);
    }

    /// Pads the file, so that what follows begins at a multiple.
    fn align(&mut self, align: u64) -> u64 {
        let align = align.clamp(1, 64) as usize;
        self.out.resize(self.out.len().next_multiple_of(align), 0);
        self.out.len() as u64
    }

    /// Sections have their index plus one as their number; their tables of
    /// relocations follow, then the symbols, then the strings.
    fn object(&mut self, object: &Object) {
        for section in &object.sections {
            self.section(section);
        }
        let (order, locals) = symbol_order(&object.symbols);
        let mut numbers = vec![0; object.symbols.len()];
        for (place, index) in order.iter().enumerate() {
            numbers[*index] = place as u64 + 1;
        }
        let tables = object
            .sections
            .iter()
            .filter(|s| !s.relocations.is_empty())
            .count();
        let symbol_table = self.headers.len() + tables;
        for (index, section) in object.sections.iter().enumerate() {
            if !section.relocations.is_empty() {
                self.relocations(section, index + 1, symbol_table, &numbers);
            }
        }
        self.symbols(object, &order, locals);
        self.finish();
    }

    fn section(&mut self, section: &ObjectSection) {
        let offset = self.align(section.align);
        self.out.extend(&section.data);
        let header = SectionHeader {
            name: self.names.add(&section.name),
            kind: section.kind,
            flags: section.flags,
            offset,
            size: section.size,
            link: section.linked.map_or(0, |index| index as u32 + 1),
            info: 0,
            align: section.align,
            entry_size: section.entry_size,
        };
        self.headers.push(header);
    }

    fn relocations(
        &mut self,
        section: &ObjectSection,
        number: usize,
        table: usize,
        numbers: &[u64],
    ) {
        let word = self.target.word();
        let explicit = section.explicit_addends;
        let offset = self.align(word);
        for relocation in &section.relocations {
            let symbol = relocation.symbol.map_or(0, |index| numbers[index]);
            self.word(relocation.offset);
            let kind = u64::from(relocation.kind.0);
            self.word(if self.target.is_64 {
                (symbol << 32) | kind
            } else {
                (symbol << 8) | (kind & 0xff)
            });
            if explicit {
                self.word(relocation.addend as u64);
            }
        }
        let name = if explicit { ".rela" } else { ".rel" };
        self.headers.push(SectionHeader {
            name: self.names.add(&format!("{name}{}", section.name)),
            kind: if explicit {
                elf::SHT_RELA
            } else {
                elf::SHT_REL
            },
            flags: elf::SHF_INFO_LINK,
            offset,
            size: self.out.len() as u64 - offset,
            link: table as u32,
            info: number as u32,
            align: word,
            entry_size: if explicit { 3 * word } else { 2 * word },
        });
    }

    fn symbols(&mut self, object: &Object, order: &[usize], locals: usize) {
        let number = self.headers.len();
        let word = self.target.word();
        let entry_size = if self.target.is_64 { 24 } else { 16 };
        let mut strings = Strings::new();
        let mut extended = vec![0u32];
        let offset = self.align(word);
        self.out.resize(self.out.len() + entry_size as usize, 0);
        for index in order {
            extended.push(self.symbol(&object.symbols[*index], &mut strings));
        }
        let size = self.out.len() as u64 - offset;
        let wide = extended.iter().any(|number| *number != 0);
        self.headers.push(SectionHeader {
            name: self.names.add(".symtab"),
            kind: elf::SHT_SYMTAB,
            offset,
            size,
            link: number as u32 + 1,
            info: locals as u32 + 1,
            align: word,
            entry_size,
            ..SectionHeader::default()
        });
        self.strings(".strtab", &strings.bytes);
        if wide {
            let offset = self.align(4);
            for section in &extended {
                self.number(u64::from(*section), 4);
            }
            self.headers.push(SectionHeader {
                name: self.names.add(".symtab_shndx"),
                kind: elf::SHT_SYMTAB_SHNDX,
                offset,
                size: self.out.len() as u64 - offset,
                link: number as u32,
                align: 4,
                entry_size: 4,
                ..SectionHeader::default()
            });
        }
    }

    /// Writes a symbol and gives its section's number if that doesn't fit.
    fn symbol(&mut self, symbol: &ObjectSymbol, strings: &mut Strings) -> u32 {
        let name = u64::from(strings.add(&symbol.name));
        let info = u64::from((symbol.binding.0 << 4) | (symbol.kind.0 & 15));
        let (section, wide) = match symbol.place {
            Place::Undefined => (elf::SHN_UNDEF, 0),
            Place::Absolute => (elf::SHN_ABS, 0),
            Place::Common => (elf::SHN_COMMON, 0),
            Place::Section(index) => match u16::try_from(index + 1) {
                Ok(number) if number < elf::SHN_LORESERVE => (elf::SymbolSection(number), 0),
                _ => (elf::SHN_XINDEX, index as u32 + 1),
            },
        };
        self.number(name, 4);
        if !self.target.is_64 {
            self.number(symbol.value, 4);
            self.number(symbol.size, 4);
        }
        self.number(info, 1);
        self.number(u64::from(symbol.other), 1);
        self.number(u64::from(section.0), 2);
        if self.target.is_64 {
            self.number(symbol.value, 8);
            self.number(symbol.size, 8);
        }
        wide
    }

    fn strings(&mut self, name: &str, bytes: &[u8]) {
        let offset = self.out.len() as u64;
        self.out.extend(bytes);
        let header = SectionHeader {
            name: self.names.add(name),
            kind: elf::SHT_STRTAB,
            offset,
            size: bytes.len() as u64,
            align: 1,
            ..SectionHeader::default()
        };
        self.headers.push(header);
    }

    /// The names of the sections, their table, and the file's header.
    fn finish(&mut self) {
        self.names.add(".shstrtab");
        let names = self.headers.len();
        let bytes = std::mem::take(&mut self.names.bytes);
        self.strings(".shstrtab", &bytes);
        let table = self.align(8);
        let count = self.headers.len();
        // With more sections than fit, the numbers stand in the null section.
        let wide = count >= usize::from(elf::SHN_LORESERVE);
        if wide {
            self.headers[0].size = count as u64;
            self.headers[0].link = names as u32;
        }
        for header in std::mem::take(&mut self.headers) {
            self.header(&header);
        }
        let mut rest = std::mem::take(&mut self.out);
        self.file_header(
            table,
            if wide { 0 } else { count },
            if wide {
                usize::from(elf::SHN_XINDEX.0)
            } else {
                names
            },
        );
        let length = self.out.len();
        rest[..length].copy_from_slice(&self.out);
        self.out = rest;
    }

    fn header(&mut self, header: &SectionHeader) {
        self.number(u64::from(header.name), 4);
        self.number(u64::from(header.kind.0), 4);
        self.word(header.flags.0);
        self.word(0);
        self.word(header.offset);
        self.word(header.size);
        self.number(u64::from(header.link), 4);
        self.number(u64::from(header.info), 4);
        self.word(header.align);
        self.word(header.entry_size);
    }

    fn file_header(&mut self, table: u64, count: usize, names: usize) {
        let target = self.target;
        let (class, order) = (1 + u8::from(target.is_64), 1 + u8::from(target.big_endian));
        self.out
            .extend([0x7f, b'E', b'L', b'F', class, order, 1, target.os_abi]);
        self.out.extend([0; 8]);
        self.number(u64::from(elf::ET_REL.0), 2);
        self.number(u64::from(target.machine.0), 2);
        self.number(1, 4);
        self.word(0);
        self.word(0);
        self.word(table);
        self.number(u64::from(target.flags), 4);
        self.number(if target.is_64 { 64 } else { 52 }, 2);
        self.number(0, 2);
        self.number(0, 2);
        self.number(if target.is_64 { 64 } else { 40 }, 2);
        self.number(count as u64, 2);
        self.number(names as u64, 2);
    }
}

/// The symbols' indexes in the order of the file, and how many are local.
fn symbol_order(symbols: &[ObjectSymbol]) -> (Vec<usize>, usize) {
    let (mut order, global): (Vec<usize>, Vec<usize>) =
        (0..symbols.len()).partition(|i| !symbols[*i].is_global());
    let locals = order.len();
    order.extend(global);
    (order, locals)
}
