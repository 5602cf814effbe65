//! How a search is to run.

use std::time::Duration;

use crate::cost::Goal;
use crate::executor::CancelToken;
use crate::verdict::Policy;

/// How a search is to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is to become small.
    pub goal: Goal,
    /// What is repeated how often.
    pub policy: Policy,
    /// The time for this call, the proof included as well as it can be
    /// foreseen. A later call goes on with time of its own.
    pub time: Option<Duration>,
    /// Attempts in this call; the proof comes on top.
    pub attempts: Option<u64>,
    /// The time limit of one attempt.
    pub trial_time: Option<Duration>,
    /// How long an attempt may take to come back when it is told to.
    pub grace: Duration,
    /// Attempts at once.
    pub jobs: usize,
    /// Ends the search with the best so far.
    pub cancel: CancelToken,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            goal: Goal::default(),
            policy: Policy::default(),
            time: None,
            attempts: None,
            trial_time: None,
            grace: Duration::from_secs(10),
            jobs: 1,
            cancel: CancelToken::new(),
        }
    }
}
