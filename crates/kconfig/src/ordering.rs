//! The order in which values are worked out, from what symbols refer to.

use crate::expr::{ExprId, SymbolId};
use crate::graph::Graph;
use crate::model::{Kconfig, PropertyKind, Symbol};

/// The order and the dependents of a tree's symbols.
pub(crate) fn of(tree: &Kconfig) -> Graph {
    let needs = Needs::new(tree);
    let (order, circular) = needs.sorted(tree.modules);
    let mut position = vec![0; order.len()];
    for (at, symbol) in order.iter().enumerate() {
        position[symbol.index()] = at as u32;
    }
    let (starts, dependents) = needs.reversed();
    let may_be_circular = circular || needs.inward;
    Graph {
        order,
        position,
        starts,
        dependents,
        may_be_circular,
    }
}

/// For each symbol, the symbols its value depends on.
struct Needs {
    starts: Vec<u32>,
    targets: Vec<SymbolId>,
    /// Whether a symbol needs itself, or a member another of its choice.
    inward: bool,
}

impl Needs {
    fn new(tree: &Kconfig) -> Self {
        let mut starts = vec![0];
        let mut targets = Vec::new();
        let mut inward = false;
        let mut last_seen = vec![u32::MAX; tree.symbols.len()];
        let mut seen_expr = vec![u32::MAX; tree.exprs.len()];
        for (index, symbol) in tree.symbols.iter().enumerate() {
            let this = index as u32;
            // What a member's value doesn't need can be a circle to `conf`.
            inward |= symbol.in_choice && hides_a_circle(symbol);
            let mut need = |id: SymbolId| {
                let other = tree.symbol(id);
                inward |= (id.0 == this && id > SymbolId::YES && !symbol.is_choice())
                    || (symbol.choice.is_some() && other.choice == symbol.choice);
                if id.0 != this && id > SymbolId::YES && last_seen[id.index()] != this {
                    last_seen[id.index()] = this;
                    targets.push(id);
                }
            };
            let mut need_expr = |id: ExprId, need: &mut dyn FnMut(SymbolId)| {
                tree.exprs
                    .for_each_new_symbol(id, this, &mut seen_expr, need);
            };
            for_each_need(symbol, &mut |expr| need_expr(expr, &mut need));
            for_each_symbol_need(symbol, &mut need);
            if symbol.is_choice() {
                for &member in &symbol.members {
                    for (_, prompt) in tree.symbol(member).prompts() {
                        let mut outside = |id: SymbolId| {
                            if tree.symbol(id).choice.is_none_or(|choice| choice.0 != this) {
                                need(id);
                            }
                        };
                        tree.exprs.for_each_symbol(prompt.condition, &mut outside);
                    }
                }
            }
            starts.push(targets.len() as u32);
        }
        Self {
            starts,
            targets,
            inward,
        }
    }

    fn of(&self, symbol: SymbolId) -> &[SymbolId] {
        &self.targets
            [self.starts[symbol.index()] as usize..self.starts[symbol.index() + 1] as usize]
    }

    /// Depth first from `MODULES`, whose value decides what `tristate` means;
    /// where symbols need each other in a circle, the circle is cut.
    fn sorted(&self, modules: SymbolId) -> (Vec<SymbolId>, bool) {
        let count = self.starts.len() - 1;
        let mut entered = vec![false; count];
        let mut finished = vec![false; count];
        let mut circular = false;
        let mut order = Vec::with_capacity(count);
        let mut stack: Vec<(SymbolId, usize)> = Vec::new();
        for root in std::iter::once(modules).chain((0..count as u32).map(SymbolId)) {
            if entered[root.index()] {
                continue;
            }
            entered[root.index()] = true;
            stack.push((root, 0));
            while let Some((symbol, next)) = stack.last_mut() {
                let symbol = *symbol;
                match self.of(symbol).get(*next) {
                    Some(&target) => {
                        *next += 1;
                        circular |= entered[target.index()] && !finished[target.index()];
                        if !entered[target.index()] {
                            entered[target.index()] = true;
                            stack.push((target, 0));
                        }
                    }
                    None => {
                        finished[symbol.index()] = true;
                        order.push(symbol);
                        stack.pop();
                    }
                }
            }
        }
        (order, circular)
    }

    fn reversed(&self) -> (Vec<u32>, Vec<SymbolId>) {
        let count = self.starts.len() - 1;
        let mut starts = vec![0_u32; count + 1];
        for target in &self.targets {
            starts[target.index() + 1] += 1;
        }
        for index in 0..count {
            starts[index + 1] += starts[index];
        }
        let mut fill = starts.clone();
        let mut dependents = vec![SymbolId::NO; self.targets.len()];
        for symbol in (0..count as u32).map(SymbolId) {
            for target in self.of(symbol) {
                let at = &mut fill[target.index()];
                dependents[*at as usize] = symbol;
                *at += 1;
            }
        }
        (starts, dependents)
    }
}

/// Whether more leads from a member of a choice than its prompts' conditions.
fn hides_a_circle(symbol: &Symbol) -> bool {
    symbol.selected_by != ExprId::NO
        || symbol.implied_by != ExprId::NO
        || symbol.prompts().count() < symbol.entries.len()
}

/// The expressions that a symbol's value is worked out from.
fn for_each_need(symbol: &Symbol, visit: &mut impl FnMut(ExprId)) {
    // Whether members of a choice are selected is never asked.
    if !symbol.in_choice {
        visit(symbol.direct_dependency);
        visit(symbol.selected_by);
        visit(symbol.implied_by);
    }
    for property in &symbol.properties {
        match property.kind {
            PropertyKind::Prompt(_) | PropertyKind::Range(..) => visit(property.condition),
            PropertyKind::Default(value) => {
                visit(property.condition);
                // A choice's default names a member; it isn't evaluated.
                if !symbol.is_choice() {
                    visit(value);
                }
            }
            PropertyKind::Select(_) | PropertyKind::Imply(_) => {}
        }
    }
}

fn for_each_symbol_need(symbol: &Symbol, visit: &mut impl FnMut(SymbolId)) {
    for (low, high, _) in symbol.ranges() {
        visit(low);
        visit(high);
    }
    if let Some(choice) = symbol.choice {
        visit(choice);
    }
}
