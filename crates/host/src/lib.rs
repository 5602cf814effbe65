//! This machine: starting processes that can't outlive us, the cache folder
//! with its locks and identities, units, the packages of its distribution, and
//! what can go wrong in it.
//!
//! Nothing here knows what the processes and the cache are for.

pub mod aside;
pub mod cache;
pub mod collect;
pub mod error;
pub mod id;
pub mod packages;
pub mod process;
pub mod seal;
pub mod session;
pub mod units;

pub use cache::Cache;
pub use error::Error;
pub use id::Id;
