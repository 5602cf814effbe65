//! The methods to compare with. They believe each attempt, as the tools that
//! use them do.

use std::collections::HashSet;

use shrink::{Candidate, ChangeId, Outcome, Space};

use super::World;

/// What a method came to.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) trials: usize,
    pub(crate) candidate: Candidate,
}

impl From<Found> for (usize, Candidate) {
    fn from(found: Found) -> Self {
        (found.trials, found.candidate)
    }
}

struct Oracle<'w> {
    space: &'w Space,
    world: &'w World,
    trials: usize,
}

impl Oracle<'_> {
    fn passes(&mut self, candidate: &Candidate) -> bool {
        self.trials += 1;
        let identity = candidate.identity(self.space);
        let outcome = self.world.attempt(candidate, &identity, 1);
        matches!(outcome, Outcome::Passed { .. })
    }
}

/// Each option in this order, with all that falls with it.
fn removal(space: &Space, world: &World, order: &[ChangeId]) -> Found {
    let mut oracle = Oracle {
        space,
        world,
        trials: 0,
    };
    let mut best = Candidate::default();
    for &id in order {
        if !best.has(id) {
            let candidate = space.with(&best, &[id]);
            if oracle.passes(&candidate) {
                best = candidate;
            }
        }
    }
    Found {
        trials: oracle.trials,
        candidate: best,
    }
}

/// One-by-one removal, dependants first: each option gets a trial.
pub(crate) fn one_by_one(space: &Space, world: &World) -> Found {
    removal(space, world, &space.order())
}

/// One-by-one removal in the order of ktest's `make_min_config`: what most
/// others depend on comes first, and takes them along.
pub(crate) fn most_depended_on_first(space: &Space, world: &World) -> Found {
    let mut order: Vec<ChangeId> = space.ids().collect();
    let falls = |id: &ChangeId| space.with(&Candidate::default(), &[*id]).len();
    order.sort_by_cached_key(|id| std::cmp::Reverse(falls(id)));
    removal(space, world, &order)
}

/// Zeller and Hildebrandt's ddmin over the options that are kept: subsets,
/// then complements, with ever smaller parts. What is kept without what it
/// depends on falls.
pub(crate) fn ddmin(space: &Space, world: &World) -> Found {
    let mut oracle = Oracle {
        space,
        world,
        trials: 0,
    };
    let all = space.order();
    let without = |kept: &[ChangeId]| {
        let kept: HashSet<ChangeId> = kept.iter().copied().collect();
        let gone: Vec<ChangeId> = all
            .iter()
            .copied()
            .filter(|id| !kept.contains(id))
            .collect();
        space.with(&Candidate::default(), &gone)
    };
    let mut kept = all.clone();
    let mut parts = 2;
    while kept.len() >= 2 {
        let size = kept.len().div_ceil(parts);
        let chunks: Vec<Vec<ChangeId>> = kept.chunks(size).map(<[ChangeId]>::to_vec).collect();
        let subset = chunks
            .iter()
            .find(|chunk| oracle.passes(&without(chunk)))
            .cloned();
        let next = subset.map(|subset| (subset, 2)).or_else(|| {
            chunks.iter().find_map(|chunk| {
                let rest: Vec<ChangeId> = kept
                    .iter()
                    .copied()
                    .filter(|id| !chunk.contains(id))
                    .collect();
                oracle
                    .passes(&without(&rest))
                    .then_some((rest, parts.max(3) - 1))
            })
        });
        match next {
            Some((smaller, number)) => (kept, parts) = (smaller, number),
            None if parts < kept.len() => parts = (parts * 2).min(kept.len()),
            None => break,
        }
    }
    Found {
        trials: oracle.trials,
        candidate: without(&kept),
    }
}
