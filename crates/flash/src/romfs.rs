//! romfs, which the kernel mounts where it is stored and whose programs it can
//! execute there (Documentation/filesystems/romfs.rst, fs/romfs).
//!
//! It keeps names, contents, links, devices and who may execute what; no
//! owners, no other permissions, no times.

use std::fs;

use initramfs::{Content, Entry, EntryKind, Tree};

use crate::error::{Error, Result};

/// Headers and contents begin at multiples of it (`ROMFH_PAD`).
const STEP: usize = 16;

/// The whole is a multiple of it: the kernel reads blocks of this size
/// (`ROMBSIZE`) from a block device.
const BLOCK: usize = 1024;

/// So much of the beginning is summed up (romfs_fill_super()).
const SUMMED: usize = 512;

/// Before a file's name.
const HEADER: usize = 16;

const HARD_LINK: u32 = 0;
const DIRECTORY: u32 = 1;
const FILE: u32 = 2;
const SYMLINK: u32 = 3;
const BLOCK_DEVICE: u32 = 4;
const CHAR_DEVICE: u32 = 5;
const FIFO: u32 = 7;
const EXECUTABLE: u32 = 8;

/// The volume's name.
const VOLUME: &[u8] = b"root";

/// The file system of a tree.
///
/// # Errors
/// When a file of this machine can't be read, a device's number doesn't fit, or
/// the whole is too large.
pub fn write(tree: &Tree) -> Result<Vec<u8>> {
    let mut writer = Writer {
        tree,
        bytes: Vec::new(),
        files: Vec::new(),
    };
    writer.bytes.extend(b"-rom1fs-\0\0\0\0\0\0\0\0");
    writer.padded(VOLUME);
    writer.root()?;
    writer.finish()
}

struct Writer<'a> {
    tree: &'a Tree,
    bytes: Vec<u8>,
    /// Where regular files' headers are: hard links name them.
    files: Vec<(&'a [u8], u32)>,
}

impl<'a> Writer<'a> {
    fn at(&self) -> Result<u32> {
        u32::try_from(self.bytes.len()).map_err(|_| Error::TooLarge)
    }

    /// A text with a zero at its end, up to the next multiple of [`STEP`].
    fn padded(&mut self, text: &[u8]) {
        self.bytes.extend(text);
        self.bytes.push(0);
        self.fill(STEP);
    }

    fn fill(&mut self, step: usize) {
        let whole = self.bytes.len().next_multiple_of(step);
        self.bytes.resize(whole, 0);
    }

    /// A header without `next` and its sum, which are not known yet. Gives where
    /// it is.
    fn header(&mut self, name: &[u8], kind: u32, info: u32, size: u32) -> Result<u32> {
        let at = self.at()?;
        for word in [kind, info, size, 0] {
            self.bytes.extend(word.to_be_bytes());
        }
        self.padded(name);
        Ok(at)
    }

    fn set(&mut self, at: u32, word: usize, value: u32) {
        let place = at as usize + 4 * word;
        self.bytes[place..place + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// The root is the first header, and the first entry of its own.
    fn root(&mut self) -> Result<()> {
        let root = self.at()?;
        self.header(b".", DIRECTORY | EXECUTABLE, root, 0)?;
        let mut headers = vec![root, self.header(b"..", HARD_LINK, root, 0)?];
        self.children(b"", root, &mut headers)?;
        self.chain(&headers);
        Ok(())
    }

    /// What stands in a folder whose header is at `here`.
    fn children(&mut self, folder: &[u8], here: u32, headers: &mut Vec<u32>) -> Result<()> {
        let tree = self.tree;
        for entry in tree.entries() {
            let path = entry.path.as_bytes();
            let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
                Some(at) => (&path[..at], &path[at + 1..]),
                None => (&b""[..], path),
            };
            if above == folder {
                headers.push(self.entry(entry, name, here)?);
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &'a Entry, name: &[u8], above: u32) -> Result<u32> {
        match &entry.kind {
            EntryKind::Directory => self.directory(entry, name, above),
            EntryKind::File(content) => {
                let bytes = read(entry, content)?;
                let executable = match entry.mode.bits() & 0o111 {
                    0 => 0,
                    _ => EXECUTABLE,
                };
                let at = self.with_content(name, FILE | executable, &bytes)?;
                self.files.push((entry.path.as_bytes(), at));
                Ok(at)
            }
            EntryKind::Symlink(target) => self.with_content(name, SYMLINK, target.as_bytes()),
            EntryKind::CharDevice { major, minor } => {
                let info = device(entry, *major, *minor)?;
                self.header(name, CHAR_DEVICE, info, 0)
            }
            EntryKind::BlockDevice { major, minor } => {
                let info = device(entry, *major, *minor)?;
                self.header(name, BLOCK_DEVICE, info, 0)
            }
            EntryKind::Fifo => self.header(name, FIFO, 0, 0),
            EntryKind::HardLink(first) => {
                let first = first.as_bytes();
                let files = self.files.iter();
                // The first of a file's names stands before the others.
                let at = files.rev().find(|(path, _)| *path == first);
                let at = at.map_or(0, |(_, at)| *at);
                self.header(name, HARD_LINK, at, 0)
            }
        }
    }

    fn directory(&mut self, entry: &Entry, name: &[u8], above: u32) -> Result<u32> {
        let here = self.header(name, DIRECTORY | EXECUTABLE, 0, 0)?;
        let first = self.header(b".", HARD_LINK, here, 0)?;
        self.set(here, 1, first);
        let mut headers = vec![first, self.header(b"..", HARD_LINK, above, 0)?];
        self.children(entry.path.as_bytes(), here, &mut headers)?;
        self.chain(&headers);
        Ok(here)
    }

    fn with_content(&mut self, name: &[u8], kind: u32, content: &[u8]) -> Result<u32> {
        let size = u32::try_from(content.len()).map_err(|_| Error::TooLarge)?;
        let at = self.header(name, kind, 0, size)?;
        self.bytes.extend(content);
        self.fill(STEP);
        Ok(at)
    }

    /// Each header of a folder names the next. The kind shares the word: its
    /// four bits are those that multiples of 16 leave free.
    fn chain(&mut self, headers: &[u32]) {
        for (at, header) in headers.iter().enumerate() {
            let next = headers.get(at + 1).copied().unwrap_or(0);
            let kind = word(&self.bytes, *header as usize);
            self.set(*header, 0, next | kind);
            let name = *header as usize + HEADER;
            let length = self.bytes[name..].iter().position(|byte| *byte == 0);
            let end = name + (length.unwrap_or(0) + 1).next_multiple_of(STEP);
            let sum = sum(&self.bytes[*header as usize..end]);
            self.set(*header, 3, 0u32.wrapping_sub(sum));
        }
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        let size = self.at()?;
        self.set(0, 2, size);
        self.fill(BLOCK);
        self.at()?;
        let summed = SUMMED.min(size as usize).next_multiple_of(4);
        let sum = sum(&self.bytes[..summed]);
        self.set(0, 3, 0u32.wrapping_sub(sum));
        Ok(self.bytes)
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    bytes.map_or(0, u32::from_be_bytes)
}

/// The sum of all words; a header's own sum makes it 0.
fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks_exact(4).map(|four| word(four, 0));
    words.fold(0, u32::wrapping_add)
}

fn read(entry: &Entry, content: &Content) -> Result<Vec<u8>> {
    match content {
        Content::Bytes(bytes) => Ok(bytes.to_vec()),
        Content::Path(path) => fs::read(path).map_err(|error| Error::Unreadable {
            path: format!("/{}", entry.path),
            error,
        }),
    }
}

fn device(entry: &Entry, major: u32, minor: u32) -> Result<u32> {
    let limit = 1 << 16;
    if major >= limit || minor >= limit {
        return Err(Error::DeviceNumber {
            path: format!("/{}", entry.path),
            major,
            minor,
        });
    }
    Ok(major << 16 | minor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use initramfs::{ArchivePath, LinkTarget, Mode};

    fn tree() -> Tree {
        let path = |path: &str| ArchivePath::new(path).expect("a path");
        let bytes = |text: &str| EntryKind::File(Content::Bytes(text.as_bytes().into()));
        let link = LinkTarget::new("../motd").expect("a target");
        let char = EntryKind::CharDevice { major: 5, minor: 1 };
        let mut tree = Tree::new();
        let entries = [
            Entry::new(path("bin/hello"), bytes("program")).with_mode(Mode::EXECUTABLE),
            Entry::new(path("bin/other"), EntryKind::HardLink(path("bin/hello")))
                .with_mode(Mode::EXECUTABLE),
            Entry::new(path("bin/a-name-of-more-than-16"), EntryKind::Symlink(link)),
            Entry::new(path("dev/console"), char),
            Entry::new(path("motd"), bytes("sixteen bytes...")),
        ];
        tree.extend(entries).expect("they fit");
        tree
    }

    /// All that a file system holds, read as fs/romfs/super.c reads it.
    fn listing(image: &[u8]) -> Vec<String> {
        let first = HEADER + (VOLUME.len() + 1).next_multiple_of(STEP);
        let mut found = Vec::new();
        list(image, word(image, first + 4) & !15, "", &mut found);
        found
    }

    fn list(image: &[u8], mut at: u32, above: &str, found: &mut Vec<String>) {
        while at != 0 {
            let here = at as usize;
            let (next, info) = (word(image, here), word(image, here + 4));
            let size = word(image, here + 8) as usize;
            let name = &image[here + HEADER..];
            let length = name.iter().position(|b| *b == 0).expect("an end");
            let begin = here + HEADER + (length + 1).next_multiple_of(STEP);
            assert_eq!(sum(&image[here..begin]), 0, "the sum at {here:#x}");
            let name = String::from_utf8_lossy(&name[..length]).into_owned();
            let path = format!("{above}/{name}");
            let content = String::from_utf8_lossy(&image[begin..begin + size]);
            let executable = if next & EXECUTABLE == 0 { "" } else { "*" };
            match next & 7 {
                HARD_LINK if name.starts_with('.') => assert!(word(image, info as usize) & 1 == 1),
                HARD_LINK => {
                    let size = word(image, info as usize + 8);
                    found.push(format!("{path} = file of {size}"));
                }
                DIRECTORY if name == "." => {}
                DIRECTORY => {
                    found.push(format!("{path}/"));
                    list(image, info & !15, &path, found);
                }
                SYMLINK => found.push(format!("{path} -> {content}")),
                FILE => found.push(format!("{path}{executable}: {content}")),
                kind => found.push(format!(
                    "{path} kind {kind} {}:{}",
                    info >> 16,
                    info & 0xffff
                )),
            }
            at = next & !15;
        }
    }

    #[test]
    fn the_tree_is_found_again_by_the_kernels_rules() {
        let image = write(&tree()).expect("written");
        assert_eq!(image.len() % BLOCK, 0);
        assert_eq!(sum(&image[..SUMMED]), 0);
        assert!(word(&image, 8) as usize <= image.len());
        assert_eq!(
            listing(&image),
            [
                "/bin/",
                "/bin/a-name-of-more-than-16 -> ../motd",
                "/bin/hello*: program",
                "/bin/other = file of 7",
                "/dev/",
                "/dev/console kind 5 5:1",
                "/motd: sixteen bytes...",
            ]
        );
        assert_eq!(image, write(&tree()).expect("written again"));
    }

    #[test]
    fn a_device_number_that_does_not_fit_is_told() {
        let mut tree = Tree::new();
        let kind = EntryKind::CharDevice {
            major: 5,
            minor: 1 << 16,
        };
        let entry = Entry::new(ArchivePath::new("null").expect("a path"), kind);
        tree.insert(entry).expect("it fits");
        let error = write(&tree).expect_err("too large a number");
        let told = "/null has the number 5:65536; a romfs keeps 16 bits of each";
        assert_eq!(error.to_string(), told);
    }
}
