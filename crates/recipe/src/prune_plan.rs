//! What a plan says of pruning.

use host::units::Bytes;
use serde::Serialize;

/// How a system is pruned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PrunePlan {
    /// What pruning may rely on; `None` where the recipe says nothing.
    pub level: Option<PruneLevel>,
    /// Patterns of functions that stay.
    pub keep: Vec<String>,
    /// Patterns of functions that go, whatever needs them.
    pub drop: Vec<String>,
    /// Whether functions stay or go as a whole, at `tight` too.
    pub whole_functions: bool,
    /// Whether the console says the name of a function that was missed.
    pub names: bool,
    /// What a machine does that was stopped.
    #[serde(skip_serializing_if = "OnTrap::is_halt")]
    pub on_trap: OnTrap,
    /// What is needed although it was pruned is loaded; `None` where it stops
    /// the machine.
    pub load: Option<LoadPlan>,
    /// The evidence of an earlier pruning: the kernel is built as it says.
    pub certificate: Option<CertificateFile>,
}

/// How what was pruned is loaded when it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadPlan {
    /// RAM for what is loaded. Nothing of it is ever given back.
    pub reserve: Bytes,
}

impl LoadPlan {
    /// The reserve where a recipe names none.
    pub const RESERVE: Bytes = Bytes::kib(256);
}

/// What happens when something is needed that was pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingCode {
    /// The machine stops.
    Stop,
    /// It is loaded.
    Load,
}

impl MissingCode {
    /// As recipes name it.
    pub const WORDS: [(&'static str, MissingCode); 2] =
        [("stop", MissingCode::Stop), ("load", MissingCode::Load)];
}

/// What a machine does that something stopped which was pruned and is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTrap {
    /// It stands still.
    #[default]
    Halt,
    /// It begins anew after so many seconds, and tells then what stopped it.
    Reset(u32),
}

impl OnTrap {
    /// The most seconds that a machine waits.
    pub const LONGEST: u32 = 3600;

    /// Whether it stands still, as it does where nothing is said.
    pub fn is_halt(&self) -> bool {
        *self == OnTrap::Halt
    }

    /// From a recipe's or a certificate's words.
    pub fn of_words(words: &str) -> Option<OnTrap> {
        let after = match words {
            "halt" => return Some(OnTrap::Halt),
            "reset" => return Some(OnTrap::Reset(0)),
            _ => words.strip_prefix("reset-after ")?,
        };
        let after = host::units::parse_duration(after.trim()).ok()?;
        let seconds = u32::try_from(after.as_secs()).ok()?;
        let whole = after.subsec_nanos() == 0 && seconds <= OnTrap::LONGEST;
        whole.then_some(OnTrap::Reset(seconds))
    }

    /// As recipes and certificates say it.
    pub fn words(self) -> String {
        match self {
            OnTrap::Halt => "halt".to_owned(),
            OnTrap::Reset(0) => "reset".to_owned(),
            OnTrap::Reset(seconds) => format!("reset-after {seconds}s"),
        }
    }
}

/// A certificate's file, read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateFile {
    /// Its name, for messages.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// What pruning may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneLevel {
    /// Keeps whatever anything may need.
    Safe,
    /// Keeps what ran and what its features may need.
    Balanced,
    /// Keeps what ran.
    Tight,
}

impl PruneLevel {
    /// All levels, the most careful first.
    pub const ALL: [PruneLevel; 3] = [PruneLevel::Safe, PruneLevel::Balanced, PruneLevel::Tight];

    /// As recipes, certificates and the command line name it.
    pub fn word(self) -> &'static str {
        match self {
            PruneLevel::Safe => "safe",
            PruneLevel::Balanced => "balanced",
            PruneLevel::Tight => "tight",
        }
    }

    /// The level of that name.
    pub fn of_word(word: &str) -> Option<PruneLevel> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }
}
