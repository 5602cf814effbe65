//! What stays: everything that a root needs, over all relocations.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use object::elf;

use super::cold;
use super::function::FunctionIndex;
use super::pci::Fixup;
use super::piece::{Cut, Piece, PieceRole};
use super::program::{Program, SectionPlace, Spot};
use super::sections::{Kind, Lives};
use super::wish::{Verdict, Wish};
use crate::relocatable::Relocation;

/// What stays and what traps.
#[derive(Debug)]
pub(super) struct Live {
    /// For each piece, whether it stays.
    pub pieces: Vec<bool>,
    /// For each function, whether something that stays refers to it although
    /// it goes, and so needs an address for it.
    pub trapped: Vec<bool>,
    /// For each function, whether something that stays calls it although it
    /// goes, and the call can go to the handler itself.
    pub called: Vec<bool>,
    /// For each piece, whether it stays against the verdict.
    pub forced: Vec<bool>,
    /// For each function, the one that takes its place.
    pub redirects: HashMap<u32, u32>,
    /// For each function, the one that stands before it.
    pub hooks: HashMap<u32, u32>,
    /// For each piece that stays, whether it is loaded when something first needs
    /// it.
    pub cold: Vec<bool>,
    /// Parts that go of pieces that stay, as offsets of their sections.
    pub gaps: HashMap<u32, Vec<Range<u64>>>,
}

impl Live {
    /// Follows all references from the roots of a wish.
    pub(super) fn find(program: &Program, wish: &Wish) -> Live {
        let mut finder = Finder {
            program,
            wish,
            live: Live {
                pieces: vec![false; program.pieces.len()],
                trapped: vec![false; program.functions.len()],
                called: vec![false; program.functions.len()],
                forced: vec![false; program.pieces.len()],
                redirects: numbers(&wish.redirects),
                hooks: if wish.whole {
                    HashMap::new()
                } else {
                    numbers(&wish.hooks)
                },
                cold: Vec::new(),
                gaps: gaps_by_piece(program, wish),
            },
            queue: Vec::new(),
            keyed: keyed_entries(program),
            resolved: resolved_branches(program),
            readers: readers_of_linked(program),
            // Where nobody is known to read them, anybody may.
            linked_are_read: wish.whole || program.machine.linked_bounds.is_empty(),
        };
        finder.roots();
        while let Some(piece) = finder.queue.pop() {
            finder.follow(piece);
        }
        let mut live = finder.live;
        live.cold = cold::cold_pieces(program, wish, &live.pieces);
        live
    }

    /// The parts that go of a piece.
    pub(super) fn gaps_of(&self, piece: u32) -> &[Range<u64>] {
        self.gaps.get(&piece).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many bytes of a piece go.
    pub(super) fn filled_of(&self, piece: u32) -> u64 {
        self.gaps_of(piece).iter().map(|g| g.end - g.start).sum()
    }

    /// Whether an offset of a section lies in a part of a piece that goes.
    pub(super) fn in_gap(&self, piece: u32, offset: u64) -> bool {
        let gaps = self.gaps_of(piece);
        let after = gaps.partition_point(|gap| gap.end <= offset);
        gaps.get(after).is_some_and(|gap| gap.contains(&offset))
    }
}

/// Pairs of functions as a map.
fn numbers(pairs: &[(FunctionIndex, FunctionIndex)]) -> HashMap<u32, u32> {
    pairs.iter().map(|(from, to)| (from.0, to.0)).collect()
}

/// The function that a reference to a place of code means.
pub(super) fn function_at(program: &Program, spot: Spot) -> Option<u32> {
    let range = program.pieces[spot.piece as usize].functions.clone();
    let functions = &program.functions[range.start as usize..range.end as usize];
    let after = functions.partition_point(|f| (f.offset as i64) <= spot.offset);
    (!functions.is_empty()).then(|| range.start + after.saturating_sub(1) as u32)
}

/// The gaps of a wish, by piece. A piece with gaps has one function.
fn gaps_by_piece(program: &Program, wish: &Wish) -> HashMap<u32, Vec<Range<u64>>> {
    let by_piece = wish.gaps.iter().map(|(index, parts)| {
        let start = program.functions[index.0 as usize].offset;
        let moved = parts.iter().map(|p| start + p.start..start + p.end);
        (program.places[index.0 as usize].piece, moved.collect())
    });
    if wish.whole {
        HashMap::new()
    } else {
        by_piece.collect()
    }
}

struct Finder<'a> {
    program: &'a Program,
    wish: &'a Wish,
    live: Live,
    queue: Vec<u32>,
    keyed: HashMap<u32, Vec<(u32, i64)>>,
    resolved: HashMap<u32, Vec<Spot>>,
    /// Pieces that read what is ordered with code.
    readers: HashSet<u32>,
    /// Whether one of them stays.
    linked_are_read: bool,
}

/// The pieces that refer to the bounds of what is ordered with code.
fn readers_of_linked(program: &Program) -> HashSet<u32> {
    let bounds = program.machine.linked_bounds;
    let mut readers = HashSet::new();
    for (number, piece) in program.pieces.iter().enumerate() {
        let object = &program.units[piece.unit as usize].object;
        let relocations = &object.sections[piece.section as usize].relocations;
        let range = piece.relocations.start as usize..piece.relocations.end as usize;
        let names_bound = |at: &Relocation| {
            let symbol = at.symbol.and_then(|index| object.symbols.get(index));
            symbol.is_some_and(|symbol| bounds.contains(&symbol.name.as_str()))
        };
        if relocations[range].iter().any(names_bound) {
            readers.insert(number as u32);
        }
    }
    readers
}

/// Entries of tables by the piece that keeps them, and its offset that does.
fn keyed_entries(program: &Program) -> HashMap<u32, Vec<(u32, i64)>> {
    let mut keyed: HashMap<u32, Vec<(u32, i64)>> = HashMap::new();
    for (number, piece) in program.pieces.iter().enumerate() {
        if piece.role != PieceRole::Entry(Lives::WithKey) {
            continue;
        }
        let first = program.first_reference(piece);
        if let Some(spot) = first {
            let of_piece = keyed.entry(spot.piece).or_default();
            of_piece.push((number as u32, spot.offset));
        }
    }
    keyed
}

/// Branches within a section leave no relocation: for each piece, where those
/// go that the assembler has resolved.
pub(super) fn resolved_branches(program: &Program) -> HashMap<u32, Vec<Spot>> {
    let mut resolved: HashMap<u32, Vec<Spot>> = HashMap::new();
    for (number, unit) in program.units.iter().enumerate() {
        for (index, facts) in unit.sections.iter().enumerate() {
            if facts.cut != Cut::Filled || facts.kind != Kind::SharedCode {
                continue;
            }
            let place = SectionPlace {
                unit: number as u32,
                section: index as u32,
            };
            let spot = |offset: u64| place.at(offset as i64);
            let code = &unit.object.sections[index].data;
            for (from, to) in (program.machine.resolved_branches)(code) {
                let ends = program.piece_at(spot(from)).zip(program.piece_at(spot(to)));
                let Some((source, target)) = ends else {
                    continue;
                };
                let begins = program.pieces[target as usize].start == to;
                if source != target && begins {
                    resolved.entry(source).or_default().push(Spot {
                        piece: target,
                        ..spot(to)
                    });
                }
            }
        }
    }
    resolved
}

impl Finder<'_> {
    fn roots(&mut self) {
        for number in 0..self.program.pieces.len() as u32 {
            let piece = &self.program.pieces[number as usize];
            let root = self.wish.whole
                || match piece.role {
                    PieceRole::Root => piece.end > piece.start,
                    PieceRole::Code => self.verdict(piece) == Verdict::Keep,
                    PieceRole::Entry(Lives::WithFunctions) => self.functions_stay(piece),
                    PieceRole::Entry(Lives::WithParameter) => {
                        self.functions_stay(piece) && self.on_command_line(piece)
                    }
                    PieceRole::Entry(Lives::WithDevice) => {
                        self.functions_stay(piece) && self.concerns_a_device(piece)
                    }
                    _ => false,
                };
            if root {
                self.keep(number);
            }
        }
        for number in &self.program.named_by_script {
            self.live.forced[*number as usize] =
                self.verdict(&self.program.pieces[*number as usize]) == Verdict::Trap;
            self.keep(*number);
        }
    }

    /// The verdict on a piece: the kindest of those on its functions.
    fn verdict(&self, piece: &Piece) -> Verdict {
        let verdicts = piece.functions.clone().map(|f| self.verdict_on(f));
        let rank = |v: &Verdict| match v {
            Verdict::Trap => 0,
            Verdict::Cold => 1,
            Verdict::Allow => 2,
            Verdict::Keep => 3,
        };
        let kindest = verdicts.max_by_key(rank).unwrap_or(Verdict::Allow);
        if kindest == Verdict::Trap && self.program.stays_if_referred_to(piece) {
            Verdict::Allow
        } else {
            kindest
        }
    }

    fn verdict_on(&self, function: u32) -> Verdict {
        self.wish
            .verdicts
            .get(function as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Whether no function that an entry names is to trap.
    fn functions_stay(&self, piece: &Piece) -> bool {
        self.references(piece).all(|spot| {
            let target = &self.program.pieces[spot.piece as usize];
            target.role != PieceRole::Code
                || match function_at(self.program, spot) {
                    Some(function) => self.verdict_on(function) != Verdict::Trap,
                    None => true,
                }
        })
    }

    /// Whether the command line has the parameter that an entry names.
    fn on_command_line(&self, piece: &Piece) -> bool {
        let Some(line) = &self.wish.command_line else {
            return true;
        };
        let Some(name) = self
            .program
            .first_reference(piece)
            .and_then(|s| self.text(s))
        else {
            return true;
        };
        is_named(line, &name)
    }

    /// Whether the machine has a device that a quirk is for.
    fn concerns_a_device(&self, piece: &Piece) -> bool {
        let Some(devices) = &self.wish.pci_devices else {
            return true;
        };
        let unit = &self.program.units[piece.unit as usize];
        let data = &unit.object.sections[piece.section as usize].data;
        let entry = usize::try_from(piece.start)
            .ok()
            .zip(usize::try_from(piece.end).ok());
        let entry = entry.and_then(|(start, end)| data.get(start..end));
        let fixup = entry.and_then(|entry| Fixup::read(entry, &self.program.target));
        fixup.is_none_or(|fixup| devices.iter().any(|device| fixup.concerns(device)))
    }

    /// The string that stands at a place.
    fn text(&self, spot: Spot) -> Option<String> {
        let unit = &self.program.units[spot.unit as usize];
        let data = &unit.object.sections[spot.section as usize].data;
        let from = data.get(usize::try_from(spot.offset).ok()?..)?;
        let end = from.iter().position(|b| *b == 0)?;
        Some(String::from_utf8_lossy(&from[..end]).into_owned())
    }

    fn references<'b>(&'b self, piece: &'b Piece) -> impl Iterator<Item = Spot> + 'b {
        let facts = &self.program.units[piece.unit as usize].sections[piece.section as usize];
        let range = piece.relocations.start as usize..piece.relocations.end as usize;
        facts
            .references
            .get(range)
            .unwrap_or_default()
            .iter()
            .flatten()
            .copied()
    }

    fn keep(&mut self, number: u32) {
        if !std::mem::replace(&mut self.live.pieces[number as usize], true) {
            self.queue.push(number);
        }
    }

    /// Keeps what a piece that stays needs.
    fn follow(&mut self, number: u32) {
        let piece = &self.program.pieces[number as usize];
        let unit = &self.program.units[piece.unit as usize];
        let section = &unit.sections[piece.section as usize];
        let relocations = &unit.object.sections[piece.section as usize].relocations;
        for at in piece.relocations.clone().map(|at| at as usize) {
            let offset = relocations[at].offset;
            if let Some(Some(spot)) = section.references.get(at).copied()
                && !self.live.in_gap(number, offset)
            {
                let place = SectionPlace {
                    unit: piece.unit,
                    section: piece.section,
                };
                let direct = self.wish.calls_handler() && is_call(self.program, place, at);
                self.refer(place, spot, direct);
            }
        }
        for (entry, key) in self.keyed.get(&number).cloned().unwrap_or_default() {
            let gone = u64::try_from(key).is_ok_and(|key| self.live.in_gap(number, key));
            if !gone {
                self.keep(entry);
            }
        }
        let facts = &self.program.units[piece.unit as usize].sections[piece.section as usize];
        if self.linked_are_read {
            self.keep_followers(number);
        } else if self.readers.contains(&number) {
            self.linked_are_read = true;
            let staying = self.live.pieces.iter().enumerate();
            let staying = staying.filter(|(_, stays)| **stays);
            let staying: Vec<u32> = staying.map(|(index, _)| index as u32).collect();
            staying.into_iter().for_each(|p| self.keep_followers(p));
        }
        if facts.cut == Cut::Filled && facts.kind == Kind::SharedCode {
            for other in facts.pieces.clone() {
                if self.program.pieces[other as usize].role == PieceRole::Filler {
                    self.keep(other);
                }
            }
            for spot in self.resolved.get(&number).cloned().unwrap_or_default() {
                let place = SectionPlace {
                    unit: piece.unit,
                    section: piece.section,
                };
                self.refer(place, spot, false);
            }
        }
    }

    /// Keeps what is ordered with the section of a piece that stays.
    fn keep_followers(&mut self, number: u32) {
        let program = self.program;
        let piece = &program.pieces[number as usize];
        let sections = &program.units[piece.unit as usize].sections;
        for follower in &sections[piece.section as usize].followers {
            let pieces = sections[*follower as usize].pieces.clone();
            pieces.for_each(|p| self.keep(p));
        }
    }

    fn refer(&mut self, from: SectionPlace, spot: Spot, direct: bool) {
        let mut number = spot.piece;
        let program = self.program;
        if program.pieces[number as usize].role == PieceRole::Code {
            let mut function = function_at(program, spot);
            let hooked = function
                .and_then(|f| cold::hooked(program, &self.live.hooks, from, (f, spot.offset)));
            let redirected = || function.and_then(|f| self.live.redirects.get(&f).copied());
            if let Some(to) = hooked.or_else(redirected) {
                function = Some(to);
                number = program.places[to as usize].piece;
            }
            let piece = &program.pieces[number as usize];
            let stays = self.wish.whole || self.live.forced[number as usize];
            if !stays && self.verdict(piece) == Verdict::Trap {
                if let Some(function) = function {
                    if direct {
                        self.live.called[function as usize] = true;
                    } else {
                        self.live.trapped[function as usize] = true;
                    }
                }
                return;
            }
        }
        self.keep(number);
    }
}

/// Whether a function's address is taken by something else than a branch.
pub(super) fn is_branch(program: &Program, piece: &Piece, index: usize) -> bool {
    let section = &program.units[piece.unit as usize].object.sections[piece.section as usize];
    section.has(elf::SHF_EXECINSTR)
        && (program.machine.is_branch)(&section.data, &section.relocations[index])
}

/// Whether a relocation of a section is a call whose place tells what it calls.
pub(super) fn is_call(program: &Program, place: SectionPlace, index: usize) -> bool {
    let unit = &program.units[place.unit as usize];
    let facts = &unit.sections[place.section as usize];
    let code = matches!(facts.kind, Kind::Code | Kind::SharedCode);
    let section = &unit.object.sections[place.section as usize];
    code && (program.machine.is_call)(&section.data, &section.relocations[index])
}

/// The functions of a piece.
pub(super) fn functions_of(piece: &Piece) -> impl Iterator<Item = FunctionIndex> + use<> {
    piece.functions.clone().map(FunctionIndex)
}

/// Whether a command line calls the handler of a parameter.
///
/// A handler of `__setup` is called for each word that begins with its text, one
/// of `early_param` for a name that is equal; `-` and `_` are the same
/// (kernel/params.c: `parameqn`, `parse_args`). `console=` calls the handler of
/// `earlycon`, too (init/main.c: `do_early_param`).
fn is_named(line: &str, parameter: &str) -> bool {
    let plain = |text: &str| text.replace('-', "_");
    let parameter = plain(parameter);
    let name = parameter.split('=').next().unwrap_or_default();
    let also = if name == "earlycon" { "console" } else { name };
    // Quotes may hide where a word begins: look at every place one could.
    line.split([' ', '\t', '\n', '"', ','])
        .map(plain)
        .any(|word| word.starts_with(name) || word.starts_with(also))
}

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn a_parameter_is_named_by_the_words_that_call_its_handler() {
        for (line, parameter, named) in [
            ("quiet console=ttyS0", "console=", true),
            ("quiet console=ttyS0", "earlycon", true),
            ("quiet", "earlycon", false),
            ("log-buf-len=1M", "log_buf_len", true),
            ("root=/dev/ram0 \"nohz=off\"", "nohz=", true),
            ("console=ttyS0", "con", true),
            ("console=ttyS0", "consoleblank=", false),
        ] {
            assert_eq!(is_named(line, parameter), named, "{line}: {parameter}");
        }
    }
}
