//! Code that is loaded when something first needs it: which of what stays is
//! put aside, and under which names.
//!
//! Functions whose verdict is [`Verdict::Cold`] and that stay, and what is only
//! read and by them alone, go into [`COLD_INPUT`], which the linker script puts
//! at addresses that nothing backs ([`cold_output`]). What the image holds of them is made by
//! [`crate::cold_store`].

use std::collections::{HashMap, HashSet};

use object::elf;

use super::function::FunctionIndex;
use super::piece::{Cut, Piece, PieceRole};
use super::program::{Program, SectionPlace};
use super::sections::{Kind, Lives};
use super::wish::{Verdict, Wish};

/// The section of cold code, in the objects.
pub(super) const COLD_INPUT: &str = ".tuxling.cold";

/// The section of what only cold code reads, in the objects.
pub(super) const COLD_DATA: &str = ".tuxling.cold.data";

/// The section of cold code, in the linked kernel. It isn't loaded, and by its
/// name goes with what debuggers read when an image is made.
pub const COLD_OUTPUT: &str = ".debug_tuxling_cold";

/// What the kernel reads cold code from.
pub const COLD_STORE: &str = "tuxling_cold_store";

/// How many pages were loaded: a number of four bytes.
pub const COLD_LOADED: &str = "tuxling_cold_loaded";

/// Which pages were loaded, in that order: numbers of two bytes.
pub const COLD_PAGES: &str = "tuxling_cold_pages";

/// Where the kernel stops when no page of its reserve is left. What is told as
/// the caller is the address that could not be loaded.
pub const COLD_USED_UP: &str = "tuxling_cold_used_up";

/// Where it stops when a page is needed while another is being loaded.
pub const COLD_TWICE: &str = "tuxling_cold_entered_twice";

/// Where it stops when other things have the addresses of cold code.
pub const COLD_NO_ROOM: &str = "tuxling_cold_no_room";

/// The lines of a linker script that put cold code at an address.
pub fn cold_output(start: u64, end: u64) -> String {
    format!(
        " {COLD_OUTPUT} {start:#x} (INFO) : {{ *({COLD_INPUT} {COLD_DATA}) . = ALIGN(4096); }}\n \
         ASSERT(SIZEOF({COLD_OUTPUT}) <= {:#x}, \"too much cold code\")\n",
        end - start
    )
}

/// A linker script with more lines at the end of its sections; `None` where no
/// end is found.
pub fn with_output(script: &str, lines: &str) -> Option<String> {
    let sections = script.find("SECTIONS")?;
    let mut depth = 0u32;
    let mut text = false;
    for (at, letter) in script.bytes().enumerate().skip(sections) {
        match letter {
            b'"' => text = !text,
            b'{' if !text => depth += 1,
            b'}' if !text => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some([&script[..at], lines, &script[at..]].concat());
                }
            }
            _ => {}
        }
    }
    None
}

/// Tables whose entries name instructions that the kernel changes as it runs.
fn is_patched(table: &str) -> bool {
    !matches!(table, "__ex_table" | "__bug_table")
}

/// Which pieces that stay are cold.
///
/// Those of compiled functions that have a section of their own and are cold by
/// their verdict, but for what the kernel changes as it runs, what assembler
/// code or the linker script names (before there is a handler of faults), and
/// what the handler itself may call.
pub(super) fn cold_pieces(program: &Program, wish: &Wish, stays: &[bool]) -> Vec<bool> {
    let mut cold = vec![false; program.pieces.len()];
    if wish.hooks.is_empty() || wish.whole {
        return cold;
    }
    let verdict = |f: u32| wish.verdicts.get(f as usize).copied();
    for (number, piece) in program.pieces.iter().enumerate() {
        let unit = &program.units[piece.unit as usize];
        let facts = &unit.sections[piece.section as usize];
        let name = &unit.object.sections[piece.section as usize].name;
        let own = name.strip_prefix(".text.");
        cold[number] = stays[number]
            && piece.role == PieceRole::Code
            && facts.kind == Kind::Code
            && facts.cut == Cut::Whole
            && facts.followers.is_empty()
            && unit.compiled
            && own.is_some_and(|rest| !rest.starts_with('.'))
            && !piece.functions.is_empty()
            && piece
                .functions
                .clone()
                .all(|f| verdict(f) == Some(Verdict::Cold));
    }
    for number in hot(program, wish) {
        cold[number as usize] = false;
    }
    add_data(program, stays, &mut cold);
    cold
}

/// Adds the data that only cold pieces refer to: constants with a section of
/// their own, and what the linker merges.
fn add_data(program: &Program, stays: &[bool], cold: &mut [bool]) {
    let named: HashSet<u32> = program.named_by_script.iter().copied().collect();
    let mut open = Vec::new();
    for (number, piece) in program.pieces.iter().enumerate() {
        let unit = &program.units[piece.unit as usize];
        let section = &unit.object.sections[piece.section as usize];
        let kind = unit.sections[piece.section as usize].kind;
        let own = section.name.strip_prefix(".rodata.");
        let constant = own.is_some_and(|rest| !rest.starts_with('.')) && !section.writable();
        if stays[number] && !cold[number] {
            let data = matches!(kind, Kind::Data | Kind::Merged) && constant && unit.compiled;
            if data && !named.contains(&(number as u32)) {
                cold[number] = true;
            } else {
                open.push(number as u32);
            }
        }
    }
    // What something hot refers to is hot.
    while let Some(number) = open.pop() {
        let piece = &program.pieces[number as usize];
        for to in referred(program, piece) {
            let is_code = program.pieces[to as usize].role == PieceRole::Code;
            if !is_code && std::mem::replace(&mut cold[to as usize], false) {
                open.push(to);
            }
        }
    }
}

/// Pieces that must be there at any time.
fn hot(program: &Program, wish: &Wish) -> HashSet<u32> {
    let mut hot: HashSet<u32> = program.named_by_script.iter().copied().collect();
    for piece in &program.pieces {
        let unit = &program.units[piece.unit as usize];
        let section = &unit.object.sections[piece.section as usize];
        if !unit.compiled && section.has(elf::SHF_EXECINSTR) {
            hot.extend(referred(program, piece));
        }
    }
    hot.extend(patched(program));
    hot.extend(needed_by_handler(program, wish));
    hot
}

/// Pieces of code that the kernel changes as it runs.
pub(super) fn patched(program: &Program) -> HashSet<u32> {
    let name = |piece: &Piece| {
        let unit = &program.units[piece.unit as usize];
        unit.object.sections[piece.section as usize].name.as_str()
    };
    let entries = program
        .pieces
        .iter()
        .filter(|piece| piece.role == PieceRole::Entry(Lives::WithKey) && is_patched(name(piece)));
    let keys = entries.filter_map(|piece| program.first_reference(piece));
    keys.map(|spot| spot.piece).collect()
}

/// What the handler of faults may call: all that its object refers to, and so
/// on, but for what it stands in front of, and for what only prepares it.
fn needed_by_handler(program: &Program, wish: &Wish) -> HashSet<u32> {
    let place = |f: &FunctionIndex| program.places[f.0 as usize];
    let behind: HashSet<u32> = wish.hooks.iter().map(|(of, _)| place(of).piece).collect();
    let units: HashSet<u32> = wish.hooks.iter().map(|(_, to)| place(to).unit).collect();
    let own = (0..program.pieces.len() as u32)
        .filter(|p| units.contains(&program.pieces[*p as usize].unit));
    let mut found: HashSet<u32> = own.collect();
    let mut open: Vec<u32> = found.iter().copied().collect();
    while let Some(number) = open.pop() {
        let piece = &program.pieces[number as usize];
        let unit = &program.units[piece.unit as usize];
        let prepares = unit.object.sections[piece.section as usize]
            .name
            .starts_with(".init");
        if prepares || piece.role != PieceRole::Code && !units.contains(&piece.unit) {
            continue;
        }
        for to in referred(program, piece) {
            if !behind.contains(&to) && found.insert(to) {
                open.push(to);
            }
        }
    }
    found
}

/// The pieces that a piece refers to.
fn referred<'a>(program: &'a Program, piece: &Piece) -> impl Iterator<Item = u32> + use<'a> {
    let facts = &program.units[piece.unit as usize].sections[piece.section as usize];
    let range = piece.relocations.start as usize..piece.relocations.end as usize;
    let references = facts.references.get(range).unwrap_or_default();
    references.iter().flatten().map(|spot| spot.piece)
}

/// The function that is called in the place of one that a reference of a section
/// names.
pub(super) fn hooked(
    program: &Program,
    hooks: &HashMap<u32, u32>,
    from: SectionPlace,
    (function, offset): (u32, i64),
) -> Option<u32> {
    let to = *hooks.get(&function)?;
    let facts = &program.units[from.unit as usize].sections[from.section as usize];
    let about_code = matches!(facts.kind, Kind::Table(_, Lives::WithKey));
    let starts = program.functions[function as usize].offset as i64 == offset;
    let own = program.places[to as usize].unit == from.unit;
    (starts && !about_code && !own).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_code_is_the_last_of_the_sections() {
        let script = "SECTIONS\n{\n .a : { *(.a) }\n ASSERT(1, \"}\")\n}\n_x = ASSERT(1, \"y\");\n";
        let lines = cold_output(0xfe00_0000, 0xfe40_0000);
        let with = with_output(script, &lines).expect("an end");
        let at = with.find(COLD_OUTPUT).expect("there");
        assert!(with.find("ASSERT(1, \"}\")").expect("there") < at);
        assert!(at < with.find("_x =").expect("there"));
        assert!(with.contains("0xfe000000 (INFO)"), "{with}");
        assert!(with.contains("<= 0x400000"), "{with}");
        assert_eq!(with_output("SECTIONS { .a : { ", "x"), None);
    }
}
