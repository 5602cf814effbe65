//! Writing an archive.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::super::entry::{Content, Entry, EntryKind};
use super::super::path::{ArchivePath, TRAILER};
use super::super::tree::Tree;
use super::{HEADER_BYTES, MAGIC, file_type, padding};

/// What is the same for all entries of an archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpioOptions {
    /// Every entry's time, in seconds since 1970. It ends in 2106.
    pub mtime: u32,
}

/// What an archive consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of the archive, trailer included.
    pub bytes: u64,
    /// The entries in their order.
    pub entries: Vec<EntrySize>,
}

/// What one entry takes in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntrySize {
    /// Which entry.
    pub path: ArchivePath,
    /// Bytes of its header, name, data and padding.
    pub bytes: u64,
}

/// Why an archive can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file that the tree names can't be read.
    #[error("can't read {} for the ramdisk's {entry}", file.display())]
    Source {
        /// The entry.
        entry: ArchivePath,
        /// The file of this machine.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file became longer or shorter while it was read.
    #[error("{} changed while it was read for the ramdisk's {entry}: it had {expected} bytes", file.display())]
    Changed {
        /// The entry.
        entry: ArchivePath,
        /// The file of this machine.
        file: PathBuf,
        /// Its size when it was opened.
        expected: u64,
    },
    /// The format has 32 bits for a size.
    #[error("{entry} has {bytes} bytes; an entry of a newc archive can have 4294967295")]
    TooLarge {
        /// The entry.
        entry: ArchivePath,
        /// Its size.
        bytes: u64,
    },
    /// The archive can't be written to where it shall go.
    #[error("can't write the archive")]
    Output(#[source] io::Error),
}

/// Writes all of `tree` as one archive with its trailer.
///
/// Equal trees with equal content and the same options give equal bytes,
/// wherever the content lies. Files are read one after the other and never
/// held in memory as a whole.
///
/// # Errors
/// When a file can't be read or is too large, or `output` fails.
pub fn write(
    tree: &Tree,
    options: &CpioOptions,
    output: &mut impl Write,
) -> Result<Summary, WriteError> {
    let mut writer = Writer {
        output,
        mtime: options.mtime,
        bytes: 0,
    };
    let mut entries = Vec::with_capacity(tree.len());
    for planned in plan(tree) {
        let before = writer.bytes;
        writer.entry(&planned)?;
        let path = planned.entry.path.clone();
        entries.push(EntrySize {
            path,
            bytes: writer.bytes - before,
        });
    }
    writer.trailer()?;
    Ok(Summary {
        bytes: writer.bytes,
        entries,
    })
}

/// How many bytes [`write()`] would write, without reading any file.
///
/// # Errors
/// When the size of a file can't be had.
pub fn archive_bytes(tree: &Tree) -> Result<u64, WriteError> {
    let named = |name: &[u8]| aligned(HEADER_BYTES as u64 + name.len() as u64 + 1);
    let mut total = named(TRAILER);
    for entry in tree.entries() {
        let data = match &entry.kind {
            EntryKind::File(content) => content_bytes(entry, content)?,
            EntryKind::Symlink(target) => target.as_bytes().len() as u64,
            _ => 0,
        };
        total = total
            .saturating_add(named(entry.path.as_bytes()))
            .saturating_add(aligned(data));
    }
    Ok(total)
}

/// An entry with what depends on the others.
struct Planned<'a> {
    entry: &'a Entry,
    inode: u32,
    links: u32,
    /// The data that follows this name; the last name of a file has it.
    content: Option<&'a Content>,
}

/// Numbers the entries and finds out which name of a file carries its data.
fn plan(tree: &Tree) -> Vec<Planned<'_>> {
    let mut planned: Vec<Planned<'_>> = Vec::with_capacity(tree.len());
    let mut names: HashMap<&ArchivePath, Vec<usize>> = HashMap::new();
    for (index, (inode, entry)) in (1..).zip(tree.entries()).enumerate() {
        let links = if entry.kind == EntryKind::Directory {
            2
        } else {
            1
        };
        let mut next = Planned {
            entry,
            inode,
            links,
            content: None,
        };
        match &entry.kind {
            EntryKind::File(content) => {
                next.content = Some(content);
                names.insert(&entry.path, vec![index]);
            }
            EntryKind::HardLink(first) => {
                if let Some(earlier) = names.get_mut(first) {
                    let before = earlier.last().map(|&last| &mut planned[last]);
                    if let Some(before) = before {
                        next.inode = before.inode;
                        next.content = before.content.take();
                    }
                    earlier.push(index);
                }
            }
            _ => {}
        }
        planned.push(next);
    }
    for group in names.values().filter(|group| group.len() > 1) {
        for &index in group {
            planned[index].links = group.len() as u32;
        }
    }
    planned
}

struct Writer<'a, W> {
    output: &'a mut W,
    mtime: u32,
    bytes: u64,
}

impl<W: Write> Writer<'_, W> {
    fn entry(&mut self, planned: &Planned<'_>) -> Result<(), WriteError> {
        let entry = planned.entry;
        match &entry.kind {
            EntryKind::File(_) | EntryKind::HardLink(_) => self.file(planned),
            EntryKind::Directory => self.header(planned, file_type::DIRECTORY, 0, (0, 0)),
            EntryKind::Symlink(target) => {
                let target = target.as_bytes();
                let size = size_field(entry, target.len() as u64)?;
                self.header(planned, file_type::SYMLINK, size, (0, 0))?;
                self.put_padded(target)
            }
            EntryKind::CharDevice { major, minor } => {
                self.header(planned, file_type::CHARACTER, 0, (*major, *minor))
            }
            EntryKind::BlockDevice { major, minor } => {
                self.header(planned, file_type::BLOCK, 0, (*major, *minor))
            }
            EntryKind::Fifo => self.header(planned, file_type::FIFO, 0, (0, 0)),
        }
    }

    fn file(&mut self, planned: &Planned<'_>) -> Result<(), WriteError> {
        let kind = file_type::REGULAR;
        match planned.content {
            None => self.header(planned, kind, 0, (0, 0)),
            Some(Content::Bytes(bytes)) => {
                let size = size_field(planned.entry, bytes.len() as u64)?;
                self.header(planned, kind, size, (0, 0))?;
                self.put_padded(bytes)
            }
            Some(Content::Path(path)) => {
                let failed = |source| source_error(planned.entry, path, source);
                let file = File::open(path).map_err(failed)?;
                let length = file.metadata().map_err(failed)?.len();
                let size = size_field(planned.entry, length)?;
                self.header(planned, kind, size, (0, 0))?;
                self.copy(planned.entry, path, file, length)
            }
        }
    }

    /// Copies exactly `length` bytes of an opened file.
    fn copy(
        &mut self,
        entry: &Entry,
        path: &Path,
        mut file: File,
        length: u64,
    ) -> Result<(), WriteError> {
        let mut buffer = vec![0; COPY_BYTES.min(length.saturating_add(1) as usize)];
        let mut copied = 0;
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(source_error(entry, path, error)),
            };
            copied += count as u64;
            if copied > length {
                break;
            }
            self.put(&buffer[..count])?;
        }
        if copied != length {
            let (entry, file) = (entry.path.clone(), path.to_owned());
            return Err(WriteError::Changed {
                entry,
                file,
                expected: length,
            });
        }
        self.pad()
    }

    fn header(
        &mut self,
        planned: &Planned<'_>,
        file_type: u32,
        size: u32,
        (major, minor): (u32, u32),
    ) -> Result<(), WriteError> {
        let entry = planned.entry;
        let name = entry.path.as_bytes();
        self.put_header(&[
            planned.inode,
            file_type | entry.mode.bits(),
            entry.uid,
            entry.gid,
            planned.links,
            self.mtime,
            size,
            0,
            0,
            major,
            minor,
            name.len() as u32 + 1,
            0,
        ])?;
        self.put_name(name)
    }

    fn trailer(&mut self) -> Result<(), WriteError> {
        self.put_header(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, TRAILER.len() as u32 + 1, 0])?;
        self.put_name(TRAILER)
    }

    fn put_header(&mut self, fields: &[u32; 13]) -> Result<(), WriteError> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(MAGIC);
        for field in fields {
            write!(header, "{field:08x}").map_err(WriteError::Output)?;
        }
        self.put(&header)
    }

    fn put_name(&mut self, name: &[u8]) -> Result<(), WriteError> {
        self.put(name)?;
        self.put(&[0])?;
        self.pad()
    }

    fn put_padded(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.put(bytes)?;
        self.pad()
    }

    fn pad(&mut self) -> Result<(), WriteError> {
        self.put(&[0; 3][..padding(self.bytes)])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.bytes += bytes.len() as u64;
        self.output.write_all(bytes).map_err(WriteError::Output)
    }
}

/// How much of a file is read at a time.
const COPY_BYTES: usize = 128 * 1024;

fn aligned(length: u64) -> u64 {
    length.saturating_add(padding(length) as u64)
}

fn content_bytes(entry: &Entry, content: &Content) -> Result<u64, WriteError> {
    content.bytes().map_err(|source| match content {
        Content::Path(path) => source_error(entry, path, source),
        Content::Bytes(_) => WriteError::Output(source),
    })
}

fn source_error(entry: &Entry, file: &Path, source: io::Error) -> WriteError {
    WriteError::Source {
        entry: entry.path.clone(),
        file: file.to_owned(),
        source,
    }
}

fn size_field(entry: &Entry, bytes: u64) -> Result<u32, WriteError> {
    u32::try_from(bytes).map_err(|_| WriteError::TooLarge {
        entry: entry.path.clone(),
        bytes,
    })
}
