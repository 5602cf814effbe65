//! What a Linux kernel consists of: its linked ELF file and its boot image.
//!
//! Bytes in, values out: this crate opens no file, starts no process and
//! prints nothing. Whatever the bytes are, it gives a value or an error that
//! says where, and never panics.

pub mod arch;
pub mod archive;
pub mod attribution;
pub mod bloat;
pub mod boot_image;
pub mod code;
pub mod cold_store;
pub mod elf;
pub mod link_map;
pub mod lzma_cost;
pub mod prune;
pub mod references;
pub mod relocatable;
pub mod sections;

pub use attribution::Attribution;
pub use boot_image::BootImage;
pub use code::{Code, CodeSymbol};
pub use elf::Elf;
pub use link_map::LinkMap;
pub use references::References;
pub use sections::{SectionSizes, Sections};
