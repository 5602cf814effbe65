//! Flash memory as a format: one image of what starts, a device tree, and a
//! kernel and a file system that are used where they are stored.
//!
//! Leaf code: bytes in, bytes out. Equal parts give equal images.

pub mod device_tree;
mod error;
mod image;
pub mod romfs;

pub use error::{Error, Result};
pub use image::{Layout, MEMORY_NODE, Parts, assemble, filesystem_offset, set_memory};
