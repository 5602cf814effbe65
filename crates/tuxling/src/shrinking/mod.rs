//! Shrinking: the search of the `shrink` crate over real systems, and what is
//! written down of what it found.

pub mod answer;
pub mod insight;
pub mod job;
pub mod journal;
pub mod report;
pub mod trials;
pub mod update;
pub mod written;
