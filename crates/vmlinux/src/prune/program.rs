//! The objects of a link, resolved: what every relocation refers to.

use std::collections::HashMap;

use object::elf;

use super::function::{Function, FunctionId, FunctionIndex};
use super::input::EntrySizes;
use super::piece::{Cut, Piece};
use super::sections::{self, Kind};
use crate::arch::{Field, MachineFacts};
use crate::relocatable::{Object, ObjectSection, ObjectSymbol, Target};

/// The objects of a link.
#[derive(Debug)]
pub struct Program {
    pub(super) machine: &'static MachineFacts,
    pub(super) target: Target,
    pub(super) units: Vec<Unit>,
    pub(super) pieces: Vec<Piece>,
    pub(super) functions: Vec<Function>,
    /// Where each function stands.
    pub(super) places: Vec<Spot>,
    /// Pieces that the linker script names.
    pub(super) named_by_script: Vec<u32>,
    /// Definitions that the linker takes for each global name.
    pub(super) globals: HashMap<String, (u32, u32)>,
    pub(super) sizes: EntrySizes,
    /// Whether static calls are patched in line.
    pub(super) calls_in_line: bool,
}

/// One object.
#[derive(Debug)]
pub(super) struct Unit {
    pub name: String,
    pub object: Object,
    pub sections: Vec<SectionFacts>,
    /// Whether it comes from a compiler rather than from an assembler file.
    pub compiled: bool,
}

/// What is known of a section.
#[derive(Debug)]
pub(super) struct SectionFacts {
    pub kind: Kind,
    pub cut: Cut,
    /// Its pieces: a range of [`Program::pieces`], in order of offset.
    pub pieces: std::ops::Range<u32>,
    /// Sections that are ordered with it.
    pub followers: Vec<u32>,
    /// For each relocation, what it refers to.
    pub references: Vec<Option<Spot>>,
}

/// A section, by its object's place in [`Program::units`] and its own in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SectionPlace {
    pub unit: u32,
    pub section: u32,
}

/// A place in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub unit: u32,
    pub section: u32,
    pub offset: i64,
    /// The piece; [`u32::MAX`] until pieces are cut.
    pub piece: u32,
}

impl Spot {
    /// The section that it lies in.
    pub(super) fn place(self) -> SectionPlace {
        SectionPlace {
            unit: self.unit,
            section: self.section,
        }
    }
}

impl SectionPlace {
    /// A place in this section, without its piece.
    pub(super) fn at(self, offset: i64) -> Spot {
        Spot {
            unit: self.unit,
            section: self.section,
            offset,
            piece: u32::MAX,
        }
    }
}

/// Variables of which each CPU has a copy, where there may be several
/// (include/linux/percpu-defs.h).
const COPIED: &str = ".data..percpu";

impl Program {
    /// Whether each CPU has copies of variables: a kernel for several of them.
    pub fn has_copies_for_each_cpu(&self) -> bool {
        let sections = self.units.iter().flat_map(|unit| &unit.object.sections);
        sections.map(|s| &s.name).any(|name| name == COPIED)
    }

    /// Every function, in the order of the link.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The function of this identity.
    pub fn function(&self, id: &FunctionId) -> Option<FunctionIndex> {
        // Sorted by object only in the order of the link: look at all.
        let found = self.functions.iter().position(|f| f.id == *id)?;
        Some(FunctionIndex(found as u32))
    }

    /// The functions that have this name, in whatever object.
    pub fn named(&self, name: &str) -> Vec<FunctionIndex> {
        let has = |f: &Function| f.id.symbol == name || f.aliases.iter().any(|a| a == name);
        let found = self.functions.iter().enumerate().filter(|(_, f)| has(f));
        found
            .map(|(index, _)| FunctionIndex(index as u32))
            .collect()
    }

    /// Whether a piece stays wherever something refers to it, whatever the
    /// verdict on its functions: the trampolines of static calls that are
    /// patched in line never run, and are changed and compared all the same
    /// (arch/x86/kernel/static_call.c, `__static_call_validate()`).
    pub(super) fn stays_if_referred_to(&self, piece: &Piece) -> bool {
        let sections = &self.units[piece.unit as usize].object.sections;
        self.calls_in_line && sections[piece.section as usize].name == sections::TRAMPOLINES
    }

    /// The addend of a reference to the very symbol.
    pub(super) fn base(&self, section: &ObjectSection, field: Field) -> i64 {
        let code = section.has(elf::SHF_EXECINSTR);
        match field {
            Field::Distance(1..=4) if code => self.machine.branch_addend,
            Field::ArmBranch => self.machine.branch_addend,
            _ => 0,
        }
    }

    /// The symbol that a reference to a unit's symbol means, and its unit.
    pub(super) fn definition(&self, number: u32, index: usize) -> Option<(u32, &ObjectSymbol)> {
        let symbol = self.units[number as usize].object.symbols.get(index)?;
        if symbol.is_global() {
            let (owner, index) = self.globals.get(&symbol.name)?;
            return Some((
                *owner,
                &self.units[*owner as usize].object.symbols[*index as usize],
            ));
        }
        Some((number, symbol))
    }

    /// The piece that a place lies in.
    pub(super) fn piece_at(&self, spot: Spot) -> Option<u32> {
        let facts = &self.units[spot.unit as usize].sections[spot.section as usize];
        let range = facts.pieces.clone();
        let pieces = &self.pieces[range.start as usize..range.end as usize];
        if facts.cut == Cut::Whole {
            return (!pieces.is_empty()).then_some(range.start);
        }
        let offset = u64::try_from(spot.offset).ok()?;
        let after = pieces.partition_point(|p| p.start <= offset);
        Some(range.start + after.checked_sub(1)? as u32)
    }

    /// The piece that an offset of a section lies in.
    pub(super) fn piece_of(&self, section: SectionPlace, offset: u64) -> Option<u32> {
        self.piece_at(section.at(i64::try_from(offset).ok()?))
    }

    /// Whether a piece of a section begins at an offset.
    pub(super) fn begins_piece(&self, section: SectionPlace, offset: u64) -> bool {
        let piece = self.piece_of(section, offset);
        piece.is_some_and(|piece| self.pieces[piece as usize].start == offset)
    }

    /// What the first field of an entry refers to.
    pub(super) fn first_reference(&self, piece: &Piece) -> Option<Spot> {
        let unit = &self.units[piece.unit as usize];
        let index = piece.relocations.start as usize;
        let section = &unit.object.sections[piece.section as usize];
        section
            .relocations
            .get(index)
            .filter(|r| r.offset == piece.start)?;
        unit.sections[piece.section as usize]
            .references
            .get(index)
            .copied()
            .flatten()
    }
}
