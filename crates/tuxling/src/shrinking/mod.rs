//! Shrinking: the search of the `shrink` crate over real systems, and what is
//! written down of what it found.

pub(crate) mod answer;
mod ended;
pub(crate) mod insight;
pub(crate) mod job;
pub(crate) mod live;
pub(crate) mod page;
pub(crate) mod report;
pub(crate) mod update;
pub(crate) mod written;
