//! How far a goal is, without trying.

use rustc_hash::FxHashMap;

use super::goal::{Goal, MAX_CHAIN, relation_goals};
use crate::eval::Configuration;
use crate::expr::{Expr, ExprId, SymbolId};
use crate::model::PropertyKind;
use crate::tristate::Tristate;

/// What stands for "no way" in estimates.
pub(super) const NEVER: u32 = 1_000;

impl Configuration<'_> {
    /// How many answers are missing at least; with `sum`, about how many.
    pub(super) fn estimate(&self, goal: Goal, sum: bool) -> u32 {
        let known = FxHashMap::default();
        Estimate {
            configuration: self,
            known,
            sum,
        }
        .of_symbol(goal, 0)
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
            Expr::Or(_) => {
                let mut best = NEVER;
                for way in configuration.ways(expr) {
                    best = best.min(self.of_expr(way, wanted, chain));
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
