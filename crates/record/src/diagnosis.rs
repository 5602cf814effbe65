//! What is wrong with a boot, as it is recorded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One cause, as it is shown and recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// Its name in docs/diagnoses.md: `init-not-executable`.
    pub id: String,
    /// What is wrong, in one sentence.
    pub cause: String,
    /// What shows it: lines of the console, facts of the configuration.
    pub evidence: Vec<String>,
    /// What to do about it.
    pub mend: String,
}

/// Diagnoses as they are shown on a card and below an error.
pub fn diagnoses_text(diagnoses: &[Diagnosis]) -> String {
    let one = |d: &Diagnosis| {
        let evidence: String = d.evidence.iter().map(|e| format!("\n    {e}")).collect();
        format!("  {} [{}]{evidence}\n    mend: {}", d.cause, d.id, d.mend)
    };
    diagnoses.iter().map(one).collect::<Vec<_>>().join("\n")
}
