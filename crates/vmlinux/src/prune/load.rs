//! The objects of a link read, resolved and cut.

use std::collections::{HashMap, HashSet};

use object::elf;

use super::cut;
use super::error::PruneError;
use super::find_functions::functions_of;
use super::handler::{TRAP_HANDLER, TRAP_RECORD, TRAP_STOPPED};
use super::input::{EntrySizes, Input, Role};
use super::piece::Cut;
use super::program::{Program, SectionFacts, Spot, Unit};
use super::sections::{self, Kind};
use crate::arch::{self, MachineFacts};
use crate::relocatable::{Object, ObjectSection, Place, Relocation};

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
            calls_in_line: false,
        };
        program.calls_in_line = program.has_section(sections::SITES);
        program.classify()?;
        program.resolve()?;
        program.find_functions();
        cut::cut(&mut program, sizes)?;
        program.place_references()?;
        program.name_roots(script);
        Ok(program)
    }

    fn has_section(&self, name: &str) -> bool {
        let mut sections = self.units.iter().flat_map(|unit| &unit.object.sections);
        sections.any(|section| section.name == name)
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
                    cut: Cut::Whole,
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
            offset = offset.saturating_add(addend.saturating_sub(self.base(section, field)));
        }
        Ok(Some(Spot {
            unit: owner,
            section: place as u32,
            offset,
            piece: u32::MAX,
        }))
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

    /// Whatever the linker script names stays.
    fn name_roots(&mut self, script: &str) {
        let break_at = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let words: HashSet<&str> = script.split(break_at).filter(|w| !w.is_empty()).collect();
        let mut named: Vec<u32> = words
            .iter()
            .chain([&TRAP_HANDLER, &TRAP_RECORD, &TRAP_STOPPED])
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
            let is_better = !is_weak && weak.contains(&symbol.name);
            if is_better || !found.contains_key(&symbol.name) {
                found.insert(symbol.name.clone(), (number as u32, index as u32));
                if is_weak {
                    weak.insert(symbol.name.clone());
                } else {
                    weak.remove(&symbol.name);
                }
            }
        }
    }
    found
}
