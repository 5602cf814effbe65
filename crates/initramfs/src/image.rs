//! Images as the kernel gets them: archives, compressed or not, one after the
//! other.

use super::compress::{self, Compression, DecompressError};
use super::cpio::{self, CpioError};
use super::entry::Entry;

/// Why an image can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Neither an archive nor a compressed stream.
    #[error("neither an archive nor a compressed stream at byte {offset} of the image")]
    Unknown {
        /// Where.
        offset: usize,
    },
    /// An archive of the image, uncompressed, is wrong.
    #[error("an archive of the image is wrong")]
    Archive(#[from] CpioError),
    /// A compressed stream can't be unpacked.
    #[error("the stream at byte {offset} of the image can't be unpacked")]
    Stream {
        /// Where the stream starts.
        offset: usize,
        /// Why not.
        source: DecompressError,
    },
    /// An archive inside a stream is wrong.
    #[error("the archive in the stream at byte {offset} of the image is wrong")]
    Packed {
        /// Where the stream starts.
        offset: usize,
        /// What is wrong; its offset counts within the unpacked stream.
        source: CpioError,
    },
}

/// One archive of an image, as the kernel comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it begins, in bytes.
    pub offset: usize,
    /// Where what belongs to it ends, in bytes.
    pub end: usize,
    /// How it is compressed.
    pub compression: Compression,
}

/// Reads all entries of an image in the order in which the kernel unpacks
/// them (`unpack_to_rootfs` in `init/initramfs.c`), later ones over earlier
/// ones. No stream may hold more than `limit` bytes.
///
/// # Errors
/// At the first part that is wrong.
pub fn unpack(image: &[u8], limit: usize) -> Result<Vec<Entry>, ImageError> {
    let mut entries = Vec::new();
    match parts(image, limit, &mut entries).1 {
        None => Ok(entries),
        Some(error) => Err(error),
    }
}

/// The parts of an image up to the first that is wrong, and what is wrong with
/// that; their entries are added to `entries`.
pub fn parts(
    image: &[u8],
    limit: usize,
    entries: &mut Vec<Entry>,
) -> (Vec<Part>, Option<ImageError>) {
    let mut parts = Vec::new();
    let mut offset = 0;
    while let Some(&first) = image.get(offset) {
        if first == 0 {
            offset += 1;
            continue;
        }
        match part(image, offset, limit, entries) {
            Ok(part) => {
                offset = part.end.max(offset + 1);
                parts.push(part);
            }
            Err(error) => return (parts, Some(error)),
        }
    }
    (parts, None)
}

fn part(
    image: &[u8],
    offset: usize,
    limit: usize,
    entries: &mut Vec<Entry>,
) -> Result<Part, ImageError> {
    let compression = compress::detect(&image[offset..]);
    let end = match compression {
        Some(Compression::None) if offset.is_multiple_of(4) => {
            cpio::read_archive(image, offset, entries)?
        }
        None | Some(Compression::None) => return Err(ImageError::Unknown { offset }),
        Some(kind) => {
            let (archive, taken) = compress::decompress_part(kind, &image[offset..], limit)
                .map_err(|source| ImageError::Stream { offset, source })?;
            let read =
                cpio::read(&archive).map_err(|source| ImageError::Packed { offset, source })?;
            entries.extend(read);
            offset + taken
        }
    };
    Ok(Part {
        offset,
        end,
        compression: compression.unwrap_or(Compression::None),
    })
}

/// Appends another image to `image`, which the kernel unpacks over it.
///
/// Zeros go between: an archive must start at a multiple of four, and the
/// kernel's LZ4 decoder takes whatever follows its last block for the size of
/// another one unless four zero bytes say that there is none.
pub fn append(image: &mut Vec<u8>, next: &[u8]) {
    let end = (image.len() + 4).next_multiple_of(4);
    image.resize(end, 0);
    image.extend_from_slice(next);
}
