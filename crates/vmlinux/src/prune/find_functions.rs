//! The functions of an object: what its symbols name in its code.

use std::collections::{BTreeMap, HashMap};

use object::elf;

use super::function::{Function, FunctionId, RemovalUnit};
use super::program::{SectionPlace, Spot, Unit};
use super::sections::Kind;
use crate::relocatable::ObjectSymbol;

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

/// Where functions begin, by section and offset: the ordinal of the first
/// symbol there, and all symbols.
type Starts<'a> = BTreeMap<(usize, u64), (u32, Vec<&'a ObjectSymbol>)>;

/// The functions of an object, and where each stands.
pub(super) fn functions_of(unit: &Unit, number: u32) -> (Vec<Function>, Vec<Spot>) {
    let starts = starts_of(unit);
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
            unit: RemovalUnit::Own,
        });
        let place = SectionPlace {
            unit: number,
            section: *section as u32,
        };
        places.push(place.at(*offset as i64));
    }
    (functions, places)
}

/// Where symbols name functions; code that none names is one function.
fn starts_of(unit: &Unit) -> Starts<'_> {
    let mut ordinals: HashMap<&str, u32> = HashMap::new();
    let mut starts = Starts::new();
    let named = unit.object.symbols.iter();
    for symbol in named.filter(|s| names_function(unit, s)) {
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
        let start = starts.entry((section, symbol.value));
        start.or_insert((ordinal, Vec::new())).1.push(symbol);
    }
    for (section, facts) in unit.sections.iter().enumerate() {
        let code = &unit.object.sections[section];
        let nameless =
            facts.kind == Kind::Code && code.size > 0 && !starts.keys().any(|(s, _)| *s == section);
        if nameless {
            starts.insert((section, 0), (0, Vec::new()));
        }
    }
    starts
}
