//! Functions, and what identifies them.

use std::collections::BTreeMap;
use std::ops::Range;

/// What identifies a function, whatever else is in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId {
    /// The name of its object.
    pub object: String,
    /// Its symbol, the first in the symbol table if it has several.
    pub symbol: String,
    /// Which of the object's functions of that name it is, from 0, in the
    /// order of the symbol table.
    pub ordinal: u32,
}

/// A function's place in [`Program::functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionIndex(pub u32);

/// One function of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// What identifies it.
    pub id: FunctionId,
    /// Its other symbols.
    pub aliases: Vec<String>,
    /// The section it stands in, by its name in the object.
    pub section: String,
    /// Its offset in that section.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
    /// What it is removed with.
    pub unit: RemovalUnit,
}

/// What a function is removed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalUnit {
    /// It has a section of its own.
    Own,
    /// It is one of several in its section, and is filled in place.
    Filled,
    /// It is kept with all others of its section if one of them is: code
    /// of assembler files falls through from one function to the next.
    Together,
}

/// Ranges of offsets in functions.
pub type Parts = BTreeMap<FunctionIndex, Vec<Range<u64>>>;
