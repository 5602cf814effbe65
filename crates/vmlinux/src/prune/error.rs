//! Why pruning stops.

use crate::relocatable::ReadError;

/// Why a program can't be pruned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PruneError {
    /// An input isn't a relocatable object.
    #[error("{object}: {error}")]
    Read {
        /// Its name.
        object: String,
        /// Why.
        error: ReadError,
    },
    /// There is nothing to do.
    #[error("there are no objects")]
    Empty,
    /// An object of a machine that pruning doesn't know, or of another one
    /// than the first object's.
    #[error("{object}: pruning doesn't know machine {machine}, or other objects are of another")]
    Machine {
        /// Its name.
        object: String,
        /// `e_machine`.
        machine: object::elf::Machine,
    },
    /// A loaded section that the allow-list doesn't have.
    #[error("{object}: section {section} is of no known kind")]
    Section {
        /// The object.
        object: String,
        /// The section.
        section: String,
    },
    /// A table whose structure the probe doesn't know.
    #[error(
        "{object}: the size of struct {structure}, the entry of section {section}, is not known"
    )]
    EntrySize {
        /// The object.
        object: String,
        /// The section.
        section: String,
        /// The structure.
        structure: &'static str,
    },
    /// A table that isn't made of whole entries, or has an entry that says
    /// nothing about code.
    #[error("{object}: section {section} at {offset:#x}: {why}")]
    Table {
        /// The object.
        object: String,
        /// The section.
        section: String,
        /// Where.
        offset: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A relocation that pruning doesn't know, or whose place is wrong.
    #[error("{object}: section {section} at {offset:#x}: relocation {kind} {why}")]
    Relocation {
        /// The object.
        object: String,
        /// The section.
        section: String,
        /// Where.
        offset: u64,
        /// Its number.
        kind: object::elf::RelocationType,
        /// What is wrong.
        why: &'static str,
    },
    /// Parts of a function that can't go as they are asked to.
    #[error("parts of {function} can't go: {why}")]
    Gap {
        /// The function.
        function: String,
        /// Why.
        why: &'static str,
    },
    /// A redirection to a function that other objects can't name.
    #[error("{function} can't be redirected to: it is local to its object")]
    Redirect {
        /// The function.
        function: String,
    },
    /// No input defines the handler, and there are traps.
    #[error("no object defines tuxling_trap, which traps call")]
    NoHandler,
}
