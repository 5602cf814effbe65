//! What a search tells while it runs.

use std::time::Duration;

use crate::candidate::Candidate;
use crate::cost::Cost;
use crate::outcome::Outcome;
use crate::space::ChangeId;

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The system as it was given passes.
    Started {
        /// What it costs.
        cost: Cost,
        /// Attempts that the journal had already.
        known_attempts: usize,
    },
    /// A pass begins its turn.
    PassBegan {
        /// Its name.
        name: String,
        /// Which round it is, from 1.
        round: u32,
    },
    /// A pass ended its turn.
    PassEnded {
        /// Its name.
        name: String,
        /// Whether it was stopped because its share of the time brought nothing.
        share_used_up: bool,
    },
    /// A candidate is to be tried of which nothing is known.
    Trying {
        /// The pass that proposes it.
        pass: String,
        /// What it takes beyond the best so far, each with the number of its
        /// alternative.
        beyond: Vec<(ChangeId, u16)>,
    },
    /// An attempt ended.
    Attempted {
        /// The pass that asked for it; `None`: the start, or the proof.
        pass: Option<String>,
        /// What it came to.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// There is a new best, worth being kept at once.
    Better {
        /// The new best.
        candidate: Candidate,
        /// What it costs.
        cost: Cost,
        /// The pass that found it.
        pass: String,
    },
    /// The best had passed by luck, and an older one took its place.
    FellBack {
        /// The best now.
        candidate: Candidate,
        /// What it costs.
        cost: Cost,
    },
    /// The result is being proven.
    Proving {
        /// Attempts that passed.
        passed: u32,
        /// Attempts that must pass.
        of: u32,
    },
}

/// Where a search stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What the system cost as it was given.
    pub start: Option<Cost>,
    /// What the best so far costs.
    pub best: Option<Cost>,
    /// Attempts that ended in this call.
    pub attempts: u64,
    /// Attempts that are under way.
    pub running: usize,
    /// Bytes of payload that each pass has won so far.
    pub saved: Vec<(String, u64)>,
    /// Time left in the budget; `None`: there is no budget.
    pub time_left: Option<Duration>,
}
