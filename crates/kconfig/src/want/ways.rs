//! Several ways to a symbol: which of those that select it are taken, and which
//! there are besides.

use std::sync::Arc;

use crate::change::Request;
use crate::eval::Configuration;
use crate::expr::{Expr, ExprId, SymbolId};
use crate::tristate::Tristate;
use crate::why::Reverse;

/// A symbol that several others select, one of which was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternatives {
    /// What is selected.
    pub symbol: SymbolId,
    /// What selects it now.
    pub by: SymbolId,
    /// What could in its place, what is nearest first.
    pub others: Vec<SymbolId>,
}

/// How near it is that a symbol selects another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// It does so now.
    Now,
    /// It is among those that are preferred: its hardware is there.
    Preferred,
    /// It could be turned on as things are.
    OneStep,
    /// It could be turned on after others.
    Possible,
    /// It needs what no request can bring here.
    Never,
}

impl Configuration<'_> {
    /// Takes ways through these symbols first: the drivers of what is there.
    pub fn prefer(&mut self, symbols: impl IntoIterator<Item = SymbolId>) {
        self.preferred = Arc::new(symbols.into_iter().collect());
    }

    /// The parts of an alternative that are tried: those that begin with a
    /// preferred symbol if there are any, else all.
    pub(super) fn ways(&self, expr: ExprId) -> Vec<ExprId> {
        let all = match self.tree.expr(expr) {
            Expr::Or(operands) => operands.to_vec(),
            _ => vec![expr],
        };
        let preferred = |way: &ExprId| self.preferred.contains(&self.first_symbol(*way));
        let first: Vec<ExprId> = all.iter().copied().filter(preferred).collect();
        if first.is_empty() { all } else { first }
    }

    /// The first symbol of a part: what selects, in one of `selected_by`.
    fn first_symbol(&self, way: ExprId) -> SymbolId {
        match self.tree.expr(way) {
            Expr::Symbol(symbol) => *symbol,
            Expr::And(operands) => self.first_symbol(operands[0]),
            _ => SymbolId::NO,
        }
    }

    /// How near a symbol is to being selected by another.
    #[must_use]
    pub fn nearness(&self, reverse: &Reverse) -> Nearness {
        let by = reverse.by;
        let definition = self.tree.symbol(by);
        let unmet = self.unmet_for_any(by);
        let never = unmet.iter().any(|part| {
            let mut symbols = part.symbols.iter();
            symbols.all(|&one| self.tree.symbol(one).entries.is_empty())
        });
        if reverse.value != Tristate::No {
            Nearness::Now
        } else if never {
            Nearness::Never
        } else if self.preferred.contains(&by) {
            Nearness::Preferred
        } else if unmet.is_empty() && definition.prompts().next().is_some() {
            Nearness::OneStep
        } else {
            Nearness::Possible
        }
    }

    /// What comes by one of several others, of the goal and of what the requests
    /// for it need: which one it is now, and which could be in its place.
    #[must_use]
    pub fn alternatives(&self, goal: Option<SymbolId>, requests: &[Request]) -> Vec<Alternatives> {
        let mut needed: Vec<SymbolId> = goal.into_iter().collect();
        for request in requests {
            let definition = self.tree.symbol(request.symbol);
            for (_, prompt) in definition.prompts() {
                self.tree
                    .exprs
                    .for_each_symbol(prompt.condition, &mut |one| {
                        if !needed.contains(&one) {
                            needed.push(one);
                        }
                    });
            }
            if !needed.contains(&request.symbol) {
                needed.push(request.symbol);
            }
        }
        let asked = |one: SymbolId| requests.iter().any(|request| request.symbol == one);
        needed.sort_unstable();
        needed
            .into_iter()
            .filter(|&one| self.tree.symbol(one).prompts().next().is_none())
            .filter_map(|symbol| {
                let ways = self.selectors(symbol);
                let by = ways
                    .iter()
                    .find(|way| way.value != Tristate::No && asked(way.by));
                let by = by?.by;
                let mut others: Vec<SymbolId> = Vec::new();
                for way in ways {
                    let possible = self.nearness(&way) != Nearness::Never;
                    if way.by != by && possible && !others.contains(&way.by) {
                        others.push(way.by);
                    }
                }
                (!others.is_empty()).then_some(Alternatives { symbol, by, others })
            })
            .collect()
    }
}
