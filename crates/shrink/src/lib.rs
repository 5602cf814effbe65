//! The search for the smallest state that still passes.
//!
//! The crate knows changes, not what they mean: a [`Space`] of [`Change`]s, an
//! [`Executor`] that makes a [`Candidate`] real and says what it came to, a
//! [`Journal`] that keeps every attempt, [`Pass`]es that propose candidates, and
//! a [`Search`] that gives each pass its turn, repeats what is in doubt and
//! proves what it found. It starts no process, opens no file and prints nothing.
//!
//! ```
//! use std::sync::Arc;
//! use shrink::{
//!     Answer, Change, Cost, Executor, Failure, MemoryJournal, Outcome, Search, Settings, Space,
//!     Trial, passes,
//! };
//!
//! /// A system of 100 options, of which the checks need number 42.
//! struct Pretended;
//!
//! impl Executor for Pretended {
//!     fn run(&self, trial: &Trial<'_>) -> Answer {
//!         let candidate = trial.candidate();
//!         if candidate.taken().any(|(id, _)| id.index() == 42) {
//!             let failure = Failure::of_check("download");
//!             return Outcome::Failed { failure }.into();
//!         }
//!         let cost = Cost::payload(100_000 - 500 * candidate.len() as u64);
//!         Outcome::Passed { cost }.into()
//!     }
//! }
//!
//! let mut space = Space::new("identity of the system, its checks and its tools");
//! for number in 0..100 {
//!     space.add(Change::removal(format!("OPTION_{number}"), 500))?;
//! }
//! let journal = Box::new(MemoryJournal::default());
//! let shrunk = Search::new(&space, Arc::new(Pretended), journal, Settings::default())?
//!     .on_event(|event, progress| { /* show it */ })
//!     .run(&mut passes::standard())?;
//!
//! assert!(shrunk.proof.proven);
//! assert_eq!(shrunk.cost, Cost::payload(100_000 - 99 * 500));
//! assert_eq!(shrunk.kept.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ahead;
mod candidate;
mod clock;
mod cost;
pub mod edge;
mod event;
mod executor;
mod journal;
mod outcome;
mod pass;
pub mod passes;
mod pool;
mod runner;
mod search;
mod settings;
mod shrunk;
mod space;
mod verdict;

pub use candidate::{Candidate, Identity};
pub use clock::{Clock, HandClock, WallClock};
pub use cost::{Cost, Goal};
pub use event::{Event, Progress};
pub use executor::{CancelToken, Executor, Trial};
pub use journal::{Journal, JournalError, MemoryJournal, Record};
pub use outcome::{Answer, Attempt, Failure, Outcome, Work};
pub use pass::{Lesson, Pass, Proposal, Tried, Turn, View};
pub use search::{Search, SearchError};
pub use settings::Settings;
pub use shrunk::{
    Because, Believed, Effort, Kept, Minimal, PassReport, Proof, Shrunk, Step, Stopped,
};
pub use space::{Alternative, Change, ChangeId, Space, SpaceError};
pub use verdict::{Care, Policy, Rejection, Verdict};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
