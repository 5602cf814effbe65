//! From attempts to what is believed of a system.

use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::outcome::{Attempt, Failure, Outcome};

/// How often things are repeated before they are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many attempts the result has to pass in the end.
    pub proof: u32,
    /// How many attempts may fail in between. 0: a system that ever failed is
    /// flaky and no result. More only where the apparatus itself is known to
    /// err now and then.
    pub tolerated: u32,
    /// With `tolerated` above 0: the majority of how many attempts decides when
    /// they disagree. Made odd.
    pub majority: u32,
    /// After how many rejected candidates on top of it the best so far is run
    /// again, if it passed only once: it may have passed by luck, and then
    /// nothing passes on top of it. Three times as many where it passed twice,
    /// and so on.
    pub suspicion: u32,
    /// How many attempts must fail before a change counts as not possible in
    /// the certificate.
    pub evidence: u32,
    /// How often a trial is repeated when the apparatus broke, and how many
    /// trials in a row may end so before the search gives up.
    pub retries: u32,
    /// How many hung executors are left behind before the search gives up.
    pub abandoned: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            proof: 20,
            tolerated: 0,
            majority: 3,
            suspicion: 4,
            evidence: 2,
            retries: 3,
            abandoned: 8,
        }
    }
}

/// How often a candidate must pass, or fail, to be believed. Where a pass finds
/// them disagreeing, [`Policy`] decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Care {
    /// How many attempts must pass. More than one where failing is what
    /// everybody expects: there a pass by luck is not rare among the passes.
    pub passes: u32,
    /// How many must fail. More than one where nothing will be tried again.
    pub failures: u32,
}

impl Care {
    /// The first attempt is believed.
    pub const ONCE: Self = Self {
        passes: 1,
        failures: 1,
    };
    /// A pass is believed when it is repeated, a failure at once.
    pub const DOUBT_PASSES: Self = Self {
        passes: 2,
        failures: 1,
    };
}

/// Why a change was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Rejection {
    /// The system fails without it.
    Fails {
        /// How.
        failure: Failure,
    },
    /// It passes at times.
    Flaky {
        /// Attempts that passed.
        passed: u32,
        /// Attempts that did not.
        failed: u32,
    },
    /// No answer within the time limit.
    TimedOut,
    /// There is no such system.
    Unresolved {
        /// Why not.
        why: String,
    },
    /// It passes, and costs more.
    NoGain {
        /// What it costs.
        cost: Cost,
    },
    /// Not tried alone: of a group that fails, all others could be taken.
    Inferred,
}

impl Rejection {
    /// Whether what falls with the change can't be taken either.
    #[must_use]
    pub fn holds_dependencies(&self) -> bool {
        !matches!(self, Self::Unresolved { .. } | Self::NoGain { .. })
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fails { failure } => failure.fmt(f),
            Self::Flaky { passed, failed } => {
                write!(f, "flaky: {passed} passed, {failed} failed")
            }
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Unresolved { why } => write!(f, "can't be had: {why}"),
            Self::NoGain { cost } => write!(f, "gains nothing: {} B", cost.payload_bytes),
            Self::Inferred => f.write_str("inferred from a group"),
        }
    }
}

/// What is believed of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Passed(Cost),
    /// It can't be taken.
    Rejected(Rejection),
    /// Only the apparatus broke: nothing is known.
    Unknown,
}

/// All attempts at one thing, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    cost: Option<Cost>,
    failure: Option<Failure>,
    unresolved: Option<String>,
}

impl Tally {
    pub(crate) fn of<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> Self {
        let mut tally = Self::default();
        for attempt in attempts {
            match &attempt.outcome {
                Outcome::Passed { cost } => {
                    tally.passed += 1;
                    tally.cost.get_or_insert(*cost);
                }
                Outcome::Failed { failure } => {
                    tally.failed += 1;
                    tally.failure.get_or_insert_with(|| failure.clone());
                }
                Outcome::TimedOut => tally.failed += 1,
                Outcome::Broken { .. } => {}
                Outcome::Unresolved { why } => {
                    tally.unresolved.get_or_insert_with(|| why.clone());
                }
            }
        }
        tally
    }

    /// What to believe, or `None`: another attempt is needed.
    pub(crate) fn judge(&self, policy: &Policy, care: Care) -> Option<Verdict> {
        if let Some(why) = &self.unresolved {
            return Some(Verdict::Rejected(Rejection::Unresolved {
                why: why.clone(),
            }));
        }
        match (self.passed, self.failed) {
            (0, 0) => None,
            (passed, 0) if passed >= care.passes => self.cost.map(Verdict::Passed),
            (0, failed) if failed >= care.failures => Some(self.rejected()),
            (0, _) | (_, 0) => None,
            _ if policy.tolerated == 0 => Some(self.flaky()),
            _ => self.majority(policy),
        }
    }

    fn majority(&self, policy: &Policy) -> Option<Verdict> {
        let of = policy.majority.max(3) | 1;
        if self.passed + self.failed < of || self.passed == self.failed {
            return None;
        }
        if self.passed > self.failed && self.failed > policy.tolerated {
            Some(self.flaky())
        } else if self.passed > self.failed {
            self.cost.map(Verdict::Passed)
        } else {
            Some(self.rejected())
        }
    }

    fn rejected(&self) -> Verdict {
        Verdict::Rejected(match &self.failure {
            Some(failure) => Rejection::Fails {
                failure: failure.clone(),
            },
            None => Rejection::TimedOut,
        })
    }

    fn flaky(&self) -> Verdict {
        Verdict::Rejected(Rejection::Flaky {
            passed: self.passed,
            failed: self.failed,
        })
    }

    /// Whether it passed often enough to be a result: `None` while attempts are
    /// missing.
    pub(crate) fn proven(&self, policy: &Policy) -> Option<bool> {
        if self.unresolved.is_some() || self.failed > policy.tolerated {
            Some(false)
        } else if self.passed >= policy.proof.max(1) {
            Some(true)
        } else {
            None
        }
    }
}
