//! Archives, kept by their SHA-256, and the trees that were unpacked from
//! them.
//!
//! ```text
//! archives/SHA256/FILE                 as it was downloaded
//! sources/NAME-VERSION-SHORTSHA/       unpacked, its top folder stripped
//! ```
//!
//! A folder that is there is whole: it was filled aside, synced and renamed.
//! So a tree is trusted by its name, without reading a byte of it; an archive
//! is hashed again before it is unpacked.

use std::fs;
use std::path::{Path, PathBuf};

use host::cache::fill_folder;
use host::session::{Step, Unit};
use host::{Cache, Id};
use recipe::package::Package;

use super::unpack::{self, UnpackError};
use super::{Context, LockEntry, Offer, Origin, Provenance, version};
use crate::error::{Error, Result};

/// An unpacked archive.
pub(super) struct Found {
    /// Its tree.
    pub tree: PathBuf,
    /// Whether it was unpacked before.
    pub cached: bool,
}

/// The tree of what a lock entry names, unpacked now if need be; `None` when
/// its archive isn't here (any more).
pub(super) fn have(
    package: Package,
    entry: &LockEntry,
    context: &Context,
) -> Result<Option<Found>> {
    let tree = tree_path(package.name(), entry, context.cache)?;
    if tree.is_dir() {
        return Ok(Some(Found { tree, cached: true }));
    }
    let folder = context
        .cache
        .folder("archives")?
        .join(entry.sha256.as_str());
    if !folder.is_dir() {
        return Ok(None);
    }
    let _lock = context.cache.lock(&tree, context.progress)?;
    if tree.is_dir() {
        return Ok(Some(Found { tree, cached: true }));
    }
    let Some(archive) = only_file(&folder)? else {
        return Ok(None);
    };
    let sha256 = Id::of_file(&archive).map_err(|e| host::Error::file("read", &archive, e))?;
    if sha256 != entry.sha256 {
        (context.progress)(&format!(
            "warning: {} is damaged; it is fetched anew",
            archive.display()
        ));
        fs::remove_dir_all(&folder).map_err(|e| host::Error::file("remove", &folder, e))?;
        return Ok(None);
    }
    let what = match entry.version.as_str() {
        "" => only_name(&archive),
        version => version.to_owned(),
    };
    (context.progress)(&format!("{}: unpacking {what}", package.name()));
    let doing = format!("unpacking {}", package.name());
    let told = |done, total| (context.step)(&unpacked(&doing, done, total));
    fill_folder(&tree, |aside| {
        unpack::archive(&archive, aside, &told).map_err(|e| unpack_failed(&archive, e))
    })?;
    Ok(Some(Found {
        tree,
        cached: false,
    }))
}

/// How far an unpacking is, by what was read of the archive.
pub(super) fn unpacked(what: &str, done: u64, total: u64) -> Step<'_> {
    Step {
        what,
        done,
        total: Some(total),
        unit: Unit::Bytes,
    }
}

/// Fetches an offer's archive and keeps it, if it is what was offered.
pub(super) fn fetch(
    package: Package,
    offer: &Offer,
    origin: &dyn Origin,
    context: &Context,
) -> Result<()> {
    let archives = context.cache.folder("archives")?;
    let folder = archives.join(offer.sha256.as_str());
    let _lock = context.cache.lock(&folder, context.progress)?;
    if folder.is_dir() {
        return Ok(());
    }
    fill_folder(&folder, |aside| {
        origin.fetch(package, offer, aside)?;
        let Some(file) = only_file(aside)? else {
            return Err(not_as_offered(package, offer, "no file came".to_owned()));
        };
        let sha256 = Id::of_file(&file).map_err(|e| host::Error::file("read", &file, e))?;
        if sha256 != offer.sha256 {
            let size = file.metadata().map_or(0, |m| m.len());
            let of = offer.size.map_or(String::new(), |n| format!("{n} bytes, "));
            let seen = format!(
                "offered: {of}SHA-256 {}\ncame:    {size} bytes, SHA-256 {sha256}",
                offer.sha256
            );
            return Err(not_as_offered(package, offer, seen));
        }
        let kept = aside.join(&offer.file);
        Ok(fs::rename(&file, &kept).map_err(|e| host::Error::file("name", &kept, e))?)
    })
}

fn not_as_offered(package: Package, offer: &Offer, seen: String) -> Error {
    Error::NotAsOffered {
        file: offer.file.clone(),
        package: package.name(),
        version: offer.version.clone(),
        seen,
    }
}

/// `sources/NAME-VERSION-SHORTSHA`: VERSION is upstream's (a `:` in a path
/// stops make), and comes from a file that anyone may have written. What is at
/// an address or a commit tells its version only when it has been unpacked:
/// `url` or `git` stands for it.
pub(super) fn tree_path(name: &str, entry: &LockEntry, cache: &Cache) -> Result<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".+-_".contains(c);
    let version = match entry.origin {
        Provenance::Url(_) => "url",
        Provenance::Git { .. } => "git",
        Provenance::Debian(_) | Provenance::Path | Provenance::Unknown(_) => {
            version::upstream(&entry.version)
        }
    };
    let version: String = version
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    let sources = cache.folder("sources")?;
    Ok(sources.join(format!("{name}-{version}-{}", entry.sha256.short())))
}

fn only_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The first regular file in a folder, by name.
pub(super) fn only_file(folder: &Path) -> Result<Option<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|e| host::Error::file("list", folder, e))?;
    let files = entries.flatten().map(|e| e.path());
    Ok(files.filter(|p| p.is_file()).min())
}

pub(super) fn unpack_failed(archive: &Path, error: UnpackError) -> Error {
    match error {
        UnpackError::Disk { path, error } => host::Error::file("write", &path, error).into(),
        error => Error::Unpack {
            name: only_name(archive),
            archive: archive.to_owned(),
            error: error.into(),
        },
    }
}
