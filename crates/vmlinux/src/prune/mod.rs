//! Relinking a kernel without the functions that nothing needs, and without
//! what only they needed.
//!
//! The objects of the kernel's final link go in, as the linker would take
//! them, compiled with `-ffunction-sections -fdata-sections`; rewritten
//! objects come out, which the kernel's own link takes in their place:
//!
//! ```text
//! inputs ─► Program::load ─► functions, call graph ─► (coverage, policy) ─► Wish
//!                │                                                          │
//!                └──────────────────► Program::prune ◄──────────────────────┘
//!                                          │
//!                        Pruned: objects, traps, report ─► verify::check ─► ld
//! ```
//!
//! # Words
//!
//! A *function* is what the compiler or an assembler file calls one, known by
//! its object, its symbol and an ordinal ([`FunctionId`]); a `.cold` part is a
//! function of its own. A *piece* is what is kept or removed as one: a section,
//! a function in a section of several, a string, an entry of a table.
//!
//! # What becomes of a function
//!
//! [`Verdict::Keep`] makes it a root. [`Verdict::Allow`] keeps it if something
//! that is kept refers to it. [`Verdict::Trap`] never keeps it: where something
//! that is kept refers to it, a trap stands in its place, with an address of
//! its own, since the kernel compares function pointers.
//!
//! A trap is a call of [`TRAP_HANDLER`]. Traps of functions that had a section
//! of their own stand together between the symbols [`TRAPS_START`] and
//! [`TRAPS_END`]; a function of a section of several (`.init.text`) is filled
//! in place with no-operations that end in the call. Every trap has a symbol
//! `tuxling_trap.N.NAME` in the linked kernel, with its size: `N` is its index
//! in [`Pruned::traps`]. [`find_trap`] names the trap of an address. With
//! [`Wish::direct`] calls need no trap of their own; [`Program::missed`] tells of
//! both kinds which function it was.
//!
//! Parts of functions can go as well: see [`Program::gaps`]. What only they refer
//! to goes with them.
//!
//! # What is refused
//!
//! A loaded section that matches no kind of [`sections`], a table whose entry
//! size isn't known, an ELF construct the rewriting doesn't know: each stops
//! with an error that names section and object. [`unsupported`] says which
//! options of a configuration can't be pruned yet.

mod archive;
mod config;
mod error;
mod gaps;
mod graph;
mod live;
mod missed;
mod names;
mod pieces;
mod probe;
mod program;
mod result;
mod rewrite;
pub mod sections;
pub mod verify;

use std::collections::BTreeMap;

pub use config::{Unsupported, unsupported};
pub use error::PruneError;
pub use gaps::Parts;
pub use graph::Graph;
pub use missed::Missed;
pub use names::{FunctionAddress, NamedTrap, NotElf, find_trap, function_addresses};
pub use probe::{PROBE, ProbeError};
pub use program::Program;

/// The function that every trap calls; it never returns. An object that
/// defines it has to be among the inputs.
///
/// It writes [`TRAP_RECORD`], prints a line where it can, and ends at
/// [`TRAP_STOPPED`].
pub const TRAP_HANDLER: &str = "tuxling_trap";

/// What the handler leaves in memory: three words of the machine's size,
/// [`TRAP_MAGIC`], the address of the trap, and the address that the
/// trapped function would have returned to. All three are 0 before.
pub const TRAP_RECORD: &str = "tuxling_trap_record";

/// Where the handler ends, after the record is written and the line is
/// printed: an endless loop with interrupts off. A breakpoint here sees
/// every trap.
pub const TRAP_STOPPED: &str = "tuxling_trap_stopped";

/// The first word of [`TRAP_RECORD`] after a trap: `TRAP`, in the machine's
/// byte order.
pub const TRAP_MAGIC: u32 = 0x5452_4150;

/// Where the traps begin that stand together.
pub const TRAPS_START: &str = "tuxling_traps_start";

/// Where they end.
pub const TRAPS_END: &str = "tuxling_traps_end";

/// One object of the link.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Its name: the path as the kernel's build knows it, `kernel/fork.o`.
    pub name: &'a str,
    /// The file.
    pub bytes: &'a [u8],
    /// When the linker takes it.
    pub role: Role,
}

/// When the linker takes an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Always: an object of its own, or a member of an archive behind
    /// `--whole-archive`.
    Always,
    /// A member of an archive that is taken when it defines a symbol that
    /// is still undefined.
    Library,
}

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
    pub unit: Unit,
}

/// What a function is removed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// It has a section of its own.
    Own,
    /// It is one of several in its section, and is filled in place.
    Filled,
    /// It is kept with all others of its section if one of them is: code
    /// of assembler files falls through from one function to the next.
    Together,
}

/// What is to become of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It stays, and is a root: what it needs stays.
    Keep,
    /// It stays if something that stays refers to it.
    #[default]
    Allow,
    /// It goes. What stays and refers to it refers to a trap.
    Trap,
}

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// One for each function, in the order of [`Program::functions`].
    /// Functions past its end have [`Verdict::Allow`].
    pub verdicts: Vec<Verdict>,
    /// Every reference to the first becomes one to the second: system calls
    /// that nobody can make become `sys_ni_syscall`.
    pub redirects: Vec<(FunctionIndex, FunctionIndex)>,
    /// The kernel's command line, if handlers of parameters that aren't on it
    /// are to go. `None` keeps all.
    pub command_line: Option<String>,
    /// Marks each function that stays with a symbol `tuxling_fn.N`, `N` being
    /// its [`FunctionIndex`], so that [`function_addresses`] can read a linked
    /// kernel.
    pub marks: bool,
    /// Calls of what is gone go to the handler itself: which function was
    /// missed is told by the call's own place ([`Program::missed`]), for which
    /// the functions have to be marked. Smaller than traps for all, and shorter
    /// when compressed, since all such calls are alike.
    pub direct: bool,
    /// Parts that go of functions that stay, as [`Program::gaps`] gives them:
    /// filled in place with no-operations that end in a call of the handler.
    pub gaps: Parts,
    /// Leaves out nothing at all, not even what nothing refers to: sections
    /// only change their names. For the kernel that is traced.
    pub whole: bool,
}

/// Sizes of table entries, in bytes, by the names of their structures.
///
/// They come from a probe compiled against the tree ([`PROBE`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntrySizes(pub BTreeMap<String, u64>);

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
    /// between [`TRAPS_START`] and [`TRAPS_END`].
    pub in_place: bool,
}

/// What was kept and removed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What became of each function, in the order of [`Program::functions`].
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
