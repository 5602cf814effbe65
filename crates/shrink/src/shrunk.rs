//! What a search found, with its evidence.

use std::time::Duration;

use crate::candidate::{Candidate, Identity};
use crate::cost::Cost;
use crate::outcome::Work;
use crate::pass::{Lesson, View};
use crate::space::ChangeId;
use crate::verdict::Verdict;

/// The smallest system that was found, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// Which changes it takes.
    pub best: Candidate,
    /// Its identity.
    pub identity: Identity,
    /// What the system cost as it was given.
    pub start: Cost,
    /// What it costs now.
    pub cost: Cost,
    /// How often it passed.
    pub proof: Proof,
    /// The way there: each step passed and costs no more than the one before.
    pub steps: Vec<Step>,
    /// What was not taken, or not as far as it could go, and why.
    pub kept: Vec<Kept>,
    /// How far 1-minimality was tested.
    pub minimality: Minimal,
    /// What each pass did.
    pub passes: Vec<PassReport>,
    /// What was believed of which candidate, in the order in which it was
    /// decided. The same however many attempts ran at once, and wherever.
    pub believed: Vec<Believed>,
    /// What the search took, in this call.
    pub effort: Effort,
    /// Why it ended.
    pub stopped: Stopped,
}

/// How often the result passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Attempts that passed.
    pub passed: u32,
    /// Attempts that did not.
    pub failed: u32,
    /// Whether that is what [`Policy`](crate::Policy) asks for. `false` only
    /// when the search was cancelled or had to give up.
    pub proven: bool,
}

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state after it.
    pub candidate: Candidate,
    /// Its identity.
    pub identity: Identity,
    /// What it costs.
    pub cost: Cost,
    /// What it took beyond the step before.
    pub took: Vec<(ChangeId, u16)>,
    /// The pass that found it; empty for the start.
    pub pass: String,
}

/// A change that was not taken, or not as far as it could go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The change.
    pub change: ChangeId,
    /// Why.
    pub because: Because,
    /// Whether it was tried on top of the result itself, not of something
    /// larger.
    pub on_result: bool,
}

/// Why a change was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// It was tried, or inferred.
    Lesson(Lesson),
    /// This falls with it and must stay.
    Dependant(ChangeId),
    /// The search ended before it was tried alone.
    Untried,
}

/// What was believed of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Believed {
    /// The candidate's identity.
    pub identity: Identity,
    /// What it came to in the end: a system, an image.
    pub came_to: Identity,
    /// What is believed of it.
    pub verdict: Verdict,
}

/// How far 1-minimality was tested: of the changes that can be taken alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minimal {
    /// Those tried on top of the result.
    pub tested: usize,
    /// All of them.
    pub of: usize,
}

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Its name.
    pub name: String,
    /// Candidates that it had decided.
    pub candidates: u64,
    /// Candidates that became the best.
    pub steps: u64,
    /// Bytes of payload won.
    pub won_bytes: u64,
    /// The time of its attempts, whenever they were made.
    pub took: Duration,
}

/// What the search took, in this call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Attempts that ended.
    pub attempts: u64,
    /// Attempts, of those, that were made ahead and that nothing asked for: the
    /// price of keeping many workers busy.
    pub wasted: u64,
    /// Attempts whose end nobody waited for, as another guess came true.
    pub dropped: u64,
    /// Trials that came to something known before they ran.
    pub known: u64,
    /// Attempts in which the apparatus broke.
    pub broken: u64,
    /// Builds, boots and cache hits.
    pub work: Work,
    /// The time of all attempts together.
    pub took: Duration,
}

/// Why a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// No pass knows anything more to try.
    Finished,
    /// The time is over.
    Time,
    /// The number of attempts is reached.
    Attempts,
    /// Somebody cancelled.
    Cancelled,
    /// The apparatus broke again and again.
    Infrastructure(String),
    /// Too many executors didn't come back.
    Hangs,
    /// The journal can't be written.
    Journal(String),
}

/// What is kept in the end, and why.
pub(crate) fn kept(view: &View<'_>) -> (Vec<Kept>, Minimal) {
    let space = view.space();
    let is_kept = |id: ChangeId| !view.best().has(id);
    let mut kept = Vec::new();
    for id in space.order() {
        let lesson = view.lessons().get(&id);
        if !is_kept(id) && lesson.is_none() {
            continue;
        }
        let dependants = space.dependants(id).iter();
        let mut held = dependants.filter(|&&other| is_kept(other) && view.is_held(other));
        let because = match (lesson, held.next()) {
            (Some(lesson), _) => Because::Lesson(lesson.clone()),
            (None, Some(&other)) => Because::Dependant(other),
            (None, None) => Because::Untried,
        };
        kept.push(Kept {
            change: id,
            because,
            on_result: lesson.is_some_and(|l| l.tried.is_some() && l.steps == view.steps()),
        });
    }
    let edge = view.edge();
    let on_result = |id: &&ChangeId| kept.iter().any(|k| k.change == **id && k.on_result);
    let minimal = Minimal {
        tested: edge.iter().filter(on_result).count(),
        of: edge.len(),
    };
    (kept, minimal)
}
