//! Tuxling: from one recipe to a tiny Linux that is built, booted, checked and
//! measured. See ARCHITECTURE.md for the way of the data.

pub mod cli;
pub mod collect;
pub mod doctor;
pub mod passes;
pub mod ram;
pub mod report;
pub mod shrinking;
