//! File systems on disks: which there are, images of them made from a [`Tree`],
//! and what an image that exists already holds.
//!
//! Images are made without root by the distribution's tools: `sqfstar` reads a tar;
//! `mkfs.erofs`, `mkfs.cramfs` and `mke2fs -d` read a folder, in which fakeroot(1)
//! stands for owners and device nodes. All times are 0 and every identity is given,
//! so the same tree gives the same bytes, as long as the tools are the same.

mod archive;
pub mod detect;
mod error;
mod ext4;
mod make;
mod work;

use initramfs::{Compression, Entry, Tree};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use error::Error;
pub use make::{make, tools};
pub use work::Image;

/// A file system that a kernel mounts from a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filesystem {
    /// Compressed, read-only.
    Squashfs,
    /// Compressed or not, read-only, read in fewer steps.
    Erofs,
    /// Can be written to.
    Ext4,
    /// The smallest: compressed, read-only, files below 16 MiB.
    Cramfs,
}

impl Filesystem {
    /// All of them.
    pub const ALL: [Filesystem; 4] = [
        Filesystem::Squashfs,
        Filesystem::Erofs,
        Filesystem::Ext4,
        Filesystem::Cramfs,
    ];

    /// Its name in recipes and for the kernel (`rootfstype=`).
    pub fn name(self) -> &'static str {
        match self {
            Filesystem::Squashfs => "squashfs",
            Filesystem::Erofs => "erofs",
            Filesystem::Ext4 => "ext4",
            Filesystem::Cramfs => "cramfs",
        }
    }

    /// The compressions that images can be made with; the first is the default.
    pub fn compressions(self) -> &'static [Compression] {
        match self {
            Filesystem::Squashfs => &[
                Compression::Xz,
                Compression::Gzip,
                Compression::Lz4,
                Compression::Zstd,
            ],
            Filesystem::Erofs => &[Compression::Lz4, Compression::None],
            Filesystem::Ext4 => &[Compression::None],
            Filesystem::Cramfs => &[Compression::Gzip],
        }
    }

    /// Whether a kernel can write to it.
    pub fn is_writable(self) -> bool {
        self == Filesystem::Ext4
    }

    /// Whether images keep extended attributes, such as a program's capabilities.
    /// erofs and cramfs are made from a folder, for which fakeroot(1) keeps none.
    pub fn keeps_attributes(self) -> bool {
        matches!(self, Filesystem::Squashfs | Filesystem::Ext4)
    }
}

/// The extended attributes of a tree that a file system doesn't keep: path and
/// attribute.
pub fn lost(tree: &Tree, keeps: bool) -> Vec<(String, String)> {
    let of = |entry: &Entry| {
        let path = entry.path.to_string();
        let names = entry.attributes.keys();
        names
            .map(|name| (path.clone(), name.clone()))
            .collect::<Vec<_>>()
    };
    if keeps {
        Vec::new()
    } else {
        tree.entries().flat_map(of).collect()
    }
}
