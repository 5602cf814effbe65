//! What else must change for an option to get a value: a best-first search
//! over the user's possible answers, each step checked by working it out.
//!
//! A node is a set of requests. Its successors add one request that could
//! bring the goal nearer: an answer to a visible prompt in the way, whether on
//! the path through the dependencies, through something that selects the
//! option, or through the condition of a default.
//!
//! The first search is greedy: it estimates what is still missing as the sum
//! of all that must hold together, which finds a set soon. What that set can do
//! without is dropped. The second search looks for a smaller set, with an
//! estimate that never exceeds the truth (the dearest part of what must hold
//! together, the cheapest of what may hold instead). If it ends by itself, the
//! result is a smallest set among those the steps can build.

mod estimate;
mod goal;
mod search;
mod steps;
mod ways;

use std::sync::Arc;

use crate::change::Request;
use crate::eval::Configuration;
use crate::merge::DropReason;
use crate::tristate::Tristate;
use goal::{PromptAnswer, asked, requests_of};
use search::Search;

pub use ways::{Alternatives, Nearness};

/// How many sets of requests the first search tries.
const GREEDY_NODES: usize = 1_000;
/// How many sets of requests the search for a smaller set tries.
const EXACT_NODES: usize = 300;
/// A set of requests that reaches the goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The requests, in the order they become possible. The last one is the
    /// goal's own, also where its default would do: so it is seen when the
    /// goal is lost later. It is missing only for a goal that has no visible
    /// prompt and comes by `select`, `imply` or `default`.
    pub requests: Vec<Request>,
    /// How many sets of requests were tried.
    pub tried: usize,
    /// Whether all smaller sets that the search knows were ruled out.
    pub smallest: bool,
}

/// No set of requests was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantFailure {
    /// What is in the way in the configuration as it is.
    pub reason: DropReason,
    /// How many sets of requests were tried.
    pub tried: usize,
    /// Whether all that the search knows was tried: if so, no answer to a
    /// prompt helps.
    pub exhausted: bool,
}

impl Configuration<'_> {
    /// The smallest set of requests after which `request` holds, as far as
    /// the search goes. The configuration stays as it is.
    ///
    /// # Errors
    /// If no set was found, with what is in the way.
    pub fn want(&mut self, request: &Request) -> Result<Want, WantFailure> {
        if request.value.is_none() {
            return Ok(Want {
                requests: vec![request.clone()],
                tried: 0,
                smallest: true,
            });
        }
        let reason = self.why_not(request);
        let mut search = Search::new(request, true, GREEDY_NODES, u32::MAX);
        let mut found = search.run(self);
        let preferred = std::mem::take(&mut self.preferred);
        if found.is_none() && !preferred.is_empty() {
            // The preferred ways may lead nowhere.
            search = Search::new(request, true, GREEDY_NODES, u32::MAX);
            found = search.run(self);
        } else {
            self.preferred = Arc::clone(&preferred);
        }
        let outcome = self.smallest(request, search, found, reason);
        self.preferred = preferred;
        outcome
    }

    /// Looks for a smaller set than the one that a first search found.
    fn smallest(
        &mut self,
        request: &Request,
        search: Search<'_>,
        found: Option<Vec<PromptAnswer>>,
        reason: DropReason,
    ) -> Result<Want, WantFailure> {
        let Some(found) = found else {
            let exhausted = !search.cut_short;
            return Err(WantFailure {
                reason,
                tried: search.tried,
                exhausted,
            });
        };
        let found = self.without_needless(request, found);
        let bound = found.len() as u32;
        let mut second = Search::new(request, false, EXACT_NODES, bound);
        let smaller = second.run(self);
        let smallest = smaller.is_some() || !second.cut_short;
        let answers = smaller.unwrap_or(found);
        Ok(Want {
            requests: self.with_goal(&answers, request),
            tried: search.tried + second.tried,
            smallest,
        })
    }

    /// The requests that answers stand for, with the goal's own as the last
    /// one where a user has a say in it.
    fn with_goal(&mut self, answers: &[PromptAnswer], request: &Request) -> Vec<Request> {
        let others = answers
            .iter()
            .filter(|answer| answer.symbol != request.symbol);
        let mut requests: Vec<Request> = others.map(|&answer| asked(answer)).collect();
        requests.push(request.clone());
        let applied = self.apply(&requests);
        let has_a_say = self.visibility(request.symbol) != Tristate::No && self.holds(request);
        self.take_back(applied);
        if has_a_say {
            requests
        } else {
            answers.iter().map(|&answer| asked(answer)).collect()
        }
    }

    /// Drops the answers that the goal doesn't need.
    fn without_needless(
        &mut self,
        request: &Request,
        mut answers: Vec<PromptAnswer>,
    ) -> Vec<PromptAnswer> {
        let mut at = 0;
        while at < answers.len() {
            let mut fewer = answers.clone();
            fewer.remove(at);
            let applied = self.apply(&requests_of(&fewer, request));
            let holds = self.holds(request);
            self.take_back(applied);
            if holds {
                answers = fewer;
            } else {
                at += 1;
            }
        }
        answers
    }
}
