//! Which function a stopped kernel has missed.

use std::collections::BTreeSet;
use std::ops::Range;

use super::function::FunctionIndex;
use super::live;
use super::names::{find_trap, function_addresses};
use super::program::{Program, Spot};
use super::pruned::Pruned;
use crate::elf::ElfError;

/// The addresses that the handler leaves in [`super::TRAP_RECORD`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapRecord {
    /// That of the trap.
    pub trap: u64,
    /// That which the trapped function would have returned to.
    pub caller: u64,
}

/// What a trap says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The function that is gone.
    pub function: FunctionIndex,
    /// The function that called it, where its place is known.
    pub caller: Option<FunctionIndex>,
    /// Whether the function stays, and only this part of it is gone, as a range
    /// of its offsets.
    pub part: Option<(u64, u64)>,
}

impl Program {
    /// What a linked kernel ran into, from what its handler has left. The kernel
    /// must have been linked with [`super::Wish::marks`].
    ///
    /// The address of the trap is that of a trap of its own, or is counted back
    /// from behind a call of the handler: then the call's place in its function
    /// says what was called.
    pub fn missed(
        &self,
        pruned: &Pruned,
        vmlinux: &[u8],
        record: TrapRecord,
    ) -> Result<Option<Missed>, ElfError> {
        let marked = function_addresses(vmlinux)?;
        let at = |address: u64| {
            let after = marked.partition_point(|f| f.address <= address);
            let found = marked.get(after.checked_sub(1)?)?;
            let offset = address - found.address;
            (offset < found.bytes).then_some((found.function, offset))
        };
        let code = &self.machine.trap;
        let call = record.trap.wrapping_add(code.call);
        if let Some(named) = find_trap(vmlinux, call)? {
            let own = pruned.traps.get(named.index as usize);
            return Ok(own.map(|own| Missed {
                function: own.function,
                caller: at(record.caller.wrapping_sub(1)).map(|(function, _)| function),
                part: None,
            }));
        }
        let Some((caller, offset)) = at(call) else {
            return Ok(None);
        };
        let gaps = pruned.gaps.get(&caller).into_iter().flatten();
        if let Some(gap) = gaps.into_iter().find(|gap| gap.contains(&offset)) {
            return Ok(Some(Missed {
                function: caller,
                caller: Some(caller),
                part: Some((gap.start, gap.end)),
            }));
        }
        let behind = code.relocation - code.call;
        let called = self.reference_at(caller, offset.saturating_add(behind));
        Ok(called.map(|function| Missed {
            function,
            caller: Some(caller),
            part: None,
        }))
    }

    /// The function that the relocation at an offset of a function refers to.
    fn reference_at(&self, function: FunctionIndex, offset: u64) -> Option<FunctionIndex> {
        let place = *self.places.get(function.0 as usize)?;
        let unit = &self.units[place.unit as usize];
        let relocations = &unit.object.sections[place.section as usize].relocations;
        let offset = u64::try_from(place.offset).ok()?.checked_add(offset)?;
        let index = relocations
            .binary_search_by_key(&offset, |r| r.offset)
            .ok()?;
        let spot: Spot = (*unit.sections[place.section as usize]
            .references
            .get(index)?)?;
        self.function_of(spot)
    }

    /// The functions that a part of a function calls by name.
    pub fn called_from(
        &self,
        function: FunctionIndex,
        part: &Range<u64>,
    ) -> BTreeSet<FunctionIndex> {
        let Some(place) = self.places.get(function.0 as usize) else {
            return BTreeSet::new();
        };
        let Some(piece) = self.pieces.get(place.piece as usize) else {
            return BTreeSet::new();
        };
        let unit = &self.units[place.unit as usize];
        let relocations = &unit.object.sections[place.section as usize].relocations;
        let references = &unit.sections[place.section as usize].references;
        let start = u64::try_from(place.offset).unwrap_or(0);
        let within = |at: u64| at >= start && part.contains(&(at - start));
        let calls = piece.relocations.clone().filter_map(|at| {
            let at = at as usize;
            let here = within(relocations[at].offset) && live::is_branch(self, piece, at);
            here.then(|| self.function_of(references[at]?)).flatten()
        });
        calls.filter(|called| *called != function).collect()
    }

    /// The function that a place of code belongs to.
    fn function_of(&self, spot: Spot) -> Option<FunctionIndex> {
        let range = self.pieces.get(spot.piece as usize)?.functions.clone();
        let functions = &self.functions[range.start as usize..range.end as usize];
        let after = functions.partition_point(|f| (f.offset as i64) <= spot.offset);
        let called = range.start + after.checked_sub(1)? as u32;
        Some(FunctionIndex(called))
    }
}
