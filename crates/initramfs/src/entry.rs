//! One entry of a ramdisk: a name and what it stands for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, fs, io};

use super::path::{ArchivePath, LinkTarget};

/// One name in the ramdisk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub path: ArchivePath,
    /// What it is.
    pub kind: EntryKind,
    /// Its permission bits. A hard link's are those of the file it names.
    pub mode: Mode,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Extended attributes by name (`security.capability`). A ramdisk has none of
    /// them; file systems on disks may keep them. A hard link's are those of the
    /// file it names.
    pub attributes: BTreeMap<String, Vec<u8>>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link.
    Symlink(LinkTarget),
    /// A character device.
    CharDevice {
        /// The driver's number, below 4096.
        major: u32,
        /// The device's number, below 2^20.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// The driver's number, below 4096.
        major: u32,
        /// The device's number, below 2^20.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// Another name of the regular file at this path, the first of its names
    /// in the order of the archive.
    HardLink(ArchivePath),
}

/// Where a regular file's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The bytes themselves.
    Bytes(Arc<[u8]>),
    /// A file of this machine, read when the archive is written.
    Path(PathBuf),
}

impl Content {
    /// How many bytes there are.
    ///
    /// # Errors
    /// When the file of this machine can't be asked.
    pub fn bytes(&self) -> io::Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::Path(path) => Ok(fs::metadata(path)?.len()),
        }
    }
}

/// Permission bits with setuid, setgid and sticky: `0o0000` to `0o7777`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(u32);

/// The number has bits beyond the permissions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mode {bits:o} has bits beyond 7777")]
pub struct ModeError {
    /// The number as it was given.
    pub bits: u32,
}

impl Mode {
    /// `0755`: a directory or a program.
    pub const EXECUTABLE: Self = Self(0o755);
    /// `0644`: a plain file.
    pub const PLAIN: Self = Self(0o644);
    /// `0777`: what `lstat` says of every symbolic link.
    pub const SYMLINK: Self = Self(0o777);

    /// Takes permission bits.
    ///
    /// # Errors
    /// When there are others, such as the file type of `st_mode`.
    pub fn new(bits: u32) -> Result<Self, ModeError> {
        if bits > 0o7777 {
            Err(ModeError { bits })
        } else {
            Ok(Self(bits))
        }
    }

    /// The permission bits of a `st_mode`, without the file type.
    pub fn of_st_mode(st_mode: u32) -> Self {
        Self(st_mode & 0o7777)
    }

    /// The bits.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Entry {
    /// An entry that belongs to root, with the mode usual for its kind:
    /// directories `0755`, symbolic links `0777`, devices and pipes `0600`,
    /// files `0644`.
    pub fn new(path: ArchivePath, kind: EntryKind) -> Self {
        let mode = match &kind {
            EntryKind::Directory => Mode::EXECUTABLE,
            EntryKind::Symlink(_) => Mode::SYMLINK,
            EntryKind::File(_) | EntryKind::HardLink(_) => Mode::PLAIN,
            EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } | EntryKind::Fifo => {
                Mode(0o600)
            }
        };
        Self {
            path,
            kind,
            mode,
            uid: 0,
            gid: 0,
            attributes: BTreeMap::new(),
        }
    }

    /// A regular file with these bytes, root's, `0644`.
    pub fn file(path: ArchivePath, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::new(path, EntryKind::File(Content::Bytes(bytes.into())))
    }

    /// The same entry with another mode.
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The same entry with these extended attributes.
    pub fn with_attributes(self, attributes: BTreeMap<String, Vec<u8>>) -> Self {
        Self { attributes, ..self }
    }

    /// The same entry with another owner.
    pub fn with_owner(self, uid: u32, gid: u32) -> Self {
        Self { uid, gid, ..self }
    }
}
