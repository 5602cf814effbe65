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

/// Largest file of a *newc* archive: its header has eight hexadecimal digits.
const MAX_FILE_BYTES: u64 = u32::MAX as u64;

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
    /// A file that is larger than a *newc* header can say.
    #[error("{} has {bytes} bytes; a file of a ramdisk can have {MAX_FILE_BYTES}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
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

/// All that is in the way of a folder: each file with its reason.
#[derive(Debug)]
pub struct FolderErrors(Vec<FolderError>);

impl FolderErrors {
    /// The errors, in the order of the paths; at least one.
    pub fn all(&self) -> &[FolderError] {
        &self.0
    }
}

impl std::fmt::Display for FolderErrors {
    /// One line for each, with what the system says.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            let line = if at == 0 { "" } else { "\n" };
            write!(f, "{line}{error}")?;
            if let Some(source) = std::error::Error::source(error) {
                write!(f, ": {source}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for FolderErrors {}

impl Tree {
    /// Everything in the folder, the folder itself left out: files (read only
    /// when the archive is written), directories, symbolic links as they are,
    /// device nodes, pipes; names with the same device and inode number become
    /// hard links. Modes are those on disk. The order in which the system
    /// lists the folder has no influence.
    ///
    /// # Errors
    /// With everything that can't be read, or can't stand in a ramdisk.
    pub fn from_folder(folder: &Path, options: FolderOptions) -> Result<Self, FolderErrors> {
        let mut tree = Self::new();
        let mut first_names: HashMap<(u64, u64), ArchivePath> = HashMap::new();
        let (files, mut errors) = walk(folder);
        for (path, found) in files {
            let mut entry = match entry_of(path.clone(), &found, options) {
                Ok(entry) => entry,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let metadata = &found.metadata;
            if metadata.is_file() && metadata.nlink() > 1 {
                let first = first_names
                    .entry((metadata.dev(), metadata.ino()))
                    .or_insert_with(|| path.clone());
                if *first != path {
                    entry.kind = EntryKind::HardLink(first.clone());
                }
            }
            if let Err(source) = tree.insert(entry) {
                let path = found.disk.clone();
                errors.push(FolderError::Entry { path, source });
            }
        }
        errors.sort_by(|a, b| a.path().cmp(b.path()));
        if errors.is_empty() {
            Ok(tree)
        } else {
            Err(FolderErrors(errors))
        }
    }
}

impl FolderError {
    /// The file that it is about.
    pub fn path(&self) -> &Path {
        match self {
            FolderError::Read { path, .. }
            | FolderError::NotFolder { path }
            | FolderError::Socket { path }
            | FolderError::TooLarge { path, .. }
            | FolderError::Name { path, .. }
            | FolderError::Entry { path, .. } => path,
        }
    }
}

/// All files below `folder`, sorted as in the archive, and what can't be
/// listed.
fn walk(folder: &Path) -> (BTreeMap<ArchivePath, Found>, Vec<FolderError>) {
    let mut all = BTreeMap::new();
    let mut errors = Vec::new();
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            let path = folder.to_owned();
            return (all, vec![FolderError::NotFolder { path }]);
        }
        Err(source) => return (all, vec![read_error(folder, source)]),
    }
    let mut waiting = vec![folder.to_owned()];
    while let Some(directory) = waiting.pop() {
        let listed = match fs::read_dir(&directory) {
            Ok(listed) => listed,
            Err(source) => {
                errors.push(read_error(&directory, source));
                continue;
            }
        };
        for item in listed {
            let found = item.map_err(|source| read_error(&directory, source));
            match found.and_then(|item| file(folder, item.path())) {
                Ok((path, found)) => {
                    if found.metadata.is_dir() {
                        waiting.push(found.disk.clone());
                    }
                    all.insert(path, found);
                }
                Err(error) => errors.push(error),
            }
        }
    }
    (all, errors)
}

/// One file below `folder`, by its path on disk.
fn file(folder: &Path, disk: PathBuf) -> Result<(ArchivePath, Found), FolderError> {
    let metadata = fs::symlink_metadata(&disk).map_err(|source| read_error(&disk, source))?;
    let inside = disk.strip_prefix(folder).unwrap_or(&disk);
    let path = match ArchivePath::new(inside.as_os_str().as_bytes()) {
        Ok(path) => path,
        Err(source) => return Err(FolderError::Name { path: disk, source }),
    };
    Ok((path, Found { disk, metadata }))
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
        packable(disk, metadata)?;
        EntryKind::File(Content::Path(disk.clone()))
    })
}

/// Whether a file can be read, and stand in an archive: it is known before
/// anything is built.
fn packable(disk: &Path, metadata: &Metadata) -> Result<(), FolderError> {
    let bytes = metadata.len();
    if bytes > MAX_FILE_BYTES {
        let path = disk.to_owned();
        return Err(FolderError::TooLarge { path, bytes });
    }
    fs::File::open(disk)
        .map(drop)
        .map_err(|source| read_error(disk, source))
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
    fn all_that_is_wrong_with_a_folder_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("run")).unwrap();
        let sockets = ["a", "run/b", "c"].map(|name| UnixListener::bind(at(name)).unwrap());
        let long = fs::File::create(at("long")).unwrap();
        long.set_len(MAX_FILE_BYTES + 1).unwrap();
        fs::write(at("TRAILER!!!"), "").unwrap();
        let errors = Tree::from_folder(folder.path(), FolderOptions::default()).unwrap_err();
        drop(sockets);
        let text = errors.to_string();
        let lines: Vec<&str> = text.lines().collect();
        let told = |line: &str, file: &str, why: &str| {
            let start = at(file).display().to_string();
            assert!(line.starts_with(&start) && line.contains(why), "{line}");
        };
        assert_eq!((lines.len(), errors.all().len()), (5, 5), "{text}");
        told(lines[0], "TRAILER!!!", "it ends the archive");
        told(lines[1], "a", "is a socket");
        told(lines[2], "c", "is a socket");
        told(lines[3], "long", "4294967296 bytes");
        told(lines[4], "run/b", "is a socket");
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
        assert!(take(&missing).to_string().contains("missing: No such file"));
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
