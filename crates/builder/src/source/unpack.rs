//! Unpacking source archives: tar, compressed by xz, gzip, bzip2 or zstd (told
//! by their magic numbers), or such a tar inside a Debian package (deb(5)), as
//! `linux-source-*` has it.
//!
//! An archive is someone else's text. Nothing is written outside the given
//! folder: names with `..` or a leading `/`, writes through symbolic links,
//! hard links and symbolic links that lead outside, device nodes and absurd
//! sizes are refused, and the caller removes what was unpacked so far.
//! Symbolic links are made last, when all of them are known: a link can lead
//! outside by way of another one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, UNIX_EPOCH};

use ::rootfs::compressed::decompressed;
use tar::EntryType;

/// More than ten times what a kernel's tree has.
const MOST_ENTRIES: usize = 1_000_000;

/// Ten times a kernel's tree.
const MOST_BYTES: u64 = 16 << 30;

/// How many symbolic links are followed one after the other (Linux: 40).
const MOST_LINKS: usize = 40;

/// How much is decompressed at a time, and how many such pieces ahead.
const PIECE: usize = 256 << 10;
const PIECES_AHEAD: usize = 16;

/// After so many entries it is told how far it is.
const TELL_EVERY: usize = 64;

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// An entry would leave the folder.
    #[error("its entry {entry} {how}: refused")]
    Leaves {
        /// The entry's name.
        entry: String,
        /// By what.
        how: &'static str,
    },
    /// An entry that a source archive has no use for.
    #[error("its entry {entry} is {what}: refused")]
    Unwanted {
        /// The entry's name.
        entry: String,
        /// What it is.
        what: &'static str,
    },
    /// More than any source has.
    #[error("it has more than {0}: refused")]
    TooMuch(String),
    /// It can't be read to its end.
    #[error("it is damaged or incomplete: {0}")]
    Damaged(io::Error),
    /// What was unpacked can't be written.
    #[error("can't write {}: {error}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Unpacks an archive into a folder that is there and empty. The one folder
/// that all entries stand in is stripped. Times are the archive's, modes 0755
/// or 0644, owners the caller's.
///
/// `told` hears again and again how many bytes of the archive were read, and of
/// how many.
pub(crate) fn archive(
    file: &Path,
    into: &Path,
    told: &dyn Fn(u64, u64),
) -> Result<(), UnpackError> {
    let file = File::open(file).map_err(UnpackError::Damaged)?;
    let size = file.metadata().map_err(UnpackError::Damaged)?.len();
    let read = AtomicU64::new(0);
    let file = Counted { file, read: &read };
    let (sender, pieces) = sync_channel(PIECES_AHEAD);
    // Decompressing and writing each take about as long: one thread for each.
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut out = Pieces(sender);
            if let Err(error) = feed(file, &mut out) {
                // Nobody listens when unpacking has failed already.
                let _ = out.0.send(Err(error));
            }
        });
        // `plain` goes before the thread is joined: a full channel ends it.
        let mut plain = Plain {
            pieces,
            current: io::Cursor::new(Vec::new()),
            zeros: 0,
        };
        let how_far = || told(read.load(Ordering::Relaxed), size);
        let unpacked = UnpackedTree::new(into).fill(&mut plain, &how_far);
        drop(plain);
        unpacked
    })
}

/// A file that is being read, and how far.
struct Counted<'a> {
    file: File,
    read: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// The writing end of the channel between the two threads.
struct Pieces(SyncSender<io::Result<Vec<u8>>>);

impl Pieces {
    fn copy(&mut self, mut from: impl Read) -> io::Result<()> {
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            from.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
            if piece.is_empty() || self.0.send(Ok(piece)).is_err() {
                return Ok(());
            }
        }
    }
}

/// The reading end; counts the zeros that it ended with.
struct Plain {
    pieces: Receiver<io::Result<Vec<u8>>>,
    current: io::Cursor<Vec<u8>>,
    zeros: usize,
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut n = self.current.read(buffer)?;
        if n == 0 && !buffer.is_empty() {
            match self.pieces.recv() {
                Ok(piece) => self.current = io::Cursor::new(piece?),
                Err(_) => return Ok(0),
            }
            n = self.current.read(buffer)?;
        }
        match buffer[..n].iter().rposition(|b| *b != 0) {
            Some(last) => self.zeros = n - 1 - last,
            None => self.zeros += n,
        }
        Ok(n)
    }
}

/// Decompresses the source's tar into the channel.
fn feed(file: impl Read, to: &mut Pieces) -> io::Result<()> {
    let mut file = BufReader::with_capacity(PIECE, file);
    if !file.fill_buf()?.starts_with(b"!<arch>\n") {
        return to.copy(decompressed(file)?);
    }
    let copied = deb::find(file, |path, content| {
        if !is_source(path) {
            return Ok(None);
        }
        to.copy(decompressed(content)?).map(Some)
    })?;
    let what = "the package holds no usr/src/linux-source-*.tar.*";
    copied.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, what))
}

/// `usr/src/linux-source-6.12.tar.xz` in the packages of Debian.
fn is_source(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.starts_with("usr/src/") && name.starts_with("linux-source-") && name.contains(".tar")
}

/// What stands where in the folder that is being filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Symlink,
}

/// The folder that is being filled.
struct UnpackedTree<'a> {
    root: &'a Path,
    top: Option<OsString>,
    there: HashMap<PathBuf, Kind>,
    /// Symbolic links: their path, target and time.
    links: Vec<(PathBuf, PathBuf, u64)>,
    folders: Vec<(PathBuf, u64)>,
    bytes: u64,
    buffer: Vec<u8>,
}

impl<'a> UnpackedTree<'a> {
    fn new(root: &'a Path) -> Self {
        UnpackedTree {
            root,
            top: None,
            there: HashMap::new(),
            links: Vec::new(),
            folders: Vec::new(),
            bytes: 0,
            buffer: vec![0; PIECE],
        }
    }

    fn fill(mut self, from: &mut Plain, how_far: &dyn Fn()) -> Result<(), UnpackError> {
        let mut archive = tar::Archive::new(&mut *from);
        for entry in archive.entries().map_err(UnpackError::Damaged)? {
            self.add(&mut entry.map_err(UnpackError::Damaged)?)?;
            if self.there.len().is_multiple_of(TELL_EVERY) {
                how_far();
            }
            if self.there.len() > MOST_ENTRIES {
                return Err(TooMuch(format!("{MOST_ENTRIES} entries")));
            }
        }
        // A tar that was cut off between two entries reads like a whole one,
        // but for the zeros at its end.
        if self.there.is_empty() || from.zeros < 512 {
            let what = "its end is missing, or it is no tar";
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
            return Err(UnpackError::Damaged(error));
        }
        self.finish()
    }

    fn add(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), UnpackError> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(()); // git-archive's commit id
        }
        let name = entry.path().map_err(UnpackError::Damaged)?.into_owned();
        let unwanted = |what| {
            Err(UnpackError::Unwanted {
                entry: show(&name),
                what,
            })
        };
        let Some(path) = self.place(&name)? else {
            return match kind {
                EntryType::Directory => Ok(()),
                _ => unwanted("not in the one folder that everything else is in"),
            };
        };
        let time = entry.header().mtime().unwrap_or(0);
        match kind {
            EntryType::Directory => self.add_folder(path, time, &name),
            EntryType::Regular | EntryType::Continuous => self.add_file(path, time, entry, &name),
            EntryType::Symlink => {
                let target = target_of(entry, &name)?;
                self.claim(&path, Kind::Symlink, &name)?;
                self.links.push((path, target, time));
                Ok(())
            }
            EntryType::Link => self.add_hard_link(path, entry, &name),
            EntryType::Block | EntryType::Char => unwanted("a device node"),
            EntryType::Fifo => unwanted("a named pipe"),
            EntryType::GNUSparse => unwanted("a sparse file"),
            _ => unwanted("of a kind that tuxling doesn't know"),
        }
    }

    /// Where an entry stands below the root; `None` for the top folder itself.
    fn place(&mut self, name: &Path) -> Result<Option<PathBuf>, UnpackError> {
        let leaves = |how| UnpackError::Leaves {
            entry: show(name),
            how,
        };
        let mut path = PathBuf::new();
        let mut top = None;
        for component in name.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(part) if top.is_none() => top = Some(part.to_owned()),
                Component::Normal(part) => path.push(part),
                Component::ParentDir => return Err(leaves("has \"..\" in its name")),
                Component::RootDir | Component::Prefix(_) => {
                    return Err(leaves("has an absolute name"));
                }
            }
        }
        let Some(top) = top else {
            return Ok(None);
        };
        if *self.top.get_or_insert_with(|| top.clone()) != top {
            let what = "not in the one folder that everything else is in";
            return Err(UnpackError::Unwanted {
                entry: show(name),
                what,
            });
        }
        Ok((!path.as_os_str().is_empty()).then_some(path))
    }

    /// Makes sure that nothing stands at a path and that all above it are
    /// folders that were made here.
    fn claim(&mut self, path: &Path, kind: Kind, name: &Path) -> Result<(), UnpackError> {
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            match self.there.get(parent) {
                Some(Kind::Folder) => {}
                None => {
                    self.claim(parent, Kind::Folder, name)?;
                    self.make_folder(parent)?;
                }
                Some(Kind::Symlink) => {
                    let how = "would be written through a symbolic link";
                    return Err(UnpackError::Leaves {
                        entry: show(name),
                        how,
                    });
                }
                Some(Kind::File) => {
                    let what = "below a file";
                    return Err(UnpackError::Unwanted {
                        entry: show(name),
                        what,
                    });
                }
            }
        }
        match self.there.insert(path.to_owned(), kind) {
            None => Ok(()),
            Some(_) => {
                let what = "there twice";
                Err(UnpackError::Unwanted {
                    entry: show(name),
                    what,
                })
            }
        }
    }

    fn make_folder(&self, path: &Path) -> Result<(), UnpackError> {
        let path = self.root.join(path);
        fs::create_dir(&path).map_err(|error| UnpackError::Disk { path, error })
    }

    fn add_folder(&mut self, path: PathBuf, time: u64, name: &Path) -> Result<(), UnpackError> {
        if self.there.get(&path) != Some(&Kind::Folder) {
            self.claim(&path, Kind::Folder, name)?;
            self.make_folder(&path)?;
        }
        self.folders.push((path, time));
        Ok(())
    }

    fn add_file(
        &mut self,
        path: PathBuf,
        time: u64,
        entry: &mut tar::Entry<'_, impl Read>,
        name: &Path,
    ) -> Result<(), UnpackError> {
        self.claim(&path, Kind::File, name)?;
        let size = entry.size();
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MOST_BYTES {
            return Err(TooMuch(format!("{MOST_BYTES} bytes")));
        }
        let executable = entry.header().mode().unwrap_or(0) & 0o111 != 0;
        let mode = if executable { 0o755 } else { 0o644 };
        let path = self.root.join(path);
        let disk = |error| UnpackError::Disk {
            path: path.clone(),
            error,
        };
        let mut options = File::options();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(disk)?;
        let copied = self.copy(entry, &mut file, &path)?;
        if copied != size {
            let what = format!("{} is cut off", show(name));
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
            return Err(UnpackError::Damaged(error));
        }
        file.set_permissions(fs::Permissions::from_mode(mode))
            .and_then(|()| file.set_modified(UNIX_EPOCH + Duration::from_secs(time.min(FAR))))
            .map_err(disk)
    }

    /// Copies an entry's content; a failure to read and one to write are two
    /// different things.
    fn copy(
        &mut self,
        from: &mut impl Read,
        to: &mut File,
        path: &Path,
    ) -> Result<u64, UnpackError> {
        let mut copied = 0;
        loop {
            let n = from.read(&mut self.buffer).map_err(UnpackError::Damaged)?;
            if n == 0 {
                return Ok(copied);
            }
            to.write_all(&self.buffer[..n])
                .map_err(|error| UnpackError::Disk {
                    path: path.to_owned(),
                    error,
                })?;
            copied += n as u64;
        }
    }

    fn add_hard_link(
        &mut self,
        path: PathBuf,
        entry: &tar::Entry<'_, impl Read>,
        name: &Path,
    ) -> Result<(), UnpackError> {
        let target = self.place(&target_of(entry, name)?)?;
        let Some(target) = target.filter(|t| self.there.get(t) == Some(&Kind::File)) else {
            let how = "is a hard link to what is no file of the archive";
            return Err(UnpackError::Leaves {
                entry: show(name),
                how,
            });
        };
        self.claim(&path, Kind::File, name)?;
        let path = self.root.join(path);
        fs::hard_link(self.root.join(target), &path)
            .map_err(|error| UnpackError::Disk { path, error })
    }

    /// Makes the symbolic links and sets the times that making things changed.
    fn finish(self) -> Result<(), UnpackError> {
        let links: HashMap<&Path, &Path> = self
            .links
            .iter()
            .map(|(p, t, _)| (p.as_path(), t.as_path()))
            .collect();
        for (path, target, _) in &self.links {
            if let Some(how) = leads_outside(path, target, &links) {
                return Err(UnpackError::Leaves {
                    entry: show(path),
                    how,
                });
            }
        }
        for (path, target, time) in &self.links {
            let path = self.root.join(path);
            std::os::unix::fs::symlink(target, &path)
                .and_then(|()| set_time(&path, *time))
                .map_err(|error| UnpackError::Disk { path, error })?;
        }
        for (path, time) in self.folders.iter().rev() {
            let path = self.root.join(path);
            set_time(&path, *time).map_err(|error| UnpackError::Disk { path, error })?;
        }
        Ok(())
    }
}

use UnpackError::TooMuch;

use super::deb;

/// The largest time that is set: the year 2486, within what ext4 can hold.
const FAR: u64 = 0x3_ffff_ffff;

fn set_time(path: &Path, seconds: u64) -> io::Result<()> {
    let time = rustix::fs::Timespec {
        tv_sec: seconds.min(FAR) as i64,
        tv_nsec: 0,
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::utimensat(rustix::fs::CWD, path, &times, flags)?)
}

fn target_of(entry: &tar::Entry<'_, impl Read>, name: &Path) -> Result<PathBuf, UnpackError> {
    match entry.link_name().map_err(UnpackError::Damaged)? {
        Some(target) if !target.as_os_str().is_empty() => Ok(target.into_owned()),
        _ => {
            let what = "a link to nothing";
            Err(UnpackError::Unwanted {
                entry: show(name),
                what,
            })
        }
    }
}

/// Follows a symbolic link as the kernel would, through the archive's other
/// links, and says how it leads outside, if it does.
fn leads_outside(
    path: &Path,
    target: &Path,
    links: &HashMap<&Path, &Path>,
) -> Option<&'static str> {
    let mut here = path.parent().map(Path::to_owned).unwrap_or_default();
    let mut to_go: Vec<Component> = target.components().rev().collect();
    let mut followed = 0;
    while let Some(component) = to_go.pop() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !here.pop() {
                    return Some("is a symbolic link that leads outside");
                }
            }
            Component::RootDir | Component::Prefix(_) => {
                return Some("is a symbolic link to an absolute name");
            }
            Component::Normal(part) => {
                here.push(part);
                if let Some(target) = links.get(here.as_path()) {
                    followed += 1;
                    if followed > MOST_LINKS {
                        return Some("is one of too many symbolic links after another");
                    }
                    here.pop();
                    to_go.extend(target.components().rev());
                }
            }
        }
    }
    None
}

/// An entry's name, safe to print.
fn show(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
