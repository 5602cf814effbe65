//! The answers to prompts that could bring a goal nearer.

use std::collections::HashSet;

use super::goal::{Goal, MAX_CHAIN, PromptAnswer, relation_goals};
use crate::eval::Configuration;
use crate::expr::{Expr, ExprId, SymbolId};
use crate::model::Dialect;
use crate::tristate::Tristate;

impl Configuration<'_> {
    /// The answers that could bring the goal nearer now.
    pub(super) fn steps(&self, goal: Goal) -> Vec<(PromptAnswer, u32)> {
        let mut steps = Steps {
            configuration: self,
            answers: Vec::new(),
            visited: HashSet::new(),
            detour: 0,
        };
        steps.for_symbol(goal, 0);
        steps.answers
    }
}

/// Collects the answers that may help.
struct Steps<'c, 'k> {
    configuration: &'c Configuration<'k>,
    /// Each with how many turns lead to it that a person would take last:
    /// through what selects or implies, or through a default.
    answers: Vec<(PromptAnswer, u32)>,
    visited: HashSet<Goal>,
    detour: u32,
}

impl Steps<'_, '_> {
    fn for_symbol(&mut self, goal: Goal, chain: u8) {
        let configuration = self.configuration;
        if chain >= MAX_CHAIN || goal.symbol <= SymbolId::YES || !self.visited.insert(goal) {
            return;
        }
        if configuration.reached(goal) {
            return;
        }
        if goal.at_most {
            self.lower(goal, chain)
        } else {
            self.raise(goal, chain)
        }
    }

    fn answer(&mut self, symbol: SymbolId, value: Tristate, at_most: bool) {
        let value = match value {
            Tristate::Mod if self.configuration.is_boolean(symbol) => Tristate::from(!at_most),
            value => value,
        };
        let new = PromptAnswer { symbol, value };
        let known = self.answers.iter_mut().find(|(answer, _)| *answer == new);
        match known {
            Some((_, detour)) => *detour = self.detour.min(*detour),
            None => self.answers.push((new, self.detour)),
        }
    }

    fn raise(&mut self, goal: Goal, chain: u8) {
        let configuration = self.configuration;
        let definition = configuration.tree.symbol(goal.symbol);
        let needed = configuration.needed(goal.symbol, goal.value);
        if definition.ty.is_logical() && configuration.visibility(goal.symbol) >= goal.value {
            self.answer(goal.symbol, goal.value, false);
        }
        for (_, prompt) in definition.prompts() {
            self.for_expr(prompt.condition, needed, chain + 1);
        }
        if definition.choice.is_some() {
            return;
        }
        self.detour += 1;
        for (value, property) in definition.defaults() {
            self.for_expr(property.condition, needed, chain + 1);
            self.for_expr(value, needed, chain + 1);
        }
        self.for_expr(definition.selected_by, needed, chain + 1);
        self.for_expr(definition.implied_by, needed, chain + 1);
        self.detour -= 1;
    }

    fn lower(&mut self, goal: Goal, chain: u8) {
        let configuration = self.configuration;
        let definition = configuration.tree.symbol(goal.symbol);
        let selected = configuration.evaluate_expr(definition.selected_by);
        if selected > goal.value && definition.choice.is_none() {
            self.against_expr(definition.selected_by, goal.value, chain + 1);
            return;
        }
        if let Some(choice) = definition.choice {
            for &other in &configuration.tree.symbol(choice).members {
                let visible = configuration.visibility(other) != Tristate::No;
                let chosen_anew = configuration.tree.dialect == Dialect::Linux6_1 || visible;
                if other != goal.symbol && chosen_anew {
                    self.answer(other, Tristate::Yes, false);
                }
            }
        }
        if configuration.visibility(goal.symbol) != Tristate::No {
            self.answer(goal.symbol, goal.value, true);
            return;
        }
        if let Some((_, property)) = configuration.current_default(goal.symbol) {
            self.against_expr(property.condition, goal.value, chain + 1);
        }
    }

    fn for_expr(&mut self, expr: ExprId, wanted: Tristate, chain: u8) {
        let configuration = self.configuration;
        if configuration.evaluate_expr(expr) >= wanted {
            return;
        }
        match configuration.tree.expr(expr) {
            Expr::Symbol(symbol) => {
                self.for_symbol(
                    Goal {
                        symbol: *symbol,
                        value: wanted,
                        at_most: false,
                    },
                    chain,
                );
            }
            Expr::Not(operand) => self.against_expr(*operand, wanted.negated(), chain),
            // All of them are needed; the first one that fails is as good a
            // place to begin as any.
            Expr::And(operands) => {
                let fails = |&&operand: &&ExprId| configuration.evaluate_expr(operand) < wanted;
                if let Some(&operand) = operands.iter().find(fails) {
                    self.for_expr(operand, wanted, chain);
                }
            }
            Expr::Or(_) => {
                for way in configuration.ways(expr) {
                    self.for_expr(way, wanted, chain);
                }
            }
            Expr::Compare(relation, left, right) => {
                for goal in relation_goals(*relation, *left, *right, true) {
                    self.for_symbol(goal, chain);
                }
            }
        }
    }

    /// Looks for what makes `expr` at most `limit`.
    fn against_expr(&mut self, expr: ExprId, limit: Tristate, chain: u8) {
        let configuration = self.configuration;
        if configuration.evaluate_expr(expr) <= limit {
            return;
        }
        match configuration.tree.expr(expr) {
            Expr::Symbol(symbol) => {
                self.for_symbol(
                    Goal {
                        symbol: *symbol,
                        value: limit,
                        at_most: true,
                    },
                    chain,
                );
            }
            Expr::Not(operand) => self.for_expr(*operand, limit.negated(), chain),
            Expr::And(operands) => {
                for &operand in operands {
                    self.against_expr(operand, limit, chain);
                }
            }
            Expr::Or(operands) => {
                let holds = |&&operand: &&ExprId| configuration.evaluate_expr(operand) > limit;
                if let Some(&operand) = operands.iter().find(holds) {
                    self.against_expr(operand, limit, chain);
                }
            }
            Expr::Compare(relation, left, right) => {
                for goal in relation_goals(*relation, *left, *right, false) {
                    self.for_symbol(goal, chain);
                }
            }
        }
    }
}
