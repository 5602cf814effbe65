//! Boot images: how much of the file is the compressed kernel.
//!
//! x86's bzImage is described in the kernel's Documentation/arch/x86/boot.rst:
//! `setup_sects` at 0x1f1, the magic `HdrS` at 0x202, the protocol's version at
//! 0x206, and from version 2.08 on `payload_offset` and `payload_length` at
//! 0x248 and 0x24c, counted from the start of the protected-mode code.
//!
//! ARM's zImage is described by arch/arm/boot/compressed/head.S and
//! vmlinux.lds.S: the magic number at 0x24, and since 4.15 at 0x38 the place of
//! a table that says where the payload's last word stands. Where it begins is
//! not said: it is found by the first bytes that the compression's tool writes
//! as scripts/Makefile.lib calls it. What is looked through lies behind the
//! decompressor's code, so that the numbers it compares with don't match.
//!
//! The arm64 port's Image (Documentation/arch/arm64/booting.rst) doesn't unpack
//! itself: compressed it is a whole file of gzip (RFC 1952), and its loader has the
//! decompressor.

/// What a boot image is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// The whole file, in bytes.
    pub file_bytes: u64,
    /// The compressed kernel's place in the file, in bytes from its start.
    pub payload_offset: u64,
    /// The compressed kernel's size, in bytes.
    pub payload_bytes: u64,
}

/// Why a boot image can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootImageError {
    /// No format that is known here.
    #[error(
        "neither a bzImage (no \"HdrS\" at 0x202) nor a zImage (no 0x016f2818 at 0x24) nor a kernel in gzip"
    )]
    UnknownFormat,
    /// A zImage from before 4.15, or one whose payload is compressed in another
    /// way.
    #[error("a zImage that doesn't say where its payload is")]
    NoPayload,
    /// A boot protocol from before 2.6.26.
    #[error("boot protocol {major}.{minor:02} is too old to say where the payload is")]
    TooOld {
        /// The protocol's major version.
        major: u8,
        /// The protocol's minor version.
        minor: u8,
    },
    /// The header's figures don't fit the file.
    #[error("the payload at {offset}, {bytes} bytes, does not fit into a file of {file} bytes")]
    OutOfBounds {
        /// Where it should be.
        offset: u64,
        /// How long it should be.
        bytes: u64,
        /// How long the file is.
        file: u64,
    },
}

/// What the compressed kernel in a zImage begins with: xz with CRC32 as its
/// check (the stream's header with its own checksum), gzip without a name and a
/// time, lzma with a dictionary of 64 MiB and an unknown size, lz4's legacy
/// frame, context mixing.
const PAYLOAD_HEADS: &[&[u8]] = &[
    b"\xfd7zXZ\0\0\x01\x69\x22\xde\x36",
    GZIP_HEAD,
    b"\x5d\0\0\0\x04\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x02\x21\x4c\x18",
    b"\xc3CM\x01",
];

/// What a file of gzip begins with that Kbuild has made: without a name and a
/// time.
const GZIP_HEAD: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0";

impl BootImage {
    /// Reads the header of a bzImage or a zImage; a file of gzip is all payload.
    pub fn parse(file: &[u8]) -> Result<BootImage, BootImageError> {
        if file.get(0x202..0x206) == Some(b"HdrS") {
            bzimage(file)
        } else if field(file, 0x24, 4) == Some(0x016f_2818) {
            zimage(file).ok_or(BootImageError::NoPayload)
        } else if file.starts_with(GZIP_HEAD) {
            let bytes = file.len() as u64;
            Ok(BootImage {
                file_bytes: bytes,
                payload_offset: 0,
                payload_bytes: bytes,
            })
        } else {
            Err(BootImageError::UnknownFormat)
        }
    }
}

/// A little-endian number.
fn field(file: &[u8], at: usize, len: usize) -> Option<u64> {
    let bytes = file.get(at..at.checked_add(len)?)?;
    let value = bytes.iter().rev();
    Some(value.fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn bzimage(file: &[u8]) -> Result<BootImage, BootImageError> {
    let field = |at, len| field(file, at, len).ok_or(BootImageError::UnknownFormat);
    let version = field(0x206, 2)?;
    if version < 0x0208 {
        let (major, minor) = ((version >> 8) as u8, version as u8);
        return Err(BootImageError::TooOld { major, minor });
    }
    // 0 means 4, for the sake of very old boot loaders.
    let setup_sectors = match field(0x1f1, 1)? {
        0 => 4,
        n => n,
    };
    let offset = (setup_sectors + 1) * 512 + field(0x248, 4)?;
    let bytes = field(0x24c, 4)?;
    let file = file.len() as u64;
    if bytes == 0 || offset + bytes > file {
        return Err(BootImageError::OutOfBounds {
            offset,
            bytes,
            file,
        });
    }
    Ok(BootImage {
        file_bytes: file,
        payload_offset: offset,
        payload_bytes: bytes,
    })
}

fn zimage(file: &[u8]) -> Option<BootImage> {
    let word = |at: usize| field(file, at, 4).and_then(|word| usize::try_from(word).ok());
    let table = word(0x38).filter(|_| word(0x34) == Some(0x4545_4545))?;
    let entry = |at: usize| word(table.checked_add(4 * at)?);
    if entry(1)? != 0x5a53_4c4b {
        return None;
    }
    // The payload's last word is the kernel's size, as x86 counts it, too.
    let end = entry(2)?.checked_add(4)?;
    let behind_table = table.checked_add(entry(0)?.checked_mul(4)?)?;
    let begins = |bytes: &[u8]| PAYLOAD_HEADS.iter().any(|head| bytes.starts_with(head));
    let searched = file.get(behind_table..end)?;
    let at = (0..searched.len()).find(|&at| begins(&searched[at..]))?;
    Some(BootImage {
        file_bytes: file.len() as u64,
        payload_offset: (behind_table + at) as u64,
        payload_bytes: (searched.len() - at) as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn image() -> Vec<u8> {
        let mut file = vec![0u8; 4096];
        file[0x1f1] = 1;
        file[0x202..0x206].copy_from_slice(b"HdrS");
        file[0x206..0x208].copy_from_slice(&0x020fu16.to_le_bytes());
        file[0x248..0x24c].copy_from_slice(&100u32.to_le_bytes());
        file[0x24c..0x250].copy_from_slice(&2000u32.to_le_bytes());
        file
    }

    #[test]
    fn the_payload_is_where_the_header_says() {
        let read = BootImage::parse(&image()).expect("a good image");
        assert_eq!(
            read,
            BootImage {
                file_bytes: 4096,
                payload_offset: 1124,
                payload_bytes: 2000
            }
        );
    }

    #[test]
    fn a_file_of_gzip_is_all_payload() {
        let mut file = GZIP_HEAD.to_vec();
        file.resize(1000, 7);
        let read = BootImage::parse(&file).expect("a good image");
        assert_eq!((read.payload_offset, read.payload_bytes), (0, 1000));
    }

    #[test]
    fn a_payload_beyond_the_file_is_an_error_that_says_where() {
        let mut file = image();
        file[0x24c..0x250].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = BootImage::parse(&file).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "the payload at 1124, 4294967295 bytes, does not fit into a file of 4096 bytes"
        );
        assert_eq!(BootImage::parse(b"MZ"), Err(BootImageError::UnknownFormat));
    }

    fn zimage_of(head: &[u8]) -> Vec<u8> {
        let mut file = vec![0u8; 4096];
        let mut put = |at: usize, word: u32| {
            file[at..at + 4].copy_from_slice(&word.to_le_bytes());
        };
        put(0x24, 0x016f_2818);
        put(0x34, 0x4545_4545);
        put(0x38, 1024);
        put(1024, 6);
        put(1028, 0x5a53_4c4b);
        put(1032, 3000);
        file[2000..2000 + head.len()].copy_from_slice(head);
        file
    }

    #[test]
    fn the_payload_of_a_zimage_goes_from_its_head_to_its_last_word() {
        for head in PAYLOAD_HEADS {
            let read = BootImage::parse(&zimage_of(head)).expect("a good image");
            assert_eq!((read.payload_offset, read.payload_bytes), (2000, 1004));
        }
        assert_eq!(
            BootImage::parse(&zimage_of(b"plain")),
            Err(BootImageError::NoPayload)
        );
    }

    proptest! {
        #[test]
        fn no_damage_to_a_zimage_makes_it_panic(at in 0usize..1100, word: u32, cut in 0usize..4096) {
            let mut file = zimage_of(PAYLOAD_HEADS[0]);
            file[at..at + 4].copy_from_slice(&word.to_le_bytes());
            file.truncate(cut);
            let _ = BootImage::parse(&file);
        }

        #[test]
        fn no_bytes_make_it_panic(head in proptest::collection::vec(any::<u8>(), 0..0x260), cut in 0usize..4096) {
            let mut file = image();
            file.truncate(cut);
            let _ = BootImage::parse(&file);
            let mut file = image();
            file[..head.len()].copy_from_slice(&head);
            file[0x202..0x206].copy_from_slice(b"HdrS");
            let _ = BootImage::parse(&file);
        }
    }
}
