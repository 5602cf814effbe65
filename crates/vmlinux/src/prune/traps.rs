//! Which functions trap, and the object of the traps that stand together.

use std::collections::HashMap;

use object::elf;

use super::function::FunctionIndex;
use super::handler::{TRAP_HANDLER, TRAPS_END, TRAPS_START};
use super::live::Live;
use super::piece::Cut;
use super::program::Program;
use super::pruned::Trap;
use crate::relocatable::{Object, ObjectSection, ObjectSymbol, Place, Relocation};

/// Which functions trap, and where.
pub(super) struct Traps {
    pub list: Vec<Trap>,
    /// From functions to the names of their traps.
    pub names: HashMap<u32, String>,
}

impl Traps {
    pub(super) fn find(program: &Program, live: &Live) -> Traps {
        let mut traps = Traps {
            list: Vec::new(),
            names: HashMap::new(),
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
        }
        traps
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
        for trapped in self.list.iter().filter(|t| !t.in_place) {
            let at = section.data.len() as u64;
            section.data.extend(trap.code);
            section
                .relocations
                .push(call_of_handler(program, at, 0, explicit));
            symbols.push(defined(
                &self.names[&trapped.function.0],
                at,
                trap.code.len() as u64,
            ));
        }
        section.size = section.data.len() as u64;
        symbols.push(defined(TRAPS_END, section.size, 0));
        Object {
            target: program.target,
            sections: vec![section],
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
