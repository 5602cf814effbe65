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
mod call_graph;
mod cold;
mod cold_link;
mod config;
mod cut;
mod error;
mod fill;
mod find_functions;
mod function;
mod gaps;
mod handler;
mod input;
mod live;
mod load;
mod missed;
mod names;
mod pci;
mod piece;
mod probe;
mod program;
mod pruned;
mod relink;
mod rewrite;
pub mod sections;
mod tables;
mod trap_names;
mod traps;
pub mod verify;
mod wish;

pub use call_graph::Graph;
pub use cold::{
    COLD_LOADED, COLD_NO_ROOM, COLD_OUTPUT, COLD_PAGES, COLD_STORE, COLD_TWICE, COLD_USED_UP,
    cold_output, with_output,
};
pub use cold_link::{LinkedCold, has_bytes, symbol_at};
pub use config::{Unsupported, unsupported};
pub use error::PruneError;
pub use function::{Function, FunctionId, FunctionIndex, Parts, RemovalUnit};
pub use handler::{
    LONGEST_NAME, PARTS_START, TRAP_HANDLER, TRAP_MAGIC, TRAP_NAMES, TRAP_RECORD, TRAP_STOPPED,
    TRAPS_END, TRAPS_START,
};
pub use input::{EntrySizes, Input, Role};
pub use missed::{Missed, TrapRecord};
pub use names::{FunctionAddress, NamedTrap, find_trap, function_addresses};
pub use pci::PciDevice;
pub use probe::{PROBE, ProbeError};
pub use program::Program;
pub use pruned::{Fate, KindBytes, Output, Pruned, Report, Trap};
pub use wish::{Verdict, Wish};
