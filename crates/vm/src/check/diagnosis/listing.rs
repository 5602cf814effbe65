//! What a ramdisk holds, as far as starting programs from it is concerned.

use initramfs::image::{self, ImageError, Part};
use initramfs::{Compression, Content, EntryKind, compress};
use startup::{Files, Node, NodeKind};

/// No ramdisk that is looked into is larger when it is unpacked.
const UNPACKED_LIMIT: usize = 512 << 20;

/// A ramdisk's content.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Its entries; those behind a part that is wrong are missing.
    pub files: Files,
    /// Its archives, one behind the other.
    pub parts: Vec<Part>,
    /// Where something stands that is none, and what, in words.
    pub wrong: Option<Wrong>,
    /// The dictionary that unpacking its first compressed archive needs, in
    /// bytes, where it has one.
    pub dictionary: Option<u64>,
}

/// A part of a ramdisk that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where it begins, in bytes.
    pub offset: usize,
    /// What stands there, as far as its first bytes tell.
    pub compression: Option<Compression>,
    /// Whether the kernel knows it by its first bytes, and yet it is damaged.
    pub damaged: bool,
    /// Where its blocks end and another archive begins, in bytes: lz4's, which
    /// has no end of its own.
    pub next: Option<usize>,
}

impl Listing {
    /// Reads an image as the kernel gets it, as far as it can be read.
    pub fn read(bytes: &[u8]) -> Listing {
        let mut entries = Vec::new();
        let (parts, error) = image::parts(bytes, UNPACKED_LIMIT, &mut entries);
        let mut files = Files::default();
        for entry in entries {
            let kind = match &entry.kind {
                EntryKind::Directory => NodeKind::Directory,
                EntryKind::Symlink(to) => {
                    NodeKind::Link(String::from_utf8_lossy(to.as_bytes()).into_owned())
                }
                EntryKind::File(Content::Bytes(content)) => NodeKind::of_bytes(content),
                EntryKind::HardLink(first) => match files.node(&format!("/{first}")) {
                    Some(node) => node.kind.clone(),
                    None => NodeKind::unknown_file(),
                },
                EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } => NodeKind::Device,
                _ => NodeKind::Other,
            };
            let mode = entry.mode.bits();
            files.insert(&format!("/{}", entry.path), Node { kind, mode });
        }
        let wrong = error.map(|error| wrong(&error, bytes, &parts));
        let compressed = |offset: usize, kind: Compression| dictionary(kind, bytes.get(offset..)?);
        let mut all = parts.iter().map(|part| (part.offset, part.compression));
        let first = all.find(|(_, kind)| *kind != Compression::None);
        let unread = wrong
            .as_ref()
            .and_then(|w| Some((w.offset, w.compression?)));
        let dictionary = first
            .or(unread)
            .and_then(|(offset, kind)| compressed(offset, kind));
        Listing {
            files,
            parts,
            wrong,
            dictionary,
        }
    }

    /// All archives with their compression, that which can't be read included.
    pub fn archives(&self) -> Vec<(usize, Compression)> {
        let read = self
            .parts
            .iter()
            .map(|part| (part.offset, part.compression));
        let unread = self
            .wrong
            .as_ref()
            .and_then(|w| Some((w.offset, w.compression?)));
        read.chain(unread).collect()
    }
}

fn wrong(error: &ImageError, bytes: &[u8], parts: &[Part]) -> Wrong {
    let behind = parts.last().map_or(0, |part| part.end);
    let (offset, damaged) = match error {
        ImageError::Unknown { offset } => (*offset, false),
        ImageError::Stream { offset, .. } | ImageError::Packed { offset, .. } => (*offset, true),
        ImageError::Archive(_) => {
            let zeros = bytes.get(behind..).unwrap_or_default();
            let zeros = zeros.iter().take_while(|b| **b == 0).count();
            (behind + zeros, true)
        }
    };
    let compression = bytes.get(offset..).and_then(compress::detect);
    let lz4 = compression == Some(Compression::Lz4);
    Wrong {
        offset,
        compression,
        damaged,
        next: lz4.then(|| behind_lz4(bytes, offset)).flatten(),
    }
}

/// Where the blocks of a legacy lz4 stream end, when an archive stands there
/// (lib/decompress_unlz4.c): a block's size that leads out of the image is none.
fn behind_lz4(bytes: &[u8], offset: usize) -> Option<usize> {
    const MAGIC: usize = 4;
    let mut at = offset.checked_add(MAGIC)?;
    loop {
        let size = bytes.get(at..at.checked_add(4)?)?.first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        let end = at.checked_add(4)?.checked_add(size)?;
        if size == 0 {
            return None;
        }
        if end > bytes.len() {
            break;
        }
        at = end;
    }
    compress::detect(&bytes[at..]).map(|_| at)
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
        // lib/cm_model.h, CM_BYTES: histories, and half as much again at most.
        Compression::CmFast | Compression::Cm | Compression::CmBest => {
            let memory = bytes.get(5).filter(|memory| (16..=24).contains(*memory))?;
            Some(3 << (memory - 1))
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
            startup::Elf::read(&bytes);
            Listing::read(&bytes);
        }
    }
}
