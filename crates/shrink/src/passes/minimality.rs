//! 1-minimality: each change that is left gets a trial of its own on top of
//! the best, which is the certificate's evidence.

use std::collections::BTreeSet;

use crate::pass::{Pass, Proposal, Tried, View};
use crate::space::ChangeId;
use crate::verdict::{Care, Verdict};

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

    /// First what was never tried alone; when nothing of that is left, what was
    /// tried on top of something larger than the best.
    fn refill(&mut self, view: &View<'_>) {
        let mut edge = view.edge();
        edge.retain(|id| !self.skipped.contains(id));
        let gain = |id: &ChangeId| view.space().change(*id).gain_bytes();
        edge.sort_by_key(|id| std::cmp::Reverse(gain(id)));
        let untried = |id: &ChangeId| view.lessons().get(id).is_none_or(|l| l.tried.is_none());
        let (untried, mut tried): (Vec<_>, Vec<_>) = edge.into_iter().partition(untried);
        self.queue = untried;
        if self.queue.is_empty() {
            let stale = |id: &ChangeId| {
                view.lessons()
                    .get(id)
                    .is_some_and(|l| l.steps < view.steps())
            };
            tried.retain(stale);
            self.queue = tried;
        }
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

    fn fell_back(&mut self, view: &View<'_>) {
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
            care: Care {
                failures: self.certain,
                ..Care::DOUBT_PASSES
            },
        })
    }

    fn learn(&mut self, view: &View<'_>, tried: &Tried) -> Vec<ChangeId> {
        let id = self.queue.remove(0);
        if tried.verdict == Verdict::Unknown {
            self.skipped.insert(id);
        }
        self.queue.retain(|&id| !view.best().has(id));
        if tried.better {
            // What only this one held can be tried at once.
            let known = |id: &ChangeId| view.lessons().contains_key(id) || self.queue.contains(id);
            let fresh: Vec<ChangeId> = view.edge().into_iter().filter(|id| !known(id)).collect();
            self.queue.splice(0..0, fresh);
        }
        Vec::new()
    }

    fn fork(&self) -> Box<dyn Pass> {
        Box::new(self.clone())
    }
}
