//! Machines: the boards that QEMU (or a person) boots, and booting them.

pub mod arch;
pub mod board;
pub mod boot;
pub mod console;
pub mod gdb;
pub mod qemu;
pub mod watch;

pub use arch::Arch;
pub use board::Board;
