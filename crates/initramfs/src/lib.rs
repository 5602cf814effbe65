//! The ramdisk: a tree of files written as a *newc* cpio archive and packed
//! in a dialect that the kernel's own decompressors take.
//!
//! The kernel unpacks such an image into its root file system before it
//! starts `init`. What it accepts is described in the kernel's
//! `Documentation/driver-api/early-userspace/buffer-format.rst` and decided
//! by `init/initramfs.c` and `lib/decompress_*.c`; the comments here name the
//! function that a rule comes from.
//!
//! The way of the data: [`Tree`] (what the system shall contain) →
//! [`cpio::write`] (one archive) → [`compress`](mod@compress) (one image).
//! [`pack`] does the last two at once and streams, so that a large tree is
//! never held in memory. [`image::unpack`] goes the whole way back.
//!
//! Nothing here needs root: owners and device nodes are only numbers in the
//! archive. Nothing here reads a clock: equal trees give equal bytes.

pub mod compress;
pub mod cpio;
mod entry;
mod folder;
pub mod image;
mod pack;
mod path;
#[cfg(test)]
mod real_tools;
mod tree;

pub use compress::{Compression, Settings};
pub use entry::{Content, Entry, EntryKind, Mode, ModeError};
pub use folder::{FolderError, FolderErrors, FolderOptions, Owner};
pub use pack::{PackError, Packed, pack};
pub use path::{ArchivePath, LinkTarget, PathError};
pub use tree::{Tree, TreeError};
