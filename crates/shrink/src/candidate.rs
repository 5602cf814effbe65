//! A state of the system: which changes are taken. And identities.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::space::{ChangeId, Space};

/// What a trial is known by in the journal: a candidate's content, or what the
/// executor says that it came to (a resolved configuration, an image).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identity(String);

impl Identity {
    /// An identity of the executor's making. It must be a function of content
    /// alone, such as a SHA-256, and kinds of things must not share one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which changes are taken, and at which alternative. The empty candidate is
/// the system as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    taken: BTreeMap<ChangeId, u16>,
}

impl Candidate {
    /// The changes that are taken, with the number of the alternative, from 1.
    pub fn taken(&self) -> impl ExactSizeIterator<Item = (ChangeId, u16)> + '_ {
        self.taken.iter().map(|(&id, &number)| (id, number))
    }

    /// The alternative at which a change is taken, from 1; 0: it isn't.
    #[must_use]
    pub fn alternative(&self, id: ChangeId) -> u16 {
        self.taken.get(&id).copied().unwrap_or(0)
    }

    /// Whether a change is taken.
    #[must_use]
    pub fn has(&self, id: ChangeId) -> bool {
        self.taken.contains_key(&id)
    }

    /// The number of changes taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Whether this is the system as it was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// What this candidate takes that `base` doesn't, or takes otherwise.
    #[must_use]
    pub fn beyond(&self, base: &Self) -> Vec<(ChangeId, u16)> {
        self.taken()
            .filter(|&(id, number)| base.alternative(id) != number)
            .collect()
    }

    /// Who it is: SHA-256 over the space's context and the keys of what is
    /// taken. The order in which changes were added doesn't count.
    #[must_use]
    pub fn identity(&self, space: &Space) -> Identity {
        let mut keys: Vec<(&str, &str)> = self
            .taken()
            .map(|(id, number)| {
                let change = space.change(id);
                let alternative = &change.alternatives[usize::from(number) - 1];
                (change.key.as_str(), alternative.key.as_str())
            })
            .collect();
        keys.sort_unstable();
        let mut hash = Sha256::new();
        hash.update(b"candidate/1\n");
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        part(space.context());
        for (change, alternative) in keys {
            part(change);
            part(alternative);
        }
        let digest = hash.finalize();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Identity(format!("candidate:{hex}"))
    }

    pub(crate) fn set(&mut self, id: ChangeId, number: u16) {
        if number == 0 {
            self.taken.remove(&id);
        } else {
            self.taken.insert(id, number);
        }
    }
}

/// Candidates of a space.
impl Space {
    /// `from` with more changes taken at their last alternative, and all that
    /// falls with them.
    #[must_use]
    pub fn with(&self, from: &Candidate, take: &[ChangeId]) -> Candidate {
        let mut candidate = from.clone();
        for id in self.falling_with(take) {
            if candidate.alternative(id) == 0 || take.contains(&id) {
                candidate.set(id, self.change(id).alternatives.len() as u16);
            }
        }
        candidate
    }

    /// `from` with these changes taken, each at its alternative, and all that
    /// falls with them.
    pub(crate) fn upon(&self, from: &Candidate, beyond: &[(ChangeId, u16)]) -> Candidate {
        let ids: Vec<ChangeId> = beyond.iter().map(|&(id, _)| id).collect();
        let mut candidate = self.with(from, &ids);
        for &(id, number) in beyond {
            candidate.set(id, number);
        }
        candidate
    }

    /// `from` with one change taken at the given alternative, counted from 1,
    /// and all that falls with it.
    #[must_use]
    pub fn with_alternative(&self, from: &Candidate, id: ChangeId, number: u16) -> Candidate {
        let mut candidate = from.clone();
        for other in self.falling_with(&[id]) {
            if other != id && candidate.alternative(other) == 0 {
                candidate.set(other, self.change(other).alternatives.len() as u16);
            }
        }
        candidate.set(id, number);
        candidate
    }
}
