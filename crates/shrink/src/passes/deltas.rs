//! Delta debugging: what can't be taken alone may go together.
//!
//! The method is the complement half of ddmin (A. Zeller, R. Hildebrandt,
//! "Simplifying and isolating failure-inducing input", 2002) over what is kept:
//! chunks of a half, a quarter and so on down to two.

use crate::pass::{Pass, Proposal, Tried, View};
use crate::space::ChangeId;
use crate::verdict::Care;

/// The pass. Single changes are [`Minimality`](super::Minimality)'s.
#[derive(Clone, Debug, Default)]
pub struct DeltaDebugging {
    kept: Vec<ChangeId>,
    chunk: usize,
    at: usize,
}

impl DeltaDebugging {
    /// Over all that is kept when it begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Pass for DeltaDebugging {
    fn name(&self) -> &str {
        "deltas"
    }

    fn begin(&mut self, view: &View<'_>) {
        self.kept = view.edge();
        self.chunk = self.kept.len().div_ceil(2);
        self.at = 0;
    }

    fn fell_back(&mut self, view: &View<'_>) {
        self.kept = view.edge();
    }

    fn next(&mut self, view: &View<'_>) -> Option<Proposal> {
        while self.chunk >= 2 {
            if self.at < self.kept.len() {
                let end = (self.at + self.chunk).min(self.kept.len());
                return Some(Proposal {
                    candidate: view.with(&self.kept[self.at..end]),
                    hopeful: false,
                    care: Care::DOUBT_PASSES,
                });
            }
            self.chunk = if self.chunk == 2 {
                0
            } else {
                self.chunk.div_ceil(2)
            };
            self.at = 0;
        }
        None
    }

    fn learn(&mut self, view: &View<'_>, tried: &Tried) -> Vec<ChangeId> {
        if tried.better {
            // What falls with the chunk may have stood anywhere.
            let gone = |id: &&ChangeId| view.best().has(**id);
            self.at -= self.kept[..self.at].iter().filter(gone).count();
            self.kept.retain(|&id| !view.best().has(id));
        } else {
            self.at += self.chunk;
        }
        Vec::new()
    }

    fn fork(&self) -> Box<dyn Pass> {
        Box::new(self.clone())
    }
}
