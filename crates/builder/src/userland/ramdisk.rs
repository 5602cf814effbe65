//! The packed ramdisk, kept by what it was packed from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use disk::Filesystem;
use host::cache::write_whole;
use host::id::Id;
use host::process::{Cmd, Processes};
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session};
use host::units::Bytes;
use initramfs::cpio::CpioOptions;
use initramfs::{Compression, Content, EntryKind, Settings, Tree, pack};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A packed ramdisk.
#[derive(Clone, Debug)]
pub struct Ramdisk {
    /// The image.
    pub image: PathBuf,
    /// What it holds.
    pub summary: RamdiskSummary,
}

/// What a packed ramdisk holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RamdiskSummary {
    /// The archive before compression, in bytes.
    pub archive_bytes: u64,
    /// The image, in bytes.
    pub image_bytes: u64,
    /// Every entry's content by path, in bytes before compression.
    pub files: BTreeMap<String, u64>,
}

/// One entry as it goes into the identity.
#[derive(Serialize)]
struct EntryKey {
    path: String,
    kind: String,
    content: Option<Id>,
    mode: u32,
    uid: u32,
    gid: u32,
}

/// What a tree is packed as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    /// An archive that is unpacked into this much RAM.
    Archive(Compression, Bytes),
    /// A file system that is used where it is stored.
    FileSystem,
    /// A file system on a disk.
    Disk(DiskFormat),
}

/// A file system on a disk.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct DiskFormat {
    pub(crate) filesystem: Filesystem,
    pub(crate) compress: Compression,
    pub(crate) size: Option<Bytes>,
    pub(crate) writable: bool,
}

/// What a file is that exists already: what is in it is not looked at.
pub(crate) fn existing(image: &Path) -> Result<Ramdisk> {
    let bytes = fs::metadata(image).map_err(|e| host::Error::file("read", image, e))?;
    Ok(Ramdisk {
        image: image.to_owned(),
        summary: RamdiskSummary {
            archive_bytes: bytes.len(),
            image_bytes: bytes.len(),
            files: BTreeMap::new(),
        },
    })
}

/// Packs a tree, or gives back what was packed from the same.
pub(crate) fn build(tree: &Tree, format: Format, session: &Session) -> Result<Cached<Ramdisk>> {
    let entries = tree.entries().map(entry_key).collect::<Result<Vec<_>>>()?;
    let id = match format {
        Format::Archive(kind, ram) => Id::of("ramdisk/2", &(kind, ram, entries))?,
        Format::FileSystem => Id::of("romfs/1", &entries)?,
        Format::Disk(disk) => {
            let tools = tool_versions(disk.filesystem, &session.processes);
            Id::of("root/1", &(disk, tools, entries, attributes(tree)))?
        }
    };
    let dir = session.cache.folder("ramdisks")?.join(id.short());
    if let Some(ramdisk) = kept(&dir, session)? {
        return Ok(Cached::hit(ramdisk));
    }
    let _lock = session
        .cache
        .lock(&dir, &|text| session.progress.note(text))?;
    if let Some(ramdisk) = kept(&dir, session)? {
        return Ok(Cached::hit(ramdisk));
    }
    let summary = fill_sealed(&dir, |fresh| -> Result<_> {
        let image = fresh.join("image");
        let (archive_bytes, image_bytes) = match format {
            Format::Disk(disk) => make_disk(tree, disk, &id, &image, session)?,
            _ => pack_into(tree, format, &image)?,
        };
        let summary = RamdiskSummary {
            archive_bytes,
            image_bytes,
            files: files(tree)?,
        };
        let json = serde_json::to_vec(&summary)?;
        write_whole(&fresh.join("summary.json"), &json)?;
        Ok(summary)
    })?;
    Ok(Cached::fresh(Ramdisk {
        image: dir.join("image"),
        summary,
    }))
}

/// Writes the image. Gives the bytes before and after compression.
fn pack_into(tree: &Tree, format: Format, image: &Path) -> Result<(u64, u64)> {
    let (kind, ram) = match format {
        Format::Archive(kind, ram) => (kind, ram),
        Format::FileSystem | Format::Disk(_) => {
            let bytes = flash::romfs::write(tree).map_err(Error::Flash)?;
            write_whole(image, &bytes)?;
            return Ok((bytes.len() as u64, bytes.len() as u64));
        }
    };
    let output = fs::File::create(image).map_err(|e| host::Error::file("write", image, e))?;
    let settings = Settings {
        machine_ram: ram.0,
        bcj: None,
    };
    let packed =
        pack(tree, kind, &settings, &CpioOptions { mtime: 0 }, &output).map_err(Error::Pack)?;
    Ok((packed.archive.bytes, packed.image_bytes))
}

/// Makes the image of a disk. Gives the bytes of all files, and of the image.
fn make_disk(
    tree: &Tree,
    format: DiskFormat,
    id: &Id,
    image: &Path,
    session: &Session,
) -> Result<(u64, u64)> {
    let folder = image.with_file_name("scratch");
    fs::create_dir(&folder).map_err(|e| host::Error::file("make the folder", &folder, e))?;
    let mut uuid = [0; 16];
    for (at, byte) in uuid.iter_mut().enumerate() {
        let digits = id.as_str().get(2 * at..2 * at + 2).unwrap_or("0");
        *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
    }
    let wanted = disk::Image {
        filesystem: format.filesystem,
        compression: format.compress,
        uuid,
        bytes: format.size.map(|size| size.0),
        writable: format.writable,
    };
    disk::make(tree, &wanted, &folder, image, &session.processes)?;
    fs::remove_dir_all(&folder).map_err(|e| host::Error::file("remove", &folder, e))?;
    let bytes = fs::metadata(image).map_err(|e| host::Error::file("read", image, e))?;
    Ok((files(tree)?.values().sum(), bytes.len()))
}

/// The first line that each tool says of itself: what another one makes may have
/// other bytes.
fn tool_versions(filesystem: Filesystem, processes: &Processes) -> Vec<String> {
    let tools = disk::tools(filesystem).iter();
    let makers = tools.filter(|tool| !["fakeroot", "tar", "e2fsck"].contains(tool));
    let version = |tool: &&str| {
        let asked = match *tool {
            "sqfstar" => "-version",
            _ => "-V",
        };
        let said = processes.run_any_status(&Cmd::new(tool).arg(asked)).ok()?;
        let said = [said.stdout, said.stderr].concat();
        Some(String::from_utf8_lossy(&said).lines().next()?.to_owned())
    };
    makers.filter_map(version).collect()
}

/// The extended attributes of a tree: what a ramdisk doesn't have.
fn attributes(tree: &Tree) -> Vec<(String, String, Id)> {
    let of = |entry: &initramfs::Entry| {
        let path = entry.path.to_string();
        let all = entry.attributes.iter();
        all.map(|(name, value)| (path.clone(), name.clone(), Id::of_bytes(value)))
            .collect::<Vec<_>>()
    };
    tree.entries().flat_map(of).collect()
}

/// Every entry's content, in bytes: none but files have any.
fn files(tree: &Tree) -> Result<BTreeMap<String, u64>> {
    tree.entries()
        .map(|entry| {
            let path = format!("/{}", entry.path);
            match &entry.kind {
                EntryKind::File(content) => match content.bytes() {
                    Ok(bytes) => Ok((path, bytes)),
                    Err(e) => Err(host::Error::file("read", Path::new(&path), e).into()),
                },
                _ => Ok((path, 0)),
            }
        })
        .collect()
}

fn kept(dir: &Path, session: &Session) -> Result<Option<Ramdisk>> {
    let Ok(json) = fs::read(dir.join("summary.json")) else {
        return Ok(None);
    };
    if !is_sound(dir, "ramdisk", session.progress)? {
        return Ok(None);
    }
    let summary = serde_json::from_slice(&json).ok();
    Ok(summary.map(|summary| Ramdisk {
        image: dir.join("image"),
        summary,
    }))
}

fn entry_key(entry: &initramfs::Entry) -> Result<EntryKey> {
    let content = match &entry.kind {
        EntryKind::File(Content::Bytes(bytes)) => Some(Id::of_bytes(bytes)),
        EntryKind::File(Content::Path(path)) => {
            Some(Id::of_file(path).map_err(|e| host::Error::file("read", path, e))?)
        }
        _ => None,
    };
    // A file's content is told by its hash: its path on this machine is not
    // part of what it is.
    let kind = if content.is_some() {
        "File".to_owned()
    } else {
        format!("{:?}", entry.kind)
    };
    let path = entry.path.to_string();
    Ok(EntryKey {
        path,
        kind,
        content,
        mode: entry.mode.bits(),
        uid: entry.uid,
        gid: entry.gid,
    })
}
