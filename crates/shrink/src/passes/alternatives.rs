//! Numbers and choices: how far each change can go.

use std::collections::VecDeque;

use crate::pass::{Pass, Proposal, Tried, View};
use crate::space::{ChangeId, Space};
use crate::verdict::Care;

/// Where the pass stands with one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bracket {
    /// Ordered: the alternatives between these are open. `passes` was tried and
    /// passed (0: as it is now), `fails` was tried and failed (one behind the
    /// last: nothing failed yet).
    Between { passes: u16, fails: u16 },
    /// Unordered: this one is next, counted down from the last.
    Down { number: u16 },
}

/// The pass. An ordered change gets a binary search; the alternative that it
/// ends with was tried and passed, and the one behind it was tried and failed,
/// also where the order promised too much. An unordered one has its
/// alternatives tried from the last to the first.
#[derive(Clone, Debug, Default)]
pub struct Alternatives {
    open: VecDeque<(ChangeId, Bracket)>,
}

impl Alternatives {
    /// Over all changes with more than one alternative.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What to try of the first change; `None`: nothing is left of it.
    fn number(space: &Space, id: ChangeId, progress: Bracket) -> Option<u16> {
        let last = space.change(id).alternatives.len() as u16;
        match progress {
            // The hardest may just work, and then there is nothing to search.
            Bracket::Between { passes, fails } if fails > last && passes < last => Some(last),
            Bracket::Between { passes, fails } => {
                (fails > passes + 1 && fails <= last).then(|| passes + (fails - passes) / 2)
            }
            Bracket::Down { number } => (number > 0).then_some(number),
        }
    }
}

impl Pass for Alternatives {
    fn name(&self) -> &str {
        "alternatives"
    }

    fn begin(&mut self, view: &View<'_>) {
        let space = view.space();
        let several = space.order().into_iter().filter_map(|id| {
            let change = space.change(id);
            let (last, now) = (
                change.alternatives.len() as u16,
                view.best().alternative(id),
            );
            let progress = match (change.ordered, now) {
                (true, passes) if passes < last => Bracket::Between {
                    passes,
                    fails: last + 1,
                },
                (false, 0) => Bracket::Down { number: last },
                _ => return None,
            };
            (last > 1).then_some((id, progress))
        });
        self.open = several.collect();
    }

    fn next(&mut self, view: &View<'_>) -> Option<Proposal> {
        loop {
            let &(id, progress) = self.open.front()?;
            match Self::number(view.space(), id, progress) {
                Some(number) => {
                    return Some(Proposal {
                        candidate: view.space().with_alternative(view.best(), id, number),
                        hopeful: false,
                        care: Care::DOUBT_PASSES,
                    });
                }
                None => self.open.pop_front(),
            };
        }
    }

    fn learn(&mut self, view: &View<'_>, tried: &Tried) -> Vec<ChangeId> {
        if let Some((id, progress)) = self.open.pop_front() {
            let number = Self::number(view.space(), id, progress).unwrap_or(0);
            let next = match progress {
                Bracket::Between { fails, .. } if tried.better => Some(Bracket::Between {
                    passes: number,
                    fails,
                }),
                Bracket::Between { passes, .. } => Some(Bracket::Between {
                    passes,
                    fails: number,
                }),
                Bracket::Down { .. } if tried.better => None,
                Bracket::Down { number } => Some(Bracket::Down { number: number - 1 }),
            };
            if let Some(next) = next {
                self.open.push_front((id, next));
            }
        }
        Vec::new()
    }

    fn fork(&self) -> Box<dyn Pass> {
        Box::new(self.clone())
    }
}
