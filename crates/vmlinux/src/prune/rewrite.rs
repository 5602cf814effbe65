//! From what stays to the objects that hold it.

use std::collections::HashMap;

use object::elf;

use super::cold::{self, COLD_DATA, COLD_INPUT};
use super::error::PruneError;
use super::fill::fill;
use super::handler::TRAP_HANDLER;
use super::live::{self, Live};
use super::piece::{Cut, Piece, PieceRole};
use super::program::{Program, SectionPlace, Spot, Unit};
use super::pruned::{Output, Trap};
use super::sections::{self, Kind};
use super::traps::{Traps, call_of_handler, defined, undefined};
use super::wish::Wish;
use crate::arch;
use crate::relocatable::{Object, ObjectSection, ObjectSymbol, Place, Relocation};

/// The objects, and the traps in them.
pub(super) fn rewrite(
    program: &Program,
    live: &Live,
    wish: &Wish,
) -> Result<(Vec<Output>, Vec<Trap>), PruneError> {
    let traps = Traps::find(program, live, wish);
    let handled = !traps.list.is_empty() || live.called.contains(&true) || !live.gaps.is_empty();
    if handled && !program.globals.contains_key(TRAP_HANDLER) {
        return Err(PruneError::NoHandler);
    }
    let mut outputs = Vec::new();
    for (number, unit) in program.units.iter().enumerate() {
        let rewriter = Rewriter::new(program, live, wish, &traps, number as u32);
        if let Some(object) = rewriter.object()? {
            outputs.push(Output {
                name: unit.name.clone(),
                bytes: object.write(),
            });
        }
    }
    if traps.stand_together() {
        let bytes = traps.object(program).write();
        outputs.push(Output {
            name: "tuxling_traps.o".to_owned(),
            bytes,
        });
    }
    Ok((outputs, traps.list))
}

/// A section on its way out.
struct Kept {
    section: ObjectSection,
    /// Where each relocation comes from.
    origins: Vec<Origin>,
}

/// Where a relocation comes from.
#[derive(Clone, Copy)]
enum Origin {
    /// Its index in the section that was.
    Old(usize),
    /// It is the call that ends what was filled of this function.
    Filled(u32),
}

impl Kept {
    /// Sorts the relocations by offset, as they came.
    fn sort(&mut self) {
        let relocations = std::mem::take(&mut self.section.relocations);
        let origins = std::mem::take(&mut self.origins);
        let mut all: Vec<_> = relocations.into_iter().zip(origins).collect();
        all.sort_by_key(|(relocation, _)| relocation.offset);
        (self.section.relocations, self.origins) = all.into_iter().unzip();
    }
}

struct Rewriter<'a> {
    program: &'a Program,
    live: &'a Live,
    wish: &'a Wish,
    traps: &'a Traps,
    number: u32,
    unit: &'a Unit,
    /// From sections to their places in the output.
    places: Vec<Option<usize>>,
    /// From sections to the places of their cold pieces, where others of theirs
    /// are hot.
    cold_places: Vec<Option<usize>>,
    /// The symbols of those places.
    cold_symbols: HashMap<usize, usize>,
    /// Symbols of the output, and where each comes from.
    symbols: Vec<ObjectSymbol>,
    from_old: HashMap<usize, usize>,
    named: HashMap<String, usize>,
}

impl<'a> Rewriter<'a> {
    fn new(
        program: &'a Program,
        live: &'a Live,
        wish: &'a Wish,
        traps: &'a Traps,
        number: u32,
    ) -> Rewriter<'a> {
        let unit = &program.units[number as usize];
        Rewriter {
            program,
            live,
            wish,
            traps,
            number,
            unit,
            places: vec![None; unit.sections.len()],
            cold_places: vec![None; unit.sections.len()],
            cold_symbols: HashMap::new(),
            symbols: Vec::new(),
            from_old: HashMap::new(),
            named: HashMap::new(),
        }
    }

    /// The object, if anything is left of it.
    fn object(mut self) -> Result<Option<Object>, PruneError> {
        let kept: Vec<(usize, bool)> = (0..self.unit.sections.len())
            .flat_map(|section| [(section, false), (section, true)])
            .filter(|(section, apart)| self.section_stays(*section, *apart))
            .collect();
        for (place, (section, apart)) in kept.iter().enumerate() {
            let places = if *apart {
                &mut self.cold_places
            } else {
                &mut self.places
            };
            places[*section] = Some(place);
        }
        self.keep_symbols();
        let loaded = kept
            .iter()
            .any(|(s, _)| self.unit.sections[*s].kind != Kind::Attributes);
        let constants = self
            .symbols
            .iter()
            .any(|s| s.is_global() && s.place != Place::Undefined);
        if !loaded && !constants {
            return Ok(None);
        }
        let mut sections = Vec::with_capacity(kept.len());
        for (index, apart) in kept {
            let mut kept = self.section(index, apart);
            self.relocations(index, &mut kept)?;
            sections.push(kept.section);
        }
        if self.wish.marks {
            self.mark_functions();
        }
        Ok(Some(Object {
            target: self.unit.object.target,
            sections,
            symbols: self.symbols,
        }))
    }

    fn section_stays(&self, section: usize, apart: bool) -> bool {
        let facts = &self.unit.sections[section];
        let stays = |p: u32| self.live.pieces[p as usize] && self.is_apart(p) == apart;
        facts.kind != Kind::Discarded && facts.pieces.clone().any(stays)
    }

    /// Whether a piece is taken out of its section, since it is cold.
    fn is_apart(&self, number: u32) -> bool {
        let piece = &self.program.pieces[number as usize];
        let unit = &self.program.units[piece.unit as usize];
        let cut = unit.sections[piece.section as usize].cut;
        cut == Cut::Compact && self.live.cold[number as usize]
    }

    /// Symbols of what stays. Those that are only referred to come later.
    fn keep_symbols(&mut self) {
        for (index, symbol) in self.unit.object.symbols.iter().enumerate() {
            let stays = match symbol.place {
                Place::Section(_) => {
                    symbol.kind != elf::STT_SECTION
                        && !symbol.name.starts_with(".L")
                        && self.new_place(symbol).is_some()
                }
                Place::Absolute => symbol.is_global() || symbol.kind == elf::STT_FILE,
                Place::Common => true,
                Place::Undefined => false,
            };
            if stays {
                self.keep_symbol(index);
            }
        }
        self.name_filled();
    }

    /// Functions filled in place have the symbols of their traps.
    fn name_filled(&mut self) {
        let filled = self.traps.list.iter().filter(|t| t.in_place);
        for trap in filled {
            let spot = self.program.places[trap.function.0 as usize];
            if spot.unit != self.number {
                continue;
            }
            let Some(place) = self.places[spot.section as usize] else {
                continue;
            };
            let function = &self.program.functions[trap.function.0 as usize];
            let name = &self.traps.names[&trap.function.0];
            let symbol = ObjectSymbol {
                place: Place::Section(place),
                ..defined(name, function.offset, function.bytes)
            };
            self.named.insert(name.clone(), self.symbols.len());
            self.symbols.push(symbol);
        }
    }

    fn mark_functions(&mut self) {
        let range = self.program.places.iter().enumerate();
        for (index, spot) in range.filter(|(_, s)| s.unit == self.number) {
            let Some(place) = self.places[spot.section as usize] else {
                continue;
            };
            if !self.live.pieces[spot.piece as usize] {
                continue;
            }
            let function = &self.program.functions[index];
            self.symbols.push(ObjectSymbol {
                binding: elf::STB_LOCAL,
                place: Place::Section(place),
                ..defined(
                    &format!("tuxling_fn.{index}"),
                    function.offset,
                    function.bytes,
                )
            });
        }
    }

    /// Where a symbol stands in the output, if what it names stays.
    fn new_place(&self, symbol: &ObjectSymbol) -> Option<(usize, u64)> {
        let section = symbol.section()?;
        if symbol.kind == elf::STT_SECTION {
            return Some((self.places[section]?, 0));
        }
        let value = self.new_offset(section, symbol.value as i64)?;
        let spot = self.spot(section, symbol.value as i64);
        let apart = self.is_apart(self.program.piece_at(spot)?);
        let places = if apart {
            &self.cold_places
        } else {
            &self.places
        };
        Some((places[section]?, value as u64))
    }

    fn spot(&self, section: usize, offset: i64) -> Spot {
        Spot {
            unit: self.number,
            section: section as u32,
            offset,
            piece: 0,
        }
    }

    /// Where an offset of a section is in the output, if its piece stays.
    fn new_offset(&self, section: usize, offset: i64) -> Option<i64> {
        let piece = self.program.piece_at(self.spot(section, offset))?;
        if !self.live.pieces[piece as usize] {
            return None;
        }
        let facts = &self.unit.sections[section];
        if facts.cut != Cut::Compact {
            return Some(offset);
        }
        let apart = self.is_apart(piece);
        let gone: u64 = (facts.pieces.start..piece)
            .filter(|p| !self.live.pieces[*p as usize] || self.is_apart(*p) != apart)
            .map(|p| self.program.pieces[p as usize].end - self.program.pieces[p as usize].start)
            .sum();
        Some(offset - gone as i64)
    }

    fn keep_symbol(&mut self, index: usize) -> usize {
        if let Some(new) = self.from_old.get(&index) {
            return *new;
        }
        let old = &self.unit.object.symbols[index];
        let mut symbol = old.clone();
        if old.section().is_some() {
            match self.new_place(old) {
                Some((place, value)) => {
                    symbol.place = Place::Section(place);
                    symbol.value = value;
                }
                // Defined elsewhere too: a weak definition that doesn't count.
                None => {
                    symbol = ObjectSymbol {
                        other: old.other,
                        ..undefined(&old.name)
                    }
                }
            }
        }
        let new = self.symbols.len();
        self.named.entry(symbol.name.clone()).or_insert(new);
        self.symbols.push(symbol);
        self.from_old.insert(index, new);
        new
    }

    /// A symbol by name, to be found in another object unless it is here.
    fn symbol_named(&mut self, name: &str) -> usize {
        if let Some(index) = self
            .named
            .get(name)
            .filter(|i| self.symbols[**i].is_global())
        {
            return *index;
        }
        let new = self.symbols.len();
        self.named.insert(name.to_owned(), new);
        self.symbols.push(undefined(name));
        new
    }

    /// A section with its bytes, and the relocations that stay, at their new
    /// places but with their old symbols.
    fn section(&self, index: usize, apart: bool) -> Kept {
        let old = &self.unit.object.sections[index];
        let facts = &self.unit.sections[index];
        let section = ObjectSection {
            name: self.output_name(index, apart).to_owned(),
            linked: old.linked.and_then(|with| self.places[with]),
            data: Vec::new(),
            size: 0,
            relocations: Vec::new(),
            ..old.clone()
        };
        let mut kept = Kept {
            section,
            origins: Vec::new(),
        };
        for number in facts.pieces.clone() {
            let piece = &self.program.pieces[number as usize];
            let bytes = old
                .data
                .get(piece.start as usize..piece.end as usize)
                .unwrap_or_default();
            if self.live.pieces[number as usize] && self.is_apart(number) != apart {
                continue;
            }
            if self.live.pieces[number as usize] {
                self.keep_piece(&mut kept, old, number, bytes);
            } else if facts.cut == Cut::Filled && piece.role == PieceRole::Code {
                let trap = &self.program.machine.trap;
                kept.section.data.extend(fill(bytes.len(), trap));
                let start = kept.section.data.len() - trap.code.len();
                self.call_trap(&mut kept, start as u64, piece);
            } else if facts.cut == Cut::Filled {
                let end = kept.section.data.len() + bytes.len();
                kept.section.data.resize(end, 0);
            } else {
                continue;
            }
            kept.section.size += piece.end - piece.start;
        }
        kept.sort();
        kept
    }

    /// The name under which the linker script expects a section.
    fn output_name(&self, index: usize, apart: bool) -> &str {
        let facts = &self.unit.sections[index];
        let mut pieces = facts.pieces.clone();
        let cold = facts.cut != Cut::Compact && pieces.any(|p| self.live.cold[p as usize]);
        match (cold || apart, facts.kind) {
            (true, Kind::Code) => COLD_INPUT,
            (true, _) => COLD_DATA,
            (false, _) => sections::output_name(&self.unit.object.sections[index]),
        }
    }

    /// The symbol of the section of a section's cold pieces.
    fn cold_symbol(&mut self, section: usize) -> Option<usize> {
        if let Some(symbol) = self.cold_symbols.get(&section) {
            return Some(*symbol);
        }
        let symbol = ObjectSymbol {
            name: String::new(),
            binding: elf::STB_LOCAL,
            kind: elf::STT_SECTION,
            place: Place::Section(self.cold_places[section]?),
            ..undefined("")
        };
        self.cold_symbols.insert(section, self.symbols.len());
        self.symbols.push(symbol);
        Some(self.symbols.len() - 1)
    }

    /// Appends a piece that stays, with its gaps filled.
    fn keep_piece(&self, kept: &mut Kept, old: &ObjectSection, number: u32, bytes: &[u8]) {
        let piece: &Piece = &self.program.pieces[number as usize];
        let from = kept.section.size;
        kept.section.data.extend(bytes);
        for at in piece.relocations.clone() {
            let old = old.relocations[at as usize];
            if self.live.in_gap(number, old.offset) {
                continue;
            }
            let offset = from + (old.offset - piece.start);
            let moved = Relocation { offset, ..old };
            kept.section.relocations.push(moved);
            kept.origins.push(Origin::Old(at as usize));
        }
        let trap = &self.program.machine.trap;
        for gap in self.live.gaps_of(number) {
            let start = from + (gap.start - piece.start);
            let filled = start as usize..(start + (gap.end - gap.start)) as usize;
            let call = (filled.end - trap.code.len()) as u64;
            let bytes = fill(filled.len(), trap);
            kept.section.data[filled].copy_from_slice(&bytes);
            self.call_trap(kept, call, piece);
        }
    }

    /// Notes the call that ends what was filled, at an offset.
    fn call_trap(&self, kept: &mut Kept, start: u64, piece: &Piece) {
        let explicit = kept.section.explicit_addends;
        let call = call_of_handler(self.program, start, 0, explicit);
        kept.section.relocations.push(call);
        kept.origins.push(Origin::Filled(piece.functions.start));
    }

    fn relocations(&mut self, index: usize, kept: &mut Kept) -> Result<(), PruneError> {
        let mut relocations = std::mem::take(&mut kept.section.relocations);
        for (at, origin) in relocations.iter_mut().zip(&kept.origins) {
            match origin {
                Origin::Filled(function) => {
                    let traps = self.traps;
                    let own = traps.parts.get(function).map(String::as_str);
                    at.symbol = Some(self.symbol_named(own.unwrap_or(TRAP_HANDLER)));
                }
                Origin::Old(origin) => self.relocation(index, &mut kept.section, at, *origin)?,
            }
        }
        kept.section.relocations = relocations;
        Ok(())
    }

    fn relocation(
        &mut self,
        index: usize,
        section: &mut ObjectSection,
        at: &mut Relocation,
        origin: usize,
    ) -> Result<(), PruneError> {
        let Some(old) = at.symbol else { return Ok(()) };
        let Some(spot) = self.unit.sections[index].references[origin] else {
            at.symbol = Some(self.keep_symbol(old));
            return Ok(());
        };
        let place = SectionPlace {
            unit: self.number,
            section: index as u32,
        };
        let direct = self.wish.calls_handler() && live::is_call(self.program, place, origin);
        if let Some(name) = self.replaced_by(place, spot, direct)? {
            at.symbol = Some(self.symbol_named(&name));
            return self.point_at(section, at, |base, _| base);
        }
        if !self.live.pieces[spot.piece as usize] {
            return Err(self.wrong(section, at, "refers to what is gone"));
        }
        let (owner, symbol) = match self.program.definition(self.number, old) {
            Some((owner, symbol)) => (owner, symbol),
            None => return Ok(()),
        };
        let of_section = symbol.kind == elf::STT_SECTION;
        let cold = (of_section && self.is_apart(spot.piece))
            .then(|| self.cold_symbol(spot.section as usize))
            .flatten();
        at.symbol = Some(if let Some(cold) = cold {
            cold
        } else if owner == self.number {
            self.keep_symbol(old)
        } else {
            self.symbol_named(&symbol.name)
        });
        if of_section && self.unit.sections[spot.section as usize].cut == Cut::Compact {
            let missing = self.wrong(section, at, "refers to what is gone");
            let new = self
                .new_offset(spot.section as usize, spot.offset)
                .ok_or(missing)?;
            return self.point_at(section, at, |_, addend| {
                addend.saturating_add(new).saturating_sub(spot.offset)
            });
        }
        Ok(())
    }

    /// The symbol of what stands in the place of a function.
    fn replaced_by(
        &self,
        from: SectionPlace,
        spot: Spot,
        direct: bool,
    ) -> Result<Option<String>, PruneError> {
        if self.program.pieces[spot.piece as usize].role != PieceRole::Code {
            return Ok(None);
        }
        let Some(mut function) = live::function_at(self.program, spot) else {
            return Ok(None);
        };
        let hooked = cold::hooked(
            self.program,
            &self.live.hooks,
            from,
            (function, spot.offset),
        );
        let redirected = hooked.or_else(|| self.live.redirects.get(&function).copied());
        function = redirected.unwrap_or(function);
        let place = self.program.places[function as usize];
        if !self.live.pieces[place.piece as usize] {
            if direct {
                return Ok(Some(TRAP_HANDLER.to_owned()));
            }
            return Ok(self.traps.names.get(&function).cloned());
        }
        if redirected.is_none() {
            return Ok(None);
        }
        let to = &self.program.functions[function as usize];
        let names = std::iter::once(&to.id.symbol).chain(&to.aliases);
        let global = names.into_iter().find(|name| {
            self.program
                .globals
                .get(*name)
                .is_some_and(|(unit, _)| *unit == place.unit)
        });
        let local = || PruneError::Redirect {
            function: to.id.symbol.clone(),
        };
        global.cloned().map(Some).ok_or_else(local)
    }

    /// Changes the addend of a relocation, seen as what it is for the very
    /// symbol and what it was.
    fn point_at(
        &self,
        section: &mut ObjectSection,
        at: &mut Relocation,
        new: impl Fn(i64, i64) -> i64,
    ) -> Result<(), PruneError> {
        let outside = self.wrong(
            section,
            at,
            "lies outside of its section, or the addend doesn't fit",
        );
        let target = &self.program.target;
        let Some(field) = (self.program.machine.field)(at.kind) else {
            return Err(outside);
        };
        let base = self.program.base(section, field);
        let addend = arch::addend(target, field, section, at);
        let written = addend
            .and_then(|addend| arch::set_addend(target, field, section, at, new(base, addend)));
        written.ok_or(outside)
    }

    fn wrong(&self, section: &ObjectSection, at: &Relocation, why: &'static str) -> PruneError {
        PruneError::Relocation {
            object: self.unit.name.clone(),
            section: section.name.clone(),
            offset: at.offset,
            kind: at.kind,
            why,
        }
    }
}
