//! A folder of the user's as a tree.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::entry::{Content, Entry, EntryKind, Mode};
use super::path::{ArchivePath, LinkTarget, PathError};
use super::tree::{Tree, TreeError};

/// Whom the files in the ramdisk belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Owner {
    /// Everything is root's: what a ramdisk packed by a user without
    /// privileges means.
    #[default]
    Root,
    /// The numbers that the files have on this machine.
    Keep,
}

/// How a folder is taken over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FolderOptions {
    /// Whom the files belong to.
    pub owner: Owner,
}

/// Why a folder can't become a tree.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What was named is not a folder.
    #[error("{} is not a folder", path.display())]
    NotFolder {
        /// What was named.
        path: PathBuf,
    },
    /// A socket, which no ramdisk needs: its program makes it anew.
    #[error("{} is a socket; it can't stand in a ramdisk", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
    },
    /// A name that the kernel can't take.
    #[error("{} can't stand in a ramdisk", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: PathError,
    },
    /// An entry doesn't fit, such as a device number out of range.
    #[error("{} can't stand in a ramdisk", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: TreeError,
    },
}

/// A file found on disk.
struct Found {
    disk: PathBuf,
    metadata: Metadata,
}

impl Tree {
    /// Everything in the folder, the folder itself left out: files (read only
    /// when the archive is written), directories, symbolic links as they are,
    /// device nodes, pipes; names with the same device and inode number become
    /// hard links. Modes are those on disk. The order in which the system
    /// lists the folder has no influence.
    ///
    /// # Errors
    /// When something can't be read, or can't stand in a ramdisk.
    pub fn from_folder(folder: &Path, options: FolderOptions) -> Result<Self, FolderError> {
        let mut tree = Self::new();
        let mut first_names: HashMap<(u64, u64), ArchivePath> = HashMap::new();
        for (path, found) in walk(folder)? {
            let mut entry = entry_of(path.clone(), &found, options)?;
            let metadata = &found.metadata;
            if metadata.is_file() && metadata.nlink() > 1 {
                let first = first_names
                    .entry((metadata.dev(), metadata.ino()))
                    .or_insert_with(|| path.clone());
                if *first != path {
                    entry.kind = EntryKind::HardLink(first.clone());
                }
            }
            tree.insert(entry).map_err(|source| FolderError::Entry {
                path: found.disk.clone(),
                source,
            })?;
        }
        Ok(tree)
    }
}

/// All files below `folder`, sorted as in the archive.
fn walk(folder: &Path) -> Result<BTreeMap<ArchivePath, Found>, FolderError> {
    let metadata = fs::metadata(folder).map_err(|source| read_error(folder, source))?;
    if !metadata.is_dir() {
        return Err(FolderError::NotFolder {
            path: folder.to_owned(),
        });
    }
    let mut all = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(directory) = waiting.pop() {
        let listed = fs::read_dir(&directory).map_err(|source| read_error(&directory, source))?;
        for item in listed {
            let disk = item
                .map_err(|source| read_error(&directory, source))?
                .path();
            let metadata =
                fs::symlink_metadata(&disk).map_err(|source| read_error(&disk, source))?;
            if metadata.is_dir() {
                waiting.push(disk.clone());
            }
            let inside = disk.strip_prefix(folder).unwrap_or(&disk);
            let path = ArchivePath::new(inside.as_os_str().as_bytes()).map_err(|source| {
                FolderError::Name {
                    path: disk.clone(),
                    source,
                }
            })?;
            all.insert(path, Found { disk, metadata });
        }
    }
    Ok(all)
}

fn entry_of(
    path: ArchivePath,
    found: &Found,
    options: FolderOptions,
) -> Result<Entry, FolderError> {
    let metadata = &found.metadata;
    let entry = Entry::new(path, kind_of(found)?).with_mode(Mode::of_st_mode(metadata.mode()));
    Ok(match options.owner {
        Owner::Root => entry,
        Owner::Keep => entry.with_owner(metadata.uid(), metadata.gid()),
    })
}

fn kind_of(Found { disk, metadata }: &Found) -> Result<EntryKind, FolderError> {
    let kind = metadata.file_type();
    let major = rustix::fs::major(metadata.rdev());
    let minor = rustix::fs::minor(metadata.rdev());
    Ok(if kind.is_dir() {
        EntryKind::Directory
    } else if kind.is_symlink() {
        let target = fs::read_link(disk).map_err(|source| read_error(disk, source))?;
        let target =
            LinkTarget::new(target.as_os_str().as_bytes()).map_err(|source| FolderError::Name {
                path: disk.clone(),
                source,
            })?;
        EntryKind::Symlink(target)
    } else if kind.is_char_device() {
        EntryKind::CharDevice { major, minor }
    } else if kind.is_block_device() {
        EntryKind::BlockDevice { major, minor }
    } else if kind.is_fifo() {
        EntryKind::Fifo
    } else if kind.is_socket() {
        return Err(FolderError::Socket { path: disk.clone() });
    } else {
        EntryKind::File(Content::Path(disk.clone()))
    })
}

fn read_error(path: &Path, source: io::Error) -> FolderError {
    FolderError::Read {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn path(text: &str) -> ArchivePath {
        ArchivePath::new(text).unwrap()
    }

    #[test]
    fn a_folder_is_taken_over_with_modes_links_and_hard_links() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("bin")).unwrap();
        fs::write(at("bin/z"), "program").unwrap();
        fs::set_permissions(at("bin/z"), fs::Permissions::from_mode(0o4711)).unwrap();
        fs::hard_link(at("bin/z"), at("bin/a")).unwrap();
        symlink("nowhere/../x", at("link")).unwrap();
        let tree = Tree::from_folder(folder.path(), FolderOptions::default()).unwrap();
        assert_eq!(tree.len(), 4);
        let first = tree.get(&path("bin/a")).unwrap();
        assert_eq!(first.kind, EntryKind::File(Content::Path(at("bin/a"))));
        assert_eq!((first.mode.bits(), first.uid, first.gid), (0o4711, 0, 0));
        let other = tree.get(&path("bin/z")).unwrap();
        assert_eq!(other.kind, EntryKind::HardLink(path("bin/a")));
        let link = tree.get(&path("link")).unwrap();
        assert_eq!(
            link.kind,
            EntryKind::Symlink(LinkTarget::new("nowhere/../x").unwrap())
        );
    }

    #[test]
    fn owners_are_kept_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x"), "").unwrap();
        let here = fs::metadata(folder.path().join("x")).unwrap();
        let tree = Tree::from_folder(folder.path(), FolderOptions { owner: Owner::Keep }).unwrap();
        let entry = tree.get(&path("x")).unwrap();
        assert_eq!((entry.uid, entry.gid), (here.uid(), here.gid()));
    }

    #[test]
    fn what_cannot_be_packed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let take = |path: &Path| Tree::from_folder(path, FolderOptions::default()).unwrap_err();
        let missing = folder.path().join("missing");
        assert!(take(&missing).to_string().ends_with("missing"));
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(take(&file).to_string().ends_with("file is not a folder"));
        let _listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        assert!(
            take(folder.path())
                .to_string()
                .contains("socket is a socket")
        );
    }
}
