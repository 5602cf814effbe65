//! What one attempt at a trial came to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cost::Cost;

/// How a system failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// The kind, in the executor's words: `check failed`, `boot hung`,
    /// `panicked`, `did not build`.
    pub class: String,
    /// The check that failed, where it was one.
    pub check: Option<String>,
}

impl Failure {
    /// A failed check.
    #[must_use]
    pub fn of_check(name: impl Into<String>) -> Self {
        Self {
            class: "check failed".into(),
            check: Some(name.into()),
        }
    }

    /// A failure that is not one check's.
    #[must_use]
    pub fn of_class(class: impl Into<String>) -> Self {
        Self {
            class: class.into(),
            check: None,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.check {
            Some(check) => write!(f, "{}: {check}", self.class),
            None => f.write_str(&self.class),
        }
    }
}

/// What one attempt came to. Each is treated in its own way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// All checks passed, and this is what the system costs.
    Passed {
        /// What it costs.
        cost: Cost,
    },
    /// The system doesn't do what it must.
    Failed {
        /// How.
        failure: Failure,
    },
    /// There is no such system: the configuration can't be had.
    Unresolved {
        /// Why not.
        why: String,
    },
    /// The apparatus failed, not the system. Nothing is learnt from it.
    Broken {
        /// What broke.
        why: String,
    },
    /// No answer within the time limit of a trial.
    TimedOut,
}

impl Outcome {
    /// Whether this says anything about the system.
    #[must_use]
    pub fn is_evidence(&self) -> bool {
        !matches!(self, Self::Broken { .. })
    }
}

/// What an attempt took to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Systems built.
    pub builds: u32,
    /// Boots.
    pub boots: u32,
    /// Parts that were there already.
    pub cache_hits: u32,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.builds += other.builds;
        self.boots += other.boots;
        self.cache_hits += other.cache_hits;
    }
}

/// One attempt, as the journal keeps it. Attempts are only ever added; what is
/// believed of a system is computed from all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// What it took to make.
    pub work: Work,
}

/// What an executor answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What the attempt came to; `None` where [`Trial::becomes`] said that it
    /// is known.
    ///
    /// [`Trial::becomes`]: crate::Trial::becomes
    pub outcome: Option<Outcome>,
    /// What it took to make.
    pub work: Work,
    /// How long it took, where the executor knows better than a clock beside
    /// it, as a simulated one does.
    pub took: Option<Duration>,
}

impl Answer {
    /// The answer where [`Trial::becomes`](crate::Trial::becomes) said so.
    #[must_use]
    pub fn known() -> Self {
        Self {
            outcome: None,
            work: Work::default(),
            took: None,
        }
    }

    /// The same answer with the work that it took.
    #[must_use]
    pub fn after(mut self, work: Work) -> Self {
        self.work = work;
        self
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
            work: Work::default(),
            took: None,
        }
    }
}
