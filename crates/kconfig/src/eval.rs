//! Values: what a configuration comes to, all at once or after a change.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::expr::{Expr, ExprId, SymbolId};
use crate::model::{Dialect, Kconfig, Property, SymbolType};
use crate::numbers::{compare, to_signed};
use crate::pending::Pending;
use crate::tristate::Tristate;
use crate::user::{UserValue, UserValues};

/// What is known of one symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) value: Tristate,
    /// The largest value a user can give, from the prompts.
    pub(crate) visible: Tristate,
    pub(crate) direct: Tristate,
    pub(crate) selected: Tristate,
    pub(crate) implied: Tristate,
    /// Whether the symbol is written to a configuration.
    pub(crate) written: bool,
}

/// Values of expressions that can't change any more in this pass.
pub(crate) struct Settled(Vec<u8>);

const UNKNOWN: u8 = 3;

/// A configuration: what the user asked for and what came of it.
///
/// Made from a [`Kconfig`] by the functions named after the kernel's own make
/// targets, such as [`Configuration::olddefconfig`]; changed by
/// [`Configuration::set`] and looked at by all the rest.
#[derive(Clone, Debug)]
pub struct Configuration<'k> {
    pub(crate) tree: &'k Kconfig,
    pub(crate) user: UserValues,
    pub(crate) states: Vec<State>,
    pub(crate) texts: Vec<Option<Arc<str>>>,
    /// For each choice: the member that is chosen.
    pub(crate) chosen: Vec<Option<SymbolId>>,
    pub(crate) modules: Tristate,
    /// Ways through these are taken first.
    pub(crate) preferred: Arc<FxHashSet<SymbolId>>,
}

/// What a symbol was before a change.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    pub(crate) symbol: SymbolId,
    state: State,
    text: Option<Arc<str>>,
    chosen: Option<SymbolId>,
}

impl Before {
    pub(crate) fn was_written(&self) -> bool {
        self.state.written
    }
}

impl<'k> Configuration<'k> {
    /// The configuration of a user who asked for nothing.
    #[must_use]
    pub fn new(tree: &'k Kconfig) -> Self {
        let mut configuration = Self::unevaluated(tree);
        configuration.evaluate();
        configuration
    }

    pub(crate) fn unevaluated(tree: &'k Kconfig) -> Self {
        let count = tree.symbols.len();
        let mut states = vec![State::default(); count];
        states[SymbolId::MOD.index()].value = Tristate::Mod;
        states[SymbolId::YES.index()].value = Tristate::Yes;
        Self {
            tree,
            user: UserValues::new(tree),
            states,
            texts: vec![None; count],
            chosen: vec![None; count],
            modules: Tristate::No,
            preferred: Arc::default(),
        }
    }

    /// The tree this is a configuration of.
    #[must_use]
    pub fn tree(&self) -> &'k Kconfig {
        self.tree
    }

    /// The value of a `bool` or `tristate` symbol; `n` for any other.
    #[must_use]
    pub fn tristate(&self, symbol: SymbolId) -> Tristate {
        self.states[symbol.index()].value
    }

    /// The value of any symbol as text, without quotes.
    #[must_use]
    pub fn value(&self, symbol: SymbolId) -> &str {
        let definition = self.tree.symbol(symbol);
        match definition.ty {
            SymbolType::Bool | SymbolType::Tristate => self.tristate(symbol).as_str(),
            SymbolType::Unknown => &definition.name,
            _ => self.texts[symbol.index()].as_deref().unwrap_or(""),
        }
    }

    /// The value of an expression.
    #[must_use]
    pub fn evaluate_expr(&self, expr: ExprId) -> Tristate {
        self.calculate(expr, &mut None)
    }

    /// What the user asked for.
    #[must_use]
    pub fn user_value(&self, symbol: SymbolId) -> Option<&UserValue> {
        self.user.get(symbol)
    }

    /// The largest value that a user could give the symbol now.
    #[must_use]
    pub fn visibility(&self, symbol: SymbolId) -> Tristate {
        self.states[symbol.index()].visible
    }

    /// The least value a user can give the symbol now: what selects it.
    #[must_use]
    pub fn lower_bound(&self, symbol: SymbolId) -> Tristate {
        self.states[symbol.index()].selected
    }

    /// The member of a choice that is chosen.
    #[must_use]
    pub fn chosen_member(&self, choice: SymbolId) -> Option<SymbolId> {
        self.chosen[choice.index()]
    }

    /// Whether the symbol stands in the written configuration, as a value or
    /// as a comment.
    #[must_use]
    pub fn is_written(&self, symbol: SymbolId) -> bool {
        self.states[symbol.index()].written
    }

    /// Works out all values anew.
    pub(crate) fn evaluate(&mut self) {
        let tree = self.tree;
        let mut settled = Some(Settled(vec![UNKNOWN; tree.exprs.len()]));
        for &symbol in &tree.graph.order {
            self.settle(symbol, &mut settled);
            if symbol == tree.modules {
                // What `tristate` means is only known now.
                self.modules = self.tristate(symbol);
                settled = Some(Settled(vec![UNKNOWN; tree.exprs.len()]));
            }
        }
    }

    /// Works out `seeds` and whatever changes because of them. What each
    /// changed symbol was before is put into `log`.
    pub(crate) fn propagate(
        &mut self,
        seeds: impl IntoIterator<Item = SymbolId>,
        log: &mut Vec<Before>,
    ) {
        let tree = self.tree;
        let mut pending = Pending::new(tree.graph.order.len());
        for seed in seeds {
            pending.add(tree.graph.position[seed.index()]);
            if let Some(choice) = tree.symbol(seed).choice {
                pending.add(tree.graph.position[choice.index()]);
            }
        }
        while let Some(position) = pending.take_first() {
            let Some(&symbol) = tree.graph.order.get(position as usize) else {
                break;
            };
            let before = self.before(symbol);
            self.settle(symbol, &mut None);
            if !self.differs(&before) {
                continue;
            }
            if symbol == tree.modules {
                self.modules = self.tristate(symbol);
                pending.add_all_after(position);
            }
            for &dependent in tree.graph.dependents(symbol) {
                let next = tree.graph.position[dependent.index()];
                if next > position {
                    pending.add(next);
                }
            }
            log.push(before);
        }
    }

    /// Works out one symbol and leaves all that depends on it.
    pub(crate) fn settle_alone(&mut self, symbol: SymbolId) {
        self.settle(symbol, &mut None);
    }

    fn before(&self, symbol: SymbolId) -> Before {
        Before {
            symbol,
            state: self.states[symbol.index()],
            text: self.texts[symbol.index()].clone(),
            chosen: self.chosen[symbol.index()],
        }
    }

    fn differs(&self, before: &Before) -> bool {
        let index = before.symbol.index();
        self.states[index] != before.state
            || self.chosen[index] != before.chosen
            || self.texts[index] != before.text
    }

    /// Takes a propagation back.
    pub(crate) fn restore(&mut self, log: Vec<Before>) {
        for before in log.into_iter().rev() {
            let index = before.symbol.index();
            self.states[index] = before.state;
            self.texts[index] = before.text;
            self.chosen[index] = before.chosen;
        }
        self.modules = self.tristate(self.tree.modules);
    }

    /// The value a logged symbol had.
    pub(crate) fn value_before<'a>(&'a self, before: &'a Before) -> &'a str {
        let definition = self.tree.symbol(before.symbol);
        match definition.ty {
            SymbolType::Bool | SymbolType::Tristate => before.state.value.as_str(),
            SymbolType::Unknown => &definition.name,
            _ => before.text.as_deref().unwrap_or(""),
        }
    }

    pub(crate) fn calculate(&self, expr: ExprId, settled: &mut Option<Settled>) -> Tristate {
        if let Some(Settled(values)) = settled {
            match values[expr.index()] {
                0 => return Tristate::No,
                1 => return Tristate::Mod,
                2 => return Tristate::Yes,
                _ => {}
            }
        }
        let value = match self.tree.expr(expr) {
            Expr::Symbol(symbol) => self.tristate(*symbol),
            Expr::Not(operand) => self.calculate(*operand, settled).negated(),
            Expr::And(operands) => {
                let mut value = Tristate::Yes;
                for &operand in operands {
                    value = value.min(self.calculate(operand, settled));
                    if value == Tristate::No {
                        break;
                    }
                }
                value
            }
            Expr::Or(operands) => {
                let mut value = Tristate::No;
                for &operand in operands {
                    value = value.max(self.calculate(operand, settled));
                    if value == Tristate::Yes {
                        break;
                    }
                }
                value
            }
            Expr::Compare(relation, left, right) => {
                let order = compare(
                    (self.value(*left), self.tree.symbol(*left).ty),
                    (self.value(*right), self.tree.symbol(*right).ty),
                );
                relation.holds(order).into()
            }
        };
        if let Some(Settled(values)) = settled {
            values[expr.index()] = value as u8;
        }
        value
    }

    /// Whether the symbol can only be `n` or `y`.
    pub(crate) fn is_boolean(&self, symbol: SymbolId) -> bool {
        match self.tree.symbol(symbol).ty {
            SymbolType::Tristate => self.modules == Tristate::No,
            SymbolType::Bool => true,
            _ => false,
        }
    }

    fn promoted(&self, symbol: SymbolId, value: Tristate) -> Tristate {
        if value == Tristate::Mod && self.is_boolean(symbol) {
            Tristate::Yes
        } else {
            value
        }
    }

    pub(crate) fn visible(&self, symbol: SymbolId, settled: &mut Option<Settled>) -> Tristate {
        let definition = self.tree.symbol(symbol);
        let choice_is_yes = self.tree.dialect == Dialect::Linux6_1
            && definition.ty == SymbolType::Tristate
            && definition
                .choice
                .is_some_and(|choice| self.tristate(choice) == Tristate::Yes);
        let mut visible = Tristate::No;
        for (_, prompt) in definition.prompts() {
            let mut value = self.calculate(prompt.condition, settled);
            // A member that can only be a module can't be the one chosen.
            if choice_is_yes && value == Tristate::Mod {
                value = Tristate::No;
            }
            visible = visible.max(value);
        }
        let modular = definition.ty == SymbolType::Tristate && self.modules != Tristate::No;
        if visible == Tristate::Mod && !modular {
            Tristate::Yes
        } else {
            visible
        }
    }

    fn settle(&mut self, symbol: SymbolId, settled: &mut Option<Settled>) {
        let definition = self.tree.symbol(symbol);
        if definition.ty == SymbolType::Unknown || symbol <= SymbolId::YES {
            return;
        }
        let mut state = State {
            visible: self.visible(symbol, settled),
            ..State::default()
        };
        state.written = state.visible != Tristate::No;
        if !definition.in_choice {
            let mut promoted = |expr| {
                let value = self.calculate(expr, settled);
                self.promoted(symbol, value)
            };
            state.direct = promoted(definition.direct_dependency);
            state.selected = promoted(definition.selected_by);
            state.implied = promoted(definition.implied_by);
        }
        if definition.ty.is_logical() {
            state.value = self.logical_value(symbol, &mut state, settled);
            self.states[symbol.index()] = state;
            if definition.is_choice() {
                self.states[symbol.index()].written = false;
                self.chosen[symbol.index()] = self.choose(symbol, settled);
            }
        } else {
            let text = self.text_value(symbol, &mut state, settled);
            self.texts[symbol.index()] = Some(text);
            self.states[symbol.index()] = state;
        }
    }

    fn logical_value(
        &self,
        symbol: SymbolId,
        state: &mut State,
        settled: &mut Option<Settled>,
    ) -> Tristate {
        let definition = self.tree.symbol(symbol);
        if let Some(choice) = definition.choice {
            match self.tree.dialect {
                Dialect::Linux6_12 => {
                    let chosen = self.chosen[choice.index()] == Some(symbol);
                    return (chosen && state.visible != Tristate::No).into();
                }
                Dialect::Linux6_1 if state.visible == Tristate::Yes => {
                    let chosen = self.tristate(choice) == Tristate::Yes
                        && self.chosen[choice.index()] == Some(symbol);
                    return chosen.into();
                }
                Dialect::Linux6_1 => {}
            }
        }
        let requested = if definition.is_choice() {
            self.user.choice(symbol).map(|request| request.value)
        } else {
            self.user.tristate(symbol)
        };
        let value = match requested {
            Some(requested) if state.visible != Tristate::No => requested.min(state.visible),
            _ => self.unasked_value(symbol, state, settled),
        };
        self.promoted(symbol, value.max(state.selected))
    }

    /// The value of a symbol whose user has no say or has said nothing.
    fn unasked_value(
        &self,
        symbol: SymbolId,
        state: &mut State,
        settled: &mut Option<Settled>,
    ) -> Tristate {
        let definition = self.tree.symbol(symbol);
        state.written |= state.selected != Tristate::No;
        if definition.is_choice() {
            return Tristate::No;
        }
        let mut value = Tristate::No;
        if let Some((default, condition)) = self.active_default(symbol, settled) {
            value = self.calculate(default, settled).min(condition);
            state.written |= value != Tristate::No;
        }
        if state.implied != Tristate::No {
            state.written = true;
            value = value.max(state.implied).min(state.direct);
        }
        value
    }

    /// The default that holds, and how far.
    fn active_default(
        &self,
        symbol: SymbolId,
        settled: &mut Option<Settled>,
    ) -> Option<(ExprId, Tristate)> {
        self.tree
            .symbol(symbol)
            .defaults()
            .find_map(|(value, property)| {
                let condition = self.calculate(property.condition, settled);
                (condition != Tristate::No).then_some((value, condition))
            })
    }

    /// The default that holds now, with its property.
    pub(crate) fn current_default(&self, symbol: SymbolId) -> Option<(ExprId, &'k Property)> {
        self.tree
            .symbol(symbol)
            .defaults()
            .find(|(_, property)| self.evaluate_expr(property.condition) != Tristate::No)
    }

    fn text_value(
        &self,
        symbol: SymbolId,
        state: &mut State,
        settled: &mut Option<Settled>,
    ) -> Arc<str> {
        let mut value: Arc<str> = self.empty_text(symbol).into();
        match self.user.get(symbol) {
            Some(UserValue::Text(text)) if state.visible != Tristate::No => value = text.clone(),
            _ => {
                if let Some((default, _)) = self.active_default(symbol, settled)
                    && let Expr::Symbol(source) = *self.tree.expr(default)
                {
                    state.written = true;
                    value = self.value(source).into();
                }
            }
        }
        match self.active_range(symbol, settled) {
            Some((low, high)) => self.clamped(symbol, value, low, high),
            None => value,
        }
    }

    /// What a number or string is when nothing gives it a value.
    pub(crate) fn empty_text(&self, symbol: SymbolId) -> &'static str {
        match (self.tree.dialect, self.tree.symbol(symbol).ty) {
            (Dialect::Linux6_12, SymbolType::Int) => "0",
            (Dialect::Linux6_12, SymbolType::Hex) => "0x0",
            _ => "",
        }
    }

    fn active_range(
        &self,
        symbol: SymbolId,
        settled: &mut Option<Settled>,
    ) -> Option<(SymbolId, SymbolId)> {
        let definition = self.tree.symbol(symbol);
        definition.ty.number_base()?;
        definition.ranges().find_map(|(low, high, property)| {
            let holds = self.calculate(property.condition, settled) != Tristate::No;
            holds.then_some((low, high))
        })
    }

    /// The bounds that hold now, as values.
    pub(crate) fn range_now(&self, symbol: SymbolId) -> Option<(&str, &str)> {
        let (low, high) = self.active_range(symbol, &mut None)?;
        Some((self.value(low), self.value(high)))
    }

    fn bound(&self, bound: SymbolId, base: u32) -> i64 {
        let base = self.tree.symbol(bound).ty.number_base().unwrap_or(base);
        to_signed(self.value(bound), base)
    }

    fn clamped(
        &self,
        symbol: SymbolId,
        value: Arc<str>,
        low: SymbolId,
        high: SymbolId,
    ) -> Arc<str> {
        let base = self.tree.symbol(symbol).ty.number_base().unwrap_or(10);
        let number = to_signed(&value, base);
        if number < self.bound(low, base) {
            self.value(low).into()
        } else if number > self.bound(high, base) {
            self.value(high).into()
        } else {
            value
        }
    }

    /// Whether a text may be given to the symbol as its ranges stand.
    pub(crate) fn is_in_range(&self, symbol: SymbolId, text: &str) -> bool {
        let definition = self.tree.symbol(symbol);
        if !crate::numbers::is_valid_text(definition.ty, text) {
            return false;
        }
        let Some(base) = definition.ty.number_base() else {
            return true;
        };
        let Some((low, high)) = self.active_range(symbol, &mut None) else {
            return true;
        };
        (self.bound(low, base)..=self.bound(high, base)).contains(&to_signed(text, base))
    }
}
