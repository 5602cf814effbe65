//! What the user asked for, in the order it was asked.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::expr::SymbolId;
use crate::model::Kconfig;
use crate::tristate::Tristate;

/// A value that a user gives a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserValue {
    /// For `bool` and `tristate`.
    Tristate(Tristate),
    /// For numbers and strings; numbers as they are written.
    Text(Arc<str>),
}

/// What 6.1 remembers of a choice's members.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChoiceRequest {
    /// The largest value that any member was given.
    pub(crate) value: Tristate,
    /// The member that was set to `y` last.
    pub(crate) pick: Option<SymbolId>,
}

/// The user's values of all symbols.
#[derive(Clone, Debug)]
pub(crate) struct UserValues {
    values: Vec<Option<UserValue>>,
    /// When each value was given; later is higher, below zero comes last.
    stamps: Vec<i64>,
    newest: i64,
    oldest: i64,
    choices: FxHashMap<SymbolId, ChoiceRequest>,
}

impl UserValues {
    pub(crate) fn new(tree: &Kconfig) -> Self {
        Self {
            values: vec![None; tree.symbols.len()],
            stamps: vec![0; tree.symbols.len()],
            newest: 0,
            oldest: 0,
            choices: FxHashMap::default(),
        }
    }

    pub(crate) fn get(&self, symbol: SymbolId) -> Option<&UserValue> {
        self.values[symbol.index()].as_ref()
    }

    pub(crate) fn tristate(&self, symbol: SymbolId) -> Option<Tristate> {
        match self.get(symbol) {
            Some(UserValue::Tristate(value)) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn choice(&self, choice: SymbolId) -> Option<ChoiceRequest> {
        self.choices.get(&choice).copied()
    }

    /// The members of a choice, what was given last first.
    pub(crate) fn by_priority(&self, members: &[SymbolId]) -> Vec<SymbolId> {
        let mut sorted = members.to_vec();
        sorted.sort_by_key(|member| std::cmp::Reverse(self.stamps[member.index()]));
        sorted
    }

    /// All values that were given, in the order they were given.
    pub(crate) fn in_order(&self) -> Vec<(SymbolId, UserValue)> {
        let mut all: Vec<_> = (0..self.values.len() as u32)
            .map(SymbolId)
            .filter_map(|id| Some((id, self.get(id)?.clone())))
            .collect();
        all.sort_by_key(|(id, _)| self.stamps[id.index()]);
        all
    }

    /// One line of a configuration file.
    pub(crate) fn give(&mut self, tree: &Kconfig, symbol: SymbolId, value: UserValue) {
        self.newest += 1;
        self.stamps[symbol.index()] = self.newest;
        if tree.symbol(symbol).is_choice() {
            if let UserValue::Tristate(value) = value {
                self.choices.entry(symbol).or_default().value = value;
            }
            return;
        }
        if let Some(choice) = tree.symbol(symbol).choice
            && let UserValue::Tristate(value) = value
        {
            let request = self.choices.entry(choice).or_default();
            if value == Tristate::Yes {
                request.pick = Some(symbol);
            }
            request.value = request.value.max(value);
        }
        self.values[symbol.index()] = Some(value);
    }

    /// A value that nobody gave, such as the answer of `allyesconfig`.
    pub(crate) fn fill(&mut self, symbol: SymbolId, value: Tristate) {
        self.values[symbol.index()] = Some(UserValue::Tristate(value));
    }

    /// A value that nobody gave for a choice of 6.1.
    pub(crate) fn fill_choice(&mut self, choice: SymbolId, request: ChoiceRequest) {
        self.choices.insert(choice, request);
    }

    /// A member picked at random, which yields to all that was given.
    pub(crate) fn fill_last(&mut self, symbol: SymbolId, value: Tristate) {
        self.oldest -= 1;
        self.stamps[symbol.index()] = self.oldest;
        self.fill(symbol, value);
    }

    /// Replaces or removes a value, as editing the file would: the old line
    /// goes, a new one comes at the end. Gives what undoes it.
    pub(crate) fn replace(
        &mut self,
        tree: &Kconfig,
        symbol: SymbolId,
        value: Option<UserValue>,
    ) -> Undo {
        let choice = tree.symbol(symbol).choice;
        let undo = Undo {
            symbol,
            value: self.values[symbol.index()].take(),
            stamp: self.stamps[symbol.index()],
            choice: choice.map(|choice| (choice, self.choices.get(&choice).copied())),
        };
        self.stamps[symbol.index()] = 0;
        if let Some(choice) = choice {
            self.choices.remove(&choice);
            let mut members = self.by_priority(&tree.symbol(choice).members);
            members.reverse();
            let mut request = None;
            for member in members {
                if let Some(value) = self.tristate(member) {
                    let request = request.get_or_insert_with(ChoiceRequest::default);
                    if value == Tristate::Yes {
                        request.pick = Some(member);
                    }
                    request.value = request.value.max(value);
                }
            }
            if let Some(request) = request {
                self.choices.insert(choice, request);
            }
        }
        if let Some(value) = value {
            self.give(tree, symbol, value);
        }
        undo
    }

    pub(crate) fn undo(&mut self, undo: Undo) {
        self.values[undo.symbol.index()] = undo.value;
        self.stamps[undo.symbol.index()] = undo.stamp;
        match undo.choice {
            Some((choice, Some(request))) => {
                self.choices.insert(choice, request);
            }
            Some((choice, None)) => {
                self.choices.remove(&choice);
            }
            None => {}
        }
    }

    /// Forgets a value that turned out to be unusable.
    pub(crate) fn forget(&mut self, symbol: SymbolId) {
        self.values[symbol.index()] = None;
    }
}

/// What a replacement took away.
#[derive(Debug)]
pub(crate) struct Undo {
    pub(crate) symbol: SymbolId,
    value: Option<UserValue>,
    stamp: i64,
    choice: Option<(SymbolId, Option<ChoiceRequest>)>,
}
