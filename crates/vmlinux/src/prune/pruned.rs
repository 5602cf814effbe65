//! What comes out: objects, traps, and what became of each function.

use std::collections::BTreeMap;

use super::function::{FunctionIndex, Parts};

/// What came out.
#[derive(Clone, Debug)]
pub struct Pruned {
    /// The objects, in the order of the link, the object of the traps last.
    pub objects: Vec<Output>,
    /// Every trap.
    pub traps: Vec<Trap>,
    /// Parts that went of functions that stay.
    pub gaps: Parts,
    /// What was kept and removed, and why.
    pub report: Report,
}

/// One rewritten object.
#[derive(Clone, Debug)]
pub struct Output {
    /// The name of the object that it is made of.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What stands where a function stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The function.
    pub function: FunctionIndex,
    /// Whether the function is filled in place; otherwise the trap stands
    /// between [`super::TRAPS_START`] and [`super::TRAPS_END`].
    pub in_place: bool,
}

/// What was kept and removed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What became of each function, in the order of [`super::Program::functions`].
    pub functions: Vec<Fate>,
    /// Bytes by the kind of section, sorted by name.
    pub kinds: BTreeMap<String, KindBytes>,
}

/// What became of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays: the wish says so.
    Kept,
    /// It stays: something that stays refers to it.
    Reached,
    /// It stays, and is loaded when something first needs it.
    Cold,
    /// It stays although its verdict is to trap: the linker script, an
    /// object that isn't pruned, or the section that it shares needs it.
    Forced,
    /// A trap stands in its place, or what calls it calls the handler.
    Trapped,
    /// Nothing refers to it any more, and nothing is left of it.
    Removed,
}

/// Bytes of one kind of section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindBytes {
    /// In the inputs.
    pub before: u64,
    /// In the outputs.
    pub after: u64,
    /// In the outputs too, but filled with what does nothing: functions that
    /// are pruned in place, and parts of functions, take their room still.
    pub filled: u64,
}
