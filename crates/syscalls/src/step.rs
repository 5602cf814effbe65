//! What one instruction means for the question where a number comes from, the
//! same for all machines.

use iced_x86::Instruction;

/// Where a value can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A register, by its number in the machine's encoding.
    Register(u8),
    /// A word on the stack, so many bytes above the stack pointer.
    Stack(i64),
}

/// Where a value was before an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The instruction makes it.
    Constant(u64),
    /// It was there, and the instruction added a number.
    Of(Place, i64),
    /// It was there, and the instruction set its low byte.
    LowByte(u8, Place),
    /// The first if the instruction's condition holds, else it was there.
    If(Box<Origin>, Place),
    /// Nothing is known of it.
    Unknown,
}

/// Where control goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// On.
    Next,
    /// There.
    Jump(u64),
    /// There or on.
    Branch(u64),
    /// To one of these, and on if it has a condition.
    Table(Vec<u64>, bool),
    /// There and back.
    Call(u64),
    /// Somewhere and back.
    CallAny,
    /// Into the kernel and back.
    Site,
    /// Not on.
    End,
}

/// An instruction as its machine knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Code {
    /// One of x86's.
    X86(Instruction),
    /// One of ARM's.
    Arm(u32),
    /// One of 64-bit ARM's.
    A64(u32),
}

/// One instruction.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Its address.
    pub at: u64,
    /// The address behind it.
    pub next: u64,
    /// Where control goes.
    pub flow: Flow,
    /// What it is.
    pub code: Code,
}

/// Instructions of a program, and all addresses of code that are seen to be
/// taken by them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// By address.
    pub steps: Vec<Step>,
    /// Addresses that are taken by instructions.
    pub taken: Vec<u64>,
    /// Words of data among the instructions: addresses, or distances in
    /// [`Listing::sums`].
    pub literals: Vec<u64>,
    /// What addresses in instructions and tables are relative to, besides 0:
    /// the global offset table.
    pub bases: Vec<u64>,
    /// Where tables of addresses can begin, seen from each base. Without a
    /// base a table's addresses are relative to the table; which of them are
    /// tables, [`Listing::loads`] say.
    pub tables: Vec<u64>,
    /// Instructions that load an entry of a table of distances: their addresses,
    /// the registers with the table's, and whether a jump follows.
    pub loads: Vec<(u64, u8, bool)>,
    /// Instructions that add a register to their own address, and that
    /// address.
    pub sums: Vec<(u64, u8, u64)>,
    /// What can't be read as instructions, or isn't understood.
    pub unread: Option<String>,
}

/// What a machine's calling convention says.
#[derive(Debug)]
pub(crate) struct Convention {
    /// The register with the number of a system call.
    pub number: u8,
    /// The register with its result.
    pub spoiled: &'static [u8],
    /// Registers that a function gives back as they were.
    pub preserved: &'static [u8],
    /// The first argument of a function, at its entry.
    pub first_argument: Place,
    /// What a call puts on the stack.
    pub return_address: i64,
}
