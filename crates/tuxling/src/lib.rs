//! Tuxling: from one recipe to a tiny Linux that is built, booted, checked and
//! measured. See ARCHITECTURE.md for the way of the data.

pub mod adversity;
pub mod check;
pub mod cli;
pub mod doctor;
pub mod error;
pub mod kernel;
pub mod machine;
pub mod measure;
pub mod passes;
pub mod process;
pub mod prune;
pub mod recipe;
pub mod record;
pub mod report;
pub mod session;
pub mod shrinking;
pub mod source;
pub mod store;
pub mod trace;
pub mod trial;
pub mod units;
pub mod userland;
