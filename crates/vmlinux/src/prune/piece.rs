//! Pieces: what of a section is kept or removed as one.

use std::ops::Range;

use super::sections::Lives;

/// How a section is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Not at all.
    Whole,
    /// Pieces that go are filled: places within the section stay.
    Filled,
    /// Pieces that go are left out: what follows moves up.
    Compact,
}

/// What is kept or removed as one.
#[derive(Debug)]
pub(super) struct Piece {
    pub unit: u32,
    pub section: u32,
    pub start: u64,
    pub end: u64,
    pub role: PieceRole,
    /// Its relocations: a range of those of its section.
    pub relocations: Range<u32>,
    /// The functions that begin in it.
    pub functions: Range<u32>,
}

/// What makes a piece stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceRole {
    /// Nothing is needed.
    Root,
    /// A reference, and the verdict on its functions.
    Code,
    /// A reference.
    Data,
    /// Any other piece of its section.
    Filler,
    /// An entry of a table.
    Entry(Lives),
    /// The section that its section is ordered with.
    Linked,
}
