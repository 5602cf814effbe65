//! The objects of a link, resolved: what every relocation refers to.

use std::collections::{BTreeMap, HashMap, HashSet};

use object::elf;

use super::error::PruneError;
use super::pieces::{self, Piece};
use super::sections::{self, Kind};
use super::{EntrySizes, Function, FunctionId, FunctionIndex, Input, Role};
use crate::arch::{self, Field, MachineFacts};
use crate::relocatable::{Object, ObjectSection, ObjectSymbol, Place, Relocation, Target};

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
    pub cut: pieces::Cut,
    /// Its pieces: a range of [`Program::pieces`], in order of offset.
    pub pieces: std::ops::Range<u32>,
    /// Sections that are ordered with it.
    pub followers: Vec<u32>,
    /// For each relocation, what it refers to.
    pub references: Vec<Option<Spot>>,
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

impl Program {
    /// Reads the objects of a link and resolves them.
    ///
    /// `script` is the text of the linker script of the link; what it names
    /// stays. `sizes` come from the probe of the tree.
    pub fn load(inputs: &[Input], script: &str, sizes: &EntrySizes) -> Result<Program, PruneError> {
        let units = taken(inputs)?;
        let target = units.first().ok_or(PruneError::Empty)?.object.target;
        let mut program = Program {
            machine: machine_of(&units)?,
            target,
            globals: globals(&units),
            units,
            pieces: Vec::new(),
            functions: Vec::new(),
            places: Vec::new(),
            named_by_script: Vec::new(),
            sizes: sizes.clone(),
        };
        program.classify()?;
        program.resolve()?;
        program.find_functions();
        pieces::cut(&mut program, sizes)?;
        program.place_references()?;
        program.name_roots(script);
        Ok(program)
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

    fn classify(&mut self) -> Result<(), PruneError> {
        for unit in &mut self.units {
            for section in &unit.object.sections {
                let kind = sections::kind(section).ok_or_else(|| PruneError::Section {
                    object: unit.name.clone(),
                    section: section.name.clone(),
                })?;
                let kind = match kind {
                    // Assembler files fall through from function to function.
                    Kind::SharedCode if !unit.compiled || section.name == ".text" => Kind::Code,
                    kind => kind,
                };
                unit.sections.push(SectionFacts {
                    kind,
                    cut: pieces::Cut::Whole,
                    pieces: 0..0,
                    followers: Vec::new(),
                    references: Vec::new(),
                });
            }
            for (index, section) in unit.object.sections.iter().enumerate() {
                if let Some(with) = section.linked {
                    unit.sections[with].followers.push(index as u32);
                }
            }
        }
        Ok(())
    }

    /// What each relocation refers to, without its piece.
    fn resolve(&mut self) -> Result<(), PruneError> {
        for unit in 0..self.units.len() {
            for section in 0..self.units[unit].object.sections.len() {
                if self.units[unit].sections[section].kind == Kind::Discarded {
                    continue;
                }
                let found: Result<Vec<Option<Spot>>, PruneError> = self.units[unit].object.sections
                    [section]
                    .relocations
                    .iter()
                    .map(|r| self.refers_to(unit as u32, section, r))
                    .collect();
                self.units[unit].sections[section].references = found?;
            }
        }
        Ok(())
    }

    fn refers_to(
        &self,
        number: u32,
        section: usize,
        at: &Relocation,
    ) -> Result<Option<Spot>, PruneError> {
        let unit = &self.units[number as usize];
        let section = &unit.object.sections[section];
        let wrong = |why| wrong_relocation(unit, section, at, why);
        let field = (self.machine.field)(at.kind).ok_or_else(|| wrong("is not known"))?;
        let Some(index) = at.symbol else {
            return Ok(None);
        };
        let Some((owner, symbol)) = self.definition(number, index) else {
            return Ok(None);
        };
        let Some(place) = symbol.section() else {
            return Ok(None);
        };
        let of_section = symbol.kind == elf::STT_SECTION;
        let facts = &self.units[owner as usize].sections[place];
        let mut offset = symbol.value as i64;
        // The linker merges a constant by where its symbol stands, whatever
        // is added to that.
        if of_section || facts.kind != Kind::Merged {
            let addend = arch::addend(&self.target, field, section, at)
                .ok_or_else(|| wrong("lies outside of its section"))?;
            offset = offset.saturating_add(addend - self.base(section, field));
        }
        Ok(Some(Spot {
            unit: owner,
            section: place as u32,
            offset,
            piece: u32::MAX,
        }))
    }

    /// The addend of a reference to the very symbol.
    pub(super) fn base(&self, section: &ObjectSection, field: Field) -> i64 {
        let code = section.has(elf::SHF_EXECINSTR);
        match field {
            Field::Distance(_) if code => self.machine.branch_addend,
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

    fn find_functions(&mut self) {
        for number in 0..self.units.len() {
            let (functions, places) = functions_of(&self.units[number], number as u32);
            self.functions.extend(functions);
            self.places.extend(places);
        }
    }

    /// Adds the piece to each reference.
    fn place_references(&mut self) -> Result<(), PruneError> {
        let mut all: Vec<Vec<Vec<Option<Spot>>>> = Vec::with_capacity(self.units.len());
        for unit in &self.units {
            let mut of_unit = Vec::with_capacity(unit.sections.len());
            for (index, facts) in unit.sections.iter().enumerate() {
                let mut placed = facts.references.clone();
                for (spot, at) in placed
                    .iter_mut()
                    .zip(&unit.object.sections[index].relocations)
                {
                    let Some(spot) = spot else { continue };
                    spot.piece = self.piece_at(*spot).ok_or_else(|| {
                        let section = &unit.object.sections[index];
                        wrong_relocation(unit, section, at, "refers to a place between pieces")
                    })?;
                }
                of_unit.push(placed);
            }
            all.push(of_unit);
        }
        for (unit, all) in self.units.iter_mut().zip(all) {
            for (facts, placed) in unit.sections.iter_mut().zip(all) {
                facts.references = placed;
            }
        }
        Ok(())
    }

    /// The piece that a place lies in.
    pub(super) fn piece_at(&self, spot: Spot) -> Option<u32> {
        let facts = &self.units[spot.unit as usize].sections[spot.section as usize];
        let range = facts.pieces.clone();
        let pieces = &self.pieces[range.start as usize..range.end as usize];
        if facts.cut == pieces::Cut::Whole {
            return (!pieces.is_empty()).then_some(range.start);
        }
        let offset = u64::try_from(spot.offset).ok()?;
        let after = pieces.partition_point(|p| p.start <= offset);
        Some(range.start + after.checked_sub(1)? as u32)
    }

    /// The piece that an offset of a section lies in.
    pub(super) fn piece_of(&self, (unit, section): (usize, usize), offset: u64) -> Option<u32> {
        self.piece_at(Spot {
            unit: unit as u32,
            section: section as u32,
            offset: i64::try_from(offset).ok()?,
            piece: u32::MAX,
        })
    }

    /// Whether a piece of a section begins at an offset.
    pub(super) fn begins_piece(&self, section: (usize, usize), offset: u64) -> bool {
        let piece = self.piece_of(section, offset);
        piece.is_some_and(|piece| self.pieces[piece as usize].start == offset)
    }

    /// Whatever the linker script names stays.
    fn name_roots(&mut self, script: &str) {
        let break_at = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let words: HashSet<&str> = script.split(break_at).filter(|w| !w.is_empty()).collect();
        let mut named: Vec<u32> = words
            .iter()
            .chain([
                &super::TRAP_HANDLER,
                &super::TRAP_RECORD,
                &super::TRAP_STOPPED,
            ])
            .filter_map(|word| {
                let (unit, symbol) = self.globals.get(*word)?;
                let symbol = &self.units[*unit as usize].object.symbols[*symbol as usize];
                let (section, offset) = (symbol.section()? as u32, symbol.value as i64);
                self.piece_at(Spot {
                    unit: *unit,
                    section,
                    offset,
                    piece: 0,
                })
            })
            .collect();
        named.sort_unstable();
        named.dedup();
        self.named_by_script = named;
    }
}

fn wrong_relocation(
    unit: &Unit,
    section: &ObjectSection,
    at: &Relocation,
    why: &'static str,
) -> PruneError {
    PruneError::Relocation {
        object: unit.name.clone(),
        section: section.name.clone(),
        offset: at.offset,
        kind: at.kind,
        why,
    }
}

fn machine_of(units: &[Unit]) -> Result<&'static MachineFacts, PruneError> {
    let first = &units.first().ok_or(PruneError::Empty)?.object.target;
    for unit in units {
        let target = &unit.object.target;
        let same = (target.machine, target.is_64, target.big_endian);
        if same != (first.machine, first.is_64, first.big_endian) || arch::machine(target).is_none()
        {
            return Err(PruneError::Machine {
                object: unit.name.clone(),
                machine: target.machine,
            });
        }
    }
    arch::machine(first).ok_or(PruneError::Empty)
}

/// The objects that the linker takes, in the order it takes them.
fn taken(inputs: &[Input]) -> Result<Vec<Unit>, PruneError> {
    let mut units = Vec::new();
    let mut library: Vec<Option<Unit>> = Vec::new();
    for input in inputs {
        let object = Object::read(input.bytes).map_err(|error| PruneError::Read {
            object: input.name.to_owned(),
            error,
        })?;
        let compiled = object.symbols.iter().any(|s| s.kind == elf::STT_FILE);
        let unit = Unit {
            name: input.name.to_owned(),
            object,
            sections: Vec::new(),
            compiled,
        };
        match input.role {
            Role::Always => units.push(unit),
            Role::Library => library.push(Some(unit)),
        }
    }
    let mut wanted = HashSet::new();
    let mut defined = HashSet::new();
    let mut seen = 0;
    loop {
        for unit in &units[seen..] {
            for symbol in unit.object.symbols.iter().filter(|s| s.is_global()) {
                match symbol.place {
                    Place::Undefined if symbol.binding == elf::STB_WEAK => false,
                    Place::Undefined => wanted.insert(symbol.name.clone()),
                    _ => defined.insert(symbol.name.clone()),
                };
            }
        }
        seen = units.len();
        let serves = |unit: &Unit| {
            unit.object.symbols.iter().any(|s| {
                s.is_global()
                    && s.place != Place::Undefined
                    && wanted.contains(&s.name)
                    && !defined.contains(&s.name)
            })
        };
        let next = library.iter_mut().find(|u| u.as_ref().is_some_and(serves));
        match next.and_then(Option::take) {
            Some(unit) => units.push(unit),
            None => return Ok(units),
        }
    }
}

/// For each global name the definition that counts: the first that isn't
/// weak, or the first.
fn globals(units: &[Unit]) -> HashMap<String, (u32, u32)> {
    let mut found: HashMap<String, (u32, u32)> = HashMap::new();
    let mut weak: HashSet<String> = HashSet::new();
    for (number, unit) in units.iter().enumerate() {
        for (index, symbol) in unit.object.symbols.iter().enumerate() {
            if !symbol.is_global() || symbol.place == Place::Undefined {
                continue;
            }
            let is_weak = symbol.binding == elf::STB_WEAK || symbol.place == Place::Common;
            let better = match found.contains_key(&symbol.name) {
                false => true,
                true => !is_weak && weak.contains(&symbol.name),
            };
            if better {
                found.insert(symbol.name.clone(), (number as u32, index as u32));
                match is_weak {
                    true => weak.insert(symbol.name.clone()),
                    false => weak.remove(&symbol.name),
                };
            }
        }
    }
    found
}

/// Whether a symbol names a function.
fn names_function(unit: &Unit, symbol: &ObjectSymbol) -> bool {
    match symbol.kind {
        elf::STT_FUNC => true,
        // Entries of assembler files often have no type. Names with `$` mark
        // code and data, those with `.L` are labels.
        elf::STT_NOTYPE => {
            !unit.compiled && !symbol.name.starts_with(['$', '.']) && !symbol.name.is_empty()
        }
        _ => false,
    }
}

fn functions_of(unit: &Unit, number: u32) -> (Vec<Function>, Vec<Spot>) {
    let mut ordinals: HashMap<&str, u32> = HashMap::new();
    // By section and offset: the first symbol, its ordinal, all others.
    let mut starts: BTreeMap<(usize, u64), (u32, Vec<&ObjectSymbol>)> = BTreeMap::new();
    for symbol in unit
        .object
        .symbols
        .iter()
        .filter(|s| names_function(unit, s))
    {
        let Some(section) = symbol.section() else {
            continue;
        };
        let facts = &unit.sections[section];
        let code = unit.object.sections[section].has(elf::SHF_EXECINSTR);
        if !code || facts.kind == Kind::Discarded {
            continue;
        }
        let next = ordinals.entry(&symbol.name).or_default();
        let ordinal = *next;
        *next += 1;
        let start = starts
            .entry((section, symbol.value))
            .or_insert((ordinal, Vec::new()));
        start.1.push(symbol);
    }
    for (section, facts) in unit.sections.iter().enumerate() {
        let code = &unit.object.sections[section];
        let nameless =
            facts.kind == Kind::Code && code.size > 0 && !starts.keys().any(|(s, _)| *s == section);
        if nameless {
            starts.insert((section, 0), (0, Vec::new()));
        }
    }
    let keys: Vec<(usize, u64)> = starts.keys().copied().collect();
    let mut functions = Vec::new();
    let mut places = Vec::new();
    for (index, ((section, offset), (ordinal, symbols))) in starts.iter().enumerate() {
        let code = &unit.object.sections[*section];
        let end = match keys.get(index + 1) {
            Some((next, start)) if next == section => *start,
            _ => code.size,
        };
        let size = symbols.iter().map(|s| s.size).max().unwrap_or(0);
        let bytes = if size == 0 {
            end.saturating_sub(*offset)
        } else {
            size
        };
        let mut names = symbols.iter().map(|s| s.name.clone());
        functions.push(Function {
            id: FunctionId {
                object: unit.name.clone(),
                symbol: names.next().unwrap_or_else(|| code.name.clone()),
                ordinal: *ordinal,
            },
            aliases: names.collect(),
            section: code.name.clone(),
            offset: *offset,
            bytes,
            unit: super::Unit::Own,
        });
        let (section, offset) = (*section as u32, *offset as i64);
        places.push(Spot {
            unit: number,
            section,
            offset,
            piece: u32::MAX,
        });
    }
    (functions, places)
}
