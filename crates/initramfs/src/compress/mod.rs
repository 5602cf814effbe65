//! Compression in the dialects that the kernel's decompressors take.
//!
//! The kernel knows a format by its first two bytes (`lib/decompress.c`) and
//! unpacks with its own small decoders, which take less than the usual tools:
//!
//! | format | decoder | what it needs |
//! |---|---|---|
//! | gzip | `decompress_inflate.c` | a header of 10 bytes, at most a file name behind it: no other optional fields |
//! | xz | `decompress_unxz.c`, `lib/xz/` | check none or CRC32; LZMA2, before it at most a BCJ filter that the kernel is configured with; a dictionary up to 3 GiB, which it allocates in full |
//! | lzma | `decompress_unlzma.c` | `.lzma`, first bytes `5d 00`: lc=3 lp=0 pb=2 and a dictionary that is a multiple of 256 B; the size or an end marker |
//! | zstd | `decompress_unzstd.c` | one frame at a time; it allocates the frame's window |
//! | cm | `decompress_uncm.c` of this project's patch | one stream at a time; it allocates its histories, at most an eighth of the RAM, and a block of the output |
//! | lz4 | `decompress_unlz4.c` | the *legacy* frame: magic `0x184C2102`, blocks of 8 MiB; it allocates those 8 MiB whatever the input's size, so a machine must have that much free |
//!
//! xz and lzma come from liblzma, gzip from flate2, zstd from libzstd, lz4's
//! blocks from liblz4's *HC* encoder at its highest level, cm from the crate of
//! that name.

mod decode;
mod encode;
mod lz4_legacy;
mod mixing;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

pub use decode::{DecompressError, decompress, decompress_part};
pub use encode::Encoder;

/// How a ramdisk is compressed. The names are those of the kernel's
/// configuration (`RD_GZIP`, `RD_XZ`, …) in lower case.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// The archive as it is.
    None,
    /// Deflate, level 9.
    Gzip,
    /// LZMA2 in an `.xz` stream: the smallest in nearly all cases.
    Xz,
    /// LZMA in the old `.lzma` format.
    Lzma,
    /// Zstandard, level 22.
    Zstd,
    /// LZ4 in its legacy frame, level 12.
    Lz4,
    /// Context mixing with few contexts.
    #[serde(rename = "cm-fast")]
    CmFast,
    /// Context mixing.
    Cm,
    /// Context mixing with all contexts that bring something.
    #[serde(rename = "cm-best")]
    CmBest,
}

/// A filter that makes machine code easier to compress, undone by the kernel
/// when it was configured with the same one (`XZ_DEC_X86`, `XZ_DEC_ARM`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bcj {
    /// Code of x86, 32 or 64 bits.
    X86,
    /// ARM code, not Thumb.
    Arm,
}

/// What compression must know of the machine that will unpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// RAM of the machine, in bytes.
    pub machine_ram: u64,
    /// For xz: a filter that the kernel can undo. It is used when the result
    /// is smaller than without it.
    pub bcj: Option<Bcj>,
}

impl Compression {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Gzip,
        Self::Xz,
        Self::Lzma,
        Self::Zstd,
        Self::Lz4,
        Self::CmFast,
        Self::Cm,
        Self::CmBest,
    ];

    /// The first bytes of such a stream, and `070701` for an archive as it is.
    pub fn magic(self) -> &'static [u8] {
        match self {
            Self::None => b"0707",
            Self::Gzip => &[0x1f, 0x8b, 0x08],
            Self::Xz => &[0xfd, b'7', b'z', b'X', b'Z', 0],
            Self::Lzma => &[0x5d, 0x00],
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
            Self::Lz4 => &[0x02, 0x21, 0x4c, 0x18],
            Self::CmFast | Self::Cm | Self::CmBest => &cm::MAGIC,
        }
    }

    /// How strong a context mixing it is; `None` for all that is none.
    pub fn strength(self) -> Option<cm::Strength> {
        match self {
            Self::CmFast => Some(cm::Strength::Fast),
            Self::Cm => Some(cm::Strength::Default),
            Self::CmBest => Some(cm::Strength::Best),
            Self::None | Self::Gzip | Self::Xz | Self::Lzma | Self::Zstd | Self::Lz4 => None,
        }
    }
}

/// What `image` starts with: a compressed stream, or an archive as it is.
/// `None` for anything else.
pub fn detect(image: &[u8]) -> Option<Compression> {
    let mut kinds = Compression::ALL.into_iter();
    let found = kinds.find(|kind| image.starts_with(kind.magic()))?;
    let strength = found.strength().and_then(|_| image.get(4));
    Some(match strength {
        Some(2) => Compression::Cm,
        Some(3) => Compression::CmBest,
        _ => found,
    })
}

/// Smallest dictionary of LZMA2.
const MIN_DICTIONARY: u64 = 1 << 12;
/// The dictionary of `xz -9`. A larger one would make packing take more than
/// a gigabyte of memory.
const MAX_DICTIONARY: u64 = 1 << 26;

/// The dictionary of xz and lzma for an input of `input` bytes, in bytes: the
/// smallest 2^n or 2^n + 2^(n-1) that holds the whole input (a larger one
/// finds nothing more), but at most an eighth of the machine's RAM and 64 MiB,
/// and at least 4 KiB.
///
/// While it unpacks, the machine holds the kernel, the compressed image, the
/// files unpacked so far and the dictionary, which the kernel allocates in
/// full beforehand. `xz -9` with its 64 MiB is why a machine with 32 MiB can't
/// unpack what it could hold. With an eighth, seven eighths are left for what
/// stays.
pub fn dictionary_bytes(input: u64, machine_ram: u64) -> u32 {
    let most = (machine_ram / 8).clamp(MIN_DICTIONARY, MAX_DICTIONARY);
    let mut chosen = MIN_DICTIONARY;
    for power in 12..=26 {
        for size in [1u64 << power, (1 << power) + (1 << (power - 1))] {
            if chosen < input && size <= most {
                chosen = size;
            }
        }
    }
    chosen as u32
}

/// The window of zstd for an input of `input` bytes, as a power of two: the
/// smallest that holds the input, at most an eighth of the RAM, between 1 KiB
/// (`ZSTD_WINDOWLOG_MIN`) and 128 MiB (what `zstd -d` takes without options;
/// the kernel takes more).
pub fn window_log(input: u64, machine_ram: u64) -> u32 {
    let most = (machine_ram / 8).max(1).ilog2();
    let wanted = input.max(1).next_power_of_two().ilog2();
    wanted.min(most).clamp(10, 27)
}

/// The histories of context mixing, as a power of two: at most an eighth of the
/// machine's RAM, and at most sixteen bytes for each of the input.
pub fn cm_memory(input: u64, machine_ram: u64) -> u8 {
    let most = (machine_ram / 8).min(input.saturating_mul(16)).max(1);
    (most.ilog2() as u8).clamp(16, 24)
}

/// The heap of a kernel's head that unpacks by context mixing, in bytes.
pub fn cm_heap(machine_ram: u64) -> u64 {
    cm::unpacking_bytes(cm_memory(u64::MAX, machine_ram))
}

/// Compresses `input` as a whole.
///
/// # Errors
/// When the compressor fails, for instance for lack of memory.
pub fn compress(kind: Compression, input: &[u8], settings: &Settings) -> io::Result<Vec<u8>> {
    let plain = Settings {
        bcj: None,
        ..*settings
    };
    let smallest = compress_once(kind, input, &plain)?;
    if kind != Compression::Xz || settings.bcj.is_none() {
        return Ok(smallest);
    }
    let filtered = compress_once(kind, input, settings)?;
    Ok(if filtered.len() < smallest.len() {
        filtered
    } else {
        smallest
    })
}

fn compress_once(kind: Compression, input: &[u8], settings: &Settings) -> io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(kind, Vec::new(), input.len() as u64, settings)?;
    encoder.write_all(input)?;
    encoder.finish()
}
