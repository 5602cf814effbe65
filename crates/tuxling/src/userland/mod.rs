//! The user land: the C library, BusyBox, the user's own files, and the tree
//! that the ramdisk is packed from.

pub mod busybox;
pub mod headers;
pub mod musl;
pub mod ramdisk;
pub mod tree;
