//! Group testing: many changes in one trial, groups as large as the evidence
//! lets hope for.
//!
//! The method is Hwang's generalised binary splitting (F. K. Hwang, "A method
//! for detecting all defective members in a population by group testing", 1972):
//! take a group that passes with a probability of about one half; if it fails,
//! find one change that can't be taken by halving; go on with the rest. Here
//! the probability is estimated from what was found lately, or given by the
//! changes themselves, and where something must stay, all that it falls with
//! stays without a trial.

use std::collections::BTreeSet;

use crate::pass::{Pass, Proposal, Tried, View};
use crate::space::ChangeId;
use crate::verdict::{Care, Verdict};

/// The share of changes that are needed, from those decided so far. Older ones
/// count less: neighbours in the order belong together, and so do their fates.
#[derive(Clone, Copy, Debug)]
struct Density {
    needed: f64,
    decided: f64,
}

impl Density {
    /// What a search begins with: one needed among so many.
    const PRIOR: f64 = 24.0;
    /// How much a decided change still counts when the next one is decided.
    const MEMORY: f64 = 0.99;

    fn new() -> Self {
        Self {
            needed: 1.0,
            decided: Self::PRIOR,
        }
    }

    fn learn(&mut self, decided: usize, needed: f64) {
        let fade = Self::MEMORY.powi(decided as i32);
        self.needed = self.needed * fade + needed;
        self.decided = self.decided * fade + decided as f64;
    }

    fn estimate(&self) -> f64 {
        ((self.needed + 0.2) / (self.decided + 1.0)).clamp(0.001, 0.7)
    }
}

/// The pass.
#[derive(Clone, Debug)]
pub struct GroupTesting {
    name: String,
    groups: Option<BTreeSet<String>>,
    density: Density,
    /// Not decided yet, in the order of [`Space::order`](crate::Space::order).
    open: Vec<ChangeId>,
    /// A group that failed, or what is left of it.
    suspects: Vec<ChangeId>,
    testing: Vec<ChangeId>,
}

impl GroupTesting {
    /// Over all changes of the space.
    #[must_use]
    pub fn new() -> Self {
        Self {
            name: "groups".into(),
            groups: None,
            density: Density::new(),
            open: Vec::new(),
            suspects: Vec::new(),
            testing: Vec::new(),
        }
    }

    /// Over the changes of some groups, under a name of its own.
    #[must_use]
    pub fn over<I: IntoIterator<Item: Into<String>>>(name: impl Into<String>, groups: I) -> Self {
        Self {
            name: name.into(),
            groups: Some(groups.into_iter().map(Into::into).collect()),
            ..Self::new()
        }
    }

    fn risk(&self, view: &View<'_>, id: ChangeId) -> f64 {
        let given = view.space().change(id).risk;
        given.map_or_else(|| self.density.estimate(), |risk| risk.clamp(0.001, 0.999))
    }

    /// How many of the first of `ids` pass together with a probability of at
    /// least `target`; at least one.
    fn prefix(&self, view: &View<'_>, ids: &[ChangeId], target: f64) -> usize {
        let mut passes = 1.0;
        for (count, &id) in ids.iter().enumerate() {
            passes *= 1.0 - self.risk(view, id);
            if passes < target {
                return count.max(1);
            }
        }
        ids.len()
    }

    /// The part of a failed group that passes with a probability of one half,
    /// given that the whole can't.
    fn half(&self, view: &View<'_>) -> usize {
        let all: f64 = self
            .suspects
            .iter()
            .map(|&id| 1.0 - self.risk(view, id))
            .product();
        // P(part passes | whole fails) = (p - all) / (1 - all) = 1/2
        let target = all + (1.0 - all) / 2.0;
        self.prefix(view, &self.suspects, target)
            .min(self.suspects.len() - 1)
            .max(1)
    }

    fn passed(&mut self, inferred: &mut Vec<ChangeId>) {
        self.density.learn(self.testing.len(), 0.0);
        if self.suspects.is_empty() {
            return;
        }
        self.suspects.retain(|id| !self.testing.contains(id));
        if let &[last] = &self.suspects[..] {
            self.density.learn(1, 1.0);
            inferred.push(last);
            self.suspects.clear();
        }
    }

    fn failed(&mut self, verdict: &Verdict) {
        let rest: Vec<ChangeId> = self
            .suspects
            .iter()
            .copied()
            .filter(|id| !self.testing.contains(id))
            .collect();
        self.open.splice(0..0, rest);
        self.suspects.clear();
        if self.testing.len() > 1 {
            self.suspects = std::mem::take(&mut self.testing);
        } else if *verdict != Verdict::Unknown {
            self.density.learn(1, 1.0);
        }
    }
}

impl Default for GroupTesting {
    fn default() -> Self {
        Self::new()
    }
}

impl Pass for GroupTesting {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self, view: &View<'_>) {
        let wanted = |id: &ChangeId| {
            let group = &view.space().change(*id).group;
            self.groups
                .as_ref()
                .is_none_or(|groups| groups.contains(group))
        };
        self.open = view.space().order().into_iter().filter(wanted).collect();
        self.suspects.clear();
        self.testing.clear();
    }

    fn next(&mut self, view: &View<'_>) -> Option<Proposal> {
        if self.testing.is_empty() {
            self.open.retain(|&id| view.is_open(id));
            self.suspects.retain(|&id| view.is_open(id));
            if self.suspects.len() > 1 {
                let count = self.half(view);
                self.testing = self.suspects[..count].to_vec();
            } else {
                self.open.splice(0..0, self.suspects.drain(..));
                let count = self.prefix(view, &self.open, 0.5);
                self.testing = self.open.drain(..count.min(self.open.len())).collect();
            }
        }
        (!self.testing.is_empty()).then(|| Proposal {
            candidate: view.with(&self.testing),
            hopeful: self.testing.len() > 1 || self.density.estimate() < 0.5,
            care: Care::ONCE,
        })
    }

    fn learn(&mut self, _view: &View<'_>, tried: &Tried) -> Vec<ChangeId> {
        let mut inferred = Vec::new();
        if tried.better {
            self.passed(&mut inferred);
        } else {
            self.failed(&tried.verdict);
        }
        self.testing.clear();
        inferred
    }

    fn fork(&self) -> Box<dyn Pass> {
        Box::new(self.clone())
    }
}
