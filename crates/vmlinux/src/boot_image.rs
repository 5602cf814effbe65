//! Boot images: how much of the file is the compressed kernel.
//!
//! x86's bzImage is described in the kernel's Documentation/arch/x86/boot.rst:
//! `setup_sects` at 0x1f1, the magic `HdrS` at 0x202, the protocol's version at
//! 0x206, and from version 2.08 on `payload_offset` and `payload_length` at
//! 0x248 and 0x24c, counted from the start of the protected-mode code.

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
    #[error("not a bzImage: no \"HdrS\" at offset 0x202")]
    UnknownFormat,
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

impl BootImage {
    /// Reads the header of a bzImage.
    pub fn parse(file: &[u8]) -> Result<BootImage, BootImageError> {
        let field = |at: usize, len: usize| -> Option<u64> {
            let bytes = file.get(at..at + len)?;
            Some(
                bytes
                    .iter()
                    .rev()
                    .fold(0, |value, byte| value << 8 | u64::from(*byte)),
            )
        };
        if file.get(0x202..0x206) != Some(b"HdrS") {
            return Err(BootImageError::UnknownFormat);
        }
        let version = field(0x206, 2).unwrap_or(0);
        let (major, minor) = ((version >> 8) as u8, version as u8);
        if version < 0x0208 {
            return Err(BootImageError::TooOld { major, minor });
        }
        let unreadable = BootImageError::UnknownFormat;
        // 0 means 4, for the sake of very old boot loaders.
        let setup_sectors = match field(0x1f1, 1).ok_or(unreadable)? {
            0 => 4,
            n => n,
        };
        let offset = (setup_sectors + 1) * 512 + field(0x248, 4).ok_or(unreadable)?;
        let bytes = field(0x24c, 4).ok_or(unreadable)?;
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

    proptest! {
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
