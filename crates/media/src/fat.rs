//! Reads the FAT12 that mtools made: where its files stand, and what is free.
//!
//! The format is described in Microsoft's "FAT: General Overview of On-Disk
//! Format" (1.03). Only files of the root folder are looked for.

/// A floppy disk's file system.
#[derive(Debug)]
pub(crate) struct Fat<'a> {
    bytes: &'a [u8],
    sector_bytes: usize,
    cluster_sectors: usize,
    table: usize,
    root: usize,
    root_entries: usize,
    data: usize,
    clusters: usize,
}

/// Where a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its first sector.
    pub sector: u32,
    /// Its size in bytes.
    pub bytes: u32,
}

impl Extent {
    /// How many sectors of 512 bytes it fills.
    pub(crate) fn sectors(self) -> u32 {
        self.bytes.div_ceil(512)
    }
}

/// What stands for the end of a file is not less than this.
const END: usize = 0xff8;

impl<'a> Fat<'a> {
    /// Reads the file system's own description.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let number = |at: usize, length: usize| -> Result<usize, &'static str> {
            let field = bytes.get(at..at + length).ok_or("it is cut off")?;
            Ok(field.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)))
        };
        let sector_bytes = number(11, 2)?;
        let cluster_sectors = number(13, 1)?;
        if sector_bytes != 512 || cluster_sectors == 0 {
            return Err("its sectors have no 512 bytes");
        }
        let reserved = number(14, 2)?;
        let (tables, table_sectors) = (number(16, 1)?, number(22, 2)?);
        let (root_entries, all) = (number(17, 2)?, number(19, 2)?);
        let root = reserved + tables * table_sectors;
        let data = root + (root_entries * 32).div_ceil(sector_bytes);
        let clusters = all.checked_sub(data).ok_or("it has no room for files")? / cluster_sectors;
        if clusters >= 4085 {
            return Err("it is no FAT12");
        }
        if bytes.len() < all * sector_bytes || reserved == 0 || table_sectors == 0 {
            return Err("it is cut off");
        }
        Ok(Fat {
            bytes,
            sector_bytes,
            cluster_sectors,
            table: reserved * sector_bytes,
            root: root * sector_bytes,
            root_entries,
            data,
            clusters,
        })
    }

    /// What follows a cluster: 0 where it is free.
    fn next(&self, cluster: usize) -> usize {
        let at = self.table + cluster + cluster / 2;
        let byte = |at: usize| self.bytes.get(at).copied().map_or(0, usize::from);
        let pair = byte(at) | byte(at + 1) << 8;
        if cluster.is_multiple_of(2) {
            pair & 0xfff
        } else {
            pair >> 4
        }
    }

    /// How many bytes no file has.
    pub(crate) fn free_bytes(&self) -> u64 {
        let free = (2..self.clusters + 2).filter(|cluster| self.next(*cluster) == 0);
        (free.count() * self.cluster_sectors * self.sector_bytes) as u64
    }

    /// Where a file of the root folder stands; `name` is as a folder has it: eight
    /// and three letters, filled with blanks.
    ///
    /// # Errors
    /// When it isn't there, or isn't in one piece.
    pub(crate) fn find(&self, name: &[u8; 11]) -> Result<Extent, &'static str> {
        let entries = (0..self.root_entries).map(|n| self.root + n * 32);
        let mut entries = entries.filter_map(|at| self.bytes.get(at..at + 32));
        let entry = entries
            .find(|entry| entry[..11] == name[..] && entry[11] & 0x18 == 0)
            .ok_or("a file is missing")?;
        let first = usize::from(entry[26]) | usize::from(entry[27]) << 8;
        let bytes = u32::from_le_bytes([entry[28], entry[29], entry[30], entry[31]]);
        let cluster_bytes = self.cluster_sectors * self.sector_bytes;
        let count = (bytes as usize).div_ceil(cluster_bytes);
        if first < 2 || count == 0 || first + count > self.clusters + 2 {
            return Err("a file's place is not right");
        }
        for cluster in first..first + count {
            let next = self.next(cluster);
            let last = cluster + 1 == first + count;
            if (last && next < END) || (!last && next != cluster + 1) {
                return Err("a file is not in one piece");
            }
        }
        let sector = self.data + (first - 2) * self.cluster_sectors;
        Ok(Extent {
            sector: u32::try_from(sector).map_err(|_| "it is too large")?,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file system of ten clusters with one file of two and one of three that
    /// stands in two pieces.
    fn small() -> Vec<u8> {
        let mut bytes = vec![0; 512 * 13];
        bytes[11..14].copy_from_slice(&[0, 2, 1]);
        bytes[14] = 1;
        bytes[16] = 1;
        bytes[17] = 16;
        bytes[19] = 13;
        bytes[22] = 1;
        // Clusters 2 → 3, end; 4 → 5, 5 → 7, 7 end.
        for (cluster, next) in [(2, 3), (3, 0xfff), (4, 5), (5, 7), (7, 0xfff)] {
            let at = 512 + cluster + cluster / 2;
            let old = usize::from(bytes[at]) | usize::from(bytes[at + 1]) << 8;
            let new = match cluster % 2 {
                0 => old | next,
                _ => old | next << 4,
            };
            bytes[at..at + 2].copy_from_slice(&(new as u16).to_le_bytes());
        }
        let mut entry = |n: usize, name: &[u8; 11], first: u8, size: u16| {
            let at = 1024 + n * 32;
            bytes[at..at + 11].copy_from_slice(name);
            bytes[at + 26] = first;
            bytes[at + 28..at + 30].copy_from_slice(&size.to_le_bytes());
        };
        entry(0, b"KERNEL     ", 2, 600);
        entry(1, b"PIECES     ", 4, 1500);
        bytes
    }

    #[test]
    fn a_file_in_one_piece_has_a_place_and_what_is_left_is_free() {
        let bytes = small();
        let fat = Fat::read(&bytes).expect("is a FAT");
        let expected = Extent {
            sector: 3,
            bytes: 600,
        };
        assert_eq!(fat.find(b"KERNEL     "), Ok(expected));
        assert_eq!(expected.sectors(), 2);
        assert_eq!(fat.find(b"PIECES     "), Err("a file is not in one piece"));
        assert_eq!(fat.find(b"NOTHING    "), Err("a file is missing"));
        assert_eq!(fat.free_bytes(), 5 * 512);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_fat_or_an_error(
            noise in proptest::collection::vec((0usize..4096, any::<u8>()), 0..64),
            length in 0usize..7000,
        ) {
            let mut bytes = small();
            for (at, byte) in noise {
                bytes[at] = byte;
            }
            bytes.truncate(length);
            if let Ok(fat) = Fat::read(&bytes) {
                let _ = (fat.find(b"KERNEL     "), fat.free_bytes());
            }
        }
    }
}
