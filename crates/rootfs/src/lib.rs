//! Root file systems that exist already, as trees: container images (OCI
//! layouts, archives of `docker save`) and archives of tar, compressed or not.
//!
//! An image is someone else's file. Nothing of it is written to this machine's
//! file system: all becomes a [`Tree`] in memory, whose paths can't lead out of
//! it, and whose links are followed inside of it only. What is larger than
//! [`Limits`] allows ends with an error, and so does a blob whose bytes are not
//! those that its digest names.
//!
//! The way of the data: [`Source`] → [`image`] (which layers, and what is to be
//! started) → [`layer`](mod@layer) (one tar over what lies below it) →
//! [`Rootfs`].

pub mod compressed;
mod error;
mod image;
mod layer;
mod start;
mod store;

use std::path::PathBuf;

use initramfs::Tree;

pub use error::Error;
pub use start::{Start, User, UserError};

/// Where a root file system is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// One file: a tar of a root file system, an archive of `docker save`, or a
    /// tar of an OCI layout; compressed by gzip, bzip2, xz or zstd, or not.
    Archive {
        /// The file.
        path: PathBuf,
        /// Which image, where it holds several.
        tag: Option<String>,
    },
    /// A folder with an OCI image layout (image-layout.md of the OCI image
    /// specification).
    Layout {
        /// The folder.
        path: PathBuf,
        /// Which image, where it holds several.
        tag: Option<String>,
    },
}

/// How much an image may hold once it is unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All files together, in bytes.
    pub bytes: u64,
    /// Entries of all layers together.
    pub entries: u64,
}

impl Default for Limits {
    /// More than fits into a ramdisk that anybody would boot: 1 GiB, a million
    /// entries.
    fn default() -> Limits {
        Limits {
            bytes: 1 << 30,
            entries: 1_000_000,
        }
    }
}

/// A root file system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rootfs {
    /// Its files.
    pub tree: Tree,
    /// What the image says is to be started; none where it is no container's.
    pub start: Option<Start>,
}

/// Reads a root file system. Where an image is there for several machines, that
/// of this `architecture` is taken, as Go calls it (`386`, `amd64`, `arm`,
/// `arm64`, `riscv64`).
///
/// # Errors
/// With the first thing that is wrong, and where.
pub fn read(source: &Source, architecture: &str, limits: &Limits) -> Result<Rootfs, Error> {
    let store = store::Store::open(source)?;
    match image::find(&store, architecture)? {
        Some(image) => image.unpack(&store, limits),
        None => {
            let mut layers = layer::Layers::new(limits);
            store.whole(|tar, name| layers.add(tar, name))?;
            Ok(Rootfs {
                tree: layers.done(),
                start: None,
            })
        }
    }
}
