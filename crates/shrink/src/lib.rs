//! TODO

mod candidate;
mod clock;
mod cost;
mod event;
mod executor;
mod journal;
mod outcome;
mod pass;
pub mod passes;
mod pool;
mod runner;
mod search;
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
pub use pass::{Lesson, Pass, Proposal, Tried, View};
pub use search::{Search, SearchError, Settings, Turn};
pub use shrunk::{Because, Effort, Kept, Minimal, PassReport, Proof, Shrunk, Step, Stopped};
pub use space::{Alternative, Change, ChangeId, Space, SpaceError};
pub use verdict::{Care, Policy, Rejection, Verdict};
