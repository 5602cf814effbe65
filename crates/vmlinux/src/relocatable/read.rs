//! From bytes to an [`Object`].

use std::collections::HashMap;

use object::elf;

use super::header::SectionHeader;
use super::model::{Object, ObjectSection, ObjectSymbol, Place, Relocation, Target};

/// Why bytes can't be read as a relocatable object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It isn't one at all.
    #[error("it is no relocatable ELF file")]
    NotRelocatable,
    /// Something lies outside of the file.
    #[error("{0} lies outside of the file")]
    Outside(&'static str),
    /// A number stands for something that isn't there.
    #[error("{what} has the number {number}, which is not there")]
    Missing {
        /// What it would be.
        what: &'static str,
        /// The number.
        number: u64,
    },
    /// A construct that is not read.
    #[error("section {section} {why}")]
    Unknown {
        /// The section's name.
        section: String,
        /// What it is.
        why: &'static str,
    },
}

/// Sections that are read into values of their own and written anew.
const REWRITTEN: &[elf::SectionType] = &[
    elf::SHT_NULL,
    elf::SHT_SYMTAB,
    elf::SHT_STRTAB,
    elf::SHT_RELA,
    elf::SHT_REL,
    elf::SHT_SYMTAB_SHNDX,
];

/// Takes fields of the file one after the other.
struct Fields<'a> {
    target: Target,
    bytes: &'a [u8],
}

impl Fields<'_> {
    /// The next number of so many bytes; callers have checked the length.
    fn next(&mut self, width: usize) -> u64 {
        let (field, rest) = self.bytes.split_at(width.min(self.bytes.len()));
        self.bytes = rest;
        self.target.number(field)
    }

    fn word(&mut self) -> u64 {
        self.next(if self.target.is_64 { 8 } else { 4 })
    }

    fn half_word(&mut self) -> u32 {
        self.next(4) as u32
    }
}

impl Object {
    /// Reads a relocatable object file.
    pub fn read(file: &[u8]) -> Result<Object, ReadError> {
        ObjectReader::new(file)?.object()
    }
}

struct ObjectReader<'a> {
    file: &'a [u8],
    target: Target,
    headers: Vec<SectionHeader>,
    names: &'a [u8],
    /// From the file's section numbers to indexes of [`Object::sections`].
    places: HashMap<usize, usize>,
}

fn slice<'a>(
    file: &'a [u8],
    offset: u64,
    size: u64,
    what: &'static str,
) -> Result<&'a [u8], ReadError> {
    let range = usize::try_from(offset).ok().zip(usize::try_from(size).ok());
    range
        .and_then(|(offset, size)| file.get(offset..offset.checked_add(size)?))
        .ok_or(ReadError::Outside(what))
}

fn text(table: &[u8], at: u32) -> Result<String, ReadError> {
    let from = table
        .get(at as usize..)
        .ok_or(ReadError::Outside("a name"))?;
    let end = from
        .iter()
        .position(|b| *b == 0)
        .ok_or(ReadError::Outside("the end of a name"))?;
    Ok(String::from_utf8_lossy(&from[..end]).into_owned())
}

impl<'a> ObjectReader<'a> {
    fn new(file: &'a [u8]) -> Result<ObjectReader<'a>, ReadError> {
        let ident = file.get(..16).ok_or(ReadError::NotRelocatable)?;
        let known =
            ident.starts_with(b"\x7fELF") && matches!(ident[4], 1 | 2) && matches!(ident[5], 1 | 2);
        if !known {
            return Err(ReadError::NotRelocatable);
        }
        let mut target = Target {
            is_64: ident[4] == 2,
            big_endian: ident[5] == 2,
            os_abi: ident[7],
            machine: elf::EM_NONE,
            flags: 0,
        };
        let rest = slice(
            file,
            16,
            if target.is_64 { 48 } else { 36 },
            "the file header",
        )?;
        let mut fields = Fields {
            target,
            bytes: rest,
        };
        let kind = fields.next(2);
        target.machine = elf::Machine(fields.next(2) as u16);
        let _version = fields.next(4);
        let _entry = fields.word();
        let _segments = fields.word();
        let table = fields.word();
        target.flags = fields.half_word();
        let _sizes = (fields.next(2), fields.next(2), fields.next(2));
        let header_size = fields.next(2);
        let count = fields.next(2);
        let names = fields.next(2);
        if kind != u64::from(elf::ET_REL.0) || header_size != if target.is_64 { 64 } else { 40 } {
            return Err(ReadError::NotRelocatable);
        }
        let headers = headers(file, target, table, header_size, count)?;
        // With more sections than fit, the numbers stand in the null section.
        let names = match elf::SymbolSection(names as u16) {
            elf::SHN_XINDEX => headers.first().map_or(0, |h| u64::from(h.link)),
            _ => names,
        };
        let names = headers.get(names as usize).ok_or(ReadError::Missing {
            what: "the table of section names",
            number: names,
        })?;
        let names = slice(file, names.offset, names.size, "the table of section names")?;
        Ok(ObjectReader {
            file,
            target,
            headers,
            names,
            places: HashMap::new(),
        })
    }

    fn object(mut self) -> Result<Object, ReadError> {
        let sections = self.sections()?;
        let (symbols, numbers) = self.symbols()?;
        let mut object = Object {
            target: self.target,
            sections,
            symbols,
        };
        self.relocations(&mut object, &numbers)?;
        Ok(object)
    }

    fn sections(&mut self) -> Result<Vec<ObjectSection>, ReadError> {
        let mut sections = Vec::with_capacity(self.headers.len());
        for (number, header) in self.headers.iter().enumerate() {
            if REWRITTEN.contains(&header.kind) {
                continue;
            }
            let data = match header.kind {
                elf::SHT_NOBITS => Vec::new(),
                _ => slice(self.file, header.offset, header.size, "a section")?.to_vec(),
            };
            self.places.insert(number, sections.len());
            sections.push(ObjectSection {
                name: text(self.names, header.name)?,
                kind: header.kind,
                flags: header.flags,
                align: header.align,
                entry_size: header.entry_size,
                linked: None,
                data,
                size: header.size,
                relocations: Vec::new(),
                explicit_addends: self.target.is_64,
            });
        }
        for (number, header) in self.headers.iter().enumerate() {
            if (header.flags & elf::SHF_LINK_ORDER).0 == 0 {
                continue;
            }
            if let Some(place) = self.places.get(&number) {
                sections[*place].linked = Some(self.place(u64::from(header.link))?);
            }
        }
        Ok(sections)
    }

    fn place(&self, number: u64) -> Result<usize, ReadError> {
        let place = usize::try_from(number)
            .ok()
            .and_then(|n| self.places.get(&n));
        place.copied().ok_or(ReadError::Missing {
            what: "a section",
            number,
        })
    }

    /// The symbols, and from the file's symbol numbers to their indexes.
    fn symbols(&self) -> Result<(Vec<ObjectSymbol>, Vec<Option<usize>>), ReadError> {
        let tables = || self.headers.iter().enumerate();
        let Some((number, table)) = tables().find(|(_, h)| h.kind == elf::SHT_SYMTAB) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let extended = tables()
            .find(|(_, h)| h.kind == elf::SHT_SYMTAB_SHNDX && h.link as usize == number)
            .map(|(_, h)| slice(self.file, h.offset, h.size, "the extended section indexes"))
            .transpose()?;
        let strings = self
            .headers
            .get(table.link as usize)
            .ok_or(ReadError::Missing {
                what: "the table of symbol names",
                number: u64::from(table.link),
            })?;
        let strings = slice(
            self.file,
            strings.offset,
            strings.size,
            "the table of symbol names",
        )?;
        let bytes = slice(self.file, table.offset, table.size, "the symbol table")?;
        let size = if self.target.is_64 { 24 } else { 16 };
        let mut symbols = Vec::new();
        let mut numbers = vec![None];
        for (at, bytes) in bytes.chunks_exact(size).enumerate().skip(1) {
            let wide = extended
                .and_then(|e| e.get(at * 4..at * 4 + 4))
                .map(|e| self.target.number(e));
            let symbol = self.symbol(bytes, strings, wide)?;
            numbers.push(symbol.is_some().then_some(symbols.len()));
            symbols.extend(symbol);
        }
        Ok((symbols, numbers))
    }

    fn symbol(
        &self,
        bytes: &[u8],
        strings: &[u8],
        wide: Option<u64>,
    ) -> Result<Option<ObjectSymbol>, ReadError> {
        let mut fields = Fields {
            target: self.target,
            bytes,
        };
        let name = fields.half_word();
        let (info, other, section, value, size);
        if self.target.is_64 {
            (info, other, section) = (fields.next(1), fields.next(1), fields.next(2));
            (value, size) = (fields.next(8), fields.next(8));
        } else {
            (value, size) = (fields.next(4), fields.next(4));
            (info, other, section) = (fields.next(1), fields.next(1), fields.next(2));
        }
        let Some(place) = self.place_of(section, wide)? else {
            return Ok(None);
        };
        let kind = elf::SymbolType((info & 15) as u8);
        let mut name = text(strings, name)?;
        if kind == elf::STT_SECTION {
            name.clear();
        }
        Ok(Some(ObjectSymbol {
            name,
            value,
            size,
            binding: elf::SymbolBind((info >> 4) as u8),
            kind,
            other: other as u8,
            place,
        }))
    }

    /// Where a symbol is defined, by `st_shndx` and its extended index; nothing
    /// for the section symbols of tables that are written anew.
    fn place_of(&self, section: u64, wide: Option<u64>) -> Result<Option<Place>, ReadError> {
        let number = match elf::SymbolSection(section as u16) {
            elf::SHN_UNDEF => return Ok(Some(Place::Undefined)),
            elf::SHN_ABS => return Ok(Some(Place::Absolute)),
            elf::SHN_COMMON => return Ok(Some(Place::Common)),
            elf::SHN_XINDEX => wide.ok_or(ReadError::Outside("an extended section index"))?,
            reserved if reserved.0 >= elf::SHN_LORESERVE => {
                return Err(ReadError::Missing {
                    what: "a section",
                    number: section,
                });
            }
            _ => section,
        };
        match self.place(number) {
            Ok(place) => Ok(Some(Place::Section(place))),
            Err(_) if (number as usize) < self.headers.len() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn relocations(&self, object: &mut Object, numbers: &[Option<usize>]) -> Result<(), ReadError> {
        for header in &self.headers {
            let explicit = match header.kind {
                elf::SHT_RELA => true,
                elf::SHT_REL => false,
                _ => continue,
            };
            let section = &mut object.sections[self.place(u64::from(header.info))?];
            if !section.relocations.is_empty() {
                let why = "has two tables of relocations";
                return Err(ReadError::Unknown {
                    section: section.name.clone(),
                    why,
                });
            }
            section.explicit_addends = explicit;
            let bytes = slice(
                self.file,
                header.offset,
                header.size,
                "a table of relocations",
            )?;
            let word = self.target.word() as usize;
            for bytes in bytes.chunks_exact(if explicit { 3 * word } else { 2 * word }) {
                let relocation = self.relocation(bytes, explicit, numbers)?;
                if relocation.offset >= section.size {
                    return Err(ReadError::Outside("a relocation"));
                }
                section.relocations.push(relocation);
            }
            section.relocations.sort_by_key(|r| r.offset);
        }
        Ok(())
    }

    fn relocation(
        &self,
        bytes: &[u8],
        explicit: bool,
        numbers: &[Option<usize>],
    ) -> Result<Relocation, ReadError> {
        let mut fields = Fields {
            target: self.target,
            bytes,
        };
        let (offset, info) = (fields.word(), fields.word());
        let addend = if explicit { fields.word() } else { 0 };
        let (number, kind, addend) = if self.target.is_64 {
            (info >> 32, info as u32, addend as i64)
        } else {
            let addend = i64::from(addend as u32 as i32);
            (info >> 8, (info & 0xff) as u32, addend)
        };
        let missing = ReadError::Missing {
            what: "a symbol",
            number,
        };
        let symbol = match number {
            0 => None,
            _ => Some(
                numbers
                    .get(number as usize)
                    .copied()
                    .flatten()
                    .ok_or(missing)?,
            ),
        };
        Ok(Relocation {
            offset,
            kind: elf::RelocationType(kind),
            symbol,
            addend,
        })
    }
}

fn headers(
    file: &[u8],
    target: Target,
    table: u64,
    header_size: u64,
    count: u64,
) -> Result<Vec<SectionHeader>, ReadError> {
    let header = |number: u64| -> Result<SectionHeader, ReadError> {
        let at = number
            .checked_mul(header_size)
            .and_then(|n| n.checked_add(table));
        let at = at.ok_or(ReadError::Outside("a section header"))?;
        let bytes = slice(file, at, header_size, "a section header")?;
        let mut fields = Fields { target, bytes };
        let (name, kind, flags) = (fields.half_word(), fields.half_word(), fields.word());
        let (_address, offset, size) = (fields.word(), fields.word(), fields.word());
        let (link, info) = (fields.half_word(), fields.half_word());
        let (align, entry_size) = (fields.word(), fields.word());
        Ok(SectionHeader {
            name,
            kind: elf::SectionType(kind),
            flags: elf::SectionFlags(flags),
            offset,
            size,
            link,
            info,
            align,
            entry_size,
        })
    };
    let count = match count {
        0 => header(0)?.size,
        _ => count,
    };
    if count.saturating_mul(header_size) > file.len() as u64 {
        return Err(ReadError::Outside("the table of sections"));
    }
    (0..count).map(header).collect()
}
