//! One tar over what lies below it: layer.md of the OCI image specification.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};

use initramfs::{ArchivePath, Content, Entry, EntryKind, LinkTarget, Mode, PathError, Tree};
use tar::EntryType;

use crate::Limits;
use crate::error::Error;

/// A file of this name takes the one of the rest of its name away.
const WHITEOUT: &[u8] = b".wh.";
/// A file of this name takes away all that lower layers have in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// How an archive names the extended attributes of an entry (star(1), and all
/// that came after it).
const XATTR: &str = "SCHILY.xattr.";

/// Layers, each laid over those before it.
#[derive(Debug)]
pub(crate) struct Layers<'a> {
    tree: Tree,
    limits: &'a Limits,
    bytes: u64,
    entries: u64,
}

/// The layer that is being read.
struct OpenLayer<'a, 'b> {
    name: &'a str,
    layers: &'a mut Layers<'b>,
    /// What it has placed so far: its own whiteouts don't take that away.
    placed: HashSet<ArchivePath>,
}

/// What an entry says of itself.
struct Header {
    path: Vec<u8>,
    mode: u32,
    uid: u32,
    gid: u32,
    attributes: BTreeMap<String, Vec<u8>>,
}

impl<'a> Layers<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Layers<'a> {
        Layers {
            tree: Tree::new(),
            limits,
            bytes: 0,
            entries: 0,
        }
    }

    /// All that is there in the end.
    pub(crate) fn done(self) -> Tree {
        self.tree
    }

    /// Lays a tar over what is there; `name` is told in errors.
    pub(crate) fn add(&mut self, tar: &mut dyn Read, name: &str) -> Result<(), Error> {
        let mut after = "none".to_owned();
        let damaged = |after: &str, source| Error::Damaged {
            archive: name.to_owned(),
            after: after.to_owned(),
            source,
        };
        let mut layer = OpenLayer {
            name,
            layers: self,
            placed: HashSet::new(),
        };
        let mut archive = tar::Archive::new(tar);
        for entry in archive.entries().map_err(|e| damaged(&after, e))? {
            let mut entry = entry.map_err(|e| damaged(&after, e))?;
            let header = header(&mut entry).map_err(|e| damaged(&after, e))?;
            after = String::from_utf8_lossy(&header.path).into_owned();
            layer.entry(header, &mut entry)?;
        }
        Ok(())
    }

    fn limit(&self, archive: &str, entry: &str) -> Result<(), Error> {
        let Limits { bytes, entries } = *self.limits;
        let limit = if self.entries > entries {
            format!("{entries} entries")
        } else if self.bytes > bytes {
            format!("{} MiB of files", bytes >> 20)
        } else {
            return Ok(());
        };
        Err(Error::TooMuch {
            archive: archive.to_owned(),
            entry: entry.to_owned(),
            limit,
        })
    }
}

fn header(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Header> {
    let mut attributes = BTreeMap::new();
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            let key = extension.key().unwrap_or_default();
            if let Some(name) = key.strip_prefix(XATTR) {
                attributes.insert(name.to_owned(), extension.value_bytes().to_vec());
            }
        }
    }
    let number = |number: u64| {
        let what = "an owner's number has more than 32 bits";
        u32::try_from(number).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, what))
    };
    Ok(Header {
        path: entry.path_bytes().into_owned(),
        mode: entry.header().mode()?,
        uid: number(entry.header().uid()?)?,
        gid: number(entry.header().gid()?)?,
        attributes,
    })
}

impl OpenLayer<'_, '_> {
    fn entry(
        &mut self,
        header: Header,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> Result<(), Error> {
        let shown = String::from_utf8_lossy(&header.path).into_owned();
        self.layers.entries += 1;
        self.layers.limit(self.name, &shown)?;
        let path = match ArchivePath::new(&header.path) {
            Ok(path) => path,
            // `./`, the root itself: a ramdisk's has its own.
            Err(PathError::Empty { .. }) => return Ok(()),
            Err(source) => return Err(self.bad_name(source)),
        };
        let Some(path) = self.in_tree(&path)? else {
            return Ok(());
        };
        let name = last_name(&path);
        if name == OPAQUE {
            let above = path.parent();
            self.clear(above.as_ref(), false);
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            let mut whole = path
                .parent()
                .map_or_else(Vec::new, |above| [above.as_bytes(), b"/"].concat());
            whole.extend_from_slice(hidden);
            let hidden = ArchivePath::new(&whole).map_err(|e| self.bad_name(e))?;
            self.clear(Some(&hidden), true);
            return Ok(());
        }
        let kind = self.kind(&shown, entry)?;
        self.place(path, kind, header)
    }

    /// What an entry is; a file's content is read.
    fn kind(
        &mut self,
        shown: &str,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> Result<EntryKind, Error> {
        let kind = entry.header().entry_type();
        let device = |entry: &tar::Entry<'_, _>| {
            let major = entry.header().device_major().ok().flatten();
            let minor = entry.header().device_minor().ok().flatten();
            (major.unwrap_or(0), minor.unwrap_or(0))
        };
        Ok(match kind {
            EntryType::Directory => EntryKind::Directory,
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default();
                let target = LinkTarget::new(&*target).map_err(|e| self.bad_name(e))?;
                EntryKind::Symlink(target)
            }
            EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                return self.linked(shown, &target);
            }
            EntryType::Char => {
                let (major, minor) = device(entry);
                EntryKind::CharDevice { major, minor }
            }
            EntryType::Block => {
                let (major, minor) = device(entry);
                EntryKind::BlockDevice { major, minor }
            }
            EntryType::Fifo => EntryKind::Fifo,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                EntryKind::File(Content::Bytes(self.content(shown, entry)?.into()))
            }
            other => {
                return Err(Error::Kind {
                    archive: self.name.to_owned(),
                    entry: shown.to_owned(),
                    kind: char::from(other.as_byte()),
                });
            }
        })
    }

    /// A file's bytes: as many as its header says.
    fn content(
        &mut self,
        shown: &str,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> Result<Vec<u8>, Error> {
        let bytes = entry.size();
        self.layers.bytes = self.layers.bytes.saturating_add(bytes);
        self.layers.limit(self.name, shown)?;
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .map_err(|source| Error::Damaged {
                archive: self.name.to_owned(),
                after: shown.to_owned(),
                source,
            })?;
        if content.len() as u64 != bytes {
            return Err(Error::Cut {
                archive: self.name.to_owned(),
                entry: shown.to_owned(),
                bytes,
                there: content.len() as u64,
            });
        }
        Ok(content)
    }

    /// What a hard link is: another name of a file, or what it names once more.
    fn linked(&mut self, shown: &str, target: &[u8]) -> Result<EntryKind, Error> {
        let path = ArchivePath::new(target).map_err(|e| self.bad_name(e))?;
        let path = self.in_tree(&path)?;
        let found = path.and_then(|path| Some((self.layers.tree.get(&path)?, path)));
        match found {
            Some((entry, path)) => match &entry.kind {
                EntryKind::File(_) => Ok(EntryKind::HardLink(path)),
                EntryKind::Directory => Err(self.no_target(shown, target)),
                other => Ok(other.clone()),
            },
            None => Err(self.no_target(shown, target)),
        }
    }

    fn place(&mut self, path: ArchivePath, kind: EntryKind, header: Header) -> Result<(), Error> {
        let there = self.layers.tree.get(&path).map(|entry| &entry.kind);
        let both_folders = kind == EntryKind::Directory && there == Some(&EntryKind::Directory);
        if !both_folders && kind != EntryKind::HardLink(path.clone()) {
            self.layers.tree.remove(&path);
        }
        let entry = Entry::new(path.clone(), kind)
            .with_mode(Mode::of_st_mode(header.mode))
            .with_owner(header.uid, header.gid)
            .with_attributes(header.attributes);
        let placed = self.layers.tree.insert(entry);
        placed.map_err(|source| Error::Place {
            archive: self.name.to_owned(),
            source,
        })?;
        self.placed.insert(path);
        Ok(())
    }

    /// Takes away what lower layers have at and below a path, or only below it.
    fn clear(&mut self, path: Option<&ArchivePath>, itself: bool) {
        let tree = &self.layers.tree;
        let below = |entry: &&Entry| match path {
            Some(path) => entry.path.is_below(path) || (itself && entry.path == *path),
            None => true,
        };
        let gone: Vec<ArchivePath> = tree
            .entries()
            .filter(below)
            .map(|entry| entry.path.clone())
            .collect();
        let stays: HashSet<ArchivePath> = gone
            .iter()
            .filter(|path| self.placed.contains(*path))
            .flat_map(|path| std::iter::successors(Some(path.clone()), ArchivePath::parent))
            .collect();
        for path in gone.iter().rev().filter(|path| !stays.contains(*path)) {
            self.layers.tree.remove(path);
        }
    }

    /// Where a path stands once the links in the place of directories are
    /// followed, inside of the tree; none for its root.
    fn in_tree(&self, path: &ArchivePath) -> Result<Option<ArchivePath>, Error> {
        let stands = self.layers.tree.stands_at(path);
        stands.map_err(|source| Error::Place {
            archive: self.name.to_owned(),
            source,
        })
    }

    fn bad_name(&self, source: PathError) -> Error {
        Error::Name {
            archive: self.name.to_owned(),
            source,
        }
    }

    fn no_target(&self, path: &str, target: &[u8]) -> Error {
        Error::LinkTarget {
            archive: self.name.to_owned(),
            path: path.to_owned(),
            target: String::from_utf8_lossy(target).into_owned(),
        }
    }
}

/// The last name of a path.
fn last_name(path: &ArchivePath) -> &[u8] {
    path.as_bytes()
        .rsplit(|b| *b == b'/')
        .next()
        .unwrap_or_default()
}
