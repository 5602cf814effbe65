//! One change after the other: for few changes, and to compare with.

use std::collections::VecDeque;

use crate::pass::{Pass, Proposal, Tried, View};
use crate::space::ChangeId;
use crate::verdict::Care;

/// The pass. Each change that nothing is known of gets a trial of its own,
/// dependants first.
#[derive(Clone, Debug, Default)]
pub struct OneByOne {
    open: VecDeque<ChangeId>,
}

impl OneByOne {
    /// Over all changes of the space.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Pass for OneByOne {
    fn name(&self) -> &str {
        "one by one"
    }

    fn begin(&mut self, view: &View<'_>) {
        self.open = view.space().order().into();
    }

    fn next(&mut self, view: &View<'_>) -> Option<Proposal> {
        while self.open.front().is_some_and(|&id| !view.is_open(id)) {
            self.open.pop_front();
        }
        let &id = self.open.front()?;
        Some(Proposal {
            candidate: view.with(&[id]),
            hopeful: true,
            care: Care::ONCE,
        })
    }

    fn learn(&mut self, _view: &View<'_>, _tried: &Tried) -> Vec<ChangeId> {
        self.open.pop_front();
        Vec::new()
    }

    fn fork(&self) -> Box<dyn Pass> {
        Box::new(self.clone())
    }
}
