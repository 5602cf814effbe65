//! Who calls whom, for policies that decide which functions to keep.

use std::collections::BTreeSet;

use super::function::FunctionIndex;
use super::live::{self, Live};
use super::piece::{Piece, PieceRole};
use super::program::{Program, Spot};
use super::sections::Lives;
use super::tables::Tables;
use super::wish::{Verdict, Wish};

/// The functions' references to each other.
#[derive(Debug)]
pub struct Graph {
    callees: Vec<Vec<FunctionIndex>>,
    handed: Vec<Vec<FunctionIndex>>,
    taken: BTreeSet<FunctionIndex>,
    tables: Tables,
}

impl Graph {
    /// The functions that a function calls or jumps to by name, sorted. Calls
    /// through pointers are not among them.
    pub fn direct_callees(&self, function: FunctionIndex) -> &[FunctionIndex] {
        self.callees
            .get(function.0 as usize)
            .map_or(&[], Vec::as_slice)
    }

    /// The functions whose address stands in data or is taken by code.
    pub fn address_taken(&self) -> &BTreeSet<FunctionIndex> {
        &self.taken
    }

    /// The same graph after some functions have been replaced by another: who
    /// calls one of them calls that.
    pub fn redirected(&self, from: &BTreeSet<FunctionIndex>, to: FunctionIndex) -> Graph {
        let meant = |callee: &FunctionIndex| {
            if from.contains(callee) { to } else { *callee }
        };
        let meant_by_all = |lists: &[Vec<FunctionIndex>]| {
            let lists = lists.iter().map(|list| {
                let sorted: BTreeSet<FunctionIndex> = list.iter().map(meant).collect();
                sorted.into_iter().collect()
            });
            lists.collect()
        };
        Graph {
            callees: meant_by_all(&self.callees),
            handed: meant_by_all(&self.handed),
            taken: self.taken.iter().map(meant).collect(),
            tables: self.tables.redirected(meant),
        }
    }

    /// The functions that stand in the same tables as one does: variables that
    /// hold its address and that of others, such as a `struct file_operations`.
    /// It is among them itself.
    pub fn beside_in_tables(&self, function: FunctionIndex) -> BTreeSet<FunctionIndex> {
        self.tables.beside(function)
    }

    /// The functions whose address a function's own code takes: callbacks that
    /// it hands over, to be called later. What stands in data is not among them.
    pub fn handed_over(&self, function: FunctionIndex) -> &[FunctionIndex] {
        self.handed
            .get(function.0 as usize)
            .map_or(&[], Vec::as_slice)
    }

    /// Some functions and all that their code names, and so on: what they call,
    /// and the callbacks that they hand over.
    pub fn named_closure(
        &self,
        roots: impl IntoIterator<Item = FunctionIndex>,
    ) -> BTreeSet<FunctionIndex> {
        let mut found: BTreeSet<FunctionIndex> = roots.into_iter().collect();
        let mut queue: Vec<FunctionIndex> = found.iter().copied().collect();
        while let Some(function) = queue.pop() {
            let named = self.direct_callees(function).iter();
            for callee in named.chain(self.handed_over(function)) {
                if found.insert(*callee) {
                    queue.push(*callee);
                }
            }
        }
        found
    }
}

impl Program {
    /// The call graph.
    pub fn graph(&self) -> Graph {
        let mut builder = Builder {
            program: self,
            callees: vec![BTreeSet::new(); self.functions.len()],
            handed: vec![BTreeSet::new(); self.functions.len()],
            taken: BTreeSet::new(),
            tables: Tables::of(self.functions.len()),
        };
        let resolved = live::resolved_branches(self);
        for (number, piece) in self.pieces.iter().enumerate() {
            // What says something about an instruction doesn't call it.
            if matches!(
                piece.role,
                PieceRole::Entry(Lives::WithKey) | PieceRole::Linked
            ) {
                continue;
            }
            builder.references(number as u32, piece);
            let resolved = resolved.get(&(number as u32)).into_iter().flatten();
            builder.branches(piece, resolved.copied());
        }
        builder.finish()
    }

    /// Everything that some functions can reach over calls, addresses taken,
    /// and data, with what the kernel's tables reach. A function on which
    /// `barred` says so is not passed.
    pub fn reachable(
        &self,
        roots: impl IntoIterator<Item = FunctionIndex>,
        barred: impl Fn(FunctionIndex) -> bool,
    ) -> BTreeSet<FunctionIndex> {
        let all = (0..self.functions.len() as u32).map(FunctionIndex);
        let verdict = |f| {
            if barred(f) {
                Verdict::Trap
            } else {
                Verdict::Allow
            }
        };
        let mut verdicts: Vec<Verdict> = all.map(verdict).collect();
        for root in roots {
            if let Some(verdict) = verdicts.get_mut(root.0 as usize) {
                *verdict = Verdict::Keep;
            }
        }
        let live = Live::find(
            self,
            &Wish {
                verdicts,
                ..Wish::default()
            },
        );
        let places = self.places.iter().enumerate();
        let stays = places.filter(|(_, spot)| live.pieces[spot.piece as usize]);
        stays
            .map(|(index, _)| FunctionIndex(index as u32))
            .collect()
    }
}

/// The graph under construction.
struct Builder<'a> {
    program: &'a Program,
    callees: Vec<BTreeSet<FunctionIndex>>,
    handed: Vec<BTreeSet<FunctionIndex>>,
    taken: BTreeSet<FunctionIndex>,
    tables: Tables,
}

impl Builder<'_> {
    /// The function that a reference means, if it is one to code.
    fn target(&self, spot: Spot) -> Option<FunctionIndex> {
        let code = self.program.pieces[spot.piece as usize].role == PieceRole::Code;
        code.then(|| live::function_at(self.program, spot))
            .flatten()
            .map(FunctionIndex)
    }

    /// What the relocations of a piece refer to.
    fn references(&mut self, number: u32, piece: &Piece) {
        let sections = &self.program.units[piece.unit as usize].sections;
        let references = &sections[piece.section as usize].references;
        for at in piece.relocations.clone().map(|at| at as usize) {
            let spot = references.get(at).copied().flatten();
            let Some(function) = spot.and_then(|spot| self.target(spot)) else {
                continue;
            };
            if self.is_data(number) {
                self.tables.holds(number, function);
            }
            if live::is_branch(self.program, piece, at) {
                for caller in live::functions_of(piece) {
                    self.callees[caller.0 as usize].insert(function);
                }
            } else if !piece.functions.contains(&function.0) {
                self.taken.insert(function);
                for giver in live::functions_of(piece) {
                    self.handed[giver.0 as usize].insert(function);
                }
            }
        }
    }

    fn is_data(&self, piece: u32) -> bool {
        self.program.pieces[piece as usize].role == PieceRole::Data
    }

    /// Branches of a piece that the assembler has resolved.
    fn branches(&mut self, piece: &Piece, spots: impl Iterator<Item = Spot>) {
        for spot in spots {
            let Some(function) = self.target(spot) else {
                continue;
            };
            for caller in live::functions_of(piece) {
                self.callees[caller.0 as usize].insert(function);
            }
        }
    }

    fn finish(self) -> Graph {
        let sorted = |sets: Vec<BTreeSet<FunctionIndex>>| {
            let lists = sets.into_iter().map(|set| set.into_iter().collect());
            lists.collect()
        };
        Graph {
            callees: sorted(self.callees),
            handed: sorted(self.handed),
            taken: self.taken,
            tables: self.tables,
        }
    }
}
