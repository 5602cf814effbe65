//! The relocations of a linked file, and branches without one, as edges
//! between pieces.

use object::read::elf::{ElfFile, ElfFile32, ElfFile64, FileHeader, Rel, Rela, SectionHeader, Sym};
use object::{Endianness, elf};

use crate::arch::{self, Field, MachineFacts};
use crate::attribution::{Attribution, What};
use crate::elf::{Elf, ElfError};
use crate::prune::sections::{Kind, Lives, kind_by_name};
use crate::relocatable::{Relocation, Target};

/// Who refers to whom.
pub(super) struct Edges {
    /// Pairs of pieces, sorted, each once: from and to.
    pub(super) pairs: Vec<(u32, u32)>,
    /// Pieces that are needed by themselves, sorted.
    pub(super) roots: Vec<u32>,
}

/// Reads the edges of a linked file.
pub(super) fn edges(file: &[u8], elf: &Elf, attribution: &Attribution) -> Result<Edges, ElfError> {
    let wrong = |e: object::Error| ElfError(e.to_string());
    let mut reader = ReferenceReader::new(file, elf, attribution);
    match object::FileKind::parse(file).map_err(wrong)? {
        object::FileKind::Elf32 => {
            reader.relocations(&ElfFile32::<Endianness>::parse(file).map_err(wrong)?)?;
        }
        object::FileKind::Elf64 => {
            reader.relocations(&ElfFile64::<Endianness>::parse(file).map_err(wrong)?)?;
        }
        _ => return Err(ElfError("no ELF magic at offset 0".to_owned())),
    }
    reader.resolved_branches();
    Ok(reader.finish())
}

/// What an input section means for who needs whom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InputRole {
    Plain,
    Root,
    /// Its entries go with the instructions that they name.
    WithKey,
    /// It names everything and needs nothing (unwind tables).
    Silent,
}

fn role(input: Option<&str>, what: What) -> InputRole {
    let Some(input) = input else {
        return InputRole::Plain;
    };
    match kind_by_name(input) {
        Some(Kind::Root) => InputRole::Root,
        Some(Kind::Table(_, Lives::WithKey)) => InputRole::WithKey,
        Some(Kind::Table(..)) => InputRole::Root,
        Some(Kind::Linked | Kind::Discarded | Kind::Attributes) => InputRole::Silent,
        Some(_) => InputRole::Plain,
        // A table that isn't known is walked by somebody.
        None if what == What::Table => InputRole::Root,
        None => InputRole::Plain,
    }
}

/// A relocation that the linker has applied and kept.
struct KeptRelocation {
    /// The address of what it changed.
    place: u64,
    symbol: object::SymbolIndex,
    kind: elf::RelocationType,
    /// Its addend, where the relocation has it.
    addend: Option<i64>,
}

struct ReferenceReader<'a> {
    file: &'a [u8],
    elf: &'a Elf,
    attribution: &'a Attribution,
    /// Pieces by address.
    by_address: Vec<(u64, u32)>,
    roles: Vec<InputRole>,
    machine: Option<&'static MachineFacts>,
    target: Target,
    edges: Vec<(u32, u32)>,
}

impl<'a> ReferenceReader<'a> {
    fn new(file: &'a [u8], elf: &'a Elf, attribution: &'a Attribution) -> Self {
        let pieces = attribution.pieces.iter().enumerate();
        let mut by_address: Vec<(u64, u32)> = pieces
            .filter_map(|(i, p)| Some((p.address, u32::try_from(i).ok()?)))
            .collect();
        by_address.sort_unstable();
        let roles = attribution
            .pieces
            .iter()
            .map(|p| role(p.input.map(|i| attribution.names[i].as_str()), p.what))
            .collect();
        let target = Target {
            is_64: elf.is_64,
            big_endian: elf.big_endian,
            os_abi: 0,
            machine: elf.machine,
            flags: 0,
        };
        ReferenceReader {
            file,
            elf,
            attribution,
            by_address,
            roles,
            machine: arch::machine(&target),
            target,
            edges: Vec::new(),
        }
    }

    fn at(&self, address: u64) -> Option<u32> {
        let after = self
            .by_address
            .partition_point(|(from, _)| *from <= address);
        let (from, index) = *self.by_address.get(after.checked_sub(1)?)?;
        let piece = self.attribution.pieces.get(index as usize)?;
        (address - from < piece.bytes).then_some(index)
    }

    /// The bytes at an address, as the file has them.
    fn bytes(&self, section: usize, address: u64, count: u64) -> Option<&'a [u8]> {
        let section = self.elf.sections.get(section)?;
        if !section.has_bytes() {
            return None;
        }
        let into = address.checked_sub(section.address)?;
        let end = into
            .checked_add(count)
            .filter(|end| *end <= section.bytes)?;
        let from = usize::try_from(section.offset.checked_add(into)?).ok()?;
        let to = usize::try_from(section.offset.checked_add(end)?).ok()?;
        self.file.get(from..to)
    }

    /// Notes that something at an address refers to another.
    fn note(&mut self, from: u64, to: u64) {
        let (Some(from), Some(to)) = (self.at(from), self.at(to)) else {
            return;
        };
        if from == to {
            return;
        }
        match self.roles[from as usize] {
            InputRole::Silent => {}
            InputRole::WithKey if self.is_code(to) => self.edges.push((to, from)),
            _ => self.edges.push((from, to)),
        }
    }

    /// Whether a piece is code that may be a key: the replacements of
    /// alternatives are needed by their entries.
    fn is_code(&self, piece: u32) -> bool {
        let piece = &self.attribution.pieces[piece as usize];
        let name = piece.input.map(|i| self.attribution.names[i].as_str());
        let snippets = name.and_then(kind_by_name) == Some(Kind::Snippets);
        self.elf.sections[piece.section].is_text() && !snippets
    }

    fn relocations<H>(&mut self, file: &ElfFile<'a, H>) -> Result<(), ElfError>
    where
        H: FileHeader<Endian = Endianness>,
    {
        let endian = file.endian();
        let data = file.data();
        let mips = file.elf_header().is_mips64el(endian);
        for (index, header) in file.elf_section_table().enumerate() {
            let wrong =
                |e: object::Error| ElfError(format!("relocations of section {}: {e}", index.0));
            let of = header.sh_info(endian) as usize;
            if !self.elf.sections.get(of).is_some_and(|s| s.is_loaded()) {
                continue;
            }
            if let Some((relocations, _)) = header.rel(endian, data).map_err(wrong)? {
                for r in relocations {
                    let relocation = KeptRelocation {
                        place: r.r_offset(endian).into(),
                        symbol: object::SymbolIndex(r.r_sym(endian) as usize),
                        kind: r.r_type(endian),
                        addend: None,
                    };
                    self.one(file, of, relocation);
                }
            }
            if let Some((relocations, _)) = header.rela(endian, data).map_err(wrong)? {
                for r in relocations {
                    let relocation = KeptRelocation {
                        place: r.r_offset(endian).into(),
                        symbol: object::SymbolIndex(r.r_sym(endian, mips) as usize),
                        kind: r.r_type(endian, mips),
                        addend: Some(r.r_addend(endian).into()),
                    };
                    self.one(file, of, relocation);
                }
            }
        }
        Ok(())
    }

    /// Notes where one relocation leads.
    fn one<H>(&mut self, file: &ElfFile<'a, H>, section: usize, relocation: KeptRelocation)
    where
        H: FileHeader<Endian = Endianness>,
    {
        let KeptRelocation { place, addend, .. } = relocation;
        let known = self
            .machine
            .and_then(|m| Some((m, (m.field)(relocation.kind)?)));
        let Some((machine, field)) = known else {
            return;
        };
        let endian = file.endian();
        let Ok(symbol) = file.elf_symbol_table().symbol(relocation.symbol) else {
            return;
        };
        let value: u64 = symbol.st_value(endian).into();
        let named = symbol.st_type() != elf::STT_SECTION;
        let to = match (field, addend) {
            (Field::Mark, _) => None,
            (Field::Opaque, _) => Some(value),
            (Field::Address(_), Some(addend)) => Some(value.wrapping_add_signed(addend)),
            (Field::Address(width), None) => self
                .bytes(section, place, width as u64)
                .map(|bytes| self.target.number(bytes)),
            _ if named => Some(value),
            (Field::Distance(_), addend) => self.distance(machine, section, place, value, addend),
            (Field::ArmBranch, _) => self.bytes(section, place, 4).map(|bytes| {
                let word = self.target.number(bytes) as u32;
                let by = i64::from(((word << 8) as i32) >> 6);
                place.wrapping_add_signed(by - machine.branch_addend)
            }),
            _ => None,
        };
        if let Some(to) = to {
            self.note(place, to);
        }
    }

    /// Where a distance of four bytes to a section's symbol leads.
    fn distance(
        &self,
        machine: &MachineFacts,
        section: usize,
        place: u64,
        value: u64,
        addend: Option<i64>,
    ) -> Option<u64> {
        let to = match addend {
            Some(addend) => value.wrapping_add_signed(addend),
            None => {
                let bytes = self.bytes(section, place, 4)?;
                let by = self.target.number(bytes) as u32 as i32;
                place.wrapping_add_signed(i64::from(by))
            }
        };
        let before = self.bytes(section, place.checked_sub(2)?, 6);
        let at = Relocation {
            offset: 2,
            kind: elf::RelocationType::default(),
            symbol: None,
            addend: 0,
        };
        let branch = before.is_some_and(|code| (machine.is_branch)(code, &at));
        Some(if branch {
            to.wrapping_add_signed(-machine.branch_addend)
        } else {
            to
        })
    }

    /// Calls within one section of an object: the assembler resolves them, and
    /// no relocation is left. Only those that lead to a beginning count.
    fn resolved_branches(&mut self) {
        let Some(machine) = self.machine else { return };
        let pieces = &self.attribution.pieces;
        let key = |i: usize| (pieces[i].section, pieces[i].object, pieces[i].input);
        let mut from = 0;
        while from < pieces.len() {
            let mut end = from + 1;
            while end < pieces.len() && key(end) == key(from) {
                end += 1;
            }
            let (first, last) = (&pieces[from], &pieces[end - 1]);
            let bytes = (last.address - first.address).saturating_add(last.bytes);
            if self.elf.sections[first.section].is_text()
                && first.object.is_some()
                && let Some(code) = self.bytes(first.section, first.address, bytes)
            {
                for (at, to) in (machine.resolved_branches)(code) {
                    let relocation = Relocation {
                        offset: at,
                        kind: elf::R_ARM_CALL, // x86 looks at the code
                        symbol: None,
                        addend: 0,
                    };
                    let (at, to) = (first.address + at, first.address + to);
                    let beginning = self
                        .at(to)
                        .is_some_and(|piece| pieces[piece as usize].address == to);
                    if beginning && (machine.is_branch)(code, &relocation) {
                        self.note(at, to);
                    }
                }
            }
            from = end;
        }
    }

    fn finish(mut self) -> Edges {
        self.edges.sort_unstable();
        self.edges.dedup();
        let entry = self.at(self.elf.entry);
        let count = self.attribution.pieces.len();
        let roots = (0..count)
            .filter(|i| self.roles[*i] == InputRole::Root || entry == u32::try_from(*i).ok())
            .filter_map(|i| u32::try_from(i).ok())
            .collect();
        Edges {
            pairs: self.edges,
            roots,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_instructions_need_nothing_and_tables_of_calls_are_roots() {
        let role = |name| super::role(Some(name), What::Table);
        assert!(role("__ex_table") == InputRole::WithKey);
        assert!(role(".initcall6.init") == InputRole::Root);
        assert!(role(".text") == InputRole::Plain);
        assert!(
            role("___ksymtab+x") == InputRole::Root,
            "not known: somebody walks it"
        );
    }
}
