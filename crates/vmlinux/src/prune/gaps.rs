//! Parts of functions that never ran.
//!
//! A *gap* is a run of a function's bytes in which no instruction was seen to
//! run. It is filled with no-operations that end in a call of the handler, as
//! whole functions are that go in place, and what only it refers to goes. The
//! function keeps its size and all distances in it: no code moves.
//!
//! A gap can be come to wherever a branch of what stays leads, wherever
//! something refers to, and at its beginning. From each of these places the
//! no-operations have to lead to the call: none may lie within the call's own
//! bytes. Where one does, the last bytes of the gap stay as they are, and what
//! they lead to counts as well.

use std::collections::HashMap;
use std::ops::Range;

use rangemap::RangeSet;

use super::error::PruneError;
use super::function::{Function, FunctionIndex, Parts, RemovalUnit};
use super::piece::PieceRole;
use super::program::{Program, SectionPlace};
use super::sections::{Kind, Lives};
use crate::arch::TrapCode;

/// Instructions that the kernel replaces when it boots, by others of another
/// number and length: `struct alt_instr` (arch/x86/include/asm/alternative.h),
/// which ends in the length of what is replaced and that of what replaces it, a
/// byte each. All else that is patched is one instruction for another.
const ALTERNATIVES: &str = ".altinstructions";

impl Program {
    /// The gaps of functions, from what ran of each.
    ///
    /// Functions of assembler files have none, nor those that share what they
    /// are kept with. Data within code (ARM's literal pools) stays.
    pub fn gaps(&self, ran: &Parts) -> Parts {
        let places = Places::find(self);
        let mut gaps = Parts::new();
        for (index, parts) in ran {
            let Some(function) = self.functions.get(index.0 as usize) else {
                continue;
            };
            if !self.has_room_for_gaps(*index, function) {
                continue;
            }
            let found = self.gaps_of(*index, function, parts, &places);
            if !found.is_empty() {
                gaps.insert(*index, found);
            }
        }
        gaps
    }

    fn has_room_for_gaps(&self, index: FunctionIndex, function: &Function) -> bool {
        let spot = self.places[index.0 as usize];
        function.unit != RemovalUnit::Together
            && self.units[spot.unit as usize].compiled
            && self.pieces[spot.piece as usize].role == PieceRole::Code
    }

    fn gaps_of(
        &self,
        index: FunctionIndex,
        function: &Function,
        ran: &[Range<u64>],
        places: &Places,
    ) -> Vec<Range<u64>> {
        let spot = self.places[index.0 as usize];
        let section = spot.place();
        let start = function.offset;
        let body = start..start.saturating_add(function.bytes);
        let inside = |sorted: Option<&Vec<u64>>| -> Vec<u64> {
            let all = sorted.map(Vec::as_slice).unwrap_or_default();
            let from = all.partition_point(|at| *at < body.start);
            let to = all.partition_point(|at| *at < body.end);
            all[from..to].iter().map(|at| at - start).collect()
        };
        let mut live = Stays::of(function.bytes, ran);
        let replaced = places.replaced.get(&section).into_iter().flatten();
        for site in replaced.filter(|site| body.contains(&site.start)) {
            let site = site.start - start..site.end - start;
            if !site.is_empty() && live.ranges.overlaps(&site) {
                live.add(site);
            }
        }
        let data = places.data.get(&section).map(Vec::as_slice);
        for part in data.unwrap_or_default() {
            let (from, to) = (part.start.max(body.start), part.end.min(body.end));
            if from < to {
                live.add(from - start..to - start);
            }
        }
        let code = &self.units[spot.unit as usize].object.sections[spot.section as usize].data;
        let code = code
            .get(body.start as usize..body.end as usize)
            .unwrap_or_default();
        let branches = (self.machine.resolved_branches)(code);
        let mut entries = inside(places.entries.get(&section));
        entries.sort_unstable();
        settle(&mut live, &entries, &branches, &self.machine.trap)
    }

    /// How many bytes an entry of alternatives replaces.
    fn length_of_site(&self, section: SectionPlace, entry: u64) -> u64 {
        let piece = self.piece_of(section, entry);
        let end = piece.map(|piece| self.pieces[piece as usize].end);
        let object = &self.units[section.unit as usize].object;
        let data = &object.sections[section.section as usize].data;
        let at = end.and_then(|end| data.get(usize::try_from(end.checked_sub(2)?).ok()?));
        at.copied().map_or(0, u64::from)
    }

    /// Refuses gaps that no function has, or in which there is no room.
    pub(super) fn check_gaps(&self, gaps: &Parts) -> Result<(), PruneError> {
        for (index, parts) in gaps {
            let wrong = |why| {
                let function = self.functions.get(index.0 as usize);
                PruneError::Gap {
                    function: function.map_or_else(String::new, |f| f.id.symbol.clone()),
                    why,
                }
            };
            let function = self.functions.get(index.0 as usize);
            let function = function.ok_or_else(|| wrong("there is no such function"))?;
            if !self.has_room_for_gaps(*index, function) {
                return Err(wrong("it can only be kept as a whole"));
            }
            let mut at = 0;
            for part in parts {
                if part.start < at || part.end > function.bytes || part.start > part.end {
                    return Err(wrong("its parts overlap or leave it"));
                }
                if part.end - part.start < self.machine.trap.code.len() as u64 {
                    return Err(wrong("one has no room for a trap"));
                }
                at = part.end;
            }
        }
        Ok(())
    }
}

/// Bytes of a function that stay.
struct Stays {
    bytes: u64,
    ranges: RangeSet<u64>,
}

impl Stays {
    fn of(bytes: u64, ran: &[Range<u64>]) -> Stays {
        let mut stays = Stays {
            bytes,
            ranges: RangeSet::new(),
        };
        ran.iter().for_each(|part| stays.add(part.clone()));
        stays
    }

    fn has(&self, at: u64) -> bool {
        self.ranges.contains(&at)
    }

    fn add(&mut self, part: Range<u64>) {
        let part = part.start..part.end.min(self.bytes);
        if part.start < part.end {
            self.ranges.insert(part);
        }
    }

    fn gaps(&self) -> Vec<Range<u64>> {
        if self.bytes == 0 {
            return Vec::new();
        }
        self.ranges.gaps(&(0..self.bytes)).collect()
    }
}

/// Gives bytes back until each gap can be filled, from whatever place it is
/// come to.
fn settle(
    live: &mut Stays,
    entries: &[u64],
    branches: &[(u64, u64)],
    trap: &TrapCode,
) -> Vec<Range<u64>> {
    let whole = trap.code.len() as u64;
    // Behind this place before the end there is no whole call any more.
    let call = whole - trap.call;
    loop {
        let gaps = live.gaps();
        let mut targets: Vec<u64> = branches
            .iter()
            .filter(|(from, _)| live.has(*from))
            .map(|(_, to)| *to)
            .collect();
        targets.sort_unstable();
        let mut settled = true;
        for gap in &gaps {
            if gap.end - gap.start < whole {
                live.add(gap.clone());
                settled = false;
                continue;
            }
            let within = |at: u64| {
                let left = gap.end - at;
                left < call || (left > call && left < whole)
            };
            let last = gap.end - whole + 1;
            let first = |sorted: &[u64]| {
                let from = sorted.partition_point(|at| *at < last);
                let ends = sorted[from..].iter().take_while(|at| **at < gap.end);
                ends.copied().find(|at| within(*at))
            };
            let bad = [first(entries), first(&targets)];
            if let Some(bad) = bad.into_iter().flatten().min() {
                live.add(bad..gap.end);
                settled = false;
            }
        }
        if settled {
            return gaps;
        }
    }
}

/// Offsets of sections by what they mean.
struct Places {
    /// Where something refers to, from anywhere.
    entries: HashMap<SectionPlace, Vec<u64>>,
    /// What the kernel replaces when it boots.
    replaced: HashMap<SectionPlace, Vec<Range<u64>>>,
    /// Data within code.
    data: HashMap<SectionPlace, Vec<Range<u64>>>,
}

impl Places {
    fn find(program: &Program) -> Places {
        let mut places = Places {
            entries: HashMap::new(),
            replaced: HashMap::new(),
            data: HashMap::new(),
        };
        for (number, unit) in program.units.iter().enumerate() {
            let place = |section: usize| SectionPlace {
                unit: number as u32,
                section: section as u32,
            };
            for (index, data) in unit.object.data_in_code() {
                places.data.insert(place(index), data);
            }
            for (index, facts) in unit.sections.iter().enumerate() {
                let section = &unit.object.sections[index];
                let keyed = matches!(facts.kind, Kind::Table(_, Lives::WithKey));
                for (at, spot) in section.relocations.iter().zip(&facts.references) {
                    let Some(spot) = spot else { continue };
                    let Ok(offset) = u64::try_from(spot.offset) else {
                        continue;
                    };
                    // What an entry is about isn't come to because of it.
                    if keyed && program.begins_piece(place(index), at.offset) {
                        if section.name == ALTERNATIVES {
                            let length = program.length_of_site(place(index), at.offset);
                            let of_section = places.replaced.entry(spot.place());
                            let site = offset..offset.saturating_add(length);
                            of_section.or_default().push(site);
                        }
                        continue;
                    }
                    let of_section = places.entries.entry(spot.place());
                    of_section.or_default().push(offset);
                }
                // Branches between functions that the assembler has resolved.
                if facts.kind == Kind::SharedCode {
                    let resolved = (program.machine.resolved_branches)(&section.data);
                    let between = resolved.into_iter().filter(|(from, to)| {
                        let piece = |at: &u64| program.piece_of(place(index), *at);
                        piece(from) != piece(to)
                    });
                    places
                        .entries
                        .entry(place(index))
                        .or_default()
                        .extend(between.map(|(_, to)| to));
                }
            }
        }
        for all in places.entries.values_mut() {
            all.sort_unstable();
            all.dedup();
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arch;

    fn i386() -> &'static TrapCode {
        &arch::MACHINES[0].trap
    }

    type Pairs = Vec<(u64, u64)>;

    fn found(bytes: u64, ran: &[(u64, u64)], entries: &[u64], branches: &[(u64, u64)]) -> Pairs {
        let ran: Vec<Range<u64>> = ran.iter().map(|(from, to)| *from..*to).collect();
        let gaps = settle(&mut Stays::of(bytes, &ran), entries, branches, i386());
        gaps.into_iter().map(|gap| (gap.start, gap.end)).collect()
    }

    #[test]
    fn what_never_ran_is_a_gap_if_a_trap_fits() {
        assert_eq!(found(20, &[(0, 4), (9, 12)], &[], &[]), [(4, 9), (12, 20)]);
        assert_eq!(found(20, &[(0, 5), (9, 16)], &[], &[]), Pairs::new());
    }

    #[test]
    fn nothing_leads_into_the_bytes_of_the_call() {
        // At 15 a whole call is left; at 16 it isn't.
        assert_eq!(found(20, &[(0, 4)], &[15], &[]), [(4, 20)]);
        assert_eq!(found(20, &[(0, 4)], &[16], &[]), [(4, 16)]);
        assert_eq!(found(20, &[(0, 4)], &[], &[(2, 17)]), [(4, 17)]);
        // A branch of what never ran leads nowhere.
        assert_eq!(found(20, &[(0, 4)], &[], &[(8, 17)]), [(4, 20)]);
        // What is given back counts: its branch leads to 12, and from there on
        // it stays as well.
        assert_eq!(found(20, &[(0, 4)], &[16], &[(17, 12)]), [(4, 12)]);
    }

    proptest! {
        #[test]
        fn from_wherever_a_gap_is_come_to_the_call_is_reached(
            bytes in 0u64..120,
            ran in proptest::collection::vec((0u64..120, 1u64..20), 0..8),
            entries in proptest::collection::vec(0u64..120, 0..12),
            branches in proptest::collection::vec((0u64..120, 0u64..120), 0..12),
            machine in 0usize..arch::MACHINES.len()
        ) {
            let trap = &arch::MACHINES[machine].trap;
            let align = trap.nothing.len() as u64;
            let even = |at: u64| at / align * align;
            let bytes = even(bytes);
            let ran: Vec<Range<u64>> = ran.iter().map(|(s, l)| even(*s)..even(s + l)).collect();
            let mut entries: Vec<u64> = entries.into_iter().map(even).collect();
            entries.sort_unstable();
            let branches: Vec<(u64, u64)> = branches.into_iter().map(|(f, t)| (f, even(t))).collect();
            let mut live = Stays::of(bytes, &ran);
            let gaps = settle(&mut live, &entries, &branches, trap);
            let whole = trap.code.len() as u64;
            let leads = branches.iter().filter(|(f, _)| live.has(*f)).map(|(_, t)| *t);
            let all: Vec<u64> = entries.iter().copied().chain(leads).collect();
            for gap in &gaps {
                prop_assert!(gap.end - gap.start >= whole && gap.end <= bytes);
                prop_assert!(ran.iter().all(|r| r.end <= gap.start || r.start >= gap.end || r.is_empty()));
                for at in all.iter().filter(|at| gap.contains(at)) {
                    let left = gap.end - at;
                    prop_assert!(left >= whole || left == whole - trap.call, "{at} in {gap:?}");
                }
            }
        }
    }
}
