//! Reading compressed streams back, to verify what was written and to look
//! into images of others.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;

use super::{Compression, lz4_legacy, mixing};

/// Memory that a decoder of xz or lzma may take: a dictionary of 256 MiB.
const LZMA_MEMORY: u64 = (256 << 20) + (1 << 20);
/// Largest window of zstd, as a power of two.
const ZSTD_WINDOW_LOG: u32 = 28;

/// Why a stream can't be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    /// The stream is broken, or of another format.
    #[error("the {kind:?} stream is broken")]
    Broken {
        /// What it should be.
        kind: Compression,
        /// What the decoder says.
        source: io::Error,
    },
    /// There is more in it than was allowed.
    #[error("the {kind:?} stream holds more than {limit} bytes")]
    TooLarge {
        /// What it is.
        kind: Compression,
        /// The bytes allowed.
        limit: usize,
    },
    /// Something other than zeros follows the stream.
    #[error("something follows the {kind:?} stream at byte {offset}")]
    Trailing {
        /// What it is.
        kind: Compression,
        /// Where the stream ends.
        offset: usize,
    },
}

/// Unpacks `input`, one stream with nothing but zeros behind it, to at most
/// `limit` bytes.
///
/// # Errors
/// When the stream is broken or holds more, or something follows it.
pub fn decompress(
    kind: Compression,
    input: &[u8],
    limit: usize,
) -> Result<Vec<u8>, DecompressError> {
    let (data, end) = decompress_part(kind, input, limit)?;
    if input[end..].iter().all(|&byte| byte == 0) {
        Ok(data)
    } else {
        Err(DecompressError::Trailing { kind, offset: end })
    }
}

/// Unpacks the stream at the start of `input`; gives the data and where the
/// stream ends.
pub fn decompress_part(
    kind: Compression,
    input: &[u8],
    limit: usize,
) -> Result<(Vec<u8>, usize), DecompressError> {
    let broken = |source| match io::Error::kind(&source) {
        io::ErrorKind::FileTooLarge => DecompressError::TooLarge { kind, limit },
        _ => DecompressError::Broken { kind, source },
    };
    let mut rest = input;
    let data = match kind {
        Compression::None if input.len() <= limit => Ok(std::mem::take(&mut rest).to_vec()),
        Compression::None => Err(io::Error::from(io::ErrorKind::FileTooLarge)),
        Compression::Gzip => limited(GzDecoder::new(&mut rest), limit),
        Compression::Xz => Stream::new_stream_decoder(LZMA_MEMORY, 0)
            .map_err(io::Error::from)
            .and_then(|stream| limited(XzDecoder::new_stream(&mut rest, stream), limit)),
        Compression::Lzma => Stream::new_lzma_decoder(LZMA_MEMORY)
            .map_err(io::Error::from)
            .and_then(|stream| limited(XzDecoder::new_stream(&mut rest, stream), limit)),
        Compression::Zstd => unzstd(&mut rest, limit),
        Compression::Lz4 => return lz4_legacy::decode(input, limit).map_err(broken),
        Compression::CmFast | Compression::Cm | Compression::CmBest => {
            return mixing::decode(input, limit).map_err(broken);
        }
    };
    Ok((data.map_err(broken)?, input.len() - rest.len()))
}

fn unzstd(rest: &mut &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::with_buffer(rest)?.single_frame();
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    limited(decoder, limit)
}

fn limited(decoder: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut data)?;
    if data.len() > limit {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    Ok(data)
}
