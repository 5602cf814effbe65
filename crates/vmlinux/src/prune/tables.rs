//! Tables of functions: variables that hold the addresses of several, such as a
//! `struct proto_ops`.

use std::collections::{BTreeMap, BTreeSet};

use super::function::FunctionIndex;

/// Variables with functions in them.
#[derive(Debug)]
pub(super) struct Tables {
    /// From pieces of data to the functions whose addresses stand there.
    held: BTreeMap<u32, BTreeSet<FunctionIndex>>,
    /// From functions to the pieces that hold their addresses.
    holders: Vec<BTreeSet<u32>>,
}

impl Tables {
    /// None yet, of so many functions.
    pub(super) fn of(functions: usize) -> Tables {
        Tables {
            held: BTreeMap::new(),
            holders: vec![BTreeSet::new(); functions],
        }
    }

    /// A variable holds the address of a function.
    pub(super) fn holds(&mut self, piece: u32, function: FunctionIndex) {
        self.held.entry(piece).or_default().insert(function);
        self.holders[function.0 as usize].insert(piece);
    }

    /// All functions of the tables that one stands in.
    pub(super) fn beside(&self, function: FunctionIndex) -> BTreeSet<FunctionIndex> {
        let holders = self.holders.get(function.0 as usize).into_iter().flatten();
        let held = holders.filter_map(|piece| self.held.get(piece));
        held.flatten().copied().collect()
    }

    /// The same tables with other functions in them.
    pub(super) fn redirected(&self, meant: impl Fn(&FunctionIndex) -> FunctionIndex) -> Tables {
        let mut tables = Tables::of(self.holders.len());
        for (piece, functions) in &self.held {
            for function in functions {
                tables.holds(*piece, meant(function));
            }
        }
        tables
    }
}
