//! Machines: QEMU's command line, and what can be had of a machine while it
//! runs: its console, its serial lines, its registers, its traps.

pub(crate) mod confines;
pub mod console;
pub mod gdb;
pub mod inspect;
pub mod medium;
pub mod qemu;
pub mod qmp;
pub mod serial;
pub mod stacks;
pub mod traps;
