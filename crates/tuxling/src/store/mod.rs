//! What is kept: the cache folder, its locks, the identities, and the database
//! of attempts and records.

pub mod cache;
pub mod collect;
pub mod database;
pub mod id;

pub use cache::Cache;
pub use database::Database;
pub use id::Id;
