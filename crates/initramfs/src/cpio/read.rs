//! Reading an archive back.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::entry::{Content, Entry, EntryKind, Mode};
use super::super::path::{ArchivePath, LinkTarget, MAX_PATH_BYTES, PathError, TRAILER};
use super::{HEADER_BYTES, MAGIC, MAGIC_WITH_SUMS, file_type, padding};

/// Where an archive is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cpio archive at byte {offset}: {kind}")]
pub struct CpioError {
    /// The byte where the wrong header, name or data starts.
    pub offset: usize,
    /// What is wrong there.
    pub kind: CpioErrorKind,
}

/// What can be wrong in an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CpioErrorKind {
    /// Bytes that start neither an entry nor padding.
    #[error("no newc header, but {}", found.escape_ascii())]
    Magic {
        /// The first bytes found.
        found: Vec<u8>,
    },
    /// An archive must start at a multiple of four.
    #[error("an archive starts here, which is not a multiple of 4")]
    Misaligned,
    /// A header's number has something else than eight hexadecimal digits.
    #[error("the header's {field} is not eight hexadecimal digits")]
    Number {
        /// The number's name in the format's description.
        field: &'static str,
    },
    /// The archive ends in the middle of something.
    #[error("the archive ends within {within}")]
    Truncated {
        /// Of what.
        within: &'static str,
    },
    /// The archive has entries but no trailer.
    #[error("the archive has no trailer")]
    NoTrailer,
    /// The name has no closing NUL, or one before its end.
    #[error("the name is not closed by its only NUL")]
    Name,
    /// A name or link target that can't be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The root directory's name stands for something else.
    #[error("the root is not a directory here (mode {mode:o})")]
    Root {
        /// The entry's `c_mode`.
        mode: u32,
    },
    /// A file type that a ramdisk of ours can't hold, such as a socket.
    #[error("the file type of mode {mode:o} is not known")]
    FileType {
        /// The entry's `c_mode`.
        mode: u32,
    },
    /// Only regular files and symbolic links have data.
    #[error("{bytes} bytes of data where there can be none")]
    Data {
        /// How many bytes.
        bytes: u32,
    },
    /// Padding must be zeros.
    #[error("the padding is not zero")]
    Padding,
    /// The data's checksum is wrong (magic 070702).
    #[error("the data's checksum is {found:08x}, the header says {expected:08x}")]
    Checksum {
        /// As the header has it.
        expected: u32,
        /// As it was counted.
        found: u32,
    },
}

/// Reads one or several joined archives with zeros between them, as the
/// kernel does (`unpack_to_rootfs`), but strictly: where the kernel skips or
/// guesses, this is an error.
///
/// The entries come in the order of the archives. The first name of a file
/// has the content and its further names are [`EntryKind::HardLink`]s,
/// whichever of them carries the data. The root directory's own entry (`.`,
/// as `find . | cpio` makes it) is left out. Times and inode numbers are not
/// kept. Memory is taken for what `archive` holds, never for what a header
/// claims.
///
/// # Errors
/// At the first thing that is wrong, with its offset.
pub fn read(archive: &[u8]) -> Result<Vec<Entry>, CpioError> {
    let mut entries = Vec::new();
    let mut offset = 0;
    while let Some(&first) = archive.get(offset) {
        if first == 0 {
            offset += 1;
        } else if offset % 4 != 0 {
            return Err(CpioError {
                offset,
                kind: CpioErrorKind::Misaligned,
            });
        } else {
            offset = read_archive(archive, offset, &mut entries)?;
        }
    }
    Ok(entries)
}

/// Reads the archive that starts at `start`, adds its entries to `entries`
/// and gives the offset behind its trailer.
pub(crate) fn read_archive(
    bytes: &[u8],
    start: usize,
    entries: &mut Vec<Entry>,
) -> Result<usize, CpioError> {
    let mut reader = Reader {
        bytes,
        offset: start,
    };
    let mut inodes = HashMap::new();
    loop {
        let at = reader.offset;
        if at == bytes.len() {
            return Err(CpioError {
                offset: at,
                kind: CpioErrorKind::NoTrailer,
            });
        }
        let header = reader.header()?;
        let name = reader.name(&header)?;
        let data_at = reader.offset;
        let data = reader.padded(header.size, "the data")?;
        if name == TRAILER {
            header
                .no_data()
                .map_err(|kind| CpioError { offset: at, kind })?;
            return Ok(reader.offset);
        }
        header.check_sum(data).map_err(|kind| CpioError {
            offset: data_at,
            kind,
        })?;
        header
            .add_entry(name, data, &mut inodes, entries)
            .map_err(|kind| CpioError { offset: at, kind })?;
    }
}

/// One entry of an archive by the bytes that it takes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Its name as the archive has it.
    pub name: String,
    /// Header, name and data, each with its padding.
    pub whole: std::ops::Range<usize>,
    /// Its data alone.
    pub data: std::ops::Range<usize>,
}

/// Where in an archive each entry stands, trailers included; zeros between
/// archives belong to nothing.
///
/// # Errors
/// At the first header, name or padding that is wrong.
pub fn extents(archive: &[u8]) -> Result<Vec<Extent>, CpioError> {
    let mut reader = Reader {
        bytes: archive,
        offset: 0,
    };
    let mut extents = Vec::new();
    while let Some(&first) = archive.get(reader.offset) {
        if first == 0 {
            reader.offset += 1;
            continue;
        }
        let start = reader.offset;
        let header = reader.header()?;
        let name = String::from_utf8_lossy(reader.name(&header)?).into_owned();
        let from = reader.offset;
        let data = reader.padded(header.size, "the data")?.len();
        extents.push(Extent {
            name,
            whole: start..reader.offset,
            data: from..from + data,
        });
    }
    Ok(extents)
}

/// The files of one archive that can have several names: (device, inode) and
/// where the first of them stands among the entries.
type Inodes = HashMap<(u32, u32, u32), usize>;

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn header(&mut self) -> Result<Header, CpioError> {
        let offset = self.offset;
        let rest = &self.bytes[offset..];
        let magic = &rest[..rest.len().min(MAGIC.len())];
        if !MAGIC.starts_with(magic) && !MAGIC_WITH_SUMS.starts_with(magic) {
            return Err(CpioError {
                offset,
                kind: CpioErrorKind::Magic {
                    found: magic.to_vec(),
                },
            });
        }
        let text = self.take(HEADER_BYTES, "a header")?;
        let mut fields = [0; FIELDS.len()];
        for (index, (field, name)) in fields.iter_mut().zip(FIELDS).enumerate() {
            let from = MAGIC.len() + index * 8;
            *field = hexadecimal(&text[from..from + 8]).ok_or(CpioError {
                offset: offset + from,
                kind: CpioErrorKind::Number { field: name },
            })?;
        }
        Ok(Header::new(&fields, text.starts_with(MAGIC_WITH_SUMS)))
    }

    /// The name without its NUL.
    fn name(&mut self, header: &Header) -> Result<&'a [u8], CpioError> {
        let offset = self.offset;
        // The kernel skips such an entry without a word (`do_header`).
        if header.name_size as usize > MAX_PATH_BYTES + 1 {
            let path = format!("with {} bytes", header.name_size);
            let bytes = header.name_size as usize;
            let kind = CpioErrorKind::Path(PathError::TooLong { path, bytes });
            return Err(CpioError { offset, kind });
        }
        match self.padded(header.name_size, "a name")? {
            [name @ .., 0] if !name.contains(&0) => Ok(name),
            _ => Err(CpioError {
                offset,
                kind: CpioErrorKind::Name,
            }),
        }
    }

    fn padded(&mut self, size: u32, within: &'static str) -> Result<&'a [u8], CpioError> {
        let taken = self.take(size as usize, within)?;
        let offset = self.offset;
        let zeros = self.take(padding(offset as u64), "padding")?;
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(CpioError {
                offset,
                kind: CpioErrorKind::Padding,
            });
        }
        Ok(taken)
    }

    fn take(&mut self, size: usize, within: &'static str) -> Result<&'a [u8], CpioError> {
        let taken = self.bytes[self.offset..].get(..size).ok_or(CpioError {
            offset: self.offset,
            kind: CpioErrorKind::Truncated { within },
        })?;
        self.offset += size;
        Ok(taken)
    }
}

/// The header's numbers by their names in the format's description.
const FIELDS: [&str; 13] = [
    "c_ino",
    "c_mode",
    "c_uid",
    "c_gid",
    "c_nlink",
    "c_mtime",
    "c_filesize",
    "c_maj",
    "c_min",
    "c_rmaj",
    "c_rmin",
    "c_namesize",
    "c_chksum",
];

struct Header {
    inode: (u32, u32, u32),
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    size: u32,
    device: (u32, u32),
    name_size: u32,
    sum: Option<u32>,
}

impl Header {
    fn new(fields: &[u32; FIELDS.len()], with_sum: bool) -> Self {
        let &[
            ino,
            mode,
            uid,
            gid,
            links,
            _mtime,
            size,
            maj,
            min,
            major,
            minor,
            name_size,
            sum,
        ] = fields;
        Self {
            inode: (maj, min, ino),
            mode,
            uid,
            gid,
            links,
            size,
            device: (major, minor),
            name_size,
            sum: with_sum.then_some(sum),
        }
    }

    fn no_data(&self) -> Result<(), CpioErrorKind> {
        if self.size == 0 {
            Ok(())
        } else {
            Err(CpioErrorKind::Data { bytes: self.size })
        }
    }

    /// The kernel sums the data of regular files; a further name of one has
    /// none.
    fn check_sum(&self, data: &[u8]) -> Result<(), CpioErrorKind> {
        let Some(expected) = self.sum else {
            return Ok(());
        };
        if self.mode & file_type::MASK != file_type::REGULAR || data.is_empty() {
            return Ok(());
        }
        let found = data
            .iter()
            .fold(0u32, |sum, &byte| sum.wrapping_add(u32::from(byte)));
        if found == expected {
            Ok(())
        } else {
            Err(CpioErrorKind::Checksum { expected, found })
        }
    }

    fn add_entry(
        &self,
        name: &[u8],
        data: &[u8],
        inodes: &mut Inodes,
        entries: &mut Vec<Entry>,
    ) -> Result<(), CpioErrorKind> {
        let directory = self.mode & file_type::MASK == file_type::DIRECTORY;
        let path = match ArchivePath::new(name) {
            Err(PathError::Empty { .. }) if !name.is_empty() => {
                return if directory {
                    Ok(())
                } else {
                    Err(CpioErrorKind::Root { mode: self.mode })
                };
            }
            path => path?,
        };
        let mut kind = self.kind(data)?;
        if let (EntryKind::File(content), true) = (&mut kind, self.links > 1) {
            match inodes
                .get(&self.inode)
                .map(|&first| (first, entries[first].path.clone()))
            {
                None => {
                    inodes.insert(self.inode, entries.len());
                }
                Some((first, first_path)) => {
                    self.rewrite(&mut entries[first], content, data);
                    kind = EntryKind::HardLink(first_path);
                }
            }
        }
        let mode = Mode::of_st_mode(self.mode);
        let entry = Entry::new(path, kind).with_mode(mode);
        entries.push(entry.with_owner(self.uid, self.gid));
        Ok(())
    }

    /// What a further name does to the file: it sets its owner and mode
    /// again, and its content if it carries one (`do_name`, `do_copy`).
    fn rewrite(&self, file: &mut Entry, content: &Content, data: &[u8]) {
        file.mode = Mode::of_st_mode(self.mode);
        file.uid = self.uid;
        file.gid = self.gid;
        if !data.is_empty() {
            file.kind = EntryKind::File(content.clone());
        }
    }

    fn kind(&self, data: &[u8]) -> Result<EntryKind, CpioErrorKind> {
        let (major, minor) = self.device;
        if self.mode > file_type::MASK | 0o7777 {
            return Err(CpioErrorKind::FileType { mode: self.mode });
        }
        let kind = match self.mode & file_type::MASK {
            file_type::REGULAR => return Ok(EntryKind::File(Content::Bytes(Arc::from(data)))),
            file_type::SYMLINK => return Ok(EntryKind::Symlink(LinkTarget::new(data)?)),
            file_type::DIRECTORY => EntryKind::Directory,
            file_type::CHARACTER => EntryKind::CharDevice { major, minor },
            file_type::BLOCK => EntryKind::BlockDevice { major, minor },
            file_type::FIFO => EntryKind::Fifo,
            _ => return Err(CpioErrorKind::FileType { mode: self.mode }),
        };
        self.no_data().map(|()| kind)
    }
}

/// Eight digits; neither a sign nor a space, which `from_str_radix` or the
/// kernel's `simple_strtoul` would take.
fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value: u32, &digit| {
        Some(value << 4 | char::from(digit).to_digit(16)?)
    })
}
