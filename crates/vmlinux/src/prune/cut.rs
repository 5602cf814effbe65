//! Cutting sections into pieces.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use object::elf;

use super::error::PruneError;
use super::function::RemovalUnit;
use super::input::EntrySizes;
use super::piece::{Cut, Piece, PieceRole};
use super::program::{Program, SectionPlace, Spot, Unit};
use super::sections::{Entry, Kind, Lives};
use crate::relocatable::ObjectSection;

/// Cuts all sections.
pub(super) fn cut(program: &mut Program, sizes: &EntrySizes) -> Result<(), PruneError> {
    let snippets = snippet_starts(program);
    let mut functions = 0;
    for number in 0..program.units.len() {
        for index in 0..program.units[number].sections.len() {
            let from = functions;
            let place = SectionPlace {
                unit: number as u32,
                section: index as u32,
            };
            let here = |spot: &Spot| spot.place() == place;
            while program.places.get(functions).is_some_and(here) {
                functions += 1;
            }
            let cutter = Cutter {
                program,
                unit: &program.units[number],
                section: &program.units[number].object.sections[index],
                functions: from..functions,
            };
            let starts = snippets.get(&place);
            let (cut, parts) =
                cutter.parts(program.units[number].sections[index].kind, sizes, starts)?;
            add(program, number, index, cut, parts, from..functions);
        }
    }
    Ok(())
}

/// A piece before it has its place among all.
struct UnplacedPiece {
    range: Range<u64>,
    role: PieceRole,
}

/// Where something refers to sections of snippets.
fn snippet_starts(program: &Program) -> HashMap<SectionPlace, BTreeSet<u64>> {
    let mut starts: HashMap<SectionPlace, BTreeSet<u64>> = HashMap::new();
    let references = program
        .units
        .iter()
        .flat_map(|u| &u.sections)
        .flat_map(|s| &s.references);
    for spot in references.flatten() {
        let facts = &program.units[spot.unit as usize].sections[spot.section as usize];
        if facts.kind == Kind::Snippets && spot.offset >= 0 {
            let of_section = starts.entry(spot.place()).or_default();
            of_section.insert(spot.offset as u64);
        }
    }
    starts
}

struct Cutter<'a> {
    program: &'a Program,
    unit: &'a Unit,
    section: &'a ObjectSection,
    functions: Range<usize>,
}

impl Cutter<'_> {
    fn parts(
        &self,
        kind: Kind,
        sizes: &EntrySizes,
        snippets: Option<&BTreeSet<u64>>,
    ) -> Result<(Cut, Vec<UnplacedPiece>), PruneError> {
        let size = self.section.size;
        let whole = |role| {
            (
                Cut::Whole,
                vec![UnplacedPiece {
                    range: 0..size,
                    role,
                }],
            )
        };
        Ok(match kind {
            Kind::Discarded => (Cut::Whole, Vec::new()),
            Kind::Code => whole(PieceRole::Code),
            Kind::Data => whole(PieceRole::Data),
            Kind::Root | Kind::Attributes => whole(PieceRole::Root),
            Kind::Linked => whole(PieceRole::Linked),
            Kind::SharedCode => match self.functions_apart() {
                Some(parts) => (Cut::Filled, parts),
                None => whole(PieceRole::Code),
            },
            Kind::Snippets => {
                let starts = snippets.into_iter().flatten().copied();
                let starts: BTreeSet<u64> = starts.filter(|s| *s < size).chain([0]).collect();
                let ends = starts.iter().copied().skip(1).chain([size]);
                let part = |(start, end)| UnplacedPiece {
                    range: start..end,
                    role: PieceRole::Data,
                };
                (
                    Cut::Filled,
                    starts.iter().copied().zip(ends).map(part).collect(),
                )
            }
            Kind::Merged if self.section.has(elf::SHF_STRINGS) => (Cut::Compact, self.strings()?),
            Kind::Merged => (
                Cut::Compact,
                self.entries(self.section.entry_size, PieceRole::Data)?,
            ),
            Kind::Table(entry, lives) => {
                let bytes = match entry {
                    Entry::Bytes(bytes) => bytes,
                    Entry::Structure(structure) => self.structure(structure, sizes)?,
                };
                let parts = self.entries(bytes, PieceRole::Entry(lives))?;
                self.begin_with_code(&parts, lives)?;
                (Cut::Compact, parts)
            }
        })
    }

    fn structure(&self, structure: &'static str, sizes: &EntrySizes) -> Result<u64, PruneError> {
        let missing = || PruneError::EntrySize {
            object: self.unit.name.clone(),
            section: self.section.name.clone(),
            structure,
        };
        sizes.0.get(structure).copied().ok_or_else(missing)
    }

    fn wrong(&self, offset: u64, why: &'static str) -> PruneError {
        let (object, section) = (self.unit.name.clone(), self.section.name.clone());
        PruneError::Table {
            object,
            section,
            offset,
            why,
        }
    }

    /// Functions and what is between them; nothing when they overlap.
    fn functions_apart(&self) -> Option<Vec<UnplacedPiece>> {
        let smallest = self.smallest_filled();
        let mut parts = Vec::new();
        let mut at = 0;
        for function in &self.program.functions[self.functions.clone()] {
            let end = function.offset.checked_add(function.bytes)?;
            if function.offset < at || end > self.section.size || function.bytes == 0 {
                return None;
            }
            if at < function.offset {
                parts.push(UnplacedPiece {
                    range: at..function.offset,
                    role: PieceRole::Filler,
                });
            }
            // There is no room for a trap in a shorter one.
            let role = if function.bytes < smallest {
                PieceRole::Filler
            } else {
                PieceRole::Code
            };
            parts.push(UnplacedPiece {
                range: function.offset..end,
                role,
            });
            at = end;
        }
        if at < self.section.size {
            parts.push(UnplacedPiece {
                range: at..self.section.size,
                role: PieceRole::Filler,
            });
        }
        Some(parts)
    }

    /// The size of the shortest function that can be filled with a trap.
    fn smallest_filled(&self) -> u64 {
        let trap = &self.program.machine.trap;
        trap.code.len() as u64 - trap.call
    }

    /// The linker pads a section to the alignment of the next: the last entry
    /// may be short of that (arch/arm/kernel/entry-common.S, `bug`).
    fn entries(&self, bytes: u64, role: PieceRole) -> Result<Vec<UnplacedPiece>, PruneError> {
        let size = self.section.size;
        let padded = size.checked_next_multiple_of(self.section.align.max(1));
        let Some(padded) = padded.filter(|p| bytes > 0 && p.is_multiple_of(bytes)) else {
            return Err(self.wrong(0, "is not made of whole entries"));
        };
        // Within `padded`, which didn't overflow.
        let end = |index: u64| ((index + 1) * bytes).min(size);
        let part = |index| UnplacedPiece {
            range: index * bytes..end(index),
            role,
        };
        Ok((0..padded / bytes).map(part).collect())
    }

    /// An entry that says something about an instruction begins with it.
    fn begin_with_code(&self, parts: &[UnplacedPiece], lives: Lives) -> Result<(), PruneError> {
        let relocations = &self.section.relocations;
        let names = |start: &u64| {
            relocations
                .binary_search_by_key(start, |r| r.offset)
                .is_ok()
        };
        let mut starts = parts.iter().map(|p| p.range.start);
        match starts.find(|start| lives == Lives::WithKey && !names(start)) {
            Some(start) => Err(self.wrong(start, "is an entry that names no code")),
            None => Ok(()),
        }
    }

    fn strings(&self) -> Result<Vec<UnplacedPiece>, PruneError> {
        let width = self.section.entry_size.max(1);
        let mut parts = Vec::new();
        let mut start = 0;
        for (index, character) in self.section.data.chunks(width as usize).enumerate() {
            if character.iter().all(|b| *b == 0) {
                // What pads to the next string's alignment goes with the
                // string before it.
                let end = (index as u64 + 1) * width;
                parts.push(UnplacedPiece {
                    range: start..end,
                    role: PieceRole::Data,
                });
                start = end;
            }
        }
        if start != self.section.size {
            return Err(self.wrong(start, "holds a string without an end"));
        }
        Ok(parts)
    }
}

fn add(
    program: &mut Program,
    unit: usize,
    index: usize,
    cut: Cut,
    parts: Vec<UnplacedPiece>,
    functions: Range<usize>,
) {
    let first = program.pieces.len() as u32;
    let section = &program.units[unit].object.sections[index];
    let relocations = &section.relocations;
    let alone = functions.len() == 1;
    let mut next = functions.start;
    for part in parts {
        let from = relocations.partition_point(|r| r.offset < part.range.start);
        let to = relocations.partition_point(|r| r.offset < part.range.end);
        let begin = next;
        while next < functions.end
            && (cut == Cut::Whole || program.functions[next].offset < part.range.end)
        {
            program.places[next].piece = program.pieces.len() as u32;
            program.functions[next].unit = match cut {
                Cut::Whole if alone => RemovalUnit::Own,
                Cut::Whole => RemovalUnit::Together,
                _ => RemovalUnit::Filled,
            };
            next += 1;
        }
        program.pieces.push(Piece {
            unit: unit as u32,
            section: index as u32,
            start: part.range.start,
            end: part.range.end,
            role: part.role,
            relocations: from as u32..to as u32,
            functions: begin as u32..next as u32,
        });
    }
    let facts = &mut program.units[unit].sections[index];
    facts.cut = cut;
    facts.pieces = first..program.pieces.len() as u32;
}
