//! Tuxling: from one recipe to a tiny Linux that is built, booted, checked and
//! measured. See ARCHITECTURE.md for the way of the data.

pub mod cli;
mod doctor;
pub mod failure;
mod ram;
mod shrinking;
