//! What will be asked for next, so that many workers have something to do.
//!
//! A search is a chain: each proposal follows from what came of the one before.
//! Where an outcome can be foreseen, the chain is followed and its trials are
//! begun now. Where it can't, one outcome is as likely as the other, and the
//! chain behind it soon is not worth a trial. So beyond that point other trials
//! are made, *scouts*: the next groups that the pass would take, each alone on
//! top of the best so far. Nobody asks for their outcome, but with it the chain
//! can be foreseen further. Neither changes what a search believes: attempts are
//! revealed one after the other, as in a search with one worker.

use std::collections::HashMap;

use crate::candidate::{Candidate, Identity};
use crate::pass::{Pass, Proposal, Turn, View};
use crate::space::ChangeId;
use crate::verdict::{Rejection, Verdict};
use crate::{Cost, Failure};

/// A trial of the chain is begun when it is asked for with this probability.
const WORTH: f64 = 0.4;

/// How probable an outcome is that follows from others.
const SURE: f64 = 0.985;

/// How seldom what a pass doesn't hope for passes all the same.
const SURPRISE: f64 = 0.1;

/// Failures of more changes than this say nothing of the single ones.
const LARGEST: usize = 400;

/// What attempts let expect of others, revealed or not.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    /// What was part of something that passed, and how far.
    harmless: HashMap<ChangeId, u16>,
    /// What failed, without what is harmless.
    failed: Vec<Vec<(ChangeId, u16)>>,
}

impl Knowledge {
    /// Takes in what came of a candidate; `best` is what is known to pass.
    pub(crate) fn learn(&mut self, candidate: &Candidate, best: &Candidate, passed: bool) {
        let beyond = candidate.beyond(best);
        if passed {
            for &(id, number) in &beyond {
                let far = self.harmless.entry(id).or_default();
                *far = number.max(*far);
            }
            // What passes now was not to blame for what failed.
            for failed in &mut self.failed {
                failed.retain(|change| !has(&beyond, change));
            }
            self.failed.retain(|failed| !failed.is_empty());
            return;
        }
        let mut rest = self.unknown(&beyond, best);
        if rest.is_empty() {
            // Something passed by luck, or because of something else.
            for (id, _) in &beyond {
                self.harmless.remove(id);
            }
            rest = beyond;
        }
        // What a smaller failure explains says nothing new.
        let explained = self.failed.iter().any(|failed| share(failed, &rest) >= 1.0);
        if !explained && rest.len() <= LARGEST {
            self.failed.retain(|failed| share(&rest, failed) < 1.0);
            self.failed.push(rest);
        }
    }

    /// What of these changes was part of nothing that passed.
    fn unknown(&self, beyond: &[(ChangeId, u16)], best: &Candidate) -> Vec<(ChangeId, u16)> {
        let harmless = |&(id, number): &(ChangeId, u16)| {
            let known = self.harmless.get(&id).is_some_and(|far| *far >= number);
            known || best.alternative(id) >= number
        };
        beyond
            .iter()
            .copied()
            .filter(|change| !harmless(change))
            .collect()
    }

    /// The probability that a candidate passes.
    fn expect(&self, proposal: &Proposal, best: &Candidate) -> f64 {
        let beyond = proposal.candidate.beyond(best);
        if self
            .failed
            .iter()
            .any(|failed| share(failed, &beyond) >= 1.0)
        {
            return 1.0 - SURE;
        }
        if self.unknown(&beyond, best).is_empty() {
            SURE
        } else if proposal.hopeful {
            0.5
        } else {
            SURPRISE
        }
    }
}

/// The share of what failed that is among these.
fn share(failed: &[(ChangeId, u16)], sorted: &[(ChangeId, u16)]) -> f64 {
    let among = failed.iter().filter(|change| has(sorted, change)).count();
    among as f64 / failed.len().max(1) as f64
}

/// Whether a change is among these, as far as it goes.
fn has(sorted: &[(ChangeId, u16)], change: &(ChangeId, u16)) -> bool {
    let at = sorted.binary_search_by_key(&change.0, |&(id, _)| id);
    at.is_ok_and(|at| sorted[at].1 >= change.1)
}

/// What a pass would do next, and on what ground.
#[derive(Clone, Copy)]
pub(crate) struct Guess<'a, 's> {
    pub(crate) pass: &'a dyn Pass,
    /// The passes behind it.
    pub(crate) rest: &'a [Turn],
    pub(crate) view: &'a View<'s>,
    pub(crate) proposal: &'a Proposal,
}

/// The chain as it is foreseen.
pub(crate) struct Forecast<'a, 's> {
    knowledge: &'a Knowledge,
    /// The state that scouts are tried on top of.
    now: &'a View<'s>,
    view: View<'s>,
    pass: Box<dyn Pass>,
    rest: &'a [Turn],
    proposal: Proposal,
    /// How probably the chain comes here.
    reach: f64,
}

/// A trial that is worth being begun.
pub(crate) struct Ahead {
    pub(crate) candidate: Candidate,
    pub(crate) identity: Identity,
}

impl<'a, 's> Forecast<'a, 's> {
    pub(crate) fn new(knowledge: &'a Knowledge, guess: &Guess<'a, 's>) -> Self {
        Self {
            knowledge,
            now: guess.view,
            view: guess.view.clone(),
            pass: guess.pass.fork(),
            rest: guess.rest,
            proposal: guess.proposal.clone(),
            reach: 1.0,
        }
    }

    /// What the chain is at now.
    pub(crate) fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// Goes on to the next proposal, with what is `known` of this one or what is
    /// to be expected, of this pass or those behind it. `false`: the round ends here.
    pub(crate) fn step(&mut self, identity: Identity, known: Option<Verdict>) -> bool {
        let verdict = known.unwrap_or_else(|| {
            let passes = self.knowledge.expect(&self.proposal, self.now.best());
            self.reach *= passes.max(1.0 - passes);
            guessed(passes >= 0.5, *self.view.cost())
        });
        let candidate = &self.proposal.candidate;
        let tried = self.view.apply(candidate, Some(identity), verdict);
        let inferred = self.pass.learn(&self.view, &tried);
        self.view.infer(&inferred);
        loop {
            if let Some(next) = self.pass.next(&self.view) {
                self.proposal = next;
                return true;
            }
            let Some((turn, rest)) = self.rest.split_first() else {
                return false;
            };
            self.pass = turn.pass.fork();
            self.pass.begin(&self.view);
            self.rest = rest;
        }
    }

    /// Whether the chain probably comes here.
    pub(crate) fn is_likely(&self) -> bool {
        self.reach >= WORTH
    }

    /// The trial that this place of the chain is worth: its own where the chain
    /// probably comes here; else a scout, where its outcome is open.
    pub(crate) fn trial(&self, identity: &Identity) -> Option<Ahead> {
        if self.is_likely() {
            return Some(Ahead {
                candidate: self.proposal.candidate.clone(),
                identity: identity.clone(),
            });
        }
        let beyond = self.proposal.candidate.beyond(self.view.best());
        let scout = Proposal {
            candidate: self.now.space().upon(self.now.best(), &beyond),
            ..self.proposal.clone()
        };
        let passes = self.knowledge.expect(&scout, self.now.best());
        (1.0 - SURE < passes && passes < SURE).then(|| Ahead {
            identity: scout.candidate.identity(self.now.space()),
            candidate: scout.candidate,
        })
    }
}

fn guessed(passes: bool, cost: Cost) -> Verdict {
    if passes {
        return Verdict::Passed(cost);
    }
    let failure = Failure::of_class("guessed");
    Verdict::Rejected(Rejection::Fails { failure })
}
