//! 1-minimality: each change that is left gets a trial of its own on top of
//! the best, which is the certificate's evidence.

use std::collections::BTreeSet;

use crate::pass::{Pass, Proposal, Tried, View};
use crate::space::ChangeId;
use crate::verdict::Verdict;

/// The pass. It tries what falls with nothing else that is kept, the largest
/// gain first: where that must stay, what it falls with must stay as well. It
/// ends when all of them were tried on top of one and the same best.
#[derive(Clone, Debug, Default)]
pub struct Minimality {
    queue: Vec<ChangeId>,
    /// Given up for this round: the apparatus broke.
    skipped: BTreeSet<ChangeId>,
    certain: u32,
}

impl Minimality {
    /// Over all that is kept. A failure is believed once.
    #[must_use]
    pub fn new() -> Self {
        Self {
            certain: 1,
            ..Self::default()
        }
    }

    /// The same, with each failure repeated until so many attempts failed.
    #[must_use]
    pub fn with_failures(mut self, failures: u32) -> Self {
        self.certain = failures.max(1);
        self
    }

    fn refill(&mut self, view: &View<'_>) {
        let missing = |id: &ChangeId| {
            let lesson = view.lessons().get(id);
            !self.skipped.contains(id)
                && lesson.is_none_or(|l| l.tried.is_none() || l.steps < view.steps())
        };
        self.queue = view.edge().into_iter().filter(missing).collect();
        let gain = |id: &ChangeId| view.space().change(*id).gain_bytes();
        self.queue.sort_by_key(|id| std::cmp::Reverse(gain(id)));
    }
}

impl Pass for Minimality {
    fn name(&self) -> &str {
        "minimality"
    }

    fn begin(&mut self, view: &View<'_>) {
        self.skipped.clear();
        self.refill(view);
    }

    fn next(&mut self, view: &View<'_>) -> Option<Proposal> {
        if self.queue.is_empty() {
            self.refill(view);
        }
        let &id = self.queue.first()?;
        Some(Proposal {
            candidate: view.with(&[id]),
            hopeful: false,
            failures: self.certain,
        })
    }

    fn learn(&mut self, view: &View<'_>, tried: &Tried) -> Vec<ChangeId> {
        let id = self.queue.remove(0);
        if tried.verdict == Verdict::Unknown {
            self.skipped.insert(id);
        }
        self.queue.retain(|&id| !view.best().has(id));
        Vec::new()
    }

    fn fork(&self) -> Box<dyn Pass> {
        Box::new(self.clone())
    }
}
