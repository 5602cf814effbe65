//! Machines: the boards that QEMU (or a person) boots.

pub mod arch;
pub mod board;

pub use arch::Arch;
pub use board::Board;
