//! What a pass is: a strategy that proposes candidates and learns from what
//! came of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::candidate::{Candidate, Identity};
use crate::cost::{Cost, Goal};
use crate::space::{ChangeId, Space};
use crate::verdict::{Care, Rejection, Verdict};

/// A candidate to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The candidate.
    pub candidate: Candidate,
    /// Whether it will rather pass. Decides what is tried beside it on the
    /// guess of its outcome; a wrong guess costs time, never the result.
    pub hopeful: bool,
    /// When to believe an attempt.
    pub care: Care,
}

/// What came of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The candidate.
    pub candidate: Candidate,
    /// What it took beyond the best so far.
    pub beyond: Vec<(ChangeId, u16)>,
    /// What is believed of it.
    pub verdict: Verdict,
    /// Whether it is the best so far now.
    pub better: bool,
}

/// A strategy.
///
/// A pass is a small value: the search copies it to find out what it would try
/// next if a running trial passed, or failed. So its moves must follow from
/// what it was told alone, not from time, chance without a seed, or the world.
pub trait Pass: Send {
    /// What reports call it.
    fn name(&self) -> &str;

    /// Starts from this state. Called at the start of each round.
    fn begin(&mut self, view: &View<'_>);

    /// The best so far turned out not to be good, and an older one is in its
    /// place; what was learnt since is forgotten. Starts anew unless the pass
    /// knows better.
    fn fell_back(&mut self, view: &View<'_>) {
        self.begin(view);
    }

    /// What to try next; `None`: nothing more in this round. Called again
    /// without [`learn`](Self::learn) in between, it must answer the same.
    fn next(&mut self, view: &View<'_>) -> Option<Proposal>;

    /// Hears what came of the last proposal; `view` is the state after it.
    /// Gives the changes that need no trial of their own to be known as not
    /// possible.
    fn learn(&mut self, view: &View<'_>, tried: &Tried) -> Vec<ChangeId>;

    /// A copy.
    fn fork(&self) -> Box<dyn Pass>;
}

/// A pass and its weight.
pub struct Turn {
    /// The pass.
    pub pass: Box<dyn Pass>,
    /// Its share of the time is its weight among all weights. A pass that wins
    /// nothing for so long has to stop; each win gives it its share anew.
    pub weight: u32,
}

impl Turn {
    /// A pass with its weight.
    pub fn new(pass: impl Pass + 'static, weight: u32) -> Self {
        Self {
            pass: Box::new(pass),
            weight,
        }
    }
}

/// Why a change was not taken, and on top of what it was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Why.
    pub rejection: Rejection,
    /// The candidate that was tried; `None` where it was inferred.
    pub tried: Option<Identity>,
    /// How many steps the best so far had behind it then.
    pub steps: usize,
}

/// The state of a search, as a pass sees it.
#[derive(Clone, Debug)]
pub struct View<'s> {
    space: &'s Space,
    goal: Goal,
    start: Cost,
    best: Candidate,
    cost: Cost,
    steps: usize,
    lessons: BTreeMap<ChangeId, Lesson>,
    held: BTreeSet<ChangeId>,
}

impl<'s> View<'s> {
    pub(crate) fn new(space: &'s Space, goal: Goal, start: Cost) -> Self {
        Self {
            space,
            goal,
            start,
            best: Candidate::default(),
            cost: start,
            steps: 0,
            lessons: BTreeMap::new(),
            held: BTreeSet::new(),
        }
    }

    /// What can be changed.
    #[must_use]
    pub fn space(&self) -> &'s Space {
        self.space
    }

    /// The best so far.
    #[must_use]
    pub fn best(&self) -> &Candidate {
        &self.best
    }

    /// What the best so far costs.
    #[must_use]
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// What is known of changes that were not taken.
    #[must_use]
    pub fn lessons(&self) -> &BTreeMap<ChangeId, Lesson> {
        &self.lessons
    }

    /// How many times the best so far has been replaced.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether a change must stay, because it or something that falls with it
    /// was tried and failed.
    #[must_use]
    pub fn is_held(&self, id: ChangeId) -> bool {
        self.held.contains(&id)
    }

    /// Whether nothing is known of a change yet.
    #[must_use]
    pub fn is_open(&self, id: ChangeId) -> bool {
        !self.best.has(id) && !self.lessons.contains_key(&id) && !self.is_held(id)
    }

    /// The best so far with these changes taken, too, and all that falls with
    /// them.
    #[must_use]
    pub fn with(&self, take: &[ChangeId]) -> Candidate {
        self.space.with(&self.best, take)
    }

    /// What is not taken and falls with nothing else that isn't: the changes
    /// whose removal alone makes the next smaller states. The others follow.
    #[must_use]
    pub fn edge(&self) -> Vec<ChangeId> {
        let kept = |id: &ChangeId| !self.best.has(*id);
        let ids = self.space.order().into_iter().filter(kept);
        ids.filter(|&id| !self.space.dependants(id).iter().any(kept))
            .collect()
    }

    /// Takes in what came of a candidate; the first of the two ways in which a
    /// view changes.
    pub(crate) fn apply(
        &mut self,
        candidate: &Candidate,
        identity: Option<Identity>,
        verdict: Verdict,
    ) -> Tried {
        let beyond = candidate.beyond(&self.best);
        let mut tried = Tried {
            candidate: candidate.clone(),
            beyond,
            verdict,
            better: false,
        };
        if let Verdict::Passed(cost) = tried.verdict {
            if self.goal.accepts(&self.start, &self.cost, &cost) {
                self.best = candidate.clone();
                self.cost = cost;
                self.steps += 1;
                let space = self.space;
                // What is taken as far as it goes has no limit to report.
                let all = |id| {
                    space.change(id).alternatives.len() == usize::from(candidate.alternative(id))
                };
                self.lessons.retain(|&id, _| !all(id));
                self.hold();
                tried.better = true;
                return tried;
            }
            tried.verdict = Verdict::Rejected(Rejection::NoGain { cost });
        }
        if let (Verdict::Rejected(rejection), &[(id, _)]) = (&tried.verdict, &tried.beyond[..]) {
            self.keep(id, rejection.clone(), identity);
        }
        tried
    }

    /// Takes in what a pass inferred; the second.
    pub(crate) fn infer(&mut self, ids: &[ChangeId]) {
        for &id in ids {
            if self.is_open(id) {
                self.keep(id, Rejection::Inferred, None);
            }
        }
    }

    /// Goes back to an older best, and forgets what was learnt since.
    pub(crate) fn fall_back(&mut self, best: Candidate, cost: Cost, steps: usize) {
        self.best = best;
        self.cost = cost;
        self.steps = steps;
        self.lessons.retain(|_, lesson| lesson.steps <= steps);
        self.hold();
    }

    fn keep(&mut self, id: ChangeId, rejection: Rejection, tried: Option<Identity>) {
        let steps = self.steps;
        let holds = rejection.holds_dependencies() && !self.best.has(id);
        self.lessons.insert(
            id,
            Lesson {
                rejection,
                tried,
                steps,
            },
        );
        if holds {
            self.held.extend(self.space.held_by(&[id]));
        } else {
            self.hold();
        }
    }

    fn hold(&mut self) {
        let holders: Vec<ChangeId> = self
            .lessons
            .iter()
            .filter(|(id, lesson)| lesson.rejection.holds_dependencies() && !self.best.has(**id))
            .map(|(&id, _)| id)
            .collect();
        self.held = self.space.held_by(&holders);
    }
}
