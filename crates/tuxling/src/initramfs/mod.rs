//! The ramdisk: a newc cpio archive, compressed as the kernel takes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a kernel or a ramdisk is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// The .xz format with CRC32 checks.
    Xz,
    /// The .lzma format.
    Lzma,
    /// RFC 8878.
    Zstd,
    /// The legacy LZ4 frame.
    Lz4,
}
