//! The content of a ramdisk, complete and in the order of the archive.

use std::collections::BTreeMap;

use super::entry::{Entry, EntryKind};
use super::path::ArchivePath;

/// Largest major number that the kernel keeps (`MKDEV` and `new_encode_dev` in
/// `include/linux/kdev_t.h` have 12 and 20 bits).
const MAX_MAJOR: u32 = (1 << 12) - 1;
/// Largest minor number that the kernel keeps.
const MAX_MINOR: u32 = (1 << 20) - 1;

/// So many links are followed on the way to a place at most (`MAXSYMLINKS` in
/// `include/linux/namei.h`).
const MAX_LINKS: usize = 40;

/// Everything a ramdisk contains, sorted by path.
///
/// It always holds that each entry's directory is there, that a
/// [`EntryKind::HardLink`] names a regular file whose path sorts before its
/// own, and that both have the same mode and owner: an archive written from it
/// can be unpacked from the first byte to the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<ArchivePath, Entry>,
}

/// Why an entry doesn't fit into the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Something on the way to the entry is not a directory.
    #[error("{path} can't be placed: {parent} is not a directory")]
    ParentNotDirectory {
        /// The entry that was to be placed.
        path: ArchivePath,
        /// What is in its way.
        parent: ArchivePath,
    },
    /// A directory with content would be replaced by something else.
    #[error("the directory {path} can't be replaced: it holds {child}")]
    DirectoryNotEmpty {
        /// The directory.
        path: ArchivePath,
        /// The first thing in it.
        child: ArchivePath,
    },
    /// A hard link's file isn't in the tree, or isn't a regular file.
    #[error("the hard link {path} needs {target}, which is {found}")]
    LinkTarget {
        /// The hard link.
        path: ArchivePath,
        /// What it names.
        target: ArchivePath,
        /// What is there instead.
        found: &'static str,
    },
    /// Links on the way lead to one another, or to a path that is too long.
    #[error("{path} can't be placed: the link {link} leads nowhere")]
    LinkLoop {
        /// The entry that was to be placed.
        path: ArchivePath,
        /// The link.
        link: ArchivePath,
    },
    /// The kernel would cut the number.
    #[error(
        "the device {path} has the number {major}:{minor}; the kernel takes {MAX_MAJOR}:{MAX_MINOR} at most"
    )]
    DeviceNumber {
        /// The device node.
        path: ArchivePath,
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Places `entry`. Missing directories on the way are made (`0755`, root);
    /// what stood at its path is replaced. When the replaced file had other
    /// names (hard links), those keep the old content.
    ///
    /// # Errors
    /// When the entry doesn't fit; the tree is then as it was.
    pub fn insert(&mut self, entry: Entry) -> Result<(), TreeError> {
        check_device(&entry)?;
        self.check_place(&entry)?;
        if let EntryKind::HardLink(target) = &entry.kind {
            let first = self.link_target(&entry.path, target)?;
            return self.insert_link(entry.path, first);
        }
        self.make_parents(&entry.path);
        self.detach(&entry.path);
        self.entries.insert(entry.path.clone(), entry);
        Ok(())
    }

    /// Places `entry` where its path leads: through symbolic links in the place
    /// of directories, as the kernel resolves it (path_resolution(7)). A merged
    /// `/usr` has them: with `bin -> usr/bin`, `bin/sh` goes to `usr/bin/sh`. What
    /// a link leads to and isn't there is made; a directory takes no link's
    /// place.
    ///
    /// # Errors
    /// When the entry doesn't fit, or a link leads nowhere; the tree is then as
    /// it was.
    pub fn place(&mut self, entry: Entry) -> Result<(), TreeError> {
        let whole = entry.kind == EntryKind::Directory;
        match self.led_to(&entry.path, whole)? {
            Some(path) => self.insert(Entry { path, ..entry }),
            None => Ok(()),
        }
    }

    /// Takes away what is at `path` and below it. When a file that goes has other
    /// names (hard links), those keep its content.
    pub fn remove(&mut self, path: &ArchivePath) {
        let below: Vec<ArchivePath> = self
            .entries
            .range(path.clone()..)
            .map(|(found, _)| found)
            .take_while(|found| found.as_bytes().starts_with(path.as_bytes()))
            .filter(|found| *found == path || found.is_below(path))
            .cloned()
            .collect();
        for path in below {
            self.detach(&path);
        }
    }

    /// Where an entry of this path stands when links in the place of directories
    /// are followed, the last name's not; `None` for the root itself. Nothing
    /// needs to be there.
    ///
    /// # Errors
    /// When the links lead nowhere.
    pub fn stands_at(&self, path: &ArchivePath) -> Result<Option<ArchivePath>, TreeError> {
        self.led_to(path, false)
    }

    /// Where a path leads when all links are followed; `None` for the root itself
    /// and for links that lead nowhere. Nothing needs to be there.
    pub fn leads_to(&self, path: &ArchivePath) -> Option<ArchivePath> {
        self.led_to(path, true).ok().flatten()
    }

    /// Where a path leads when links in the place of directories are followed,
    /// that of the last name only when `whole`; `None` for the root itself.
    fn led_to(&self, path: &ArchivePath, whole: bool) -> Result<Option<ArchivePath>, TreeError> {
        let mut rest: Vec<Vec<u8>> = names(path.as_bytes());
        let mut at: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == b".." {
                at.truncate(at.iter().rposition(|b| *b == b'/').unwrap_or(0));
                continue;
            }
            let mut next = at.clone();
            if !next.is_empty() {
                next.push(b'/');
            }
            next.extend(name);
            let last = rest.is_empty();
            let here = ArchivePath::new(&next).ok();
            let found = here.as_ref().and_then(|here| self.get(here));
            match found.map(|entry| &entry.kind) {
                Some(EntryKind::Symlink(to)) if !last || whole => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(TreeError::LinkLoop {
                            path: path.clone(),
                            link: here.unwrap_or_else(|| path.clone()),
                        });
                    }
                    if to.as_bytes().starts_with(b"/") {
                        at.clear();
                    }
                    rest.extend(names(to.as_bytes()));
                }
                _ => at = next,
            }
        }
        if at.is_empty() {
            return Ok(None);
        }
        let too_long = |_| TreeError::LinkLoop {
            path: path.clone(),
            link: path.clone(),
        };
        ArchivePath::new(&at).map(Some).map_err(too_long)
    }

    /// Places all `entries` in their order.
    ///
    /// # Errors
    /// At the first that doesn't fit; those before it stay.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) -> Result<(), TreeError> {
        entries.into_iter().try_for_each(|entry| self.insert(entry))
    }

    /// The entry at `path`.
    pub fn get(&self, path: &ArchivePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All entries in the order of the archive: a directory before its
    /// content, a file before its hard links.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn check_place(&self, entry: &Entry) -> Result<(), TreeError> {
        let mut above = entry.path.parent();
        while let Some(parent) = above {
            if self
                .get(&parent)
                .is_some_and(|found| found.kind != EntryKind::Directory)
            {
                return Err(TreeError::ParentNotDirectory {
                    path: entry.path.clone(),
                    parent,
                });
            }
            above = parent.parent();
        }
        if entry.kind == EntryKind::Directory {
            return Ok(());
        }
        match self.first_child(&entry.path) {
            Some(child) => Err(TreeError::DirectoryNotEmpty {
                path: entry.path.clone(),
                child: child.clone(),
            }),
            None => Ok(()),
        }
    }

    fn first_child(&self, path: &ArchivePath) -> Option<&ArchivePath> {
        // Names such as "a-b" sort between "a" and "a/b".
        self.entries
            .range(path.clone()..)
            .map(|(found, _)| found)
            .take_while(|found| found.as_bytes().starts_with(path.as_bytes()))
            .find(|found| found.is_below(path))
    }

    fn make_parents(&mut self, path: &ArchivePath) {
        let mut above = path.parent();
        while let Some(parent) = above {
            above = parent.parent();
            self.entries
                .entry(parent)
                .or_insert_with_key(|key| Entry::new(key.clone(), EntryKind::Directory));
        }
    }

    /// The first name of the file that `target` is a name of.
    fn link_target(
        &self,
        path: &ArchivePath,
        target: &ArchivePath,
    ) -> Result<ArchivePath, TreeError> {
        let found = match self.get(target).map(|entry| &entry.kind) {
            _ if path == target => "the link itself",
            Some(EntryKind::File(_)) => return Ok(target.clone()),
            Some(EntryKind::HardLink(first)) => return Ok(first.clone()),
            Some(_) => "not a regular file",
            None => "not there",
        };
        Err(TreeError::LinkTarget {
            path: path.clone(),
            target: target.clone(),
            found,
        })
    }

    fn insert_link(&mut self, path: ArchivePath, first: ArchivePath) -> Result<(), TreeError> {
        if path == first {
            return Ok(());
        }
        self.make_parents(&path);
        self.detach(&path);
        let Some(file) = self.get(&first).cloned() else {
            return Ok(());
        };
        let kind = EntryKind::HardLink(first.clone());
        self.entries.insert(
            path.clone(),
            Entry {
                path: path.clone(),
                kind,
                ..file.clone()
            },
        );
        if path < first {
            self.make_first(&path, &file);
        }
        Ok(())
    }

    /// Takes the entry at `path` away; the content of a file that has other
    /// names goes on under the next of them.
    fn detach(&mut self, path: &ArchivePath) {
        let Some(old) = self.entries.remove(path) else {
            return;
        };
        if !matches!(old.kind, EntryKind::File(_)) {
            return;
        }
        let next = self.links_of(path).next().cloned();
        if let Some(next) = next {
            self.make_first(&next, &old);
        }
    }

    fn links_of<'a>(&'a self, first: &'a ArchivePath) -> impl Iterator<Item = &'a ArchivePath> {
        self.entries
            .values()
            .filter(move |entry| matches!(&entry.kind, EntryKind::HardLink(to) if to == first))
            .map(|entry| &entry.path)
    }

    /// Makes `path`, so far a link, the name that carries the content of `file`.
    fn make_first(&mut self, path: &ArchivePath, file: &Entry) {
        let EntryKind::File(content) = &file.kind else {
            return;
        };
        for entry in self.entries.values_mut() {
            let is_name = entry.path == file.path
                || matches!(&entry.kind, EntryKind::HardLink(to) if *to == file.path);
            if entry.path == *path {
                entry.kind = EntryKind::File(content.clone());
            } else if is_name {
                entry.kind = EntryKind::HardLink(path.clone());
            }
        }
    }
}

/// The names of a path, the last one first.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    let names = path.split(|b| *b == b'/').rev();
    names
        .filter(|name| !matches!(name, [] | [b'.']))
        .map(<[u8]>::to_vec)
        .collect()
}

fn check_device(entry: &Entry) -> Result<(), TreeError> {
    match entry.kind {
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor }
            if major > MAX_MAJOR || minor > MAX_MINOR =>
        {
            Err(TreeError::DeviceNumber {
                path: entry.path.clone(),
                major,
                minor,
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Content, Mode};
    use super::super::path::LinkTarget;
    use super::*;

    fn path(text: &str) -> ArchivePath {
        ArchivePath::new(text).unwrap()
    }

    fn file(at: &str, text: &str) -> Entry {
        Entry::file(path(at), text.as_bytes())
    }

    fn link(at: &str, to: &str) -> Entry {
        Entry::new(path(at), EntryKind::HardLink(path(to)))
    }

    fn kind(tree: &Tree, at: &str) -> EntryKind {
        tree.get(&path(at)).unwrap().kind.clone()
    }

    fn bytes(text: &str) -> EntryKind {
        EntryKind::File(Content::Bytes(text.as_bytes().into()))
    }

    #[test]
    fn missing_directories_are_made() {
        let mut tree = Tree::new();
        tree.insert(file("a/b/c", "x")).unwrap();
        assert_eq!(tree.len(), 3);
        let made = tree.get(&path("a/b")).unwrap();
        assert_eq!((made.mode, made.uid, made.gid), (Mode::EXECUTABLE, 0, 0));
        assert_eq!(made.kind, EntryKind::Directory);
    }

    #[test]
    fn a_later_entry_replaces_an_earlier_one() {
        let mut tree = Tree::new();
        tree.insert(file("motd", "one")).unwrap();
        tree.insert(file("/motd", "two")).unwrap();
        assert_eq!((tree.len(), kind(&tree, "motd")), (1, bytes("two")));
    }

    #[test]
    fn a_directory_with_content_is_not_replaced_by_a_file() {
        let mut tree = Tree::new();
        tree.extend([file("a-b", ""), file("a/b", "x")]).unwrap();
        let before = tree.clone();
        let error = tree.insert(file("a", "y")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the directory a can't be replaced: it holds a/b"
        );
        assert_eq!(tree, before);
        let mode = Mode::new(0o700).unwrap();
        tree.insert(Entry::new(path("a"), EntryKind::Directory).with_mode(mode))
            .unwrap();
        assert_eq!(tree.get(&path("a")).unwrap().mode, mode);
    }

    #[test]
    fn nothing_is_placed_below_a_file_or_a_link() {
        let mut tree = Tree::new();
        let target = LinkTarget::new("usr/bin").unwrap();
        tree.insert(Entry::new(path("bin"), EntryKind::Symlink(target)))
            .unwrap();
        let error = tree.insert(file("bin/deep/sh", "")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bin/deep/sh can't be placed: bin is not a directory"
        );
        assert_eq!(tree.len(), 1);
    }

    fn symlink(at: &str, to: &str) -> Entry {
        let target = LinkTarget::new(to).unwrap();
        Entry::new(path(at), EntryKind::Symlink(target))
    }

    #[test]
    fn things_are_placed_through_links_that_stand_for_directories() {
        let mut tree = Tree::new();
        let links = [
            symlink("bin", "usr/bin"),
            symlink("sbin", "/usr/sbin"),
            symlink("lib", "../../usr/./lib"),
            symlink("usr/sbin", "bin"),
        ];
        tree.extend(links).unwrap();
        tree.place(file("bin/busybox", "x")).unwrap();
        tree.place(symlink("sbin/init", "/bin/busybox")).unwrap();
        tree.place(file("lib/deep/a", "y")).unwrap();
        let directory = Entry::new(path("bin"), EntryKind::Directory);
        tree.place(directory).unwrap();
        let all: Vec<String> = tree.entries().map(|e| e.path.to_string()).collect();
        let expected = [
            "bin",
            "lib",
            "sbin",
            "usr",
            "usr/bin",
            "usr/bin/busybox",
            "usr/bin/init",
            "usr/lib",
            "usr/lib/deep",
            "usr/lib/deep/a",
            "usr/sbin",
        ];
        assert_eq!(all, expected);
        assert!(matches!(kind(&tree, "bin"), EntryKind::Symlink(_)));
        // The last name is replaced, link or not.
        tree.place(file("sbin/init", "z")).unwrap();
        assert_eq!(kind(&tree, "usr/bin/init"), bytes("z"));
    }

    #[test]
    fn nothing_is_placed_through_a_link_that_leads_nowhere() {
        let mut tree = Tree::new();
        tree.extend([symlink("a", "b"), symlink("b", "a"), file("f", "")])
            .unwrap();
        tree.insert(symlink("g", "f")).unwrap();
        tree.insert(symlink("top", "..")).unwrap();
        let mut why = |at: &str| tree.place(file(at, "")).map_err(|e| e.to_string());
        let told = why("a/x").unwrap_err();
        assert!(told.starts_with("a/x can't be placed: the link "), "{told}");
        assert_eq!(
            why("g/x").unwrap_err(),
            "f/x can't be placed: f is not a directory"
        );
        assert_eq!(why("top/x"), Ok(()));
        assert_eq!(kind(&tree, "x"), bytes(""));
        let root = Entry::new(path("top"), EntryKind::Directory);
        assert_eq!(tree.place(root), Ok(()));
    }

    #[test]
    fn the_first_name_in_the_archive_carries_the_content() {
        let mut tree = Tree::new();
        tree.extend([file("m", "x"), link("z", "m"), link("b", "z")])
            .unwrap();
        assert_eq!(kind(&tree, "b"), bytes("x"));
        assert_eq!(kind(&tree, "m"), EntryKind::HardLink(path("b")));
        assert_eq!(kind(&tree, "z"), EntryKind::HardLink(path("b")));
    }

    #[test]
    fn other_names_keep_the_content_of_a_replaced_file() {
        let mut tree = Tree::new();
        tree.extend([file("a", "old"), link("b", "a"), link("c", "a")])
            .unwrap();
        tree.insert(file("a", "new")).unwrap();
        assert_eq!(kind(&tree, "a"), bytes("new"));
        assert_eq!(kind(&tree, "b"), bytes("old"));
        assert_eq!(kind(&tree, "c"), EntryKind::HardLink(path("b")));
    }

    #[test]
    fn a_hard_link_has_its_files_mode_and_owner() {
        let mut tree = Tree::new();
        let mode = Mode::new(0o4755).unwrap();
        tree.insert(file("su", "x").with_mode(mode).with_owner(1, 2))
            .unwrap();
        tree.insert(link("sudo", "su")).unwrap();
        let found = tree.get(&path("sudo")).unwrap();
        assert_eq!((found.mode, found.uid, found.gid), (mode, 1, 2));
    }

    #[test]
    fn a_hard_link_needs_a_file() {
        let mut tree = Tree::new();
        tree.insert(Entry::new(path("d"), EntryKind::Directory))
            .unwrap();
        let why = |tree: &mut Tree, at: &str, to: &str| {
            tree.insert(link(at, to)).unwrap_err().to_string()
        };
        assert_eq!(
            why(&mut tree, "x", "d"),
            "the hard link x needs d, which is not a regular file"
        );
        assert_eq!(
            why(&mut tree, "x", "y"),
            "the hard link x needs y, which is not there"
        );
        assert_eq!(
            why(&mut tree, "x", "x"),
            "the hard link x needs x, which is the link itself"
        );
        assert_eq!(tree.len(), 1);
    }

    #[test]
    fn a_device_number_that_the_kernel_would_cut_is_refused() {
        let device = EntryKind::CharDevice {
            major: 4096,
            minor: 0,
        };
        let error = Tree::new()
            .insert(Entry::new(path("dev/x"), device))
            .unwrap_err();
        assert!(
            error.to_string().contains("dev/x has the number 4096:0"),
            "{error}"
        );
    }
}
