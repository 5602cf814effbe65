//! Tuxling: from one recipe to a tiny Linux that is built, booted, checked and
//! measured. See ARCHITECTURE.md for the way of the data.

pub mod check;
pub mod error;
pub mod initramfs;
pub mod machine;
pub mod process;
pub mod recipe;
pub mod report;
pub mod store;
pub mod trial;
pub mod units;
