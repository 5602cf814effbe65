//! How a trial ended, and how each of its checks did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a trial, or one attempt at it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every check passed, and no oops, BUG, panic or trap in the whole boot.
    Passed,
    /// The system came up, but a check failed or timed out.
    CheckFailed,
    /// Nothing happened any more, or the time limit was reached.
    BootHung,
    /// The kernel panicked.
    Panicked,
    /// The kernel printed an oops, a BUG or a warning of its own.
    Oopsed,
    /// The machine was switched off or restarted before the checks were done.
    ExitedEarly,
    /// Code ran that had been removed.
    Trapped,
    /// The build failed.
    DidNotBuild,
    /// The configuration doesn't resolve as asked.
    DidNotResolve,
    /// Something outside the system under test failed: never a verdict.
    InfrastructureBroke,
}

/// How a single check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It did what it should.
    Passed,
    /// It did something else.
    Failed,
    /// It took longer than it may.
    TimedOut,
    /// It was not reached.
    Skipped,
}

impl Outcome {
    /// The outcome in words.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::CheckFailed => "check failed",
            Outcome::BootHung => "boot hung",
            Outcome::Panicked => "panicked",
            Outcome::Oopsed => "oopsed",
            Outcome::ExitedEarly => "exited early",
            Outcome::Trapped => "trapped",
            Outcome::DidNotBuild => "did not build",
            Outcome::DidNotResolve => "did not resolve",
            Outcome::InfrastructureBroke => "infrastructure broke",
        }
    }
}

impl CheckOutcome {
    /// The outcome for people.
    pub fn words(self) -> &'static str {
        match self {
            CheckOutcome::Passed => "passed",
            CheckOutcome::Failed => "failed",
            CheckOutcome::TimedOut => "timed out",
            CheckOutcome::Skipped => "skipped",
        }
    }
}
