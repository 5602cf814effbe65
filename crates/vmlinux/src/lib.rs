//! What a Linux kernel consists of: its linked ELF file and its boot image.
//!
//! Bytes in, values out: this crate opens no file, starts no process and
//! prints nothing. Whatever the bytes are, it gives a value or an error that
//! says where, and never panics.

pub mod arch;
pub mod archive;
pub mod boot_image;
pub mod code;
pub mod prune;
pub mod relocatable;
pub mod sections;

pub use boot_image::BootImage;
pub use code::{Code, CodeSymbol};
pub use sections::{SectionSizes, Sections};
