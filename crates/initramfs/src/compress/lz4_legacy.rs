//! LZ4's legacy frame, the only one that the kernel reads.
//!
//! Format: `doc/lz4_Frame_format.md` of LZ4, "Legacy frame", and the kernel's
//! `lib/decompress_unlz4.c`: a magic, then blocks, each with its compressed
//! size as a little-endian `u32`. Every block but the last unpacks to exactly
//! 8 MiB. There is no end marker: a size of 0, fewer than four bytes, or the
//! end of the input end it, and the magic may come again between blocks.

use std::io::{self, Write};

use lz4::block::{self, CompressionMode};

/// The magic, as a little-endian `u32`.
pub(super) const MAGIC: u32 = 0x184C_2102;
/// What a block unpacks to (`LZ4_DEFAULT_UNCOMPRESSED_CHUNK_SIZE`).
const BLOCK_BYTES: usize = 8 << 20;
/// liblz4's highest level (`LZ4HC_CLEVEL_MAX`).
const LEVEL: i32 = 12;

/// Packs what is written to it.
pub(super) struct LegacyEncoder<W> {
    output: W,
    block: Vec<u8>,
}

impl<W: Write> LegacyEncoder<W> {
    pub(super) fn new(mut output: W) -> io::Result<Self> {
        output.write_all(&MAGIC.to_le_bytes())?;
        Ok(Self {
            output,
            block: Vec::new(),
        })
    }

    /// Writes what is left and gives the output back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        Ok(self.output)
    }

    fn write_block(&mut self) -> io::Result<()> {
        let mode = CompressionMode::HIGHCOMPRESSION(LEVEL);
        let packed = block::compress(&self.block, Some(mode), false)?;
        // At most LZ4_compressBound(8 MiB), which fits.
        self.output
            .write_all(&(packed.len() as u32).to_le_bytes())?;
        self.output.write_all(&packed)?;
        self.block.clear();
        Ok(())
    }
}

impl<W: Write> Write for LegacyEncoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(BLOCK_BYTES - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        if self.block.len() == BLOCK_BYTES {
            self.write_block()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Unpacks the frame at the start of `input` as the kernel does; gives the
/// data and how much of `input` it took. An error of the kind `FileTooLarge`
/// says that there are more than `limit` bytes.
pub(super) fn decode(input: &[u8], limit: usize) -> io::Result<(Vec<u8>, usize)> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut output = Vec::new();
    let mut offset = 0;
    while let Some(size) = input[offset..].first_chunk::<4>() {
        let size = u32::from_le_bytes(*size);
        if size == 0 && offset > 0 {
            break;
        }
        if offset == 0 && size != MAGIC {
            return Err(invalid("no magic of a legacy LZ4 frame"));
        }
        offset += 4;
        if size == MAGIC {
            continue;
        }
        let packed = input[offset..]
            .get(..size as usize)
            .ok_or(invalid("a block is cut off"))?;
        output.extend_from_slice(&block::decompress(packed, Some(BLOCK_BYTES as i32))?);
        if output.len() > limit {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        offset += packed.len();
    }
    Ok((output, offset))
}
