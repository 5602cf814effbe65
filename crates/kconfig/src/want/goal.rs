//! What is wanted of symbols, and the answers of a user that bring it about.

use crate::change::Request;
use crate::eval::Configuration;
use crate::expr::{Relation, SymbolId};
use crate::model::SymbolType;
use crate::tristate::Tristate;
use crate::user::UserValue;

/// How long a chain of needs is followed in an estimate.
pub(super) const MAX_CHAIN: u8 = 40;
/// What a symbol is wanted to be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Goal {
    pub(super) symbol: SymbolId,
    pub(super) value: Tristate,
    /// At most `value` instead of at least.
    pub(super) at_most: bool,
}

/// What a user says at a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PromptAnswer {
    pub(super) symbol: SymbolId,
    pub(super) value: Tristate,
}

impl Configuration<'_> {
    /// What is to be reached first on the way to a request.
    pub(super) fn goal(&self, request: &Request) -> Goal {
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

    /// For a condition, what counts as holding fully for this symbol.
    pub(super) fn needed(&self, symbol: SymbolId, value: Tristate) -> Tristate {
        match self.tree.symbol(symbol).ty {
            SymbolType::Tristate if self.modules != Tristate::No => value,
            _ => value.min(Tristate::Mod),
        }
    }

    pub(super) fn reached(&self, goal: Goal) -> bool {
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
pub(super) fn requests_of(answers: &[PromptAnswer], request: &Request) -> Vec<Request> {
    let mut requests: Vec<Request> = answers.iter().map(|&answer| asked(answer)).collect();
    if matches!(request.value, Some(UserValue::Text(_))) {
        requests.push(request.clone());
    }
    requests
}

/// The request that an answer stands for.
pub(super) fn asked(answer: PromptAnswer) -> Request {
    Request {
        symbol: answer.symbol,
        value: Some(UserValue::Tristate(answer.value)),
    }
}

/// The two ways a relation to a constant turns into goals for its symbol.
pub(super) fn relation_goals(
    relation: Relation,
    left: SymbolId,
    right: SymbolId,
    wanted: bool,
) -> Vec<Goal> {
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
