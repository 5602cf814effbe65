//! What a search may change in a system: what the passes know of kernels and
//! user lands. The search itself, the `shrink` crate, knows nothing of either.

pub mod applets;
pub mod constants;
pub mod options;

use std::collections::BTreeSet;
use std::time::Duration;

use farm::edit::Edit;
pub use farm::edit::request;
use farm::trials::Changes;
use recipe::Plan;
use shrink::passes::{AllAtOnce, Alternatives, DeltaDebugging, GroupTesting, Minimality};
use shrink::{Alternative, Candidate, Change, ChangeId, Space, Turn};

/// Numbers, choices and switches whose good value is known beforehand.
pub const CONSTANTS: &str = "constants";
/// Options that bring in code of which nothing ran.
pub const UNUSED: &str = "unused options";
/// Options that bring in no file of their own: they act inside others.
pub const INSIDE: &str = "options inside files";
/// Options that bring in code of which some ran.
pub const USED: &str = "used options";
/// What a kernel says when something is wrong with it.
pub const MESSAGES: &str = "messages";
/// The groups of the kernel's options.
pub const OPTIONS: &[&str] = &[CONSTANTS, UNUSED, INSIDE, USED, MESSAGES];
/// Applets and options of BusyBox, and how the ramdisk is packed.
pub const USER_LAND: &str = "user land";

/// One change as a pass describes it.
#[derive(Clone, Debug)]
pub struct Way {
    /// Its key in the space, such as `CONFIG_UNIX`.
    pub key: String,
    /// What people read.
    pub label: String,
    /// One of the groups above.
    pub group: &'static str,
    /// The alternatives, the one to hope for last.
    pub edits: Vec<Edit>,
    /// Predicted gain in bytes of the payloads.
    pub gain_bytes: u64,
    /// Predicted time of a trial.
    pub trial_time: Duration,
    /// How probably it is not possible; the search estimates it as it goes when
    /// `None`.
    pub risk: Option<f64>,
}

/// All changes, and what each does to a plan.
#[derive(Clone, Debug)]
pub struct Ways {
    /// The changes as the search sees them.
    pub space: Space,
    edits: Vec<Vec<Edit>>,
    /// The groups that are searched; all when empty.
    only: Vec<&'static str>,
    /// Keys that an earlier search had.
    known: BTreeSet<String>,
}

impl Ways {
    /// Nothing to change yet; `context` identifies all that stays, `only` are
    /// the groups that are searched (all when empty), `known` the keys of
    /// changes that an earlier search had.
    pub fn new(context: &str, only: &[&'static str], known: &BTreeSet<String>) -> Ways {
        Ways {
            space: Space::new(context),
            edits: Vec::new(),
            only: only.to_vec(),
            known: known.clone(),
        }
    }

    /// Adds a change. One whose key is there already or was in an earlier
    /// search is left out, and one of a group that isn't searched.
    pub fn add(&mut self, way: Way) {
        let wanted = self.only.is_empty() || self.only.contains(&way.group);
        if !wanted || self.known.contains(&way.key) {
            return;
        }
        let steps = way.edits.len().max(1) as u64;
        let alternative = |(at, edit): (usize, &Edit)| Alternative {
            key: edit.key(),
            gain_bytes: way.gain_bytes * (at as u64 + 1) / steps,
        };
        let change = Change {
            key: way.key,
            label: way.label,
            group: way.group.to_owned(),
            alternatives: way.edits.iter().enumerate().map(alternative).collect(),
            ordered: true,
            trial_time: way.trial_time,
            risk: way.risk,
        };
        if self.space.add(change).is_ok() {
            self.edits.push(way.edits);
        }
    }

    /// Says that one change, by its key, can't do without what another takes.
    pub fn falls_with(&mut self, dependant: &str, of: &str) {
        if let (Some(dependant), Some(of)) = (self.space.find(dependant), self.space.find(of)) {
            self.space.falls_with(dependant, of);
        }
    }

    /// The plan with a candidate's changes.
    pub fn apply(&self, plan: &Plan, candidate: &Candidate) -> Plan {
        let mut changed = plan.clone();
        for edit in self.edits_of(candidate) {
            edit.apply(&mut changed);
        }
        changed
    }

    /// What a candidate does.
    fn edits_of<'a>(&'a self, candidate: &'a Candidate) -> impl Iterator<Item = &'a Edit> {
        candidate.taken().filter_map(|(id, number)| {
            let edits = self.edits.get(id.index())?;
            edits.get(usize::from(number).checked_sub(1)?)
        })
    }

    /// What a change does when it is taken as far as it goes.
    pub fn furthest(&self, id: ChangeId) -> Option<&Edit> {
        self.edits.get(id.index())?.last()
    }

    /// The passes, the cheapest first; `together` are the changes that can be
    /// had at once.
    pub fn turns(together: Vec<ChangeId>) -> Vec<Turn> {
        let over = |group: &str| GroupTesting::over(group, [group]);
        vec![
            Turn::new(AllAtOnce::over(together), 6),
            Turn::new(over(CONSTANTS), 1),
            Turn::new(over(UNUSED), 3),
            Turn::new(over(INSIDE), 3),
            Turn::new(over(USER_LAND), 2),
            Turn::new(over(USED), 4),
            Turn::new(over(MESSAGES), 1),
            Turn::new(Alternatives::new(), 1),
            Turn::new(Minimality::new(), 2),
            Turn::new(DeltaDebugging::new(), 1),
        ]
    }
}

impl Changes for Ways {
    fn edits(&self, candidate: &Candidate) -> Vec<Edit> {
        self.edits_of(candidate).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
