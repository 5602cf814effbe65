//! Which file system an image holds that exists already, by its superblock.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use initramfs::Compression;

use crate::Filesystem;

/// So much of an image has to be looked at.
const LOOKED_AT: u64 = 2048;

/// What an image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file system.
    pub filesystem: Filesystem,
    /// How it is compressed, as far as its superblock says so.
    pub compression: Option<Compression>,
}

/// Looks at an image that begins at this offset of a file.
///
/// # Errors
/// When it can't be read.
pub fn of_file(path: &Path, offset: u64) -> io::Result<Option<Found>> {
    use std::io::{Seek, SeekFrom};
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(LOOKED_AT).read_to_end(&mut bytes)?;
    Ok(of_bytes(&bytes))
}

/// The offset of a partition, from 1, in bytes: of the four that the classic
/// table in the first sector names.
///
/// # Errors
/// When the file can't be read.
pub fn partition(path: &Path, number: u32) -> io::Result<Option<u64>> {
    let mut sector = [0; 512];
    File::open(path)?.read_exact(&mut sector)?;
    Ok(partition_in(&sector, number))
}

fn partition_in(sector: &[u8], number: u32) -> Option<u64> {
    if sector.get(510..512) != Some(&[0x55, 0xaa]) || !(1..=4).contains(&number) {
        return None;
    }
    let entry = 446 + 16 * (number as usize - 1);
    let start = u32_at(sector, entry + 8)?;
    (start > 0).then_some(u64::from(start) * 512)
}

/// Looks at the beginning of an image. The places and numbers are those of the
/// kernel's fs/squashfs/squashfs_fs.h, fs/erofs/erofs_fs.h,
/// include/uapi/linux/magic.h and include/uapi/linux/cramfs_fs.h.
pub fn of_bytes(bytes: &[u8]) -> Option<Found> {
    let found = |filesystem, compression| {
        Some(Found {
            filesystem,
            compression,
        })
    };
    match u32_at(bytes, 0) {
        Some(0x7371_7368) => {
            let compression = match u16_at(bytes, 20)? {
                1 => Some(Compression::Gzip),
                4 => Some(Compression::Xz),
                5 => Some(Compression::Lz4),
                6 => Some(Compression::Zstd),
                _ => None,
            };
            return found(Filesystem::Squashfs, compression);
        }
        Some(0x28cd_3d45) => return found(Filesystem::Cramfs, Some(Compression::Gzip)),
        _ => {}
    }
    if u32_at(bytes, 1024) == Some(0xe0f5_e1e2) {
        // The incompatible feature LZ4_0PADDING.
        let packed = u32_at(bytes, 1024 + 80)? & 1 != 0;
        let compression = if packed {
            Compression::Lz4
        } else {
            Compression::None
        };
        return found(Filesystem::Erofs, Some(compression));
    }
    if u16_at(bytes, 1024 + 56) == Some(0xef53) {
        return found(Filesystem::Ext4, Some(Compression::None));
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_partition_begins_where_the_table_says() {
        let mut sector = [0; 512];
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector[446 + 8..446 + 12].copy_from_slice(&2048u32.to_le_bytes());
        assert_eq!(partition_in(&sector, 1), Some(1 << 20));
        assert_eq!(partition_in(&sector, 2), None, "an empty one");
        assert_eq!(partition_in(&sector, 5), None, "not of the four");
        sector[510] = 0;
        assert_eq!(partition_in(&sector, 1), None, "no table");
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_they_give_an_answer(
            bytes in proptest::collection::vec(any::<u8>(), 0..2100),
            number in 0u32..6,
        ) {
            of_bytes(&bytes);
            partition_in(&bytes, number);
        }
    }
}
