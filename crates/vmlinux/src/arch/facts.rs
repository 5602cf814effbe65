//! What a row of the table of machines says.

use object::elf;

use crate::relocatable::Relocation;

/// The row of one machine.
#[derive(Debug)]
pub struct MachineFacts {
    /// Its name, as QEMU calls it.
    pub name: &'static str,
    /// `e_machine`.
    pub machine: elf::Machine,
    /// Whether its files are ELF64.
    pub is_64: bool,
    /// What a relocation of this number does; `None` when pruning doesn't
    /// know it.
    pub field: fn(elf::RelocationType) -> Option<Field>,
    /// Whether the relocation at this place of code is a branch: a call or a
    /// jump, rather than an address that is taken.
    pub is_branch: fn(&[u8], &Relocation) -> bool,
    /// Whether such a branch is a call that comes back behind itself, whatever
    /// the processor's flags are: the address it comes back to says which call
    /// it was.
    pub is_call: fn(&[u8], &Relocation) -> bool,
    /// What a branch counts from, seen from the place of its relocation: the
    /// addend of a branch to the beginning of a function.
    pub branch_addend: i64,
    /// Branches that the assembler has resolved, as pairs of offsets: from
    /// and to. All there are and perhaps some that are none.
    pub resolved_branches: fn(&[u8]) -> Vec<(u64, u64)>,
    /// The names by which code reads what is ordered with it (unwind tables):
    /// the linker script's bounds of them. Nobody else refers to the entries.
    pub linked_bounds: &'static [&'static str],
    /// A trap.
    pub trap: TrapCode,
}

/// The code of a trap.
#[derive(Debug)]
pub struct TrapCode {
    /// What keeps the caller's address and calls the handler.
    pub code: &'static [u8],
    /// Where the call begins: what comes before can be left out where room
    /// is short.
    pub call: u64,
    /// Where the call's relocation stands.
    pub relocation: u64,
    /// The relocation's number.
    pub kind: elf::RelocationType,
    /// One instruction that does nothing, whatever byte of a run of them
    /// is jumped to.
    pub nothing: &'static [u8],
    /// What the beginning of a function is a multiple of.
    pub align: u64,
}

/// What a relocation does with the bytes at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Nothing: it says that the symbol is needed, or marks an instruction.
    Mark,
    /// The address, in so many bytes.
    Address(usize),
    /// The distance from the place, in so many bytes.
    Distance(usize),
    /// The distance of an ARM branch: 24 bits, in words.
    ArmBranch,
    /// The distance in the low 31 bits of a word.
    Distance31,
    /// 16 bits of the address in an ARM `movw` or `movt`.
    ArmHalf,
    /// A part of the address or of the distance, in an instruction whose addend
    /// stands beside the relocation.
    Instruction,
    /// A part of the distance, in a form that isn't read: the reference counts
    /// as one to the very symbol, and its addend can't be changed.
    Opaque,
}
