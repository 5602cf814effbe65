//! Where the bytes of a root file system on a disk are: per file.
//!
//! What a file takes of a compressed image is not written down anywhere in it: files
//! share blocks. So each file's blocks are compressed alone, as the file system's tool
//! does it, and what the image has beyond that is the file system's own. Where files
//! were worth less together than alone, all are scaled down to the image.

use std::path::Path;

use disk::Filesystem;
use initramfs::compress::{self, Compression, Settings};
use initramfs::{Content, EntryKind, Tree};

use super::ramdisk::Part;
use super::share;
use crate::error::{Error, Result};

/// What squashfs compresses at once, where nothing else is said (mksquashfs(1)).
const BLOCK: usize = 128 << 10;

/// A page, which is what others read at once.
const PAGE: usize = 4096;

/// Says where the bytes of an image are that was made of a tree. Shares add up to
/// the image.
pub fn parts(
    tree: &Tree,
    (filesystem, kind): (Filesystem, Compression),
    image_bytes: u64,
) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut prices = Vec::new();
    for entry in tree.entries() {
        let EntryKind::File(content) = &entry.kind else {
            continue;
        };
        let file = format!("/{}", entry.path);
        let bytes = match content {
            Content::Bytes(bytes) => bytes.to_vec(),
            Content::Path(path) => {
                std::fs::read(path).map_err(|e| host::Error::file("read", path, e))?
            }
        };
        prices.push(price(&bytes, filesystem, kind, &file)? as f64);
        parts.push(Part {
            file,
            object: None,
            applet: None,
            size: bytes.len() as u64,
            share: 0,
            ram: 0,
        });
    }
    parts.push(Part {
        file: "(the file system's own)".to_owned(),
        object: None,
        applet: None,
        size: 0,
        share: 0,
        ram: 0,
    });
    let files: f64 = prices.iter().sum();
    prices.push((image_bytes as f64 - files).max(0.0));
    for (part, share) in parts.iter_mut().zip(share::apportion(&prices, image_bytes)) {
        part.share = share;
    }
    parts.retain(|part| part.size > 0 || part.share > 0);
    Ok(parts)
}

/// What a file's blocks take when they are compressed alone.
fn price(bytes: &[u8], filesystem: Filesystem, kind: Compression, file: &str) -> Result<u64> {
    let block = match filesystem {
        Filesystem::Squashfs => BLOCK,
        Filesystem::Erofs | Filesystem::Ext4 | Filesystem::Cramfs => PAGE,
    };
    if kind == Compression::None {
        return Ok(bytes.len().next_multiple_of(block) as u64);
    }
    let settings = Settings {
        machine_ram: u64::MAX,
        bcj: None,
    };
    let mut sum = 0;
    for block in bytes.chunks(block) {
        let packed = compress::compress(kind, block, &settings);
        let packed = packed.map_err(|e| host::Error::file("compress", Path::new(file), e))?;
        // What doesn't shrink is stored as it is.
        sum += packed.len().min(block.len()) as u64;
    }
    Ok(sum)
}

/// An image that exists is not looked into.
pub fn unknown(image_bytes: u64) -> Result<Vec<Part>> {
    if image_bytes == 0 {
        return Err(Error::RamdiskFormat);
    }
    Ok(vec![Part {
        file: "(an image that exists already)".to_owned(),
        object: None,
        applet: None,
        size: image_bytes,
        share: image_bytes,
        ram: 0,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use initramfs::{ArchivePath, Entry};

    #[test]
    fn shares_add_up_to_the_image() {
        let mut tree = Tree::new();
        for (path, bytes) in [("a", vec![7u8; 300_000]), ("b/c", (0..=255).collect())] {
            let path = ArchivePath::new(path).expect("a path");
            tree.insert(Entry::file(path, bytes)).expect("fits");
        }
        for (image, own) in [(4096, true), (100, false)] {
            let how = (Filesystem::Squashfs, Compression::Gzip);
            let parts = parts(&tree, how, image).expect("compresses");
            assert_eq!(parts.iter().map(|p| p.share).sum::<u64>(), image);
            let sizes: Vec<u64> = parts.iter().map(|p| p.size).collect();
            assert_eq!(sizes[..2], [300_000, 256]);
            assert_eq!(parts.len() == 3, own, "{parts:?}");
        }
    }
}
