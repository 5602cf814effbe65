//! What came of a trial, as the store keeps it.

use std::collections::BTreeMap;

use host::Id;
use host::units::grouped;
use serde::{Deserialize, Serialize};
use shrink::{Outcome, Work};

/// The version of the format of results.
pub const RESULT: &str = "tuxling.trial/1";

/// What came of a trial. Only verdicts are kept: where the apparatus broke,
/// there is no result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialResult {
    /// [`RESULT`].
    pub schema: String,
    /// The trial.
    pub trial: Id,
    /// The system that it came to, as the search calls it.
    pub system: String,
    /// The image that was booted, where it came so far.
    pub image: Option<String>,
    /// The verdict, with what the system costs.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
    /// Builds and boots.
    pub work: Work,
    /// The name of the machine that carried it out.
    pub host: String,
    /// The store's objects with the evidence, by name: the record and the
    /// console, each packed by zstd.
    pub evidence: BTreeMap<String, Id>,
}

impl TrialResult {
    /// It as a line for people.
    #[must_use]
    pub fn told(&self) -> String {
        let verdict = match &self.outcome {
            Outcome::Passed { cost } => format!("passed, {} B", grouped(cost.payload_bytes)),
            Outcome::Failed { failure } => failure.to_string(),
            Outcome::Unresolved { why } => format!("can't be had: {why}"),
            Outcome::Broken { why } => format!("broke: {why}"),
            Outcome::TimedOut => "timed out".to_owned(),
        };
        let trial = self.trial.short();
        format!("{trial}: {verdict} ({:.0} s)\n", self.seconds)
    }
}

/// A result for tests and benches, different for each number.
#[doc(hidden)]
#[must_use]
pub fn fixture(number: usize) -> TrialResult {
    let trial = Id::of_bytes(format!("trial {number}").as_bytes());
    let failure = shrink::Failure::of_check("shell");
    let cost = shrink::Cost::payload(400_000 + number as u64);
    TrialResult {
        schema: RESULT.to_owned(),
        system: format!("system:{trial}"),
        image: Some(format!("image:{}", Id::of_bytes(trial.as_str().as_bytes()))),
        trial,
        outcome: [Outcome::Passed { cost }, Outcome::Failed { failure }][number % 2].clone(),
        seconds: 20.0 + (number % 97) as f64 / 8.0,
        work: Work {
            builds: 1,
            boots: 1,
            cache_hits: 0,
        },
        host: format!("node{}", number % 1000),
        evidence: BTreeMap::new(),
    }
}
