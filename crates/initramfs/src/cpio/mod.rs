//! The *newc* cpio archive, as the kernel unpacks it.
//!
//! Format: `Documentation/driver-api/early-userspace/buffer-format.rst` and
//! `init/initramfs.c` in the kernel's sources. An entry is a header of 110
//! bytes (a magic and 13 numbers of eight hexadecimal digits), the name with
//! a closing NUL, and the data; the name and the data are each padded with
//! zeros so that what follows starts at a multiple of four.
//!
//! Decisions where the format leaves a choice:
//! - Of a file with several names the *last* carries the data and the others
//!   have size 0, as GNU cpio and the kernel's own `gen_init_cpio` do it. The
//!   kernel (`maybe_link`) takes the data with any of the names.
//! - An archive ends after its trailer at a multiple of 4. GNU cpio rounds up
//!   to 512, which only tapes need: `unpack_to_rootfs` starts an archive at
//!   any multiple of 4, so archives of ours can be joined as they are.
//! - Inode numbers count from 1 in the order of the archive. The kernel
//!   forgets them at the trailer (`free_hash`), so joined archives don't mix.
//! - The device numbers of the file system are 0, directories have the link
//!   count 2, others the number of their names.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::{CpioError, CpioErrorKind, Extent, extents, read};
pub use write::{CpioOptions, EntrySize, Summary, WriteError, archive_bytes, write};

pub(crate) use read::read_archive;

/// Bytes of one header.
const HEADER_BYTES: usize = 110;
/// Magic of an archive without checksums.
const MAGIC: &[u8; 6] = b"070701";
/// Magic of an archive whose files have checksums.
const MAGIC_WITH_SUMS: &[u8; 6] = b"070702";

/// The file type bits of `st_mode` (`include/uapi/linux/stat.h`).
mod file_type {
    pub(super) const MASK: u32 = 0o170000;
    pub(super) const SYMLINK: u32 = 0o120000;
    pub(super) const REGULAR: u32 = 0o100000;
    pub(super) const BLOCK: u32 = 0o060000;
    pub(super) const DIRECTORY: u32 = 0o040000;
    pub(super) const CHARACTER: u32 = 0o020000;
    pub(super) const FIFO: u32 = 0o010000;
}

/// The zeros that are missing to the next multiple of four.
fn padding(length: u64) -> usize {
    (length.wrapping_neg() % 4) as usize
}
