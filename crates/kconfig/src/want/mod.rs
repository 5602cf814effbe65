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

mod steps;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use rustc_hash::FxHashMap;

use crate::change::Request;
use crate::eval::Configuration;
use crate::expr::{Expr, ExprId, Relation, SymbolId};
use crate::merge::DropReason;
use crate::model::{PropertyKind, SymbolType};
use crate::tristate::Tristate;
use crate::user::UserValue;
use steps::Steps;

/// How many sets of requests the first search tries.
const GREEDY_NODES: usize = 1_000;
/// How many sets of requests the search for a smaller set tries.
const EXACT_NODES: usize = 300;
/// How long a chain of needs is followed in an estimate.
const MAX_CHAIN: u8 = 40;
/// What stands for "no way" in estimates.
const NEVER: u32 = 1_000;

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

/// What a symbol is wanted to be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Goal {
    symbol: SymbolId,
    value: Tristate,
    /// At most `value` instead of at least.
    at_most: bool,
}

type Answer = (SymbolId, Tristate);

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
        let Some(found) = search.run(self) else {
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
    fn with_goal(&mut self, answers: &[Answer], request: &Request) -> Vec<Request> {
        let others = answers
            .iter()
            .filter(|(symbol, _)| *symbol != request.symbol);
        let mut requests: Vec<Request> = others.map(|&answer| asked(answer)).collect();
        requests.push(request.clone());
        let applied = self.apply(&requests);
        let has_a_say = self.visibility(request.symbol) != Tristate::No && self.holds(request);
        self.take_back(applied);
        match has_a_say {
            true => requests,
            false => requests_of(answers, request),
        }
    }

    /// Drops the answers that the goal doesn't need.
    fn without_needless(&mut self, request: &Request, mut answers: Vec<Answer>) -> Vec<Answer> {
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

    /// What is to be reached first on the way to a request.
    fn goal(&self, request: &Request) -> Goal {
        let symbol = request.symbol;
        let Some(UserValue::Tristate(value)) = request.value else {
            return Goal {
                symbol,
                value: Tristate::Mod,
                at_most: false,
            };
        };
        let modular = self.tree.symbol(symbol).ty == SymbolType::Tristate;
        if value == Tristate::Mod && modular && self.modules == Tristate::No {
            return Goal {
                symbol: self.tree.modules,
                value: Tristate::Yes,
                at_most: false,
            };
        }
        Goal {
            symbol,
            value,
            at_most: self.tristate(symbol) > value,
        }
    }

    fn estimate(&self, goal: Goal, sum: bool) -> u32 {
        let known = FxHashMap::default();
        Estimate {
            configuration: self,
            known,
            sum,
        }
        .of_symbol(goal, 0)
    }

    /// The answers that could bring the goal nearer now.
    fn steps(&self, goal: Goal) -> Vec<(Answer, u32)> {
        let mut steps = Steps {
            configuration: self,
            answers: Vec::new(),
            visited: HashSet::new(),
            detour: 0,
        };
        steps.for_symbol(goal, 0);
        steps.answers
    }

    /// For a condition, what counts as holding fully for this symbol.
    fn needed(&self, symbol: SymbolId, value: Tristate) -> Tristate {
        match self.tree.symbol(symbol).ty {
            SymbolType::Tristate if self.modules != Tristate::No => value,
            _ => value.min(Tristate::Mod),
        }
    }

    fn reached(&self, goal: Goal) -> bool {
        let symbol = self.tree.symbol(goal.symbol);
        if symbol.ty.is_logical() || goal.symbol <= SymbolId::YES {
            let now = self.tristate(goal.symbol);
            if goal.at_most {
                now <= goal.value
            } else {
                now >= goal.value
            }
        } else {
            self.visibility(goal.symbol) != Tristate::No
        }
    }
}

/// The requests that answers stand for. A number or a string is part of them
/// itself: answers only make its prompt visible.
fn requests_of(answers: &[Answer], request: &Request) -> Vec<Request> {
    let mut requests: Vec<Request> = answers.iter().map(|&answer| asked(answer)).collect();
    if matches!(request.value, Some(UserValue::Text(_))) {
        requests.push(request.clone());
    }
    requests
}

/// One best-first search.
struct Search<'r> {
    request: &'r Request,
    /// By the sum of what is missing, without regard for the length so far.
    greedy: bool,
    max_nodes: usize,
    /// Only sets smaller than this are of interest.
    bound: u32,
    seen: HashSet<Vec<Answer>>,
    tried: usize,
    cut_short: bool,
}

impl<'r> Search<'r> {
    fn new(request: &'r Request, greedy: bool, max_nodes: usize, bound: u32) -> Self {
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

    fn run(&mut self, configuration: &mut Configuration<'_>) -> Option<Vec<Answer>> {
        let mut open = BinaryHeap::new();
        open.push((Reverse((0, 0)), 0_usize, Vec::<Answer>::new()));
        while let Some((Reverse((_, detours)), _, answers)) = open.pop() {
            if self.tried >= self.max_nodes {
                self.cut_short = true;
                return None;
            }
            self.tried += 1;
            let applied = configuration.apply(&requests_of(&answers, self.request));
            let reached = configuration.holds(self.request);
            let next = match reached {
                true => Vec::new(),
                false => self.successors(configuration, &answers),
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
        answers: &[Answer],
    ) -> Vec<(u32, u32, Vec<Answer>)> {
        let mut next = Vec::new();
        for (answer, detour) in configuration.steps(configuration.goal(self.request)) {
            if answers.iter().any(|known| known.0 == answer.0) {
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
            let missing = match configuration.holds(self.request) {
                true => 0,
                false => {
                    let goal = configuration.goal(self.request);
                    configuration.estimate(goal, self.greedy).max(1)
                }
            };
            configuration.take_back(step);
            if missing < NEVER {
                next.push((missing, detour, longer));
            }
        }
        next
    }
}

fn asked((symbol, value): Answer) -> Request {
    Request {
        symbol,
        value: Some(UserValue::Tristate(value)),
    }
}

/// The two ways a relation to a constant turns into goals for its symbol.
fn relation_goals(relation: Relation, left: SymbolId, right: SymbolId, wanted: bool) -> Vec<Goal> {
    let (symbol, constant) = if right <= SymbolId::YES {
        (left, right)
    } else {
        (right, left)
    };
    let value = match constant {
        SymbolId::NO => Tristate::No,
        SymbolId::MOD => Tristate::Mod,
        SymbolId::YES => Tristate::Yes,
        _ => return Vec::new(),
    };
    let relation = if wanted { relation } else { relation.negated() };
    let least = |value| Goal {
        symbol,
        value,
        at_most: false,
    };
    let most = |value| Goal {
        symbol,
        value,
        at_most: true,
    };
    match (relation, value) {
        (Relation::Equal, Tristate::Yes) => vec![least(Tristate::Yes)],
        (Relation::Equal, Tristate::No) => vec![most(Tristate::No)],
        (Relation::Unequal, Tristate::Yes) => vec![most(Tristate::Mod), most(Tristate::No)],
        (Relation::Unequal, Tristate::No) => vec![least(Tristate::Mod), least(Tristate::Yes)],
        (Relation::Equal, Tristate::Mod) => vec![least(Tristate::Mod), most(Tristate::Mod)],
        (Relation::Unequal, Tristate::Mod) => vec![least(Tristate::Yes), most(Tristate::No)],
        _ => Vec::new(),
    }
}

/// How many answers are missing at least.
struct Estimate<'c, 'k> {
    configuration: &'c Configuration<'k>,
    known: FxHashMap<Goal, u32>,
    /// Whether parts that must hold together add up; else the dearest counts.
    sum: bool,
}

impl Estimate<'_, '_> {
    fn of_symbol(&mut self, goal: Goal, chain: u8) -> u32 {
        let configuration = self.configuration;
        if configuration.reached(goal) {
            return 0;
        }
        if goal.symbol <= SymbolId::YES {
            return NEVER;
        }
        if let Some(&known) = self.known.get(&goal) {
            return known;
        }
        if chain >= MAX_CHAIN {
            return 1;
        }
        let definition = configuration.tree.symbol(goal.symbol);
        if definition.entries.is_empty() {
            return NEVER;
        }
        if goal.at_most {
            // Turning off is seldom long; what it takes is found step by step.
            return 1;
        }
        // While it is being worked out a circle through it costs the least.
        self.known.insert(goal, 1);
        let needed = configuration.needed(goal.symbol, goal.value);
        let mut best = NEVER;
        for property in &definition.properties {
            let cost = match property.kind {
                PropertyKind::Prompt(_) => 1 + self.of_expr(property.condition, needed, chain + 1),
                PropertyKind::Default(value) if definition.choice.is_none() => {
                    let condition = self.of_expr(property.condition, needed, chain + 1);
                    let value = self.of_expr(value, needed, chain + 1);
                    self.together(condition, value)
                }
                _ => continue,
            };
            best = best.min(cost);
        }
        if definition.choice.is_none() && best > 1 {
            best = best.min(self.of_expr(definition.selected_by, needed, chain + 1));
            best = best.min(self.of_expr(definition.implied_by, needed, chain + 1));
        }
        let best = best.min(NEVER);
        self.known.insert(goal, best);
        best
    }

    fn together(&self, one: u32, other: u32) -> u32 {
        if self.sum {
            (one + other).min(NEVER)
        } else {
            one.max(other)
        }
    }

    fn of_expr(&mut self, expr: ExprId, wanted: Tristate, chain: u8) -> u32 {
        let configuration = self.configuration;
        if configuration.evaluate_expr(expr) >= wanted {
            return 0;
        }
        match configuration.tree.expr(expr) {
            Expr::Symbol(symbol) => {
                let goal = Goal {
                    symbol: *symbol,
                    value: wanted,
                    at_most: false,
                };
                self.of_symbol(goal, chain)
            }
            Expr::Not(_) => 1,
            Expr::And(operands) => operands
                .iter()
                .map(|&o| self.of_expr(o, wanted, chain))
                .max()
                .unwrap_or(0),
            Expr::Or(operands) => {
                let mut best = NEVER;
                for &operand in operands {
                    best = best.min(self.of_expr(operand, wanted, chain));
                    if best <= 1 {
                        break;
                    }
                }
                best
            }
            Expr::Compare(relation, left, right) => {
                let goals = relation_goals(*relation, *left, *right, true);
                goals
                    .iter()
                    .map(|&goal| self.of_symbol(goal, chain))
                    .min()
                    .unwrap_or(NEVER)
            }
        }
    }
}
