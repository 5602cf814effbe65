//! What a ramdisk holds, as far as starting programs from it is concerned.

use std::collections::BTreeMap;

use initramfs::image::{self, ImageError};
use initramfs::{Compression, Content, EntryKind, compress};

/// No ramdisk that is looked into is larger when it is unpacked.
const UNPACKED_LIMIT: usize = 512 << 20;

/// So many links lead to one another at most, as in the kernel (MAXSYMLINKS).
const LINKS_LIMIT: usize = 40;

/// A ramdisk's content.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    nodes: BTreeMap<String, Node>,
    /// How its first compressed part is compressed.
    pub compression: Option<Compression>,
    /// The dictionary that unpacking it needs, in bytes, where it has one.
    pub dictionary: Option<u64>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its permission bits.
    pub mode: u32,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A folder.
    Directory,
    /// A symbolic link to this.
    Link(String),
    /// An ELF program.
    Elf(Elf),
    /// A script: the line behind `#!`, the carriage return of a DOS text
    /// included.
    Script(String),
    /// Something else.
    Other,
}

/// The head of an ELF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// `e_machine`.
    pub machine: u16,
    /// 32 or 64.
    pub bits: u32,
    /// The loader that it asks for (`PT_INTERP`).
    pub loader: Option<String>,
    /// Where its last loaded segment ends in physical memory.
    pub end: u64,
}

impl Elf {
    /// Reads the head of an ELF file (the System V gABI, chapters 4 and 5);
    /// `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Elf> {
        let (class, order) = match bytes.get(..6)? {
            [0x7f, b'E', b'L', b'F', class @ (1 | 2), order @ (1 | 2)] => (*class, *order),
            _ => return None,
        };
        let (wide, big) = (class == 2, order == 2);
        let number = |at: usize, size: usize| -> Option<u64> {
            let part = bytes.get(at..at.checked_add(size)?)?;
            let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
            Some(if big {
                part.iter().fold(0, fold)
            } else {
                part.iter().rev().fold(0, fold)
            })
        };
        let (phoff, sizes) = if wide {
            (number(32, 8)?, 54)
        } else {
            (number(28, 4)?, 42)
        };
        let (size, count) = (number(sizes, 2)?, number(sizes + 2, 2)?);
        let header = |at: u64| usize::try_from(phoff.checked_add(at.checked_mul(size)?)?).ok();
        let loader = (0..count).find_map(|at| {
            let at = header(at)?;
            if number(at, 4)? != 3 {
                return None;
            }
            let (offset, length) = if wide {
                (number(at + 8, 8)?, number(at + 32, 8)?)
            } else {
                (number(at + 4, 4)?, number(at + 16, 4)?)
            };
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(usize::try_from(length).ok()?)?;
            let text = bytes.get(start..end)?.split(|b| *b == 0).next()?;
            Some(String::from_utf8_lossy(text).into_owned())
        });
        let end = |at: u64| -> Option<u64> {
            let at = header(at)?;
            let (start, size) = if wide {
                (number(at + 24, 8)?, number(at + 40, 8)?)
            } else {
                (number(at + 12, 4)?, number(at + 20, 4)?)
            };
            (number(at, 4)? == 1).then(|| start.saturating_add(size))
        };
        Some(Elf {
            end: (0..count).filter_map(end).max().unwrap_or(0),
            machine: number(18, 2)? as u16,
            bits: if wide { 64 } else { 32 },
            loader,
        })
    }

    /// Whether a kernel of one kind may run programs of the other.
    pub fn same_machine(&self, other: &Elf) -> bool {
        self.machine == other.machine && self.bits == other.bits
    }

    /// The machine's name (the gABI's registry of `e_machine`).
    pub fn machine_name(&self) -> String {
        let name = match self.machine {
            2 => "SPARC",
            3 => "32-bit x86",
            8 => "MIPS",
            20 => "32-bit PowerPC",
            21 => "64-bit PowerPC",
            22 => "s390",
            40 => "32-bit ARM",
            62 => "x86-64",
            183 => "64-bit ARM",
            243 => "RISC-V",
            258 => "LoongArch",
            other => return format!("machine number {other}"),
        };
        name.to_owned()
    }
}

impl Listing {
    /// Reads an image as the kernel gets it.
    ///
    /// # Errors
    /// When it can't be unpacked.
    pub fn read(bytes: &[u8]) -> Result<Listing, ImageError> {
        let mut nodes = BTreeMap::new();
        for entry in image::unpack(bytes, UNPACKED_LIMIT)? {
            let kind = match &entry.kind {
                EntryKind::Directory => NodeKind::Directory,
                EntryKind::Symlink(to) => {
                    NodeKind::Link(String::from_utf8_lossy(to.as_bytes()).into_owned())
                }
                EntryKind::File(Content::Bytes(content)) => program(content),
                EntryKind::HardLink(first) => nodes
                    .get(&format!("/{first}"))
                    .map_or(NodeKind::Other, |node: &Node| node.kind.clone()),
                _ => NodeKind::Other,
            };
            let mode = entry.mode.bits();
            nodes.insert(format!("/{}", entry.path), Node { kind, mode });
        }
        Ok(Listing {
            nodes,
            ..Listing::of_head(bytes)
        })
    }

    /// What the head of an image tells, of one that can't be unpacked too.
    pub fn of_head(bytes: &[u8]) -> Listing {
        let compression = compress::detect(bytes).filter(|kind| *kind != Compression::None);
        Listing {
            compression,
            dictionary: compression.and_then(|kind| dictionary(kind, bytes)),
            ..Listing::default()
        }
    }

    /// The entry at an absolute path, links followed.
    pub fn find(&self, path: &str) -> Option<&Node> {
        self.node(&self.resolve(path)?)
    }

    /// The entry itself.
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// All entries with their paths.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// The one folder at the top below which everything stands.
    pub fn only_folder(&self) -> Option<&str> {
        let mut top = self.nodes.keys().filter(|path| !path[1..].contains('/'));
        let only = top.next().filter(|_| top.next().is_none())?;
        (self.nodes.get(only)?.kind == NodeKind::Directory).then_some(only)
    }

    /// Where a path leads when all links on the way are followed.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut at = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = format!("{at}/{part}");
            match &self.nodes.get(&next)?.kind {
                NodeKind::Link(to) => {
                    links += 1;
                    if links > LINKS_LIMIT {
                        return None;
                    }
                    if to.starts_with('/') {
                        at.clear();
                    }
                    rest.extend(to.split('/').rev().map(str::to_owned));
                }
                _ => at = next,
            }
        }
        Some(at)
    }
}

fn program(content: &[u8]) -> NodeKind {
    if let Some(elf) = Elf::read(content) {
        return NodeKind::Elf(elf);
    }
    match content.strip_prefix(b"#!") {
        Some(rest) => {
            let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
            NodeKind::Script(String::from_utf8_lossy(line).into_owned())
        }
        None => NodeKind::Other,
    }
}

/// The dictionary in the head of a stream: of an xz block's LZMA2 filter (the
/// .xz format, 3.1 and 5.3.1), of the .lzma header; lz4's decoder takes the
/// size of a block (lib/decompress_unlz4.c).
fn dictionary(kind: Compression, bytes: &[u8]) -> Option<u64> {
    match kind {
        Compression::Lz4 => Some(8 << 20),
        Compression::Lzma => {
            let size = bytes.get(1..5)?.first_chunk::<4>()?;
            Some(u64::from(u32::from_le_bytes(*size)))
        }
        Compression::Xz => {
            // Behind the stream's header: the block header's size and flags,
            // two sizes that may be there, then the filters.
            let flags = *bytes.get(13)?;
            let mut at = 14;
            let mut number = || -> Option<u64> {
                let mut value = 0u64;
                for shift in 0..9 {
                    let byte = *bytes.get(at)?;
                    at += 1;
                    value |= u64::from(byte & 0x7f) << (7 * shift);
                    if byte & 0x80 == 0 {
                        return Some(value);
                    }
                }
                None
            };
            for bit in [0x40, 0x80] {
                if flags & bit != 0 {
                    number()?;
                }
            }
            loop {
                let (filter, size) = (number()?, number()?);
                if filter == 0x21 {
                    let bits = u64::from(*bytes.get(at)? & 0x3f);
                    return match bits {
                        0..=39 => Some((2 | (bits & 1)) << (bits / 2 + 11)),
                        _ => Some(u64::from(u32::MAX)),
                    };
                }
                for _ in 0..size.min(64) {
                    number()?;
                }
            }
        }
        Compression::None | Compression::Gzip | Compression::Zstd => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use initramfs::Settings;
    use initramfs::compress::compress;
    use proptest::prelude::*;

    #[test]
    fn the_dictionary_is_read_from_the_head() {
        let settings = Settings {
            machine_ram: 1 << 30,
            bcj: None,
        };
        let input = vec![7; 3 << 20];
        let expected = u64::from(initramfs::compress::dictionary_bytes(3 << 20, 1 << 30));
        for kind in [Compression::Xz, Compression::Lzma] {
            let packed = compress(kind, &input, &settings).expect("packs");
            assert_eq!(dictionary(kind, &packed), Some(expected), "{kind:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(mut bytes: Vec<u8>, head in 0usize..4) {
            let heads: [&[u8]; 4] = [b"\x7fELF\x01\x01", b"\x7fELF\x02\x02", b"\xfd7zXZ\0", b"\x5d\0"];
            bytes.splice(0..0, heads[head].iter().copied());
            Elf::read(&bytes);
            Listing::of_head(&bytes);
            let _ = Listing::read(&bytes);
        }
    }
}
