//! Machines: the boards that QEMU (or a person) boots, and booting them.

pub mod apparatus;
pub mod boot;
mod capture;
pub mod console;
pub mod gdb;
pub mod inspect;
pub mod qemu;
pub mod serial;
pub mod traps;
mod vigil;
pub mod watch;
