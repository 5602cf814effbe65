//! The packed ramdisk, kept by what it was packed from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use host::cache::write_whole;
use host::id::Id;
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
}

/// Packs a tree, or gives back what was packed from the same.
pub(crate) fn build(tree: &Tree, format: Format, session: &Session) -> Result<Cached<Ramdisk>> {
    let entries = tree.entries().map(entry_key).collect::<Result<Vec<_>>>()?;
    let id = match format {
        Format::Archive(kind, ram) => Id::of("ramdisk/2", &(kind, ram, entries))?,
        Format::FileSystem => Id::of("romfs/1", &entries)?,
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
        let (archive_bytes, image_bytes) = pack_into(tree, format, &fresh.join("image"))?;
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
        Format::FileSystem => {
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
