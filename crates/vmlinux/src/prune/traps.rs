//! Which functions trap, and the object of the traps that stand together.

use std::collections::{BTreeMap, HashMap};

use object::elf;

use super::function::FunctionIndex;
use super::handler::{PARTS_START, TRAP_HANDLER, TRAP_NAMES, TRAPS_END, TRAPS_START};
use super::live::Live;
use super::piece::Cut;
use super::program::Program;
use super::pruned::Trap;
use super::trap_names;
use super::wish::Wish;
use crate::relocatable::{Object, ObjectSection, ObjectSymbol, Place, Relocation};

/// What the symbols begin with of traps that filled functions call.
pub(super) const PART: &str = "tuxling_part.";

/// Which functions trap, and where.
pub(super) struct Traps {
    pub list: Vec<Trap>,
    /// From functions to the names of their traps.
    pub names: HashMap<u32, String>,
    /// Where traps have names: from functions that are filled, as a whole or in
    /// parts, to the names of the traps that they call.
    pub parts: BTreeMap<u32, String>,
    /// Whether they have.
    named: bool,
}

/// A trap among those that stand together.
struct Standing<'a> {
    /// Its own symbol.
    symbol: &'a str,
    /// The symbol of the function that it stands for.
    function: &'a str,
}

impl Traps {
    pub(super) fn find(program: &Program, live: &Live, wish: &Wish) -> Traps {
        let mut traps = Traps {
            list: Vec::new(),
            names: HashMap::new(),
            parts: BTreeMap::new(),
            named: wish.names,
        };
        for (index, spot) in program.places.iter().enumerate() {
            let facts = &program.units[spot.unit as usize].sections[spot.section as usize];
            let stays = live.pieces[spot.piece as usize];
            let in_place = !stays
                && facts.cut == Cut::Filled
                && facts.pieces.clone().any(|p| live.pieces[p as usize]);
            if in_place || (live.trapped[index] && !stays) {
                let name = &program.functions[index].id.symbol;
                let name = format!("tuxling_trap.{}.{name}", traps.list.len());
                traps.names.insert(index as u32, name);
                traps.list.push(Trap {
                    function: FunctionIndex(index as u32),
                    in_place,
                });
            }
            let in_parts = stays && !live.gaps_of(spot.piece).is_empty();
            if wish.names && (in_place || in_parts) {
                let name = &program.functions[index].id.symbol;
                let name = format!("{PART}{index}.{name}");
                traps.parts.insert(index as u32, name);
            }
        }
        traps
    }

    /// Whether there is an object of traps.
    pub(super) fn stand_together(&self) -> bool {
        self.named || self.list.iter().any(|t| !t.in_place)
    }

    /// Those that stand together: of whole functions, and of those that are filled.
    fn standing<'a>(&'a self, program: &'a Program) -> [Vec<Standing<'a>>; 2] {
        let of = |index: u32, symbol: &'a str| Standing {
            symbol,
            function: &program.functions[index as usize].id.symbol,
        };
        let whole = self.list.iter().filter(|t| !t.in_place);
        let whole = whole.map(|t| of(t.function.0, &self.names[&t.function.0]));
        let parts = self.parts.iter().map(|(index, symbol)| of(*index, symbol));
        let mut both: [Vec<Standing>; 2] = [whole.collect(), parts.collect()];
        if self.named {
            // Neighbours share letters.
            for list in &mut both {
                list.sort_by_key(|standing| standing.function);
            }
        }
        both
    }

    /// The object of the traps that stand together.
    pub(super) fn object(&self, program: &Program) -> Object {
        let trap = &program.machine.trap;
        let explicit = program.target.is_64;
        let mut section = ObjectSection {
            name: ".text".to_owned(),
            kind: elf::SHT_PROGBITS,
            flags: elf::SHF_ALLOC | elf::SHF_EXECINSTR,
            align: trap.align,
            entry_size: 0,
            linked: None,
            data: Vec::new(),
            size: 0,
            relocations: Vec::new(),
            explicit_addends: explicit,
        };
        let mut symbols = vec![undefined(TRAP_HANDLER), defined(TRAPS_START, 0, 0)];
        let [whole, parts] = self.standing(program);
        let parts_start = (whole.len() * trap.code.len()) as u64;
        for standing in whole.iter().chain(&parts) {
            let at = section.data.len() as u64;
            section.data.extend(trap.code);
            let call = call_of_handler(program, at, 0, explicit);
            section.relocations.push(call);
            symbols.push(defined(standing.symbol, at, trap.code.len() as u64));
        }
        section.size = section.data.len() as u64;
        symbols.push(defined(TRAPS_END, section.size, 0));
        let mut sections = vec![section];
        if self.named {
            let names = whole.iter().chain(&parts).map(|s| s.function);
            symbols.push(defined(PARTS_START, parts_start, 0));
            symbols.push(ObjectSymbol {
                place: Place::Section(sections.len()),
                ..defined(TRAP_NAMES, 0, 0)
            });
            sections.push(trap_names::section(names, explicit));
        }
        Object {
            target: program.target,
            sections,
            symbols,
        }
    }
}

/// The relocation of a trap that begins at an offset.
pub(super) fn call_of_handler(
    program: &Program,
    start: u64,
    symbol: usize,
    explicit: bool,
) -> Relocation {
    let trap = &program.machine.trap;
    Relocation {
        offset: start + trap.relocation,
        kind: trap.kind,
        symbol: Some(symbol),
        addend: if explicit {
            program.machine.branch_addend
        } else {
            0
        },
    }
}

/// A global symbol of the first section; its place can be changed.
pub(super) fn defined(name: &str, value: u64, size: u64) -> ObjectSymbol {
    ObjectSymbol {
        name: name.to_owned(),
        value,
        size,
        binding: elf::STB_GLOBAL,
        kind: if size == 0 {
            elf::STT_NOTYPE
        } else {
            elf::STT_FUNC
        },
        other: 0,
        place: Place::Section(0),
    }
}

/// A symbol that another object defines.
pub(super) fn undefined(name: &str) -> ObjectSymbol {
    ObjectSymbol {
        name: name.to_owned(),
        value: 0,
        size: 0,
        binding: elf::STB_GLOBAL,
        kind: elf::STT_NOTYPE,
        other: 0,
        place: Place::Undefined,
    }
}
