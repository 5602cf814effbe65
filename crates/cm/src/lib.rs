//! Context mixing: a format for kernels and ramdisks, packed and unpacked.
//!
//! The kernel's own decoder is C (`crates/recipe/recipes/linux-cm.patch`); this
//! is the same in Rust, and the two give the same bytes. Everything that decides
//! about a bit is an integer of 32 bits that wraps.
//!
//! Each bit is predicted from what was seen in some contexts: the bytes before,
//! the instruction that they are part of. A context keeps for each bit how many
//! zeros and ones it had of late, an adaptive table makes a chance of that,
//! mixers weigh the chances in the logistic domain, and an arithmetic coder
//! codes the bit. The ideas are those of Matt Mahoney, *Adaptive Weighing of
//! Context Models for Lossless Data Compression* (2005).
//!
//! A stream, with numbers little endian:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `c3 43 4d 01` |
//! | 4 | 1 | strength: 1 fast, 2 default, 3 best |
//! | 5 | 1 | memory of the histories, as a power of two: 16 to 24 |
//! | 6 | 1 | filter: 0 none, 1 x86, 2 ARM |
//! | 7 | 1 | first mixers: 1 to 4 |
//! | 8 | 1 | contexts: 1 to 24 |
//! | 9 | 1 | block, as a power of two: 12 to 30 |
//! | 10 | 2 | 0 |
//! | 12 | 4 | bytes when unpacked |
//! | 16 | 4 | CRC32 of these |
//! | 20 | 4 each | contexts, see [`context`] |
//! | – | – | the coder's bytes |
//!
//! What repeats is looked for, and code is filtered, in each block by itself:
//! who unpacks needs no more room than that for its output. What was learnt
//! stays.

pub mod context;

mod coder;
mod error;
mod filter;
mod header;
mod history;
mod logistic;
mod model;
mod x86;

#[cfg(test)]
mod tests;

pub use coder::{compress, costs, decompress};
pub use error::Error;
pub use header::{Filter, Header, MAGIC, Settings, Strength, unpacking_bytes};
