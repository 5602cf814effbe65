//! Why a symbol has its value: where it comes from, what it depends on, who
//! selects it.

use std::fmt;

use crate::diagnostic::Location;
use crate::eval::Configuration;
use crate::expr::{Expr, ExprId, SymbolId};
use crate::model::{EntryId, PropertyKind, SymbolType};
use crate::tristate::Tristate;
use crate::user::UserValue;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user asked for it.
    User,
    /// Other symbols select it.
    Selected {
        /// Those that do.
        by: Vec<SymbolId>,
    },
    /// Other symbols imply it.
    Implied {
        /// Those that do.
        by: Vec<SymbolId>,
    },
    /// A `default` gives it.
    Default {
        /// Its value, with the values of its symbols.
        value: String,
        /// When it holds, as Kconfig text.
        condition: String,
        /// Where it is written.
        location: Location,
    },
    /// The symbol is a member of a choice, which picked this or another one.
    Choice {
        /// The member that was picked.
        picked: Option<SymbolId>,
    },
    /// A number was moved into its range.
    Range {
        /// The lower bound.
        low: String,
        /// The upper bound.
        high: String,
    },
    /// Nothing gives it a value.
    Nothing,
    /// No entry defines it.
    Undefined,
}

/// A part of a condition that must hold and doesn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The part with the values of its symbols: `PCI [=n] && …`.
    pub text: String,
    /// The symbols in it.
    pub symbols: Vec<SymbolId>,
}

/// A `default` of a symbol, as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultValue {
    /// Its value, with the values of its symbols.
    pub value: String,
    /// When it holds, with values.
    pub condition: String,
    /// Whether it holds now. The first one that does is taken.
    pub holds: bool,
    /// Where it is written.
    pub location: Location,
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "default {}", self.value)?;
        if self.condition != "y" {
            write!(out, " if {}", self.condition)?;
        }
        write!(out, " ({}:{})", self.location.file, self.location.line)
    }
}

/// Another symbol that selects or implies one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// The other symbol.
    pub by: SymbolId,
    /// Under which condition, with values.
    pub condition: String,
    /// To which value.
    pub value: Tristate,
    /// Where it is written.
    pub location: Location,
}

/// All there is to say about a symbol's value.
#[derive(Clone, Debug)]
pub struct Why {
    /// The symbol.
    pub symbol: SymbolId,
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: SymbolType,
    /// Its value.
    pub value: String,
    /// Where the value comes from.
    pub origin: Origin,
    /// What the user asked for.
    pub user: Option<UserValue>,
    /// The largest value a user could give it.
    pub visibility: Tristate,
    /// Its prompts.
    pub prompts: Vec<String>,
    /// What it depends on, with values.
    pub depends_on: String,
    /// The parts of its dependencies that keep a user from turning it on.
    pub unmet: Vec<Unmet>,
    /// Its defaults, in their order: the first that holds is taken.
    pub defaults: Vec<DefaultValue>,
    /// Who selects it: those that do so now, then as near as it is that they
    /// could.
    pub selected_by: Vec<Reverse>,
    /// Who implies it, in the same order.
    pub implied_by: Vec<Reverse>,
    /// Where it is defined.
    pub definitions: Vec<Location>,
    /// Its first help text.
    pub help: Option<String>,
}

impl Configuration<'_> {
    /// An expression with the value of each symbol: `A [=y] && B [=n]`.
    #[must_use]
    pub fn annotated(&self, expr: ExprId) -> String {
        let mut out = String::new();
        self.tree.write_expr(expr, 0, &mut out, &mut |symbol, out| {
            if self.tree.symbol(symbol).ty != SymbolType::Unknown && symbol > SymbolId::YES {
                out.push_str(&format!(" [={}]", self.value(symbol)));
            }
        });
        out
    }

    /// The parts of `expr` that keep it below `wanted`: all that must hold
    /// together are taken apart.
    #[must_use]
    pub fn unmet(&self, expr: ExprId, wanted: Tristate) -> Vec<Unmet> {
        let mut found = Vec::new();
        self.collect_unmet(expr, wanted, &mut found);
        found
    }

    fn collect_unmet(&self, expr: ExprId, wanted: Tristate, found: &mut Vec<Unmet>) {
        if self.evaluate_expr(expr) >= wanted {
            return;
        }
        if let Expr::And(operands) = self.tree.expr(expr) {
            for &operand in operands {
                self.collect_unmet(operand, wanted, found);
            }
            return;
        }
        let mut symbols = Vec::new();
        self.tree.exprs.for_each_symbol(expr, &mut |symbol| {
            if symbol > SymbolId::YES && !symbols.contains(&symbol) {
                symbols.push(symbol);
            }
        });
        let unmet = Unmet {
            text: self.annotated(expr),
            symbols,
        };
        if !found.contains(&unmet) {
            found.push(unmet);
        }
    }

    /// What keeps a user from giving the symbol `wanted`: for each prompt the
    /// unmet parts, of which the prompt with the fewest is taken.
    #[must_use]
    pub fn unmet_for(&self, symbol: SymbolId, wanted: Tristate) -> Vec<Unmet> {
        let definition = self.tree.symbol(symbol);
        // For a bool, a condition of m is as good as y.
        let wanted = match definition.ty {
            SymbolType::Tristate if self.modules != Tristate::No => wanted,
            _ => wanted.min(Tristate::Mod),
        };
        let mut best: Option<Vec<Unmet>> = None;
        for (_, prompt) in definition.prompts() {
            let unmet = self.unmet(prompt.condition, wanted);
            if best.as_ref().is_none_or(|best| unmet.len() < best.len()) {
                best = Some(unmet);
            }
        }
        best.unwrap_or_default()
    }

    fn reverses(
        &self,
        symbol: SymbolId,
        wanted: fn(&PropertyKind) -> Option<SymbolId>,
    ) -> Vec<Reverse> {
        let mut found = Vec::new();
        for by in self.tree.symbol_ids() {
            for property in &self.tree.symbol(by).properties {
                if wanted(&property.kind) == Some(symbol) {
                    found.push(Reverse {
                        by,
                        condition: self.annotated(property.condition),
                        value: self
                            .tristate(by)
                            .min(self.evaluate_expr(property.condition)),
                        location: property.location.clone(),
                    });
                }
            }
        }
        found.sort_by_cached_key(|way| (std::cmp::Reverse(way.value), self.nearness(way)));
        found
    }

    /// Who selects a symbol: those that do so now, then as near as it is that
    /// they could.
    #[must_use]
    pub fn selectors(&self, symbol: SymbolId) -> Vec<Reverse> {
        self.reverses(symbol, |kind| match kind {
            PropertyKind::Select(target) => Some(*target),
            _ => None,
        })
    }

    /// Who implies a symbol, in the same order.
    #[must_use]
    pub fn impliers(&self, symbol: SymbolId) -> Vec<Reverse> {
        self.reverses(symbol, |kind| match kind {
            PropertyKind::Imply(target) => Some(*target),
            _ => None,
        })
    }

    /// The symbol's defaults, in their order.
    #[must_use]
    pub fn defaults_of(&self, symbol: SymbolId) -> Vec<DefaultValue> {
        let defaults = self.tree.symbol(symbol).defaults();
        defaults
            .map(|(value, property)| DefaultValue {
                value: self.annotated(value),
                condition: self.annotated(property.condition),
                holds: self.evaluate_expr(property.condition) != Tristate::No,
                location: property.location.clone(),
            })
            .collect()
    }

    /// What keeps the symbol from being on, whoever is to turn it on: a user
    /// through a prompt, else a `default`, an `imply`.
    #[must_use]
    pub fn unmet_for_any(&self, symbol: SymbolId) -> Vec<Unmet> {
        let definition = self.tree.symbol(symbol);
        match definition.prompts().next() {
            Some(_) => self.unmet_for(symbol, Tristate::Mod),
            None => self.unmet(definition.direct_dependency, Tristate::Mod),
        }
    }

    /// Where the symbol's value comes from.
    #[must_use]
    pub fn origin(&self, symbol: SymbolId) -> Origin {
        let definition = self.tree.symbol(symbol);
        let state = self.states[symbol.index()];
        if definition.entries.is_empty() {
            return Origin::Undefined;
        }
        if let Some(choice) = definition.choice
            && state.visible != Tristate::No
        {
            return Origin::Choice {
                picked: self.chosen_member(choice),
            };
        }
        let active = |reverses: Vec<Reverse>| -> Vec<SymbolId> {
            let on = reverses
                .into_iter()
                .filter(|reverse| reverse.value != Tristate::No);
            on.map(|reverse| reverse.by).collect()
        };
        let visible = state.visible != Tristate::No;
        if !definition.ty.is_logical() {
            return self.origin_of_text(symbol, visible);
        }
        let user = self.user.tristate(symbol).filter(|_| visible);
        if state.selected != Tristate::No && user.is_none_or(|user| user < state.selected) {
            let unasked = self.default_value(symbol);
            if user.is_some() || unasked.is_none_or(|value| value < state.selected) {
                return Origin::Selected {
                    by: active(self.selectors(symbol)),
                };
            }
        }
        if user.is_some() {
            return Origin::User;
        }
        if state.implied != Tristate::No
            && state.direct != Tristate::No
            && self
                .default_value(symbol)
                .is_none_or(|value| value < state.implied)
        {
            return Origin::Implied {
                by: active(self.impliers(symbol)),
            };
        }
        self.origin_of_default(symbol)
    }

    fn default_value(&self, symbol: SymbolId) -> Option<Tristate> {
        self.current_default(symbol).map(|(value, property)| {
            self.evaluate_expr(value)
                .min(self.evaluate_expr(property.condition))
        })
    }

    fn origin_of_default(&self, symbol: SymbolId) -> Origin {
        match self.current_default(symbol) {
            Some((value, property)) => Origin::Default {
                value: self.annotated(value),
                condition: self.annotated(property.condition),
                location: property.location.clone(),
            },
            None => Origin::Nothing,
        }
    }

    fn origin_of_text(&self, symbol: SymbolId, visible: bool) -> Origin {
        let now = self.value(symbol);
        let asked = match self.user.get(symbol) {
            Some(UserValue::Text(text)) if visible => Some(text.to_string()),
            _ => None,
        };
        let source = match (&asked, self.current_default(symbol)) {
            (Some(text), _) => text.clone(),
            (None, Some((value, _))) => match self.tree.expr(value) {
                Expr::Symbol(source) => self.value(*source).to_owned(),
                _ => String::new(),
            },
            (None, None) => self.empty_text(symbol).to_owned(),
        };
        if now != source
            && let Some((low, high)) = self.range_now(symbol)
        {
            return Origin::Range {
                low: low.to_owned(),
                high: high.to_owned(),
            };
        }
        if asked.is_some() {
            Origin::User
        } else {
            self.origin_of_default(symbol)
        }
    }

    /// All there is to say about a symbol's value.
    #[must_use]
    pub fn why(&self, symbol: SymbolId) -> Why {
        let definition = self.tree.symbol(symbol);
        let top = match (definition.ty, self.modules) {
            (SymbolType::Tristate, Tristate::Yes | Tristate::Mod) => Tristate::Yes,
            _ => Tristate::Mod,
        };
        let unmet = if definition.prompts().next().is_some() {
            self.unmet_for(symbol, Tristate::Yes)
        } else {
            self.unmet(definition.direct_dependency, top)
        };
        let entries: Vec<EntryId> = definition.entries.clone();
        Why {
            symbol,
            name: self.tree.display_name(symbol).to_owned(),
            ty: definition.ty,
            value: self.value(symbol).to_owned(),
            origin: self.origin(symbol),
            user: self.user.get(symbol).cloned(),
            visibility: self.visibility(symbol),
            prompts: definition
                .prompts()
                .map(|(text, _)| text.to_owned())
                .collect(),
            depends_on: self.annotated(definition.direct_dependency),
            unmet,
            defaults: self.defaults_of(symbol),
            selected_by: self.selectors(symbol),
            implied_by: self.impliers(symbol),
            definitions: entries
                .iter()
                .map(|&entry| self.tree.entry(entry).location.clone())
                .collect(),
            help: entries
                .iter()
                .find_map(|&entry| self.tree.entry(entry).help.as_deref().map(str::to_owned)),
        }
    }

    /// The options that are selected although what they depend on doesn't
    /// hold: `conf` warns of each.
    #[must_use]
    pub fn selected_against_dependencies(&self) -> Vec<SymbolId> {
        self.tree
            .symbol_ids()
            .filter(|symbol| {
                let state = self.states[symbol.index()];
                let definition = self.tree.symbol(*symbol);
                definition.ty.is_logical()
                    && definition.choice.is_none()
                    && !definition.is_choice()
                    && state.direct < state.selected
            })
            .collect()
    }
}
