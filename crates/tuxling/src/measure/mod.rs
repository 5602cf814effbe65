//! Measurements: where bytes and RAM are, and why something is there.

pub mod bytes;
pub mod memory;
pub mod system_map;
