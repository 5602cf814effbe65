//! Where the bytes and the RAM of a system are, what each of them costs, and
//! why something is there.

pub mod answer;
pub mod built;
pub mod bytes;
pub mod error;
pub mod file;
pub mod memory;
pub mod system_map;
pub mod why;
pub mod without;
