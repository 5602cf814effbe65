//! How a user land starts, told from its files alone: what the kernel makes of
//! its init, what BusyBox's init makes of an inittab, and which commands the
//! scripts call that these start.
//!
//! [`Files`] is what a ramdisk holds. [`program::refusal`] says why the kernel
//! would not start one of them, [`kernel::start`] which init it comes to in the
//! end, [`foresee::findings`] everything that will go wrong as far as files can
//! tell. Pure: files come in, answers go out; whatever the bytes are, there is
//! an answer.

#![warn(unreachable_pub)]

pub mod applets;
mod content;
mod elf;
mod files;
pub mod foresee;
pub mod inittab;
pub mod kernel;
pub mod program;
pub mod script;

pub use elf::Elf;
pub use files::{Files, Node, NodeKind};
