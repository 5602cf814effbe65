//! What outlives a search: every finished attempt, under its identity.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::candidate::Identity;
use crate::outcome::Attempt;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// An attempt ended.
    Attempt {
        /// Of what: the last identity that the trial came to.
        of: Identity,
        /// What it came to.
        attempt: Attempt,
    },
    /// One thing came to another: a candidate to a configuration, a
    /// configuration to an image. What is known of the second holds for the
    /// first.
    Same {
        /// The first.
        of: Identity,
        /// What it came to.
        came_to: Identity,
    },
}

/// The journal could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the journal of trials: {0}")]
pub struct JournalError(pub Box<dyn std::error::Error + Send + Sync>);

/// Where records are kept.
///
/// A record that `append` has taken must survive a `kill -9` of the process.
/// One that it was interrupted in may be there or not, but never in part.
pub trait Journal: Send {
    /// All records, in the order in which they were added. Called once.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    fn load(&mut self) -> Result<Vec<Record>, JournalError>;

    /// Adds one record.
    ///
    /// # Errors
    ///
    /// When it can't be kept. The search then stops with the best so far.
    fn append(&mut self, record: &Record) -> Result<(), JournalError>;
}

/// A journal that ends with the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    /// What was appended.
    pub records: Vec<Record>,
}

impl Journal for MemoryJournal {
    fn load(&mut self) -> Result<Vec<Record>, JournalError> {
        Ok(self.records.clone())
    }

    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        self.records.push(record.clone());
        Ok(())
    }
}

/// The records as the search asks for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    attempts: HashMap<Identity, Vec<Attempt>>,
    came_to: HashMap<Identity, Identity>,
}

impl Memory {
    pub(crate) fn learn(&mut self, record: Record) {
        match record {
            Record::Attempt { of, attempt } => self.attempts.entry(of).or_default().push(attempt),
            Record::Same { of, came_to } if of != came_to => {
                self.came_to.insert(of, came_to);
            }
            Record::Same { .. } => {}
        }
    }

    pub(crate) fn knows_same(&self, of: &Identity, came_to: &Identity) -> bool {
        self.came_to.get(of) == Some(came_to)
    }

    /// What an identity came to in the end. Records that contradict each other
    /// may run in a circle: whoever is met again ends it.
    pub(crate) fn last<'a>(&'a self, identity: &'a Identity) -> &'a Identity {
        let mut last = identity;
        for _ in 0..16 {
            match self.came_to.get(last) {
                Some(next) if next != identity => last = next,
                _ => break,
            }
        }
        last
    }

    /// The attempts at what this identity came to that say something.
    pub(crate) fn evidence(&self, identity: &Identity) -> impl Iterator<Item = &Attempt> {
        let attempts = self.attempts.get(self.last(identity));
        let attempts = attempts.map_or(&[][..], Vec::as_slice).iter();
        attempts.filter(|attempt| attempt.outcome.is_evidence())
    }
}
