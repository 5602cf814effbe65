//! `[flash]` of a board: the memory that it starts from.

use host::units::Bytes;
use serde::Serialize;

use super::{FileReader, require};
use crate::diagnostic::Problems;
use crate::table::{Schema, Table};
use crate::words;

pub(super) static FLASH: Schema = Schema {
    header: "[flash]",
    keys: &[
        "address",
        "size",
        "start",
        "device-tree",
        "device-tree-at",
        "kernel-at",
    ],
};

/// Flash memory from which a board starts. The device tree tells the kernel how
/// much RAM there is: of the machine's own, the rest is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flash {
    /// Where it begins in the machine's addresses.
    pub address: u32,
    /// How large it is.
    pub size: Bytes,
    /// What stands at its beginning, in assembler: the macros `KERNEL` and
    /// `DEVICE_TREE` are the addresses of those.
    pub start: BoardFile,
    /// The devices, as source of a device tree. What belongs to a system is
    /// added: RAM, the command line, the file system.
    pub device_tree: BoardFile,
    /// Where the device tree stands, as an offset.
    pub device_tree_at: Bytes,
    /// Where the kernel stands, as an offset.
    pub kernel_at: Bytes,
}

impl Flash {
    /// Where what stands in it.
    pub fn layout(&self) -> flash::Layout {
        flash::Layout {
            device_tree: self.device_tree_at.0,
            kernel: self.kernel_at.0,
            size: self.size.0,
        }
    }
}

/// A file that belongs to a board, read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BoardFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Reads the table; what is wrong is among the problems.
pub(super) fn read(problems: &Problems, table: &Table<'_>, files: FileReader<'_>) -> Option<Flash> {
    require(problems, table, FLASH.keys);
    let file = |key| -> Option<BoardFile> {
        let name = table.text(key)?;
        let text = problems.take(&name.place, files(&name.value))?;
        Some(BoardFile {
            name: name.value,
            text,
        })
    };
    let bytes = |key| Some(table.parsed(key, words::bytes)?.value);
    let address = table.integer("address", 0..u32::MAX);
    let (start, device_tree) = (file("start"), file("device-tree"));
    Some(Flash {
        address: address?.value,
        size: bytes("size")?,
        start: start?,
        device_tree: device_tree?,
        device_tree_at: bytes("device-tree-at")?,
        kernel_at: bytes("kernel-at")?,
    })
}
