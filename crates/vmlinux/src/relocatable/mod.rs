//! Relocatable object files (`ET_REL`): read from bytes into values that can
//! be changed, and written back to bytes.
//!
//! ELF32 and ELF64, both byte orders, REL and RELA, and the extended section
//! indexes that files with more than 65,279 sections need. The format is that
//! of the System V ABI, chapter 4, and of the generic ABI's extensions.

mod header;
mod model;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use model::{Object, ObjectSection, ObjectSymbol, Place, Relocation, Target};
pub use read::ReadError;
