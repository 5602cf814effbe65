//! Streams that may be compressed: told by their magic numbers.

use std::io::{self, BufReader, Cursor, Read};

/// How much is read at a time.
const PIECE: usize = 256 << 10;

/// The decompressed content of a stream: xz, gzip, bzip2, zstd, or the stream
/// itself.
///
/// # Errors
/// When the stream can't be read, or the decompressor can't be set up.
pub fn decompressed<'a>(mut from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::new();
    from.by_ref().take(6).read_to_end(&mut magic)?;
    let whole = BufReader::with_capacity(PIECE, Cursor::new(magic.clone()).chain(from));
    Ok(match magic.as_slice() {
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(whole))
        }
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::bufread::MultiBzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(whole)?),
        _ => Box::new(whole),
    })
}
