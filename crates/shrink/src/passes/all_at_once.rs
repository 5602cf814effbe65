//! Everything at once: where little of much is needed, the way from below is
//! the shorter one.
//!
//! The first candidate takes all. While it fails, changes are given back, those
//! most likely needed first, twice as many each time. What is given back here
//! is open for the passes that follow: they try it in smaller groups, on top of
//! a small system, whose trials are the cheapest.

use crate::pass::{Pass, Proposal, Tried, View};
use crate::space::ChangeId;
use crate::verdict::{Care, Verdict};

/// The pass. It ends with the first candidate that passes, or when nothing is
/// left to be given back.
#[derive(Clone, Debug)]
pub struct AllAtOnce {
    /// The most likely needed last.
    all: Vec<ChangeId>,
    /// What is left of them to be proposed.
    taking: Vec<ChangeId>,
    give_back: usize,
}

impl AllAtOnce {
    /// Over these changes, the most likely needed last: all that can be had
    /// together.
    #[must_use]
    pub fn over(changes: impl IntoIterator<Item = ChangeId>) -> Self {
        Self {
            all: changes.into_iter().collect(),
            taking: Vec::new(),
            give_back: 1,
        }
    }
}

impl Pass for AllAtOnce {
    fn name(&self) -> &str {
        "all at once"
    }

    fn begin(&mut self, view: &View<'_>) {
        let open = self.all.iter().copied().filter(|&id| view.is_open(id));
        self.taking = open.collect();
        self.give_back = 1;
    }

    fn next(&mut self, view: &View<'_>) -> Option<Proposal> {
        // A single change is nothing that other passes wouldn't try.
        (self.taking.len() > 1).then(|| Proposal {
            candidate: view.with(&self.taking),
            hopeful: true,
            care: Care::ONCE,
        })
    }

    fn learn(&mut self, view: &View<'_>, tried: &Tried) -> Vec<ChangeId> {
        if tried.better || tried.verdict == Verdict::Unknown {
            self.taking.clear();
            return Vec::new();
        }
        let left = self.taking.len().saturating_sub(self.give_back);
        let given = self.taking.split_off(left);
        // What they fall with stays as well.
        let held = view.space().held_by(&given);
        self.taking.retain(|id| !held.contains(id));
        self.give_back *= 2;
        Vec::new()
    }

    fn fork(&self) -> Box<dyn Pass> {
        Box::new(self.clone())
    }
}
