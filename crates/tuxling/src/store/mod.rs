//! What is kept: the cache folder, its locks, and the identities.

pub mod cache;
pub mod collect;
pub mod id;

pub use cache::Cache;
pub use id::Id;
