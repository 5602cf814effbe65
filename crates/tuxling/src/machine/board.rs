//! Boards: one TOML file each, built in or the user's own.

use serde::{Deserialize, Serialize};

use super::arch::Arch;
use crate::units::Bytes;

/// One machine that QEMU boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Board {
    /// Its name: `pc`.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Its architecture.
    pub arch: Arch,
    /// QEMU's `-machine`.
    pub machine: String,
    /// Further arguments for QEMU.
    pub qemu_args: Vec<String>,
    /// The console that the kernel is told: `ttyS0`.
    pub console: String,
    /// The device through which the checks talk to the host.
    pub channel: Channel,
    /// Models of network cards that a recipe may name; the first is the default.
    pub nics: Vec<Nic>,
    /// RAM when the recipe says nothing.
    pub memory: Bytes,
    /// Kconfig symbols that the board can't do without, as fragment lines.
    pub options: String,
}

/// A serial port of the guest's that belongs to the checks alone: nothing that
/// a system prints can be taken for a result, and no result shows up on the
/// console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Which of QEMU's `-serial` arguments it is, from 0; the console is 0.
    pub serial: u32,
    /// Its device number in the guest.
    pub major: u32,
    /// Its device number in the guest.
    pub minor: u32,
}

/// A model of network card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nic {
    /// QEMU's name of it: `e1000`.
    pub model: String,
    /// Kconfig symbols that drive it, as fragment lines.
    #[serde(default)]
    pub options: String,
}
