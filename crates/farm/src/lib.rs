//! Many machines: trials as files, the store that machines share, and the
//! engines that carry trials out.
//!
//! A search asks for trials by [`shrink::Executor`]. [`trials::Trials`] carries
//! them out in this process. [`farmed::Farmed`] writes each down as a
//! [`spec::Spec`], which says all that a trial is by content, has an
//! [`engine::Engine`] start `tuxling trial` for it somewhere, and takes the
//! [`outcome::TrialResult`] out of the [`store::Store`].

mod arrays;
pub mod dispatch;
pub mod edit;
pub mod engine;
pub mod error;
pub mod farmed;
pub mod farming;
pub mod fixed;
pub mod index;
pub mod journal;
pub mod outcome;
pub mod shard;
pub mod spec;
pub mod store;
pub mod trials;
