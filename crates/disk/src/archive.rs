//! A tree as a tar: what the file systems' tools read, all times 0.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use initramfs::{Content, Entry, EntryKind, Tree};
use tar::{Builder, EntryType, Header};

use crate::error::Error;

/// How an archive names the extended attributes of an entry (star(1), and all
/// that came after it).
const XATTR: &str = "SCHILY.xattr.";

/// Writes a tree's tar, with extended attributes or without.
pub(crate) fn write(tree: &Tree, attributes: bool, path: &Path) -> Result<(), Error> {
    let file = File::create(path).map_err(|e| host::Error::file("write", path, e))?;
    let mut tar = Builder::new(BufWriter::new(file));
    for entry in tree.entries() {
        let added = add(&mut tar, entry, attributes);
        added.map_err(|error| Error::Entry {
            path: format!("/{}", entry.path),
            error,
        })?;
    }
    let done = tar.into_inner().and_then(|mut file| file.flush());
    Ok(done.map_err(|e| host::Error::file("write", path, e))?)
}

fn add(tar: &mut Builder<impl Write>, entry: &Entry, attributes: bool) -> io::Result<()> {
    if attributes && !entry.attributes.is_empty() {
        let named: Vec<(String, &[u8])> = entry
            .attributes
            .iter()
            .map(|(name, value)| (format!("{XATTR}{name}"), value.as_slice()))
            .collect();
        tar.append_pax_extensions(named.iter().map(|(name, value)| (name.as_str(), *value)))?;
    }
    let mut header = Header::new_gnu();
    header.set_mode(entry.mode.bits());
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_mtime(0);
    header.set_size(0);
    let path = Path::new(std::ffi::OsStr::from_bytes(entry.path.as_bytes()));
    let target = |bytes| Path::new(std::ffi::OsStr::from_bytes(bytes));
    let mut device = |kind, major, minor| {
        header.set_entry_type(kind);
        header.set_device_major(major)?;
        header.set_device_minor(minor)
    };
    match &entry.kind {
        EntryKind::File(content) => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(content.bytes()?);
            return match content {
                Content::Bytes(bytes) => tar.append_data(&mut header, path, &bytes[..]),
                Content::Path(file) => tar.append_data(&mut header, path, File::open(file)?),
            };
        }
        EntryKind::Symlink(to) => {
            header.set_entry_type(EntryType::Symlink);
            return tar.append_link(&mut header, path, target(to.as_bytes()));
        }
        EntryKind::HardLink(to) => {
            header.set_entry_type(EntryType::Link);
            return tar.append_link(&mut header, path, target(to.as_bytes()));
        }
        EntryKind::Directory => header.set_entry_type(EntryType::Directory),
        EntryKind::Fifo => header.set_entry_type(EntryType::Fifo),
        EntryKind::CharDevice { major, minor } => device(EntryType::Char, *major, *minor)?,
        EntryKind::BlockDevice { major, minor } => device(EntryType::Block, *major, *minor)?,
    }
    tar.append_data(&mut header, path, io::empty())
}
