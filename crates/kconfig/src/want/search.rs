//! The best-first search over sets of answers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::estimate::NEVER;
use super::goal::{PromptAnswer, asked, requests_of};
use crate::change::Request;
use crate::eval::Configuration;

/// One best-first search.
pub(super) struct Search<'r> {
    request: &'r Request,
    /// By the sum of what is missing, without regard for the length so far.
    greedy: bool,
    max_nodes: usize,
    /// Only sets smaller than this are of interest.
    bound: u32,
    seen: HashSet<Vec<PromptAnswer>>,
    pub(super) tried: usize,
    pub(super) cut_short: bool,
}

impl<'r> Search<'r> {
    pub(super) fn new(request: &'r Request, greedy: bool, max_nodes: usize, bound: u32) -> Self {
        let (seen, tried, cut_short) = (HashSet::new(), 0, false);
        Self {
            request,
            greedy,
            max_nodes,
            bound,
            seen,
            tried,
            cut_short,
        }
    }

    /// The first set that reaches the goal.
    pub(super) fn run(
        &mut self,
        configuration: &mut Configuration<'_>,
    ) -> Option<Vec<PromptAnswer>> {
        let mut open = BinaryHeap::new();
        open.push((Reverse((0, 0)), 0_usize, Vec::<PromptAnswer>::new()));
        while let Some((Reverse((_, detours)), _, answers)) = open.pop() {
            if self.tried >= self.max_nodes {
                self.cut_short = true;
                return None;
            }
            self.tried += 1;
            let applied = configuration.apply(&requests_of(&answers, self.request));
            let reached = configuration.holds(self.request);
            let next = if reached {
                Vec::new()
            } else {
                self.successors(configuration, &answers)
            };
            configuration.take_back(applied);
            if reached {
                return Some(answers);
            }
            for (missing, detour, longer) in next {
                let length = longer.len();
                let total = length as u32 + missing;
                if self.greedy {
                    open.push((Reverse((missing, detours + detour)), length, longer));
                } else if total < self.bound {
                    open.push((Reverse((total, detours + detour)), length, longer));
                }
            }
        }
        None
    }

    /// The sets with one answer more, each with what is still missing.
    fn successors(
        &mut self,
        configuration: &mut Configuration<'_>,
        answers: &[PromptAnswer],
    ) -> Vec<(u32, u32, Vec<PromptAnswer>)> {
        let mut next = Vec::new();
        for (answer, detour) in configuration.steps(configuration.goal(self.request)) {
            if answers.iter().any(|known| known.symbol == answer.symbol) {
                continue;
            }
            let mut longer = answers.to_vec();
            longer.push(answer);
            let mut key = longer.clone();
            key.sort_unstable();
            if !self.seen.insert(key) {
                continue;
            }
            let step = configuration.apply(&[asked(answer)]);
            let missing = if configuration.holds(self.request) {
                0
            } else {
                let goal = configuration.goal(self.request);
                configuration.estimate(goal, self.greedy).max(1)
            };
            configuration.take_back(step);
            if missing < NEVER {
                next.push((missing, detour, longer));
            }
        }
        next
    }
}
