//! What follows an option and depends on it becomes its submenu
//! (scripts/kconfig/menu.c, `menu_finalize`).
//!
//! `conf` compares conditions after it has simplified them (expr.c,
//! `expr_transform` and `expr_trans_compare`), so `A`, `A=y` and `A!=n` are one
//! and the same of a `bool`. [`Condition`] is that simplified form: negations
//! stand at the leaves, and the order of operands doesn't matter.

use crate::expr::{Expr, ExprId, Relation, SymbolId};
use crate::model::{Kconfig, SymbolType};

/// How deep conditions are looked into; what lies deeper equals only itself.
const MAX_DEPTH: usize = 200;

/// A condition in the form in which `conf` compares it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    Constant(bool),
    Symbol(SymbolId),
    Not(SymbolId),
    Compare(Relation, SymbolId, SymbolId),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    /// Too deep to be looked into.
    Opaque(ExprId, bool),
}

/// What a symbol in a condition stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SymbolReading {
    /// Its value.
    Value,
    /// Whether it is other than `n`.
    NotNo,
}

/// Whether what shows under `condition` belongs below `symbol`, which shows
/// under `base`, when it directly follows.
pub(crate) fn belongs_below(
    tree: &Kconfig,
    symbol: SymbolId,
    base: ExprId,
    condition: ExprId,
) -> bool {
    let value = Condition::of(tree, condition, SymbolReading::Value);
    if !value.mentions(symbol) {
        return false;
    }
    let needs = value.parts().iter().any(|part| part.demands(symbol));
    needs || {
        let base = Condition::of(tree, base, SymbolReading::NotNo);
        let condition = Condition::of(tree, condition, SymbolReading::NotNo);
        let parts = condition.parts();
        base.parts().iter().all(|part| parts.contains(part))
    }
}

impl Condition {
    fn of(tree: &Kconfig, expr: ExprId, reading: SymbolReading) -> Self {
        Self::read(tree, expr, false, reading, 0)
    }

    fn read(
        tree: &Kconfig,
        expr: ExprId,
        negated: bool,
        reading: SymbolReading,
        depth: usize,
    ) -> Self {
        if depth >= MAX_DEPTH {
            return Self::Opaque(expr, negated);
        }
        let all = |operands: &[ExprId]| -> Vec<Self> {
            let read = |&one: &ExprId| Self::read(tree, one, negated, reading, depth + 1);
            operands.iter().map(read).collect()
        };
        match tree.expr(expr) {
            Expr::Symbol(symbol) => Self::symbol(tree, *symbol, negated, reading),
            Expr::Not(operand) => Self::read(tree, *operand, !negated, reading, depth + 1),
            Expr::And(operands) if negated => Self::join(all(operands), false),
            Expr::And(operands) => Self::join(all(operands), true),
            Expr::Or(operands) if negated => Self::join(all(operands), true),
            Expr::Or(operands) => Self::join(all(operands), false),
            Expr::Compare(relation, left, right) => {
                let relation = if negated {
                    relation.negated()
                } else {
                    *relation
                };
                Self::compare(tree, relation, *left, *right)
            }
        }
    }

    fn symbol(tree: &Kconfig, symbol: SymbolId, negated: bool, reading: SymbolReading) -> Self {
        match symbol {
            SymbolId::NO => return Self::Constant(negated),
            SymbolId::YES => return Self::Constant(!negated),
            _ => {}
        }
        let boolean = tree.symbol(symbol).ty == SymbolType::Bool;
        match (reading == SymbolReading::NotNo && !boolean, negated) {
            (true, true) => Self::Compare(Relation::Equal, symbol, SymbolId::NO),
            (true, false) => Self::Compare(Relation::Unequal, symbol, SymbolId::NO),
            (false, true) => Self::Not(symbol),
            (false, false) => Self::Symbol(symbol),
        }
    }

    /// A `bool` that is compared with a constant is that `bool`, its opposite,
    /// or decided.
    fn compare(tree: &Kconfig, relation: Relation, left: SymbolId, right: SymbolId) -> Self {
        let equal = match relation {
            Relation::Equal => true,
            Relation::Unequal => false,
            _ => return Self::Compare(relation, left, right),
        };
        if left == SymbolId::NO && right == SymbolId::MOD {
            return Self::Constant(!equal);
        }
        if tree.symbol(left).ty != SymbolType::Bool {
            return Self::Compare(relation, left, right);
        }
        match (right, equal) {
            (SymbolId::YES, true) | (SymbolId::NO, false) => Self::Symbol(left),
            (SymbolId::YES, false) | (SymbolId::NO, true) => Self::Not(left),
            (SymbolId::MOD, equal) => Self::Constant(!equal),
            _ => Self::Compare(relation, left, right),
        }
    }

    /// Operands of one kind, each once, in an order of their own.
    fn join(operands: Vec<Self>, and: bool) -> Self {
        let mut kept = Vec::new();
        for operand in operands {
            match operand {
                Self::Constant(value) if value == and => {}
                Self::Constant(value) => return Self::Constant(value),
                Self::And(inner) if and => kept.extend(inner),
                Self::Or(inner) if !and => kept.extend(inner),
                other => kept.push(other),
            }
        }
        kept.sort();
        kept.dedup();
        match kept.len() {
            0 => Self::Constant(and),
            1 => kept.remove(0),
            _ if and => Self::And(kept),
            _ => Self::Or(kept),
        }
    }

    /// What must hold together.
    fn parts(&self) -> &[Self] {
        match self {
            Self::Constant(true) => &[],
            Self::And(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }

    fn mentions(&self, symbol: SymbolId) -> bool {
        match self {
            Self::Constant(_) | Self::Opaque(..) => false,
            Self::Symbol(one) | Self::Not(one) => *one == symbol,
            Self::Compare(_, left, right) => *left == symbol || *right == symbol,
            Self::And(inner) | Self::Or(inner) => inner.iter().any(|one| one.mentions(symbol)),
        }
    }

    /// Whether it can't hold while `symbol` is `n`.
    fn demands(&self, symbol: SymbolId) -> bool {
        match *self {
            Self::Symbol(one) => one == symbol,
            Self::Compare(Relation::Equal, left, right) => {
                left == symbol && matches!(right, SymbolId::YES | SymbolId::MOD)
            }
            Self::Compare(Relation::Unequal, left, SymbolId::NO) => left == symbol,
            _ => false,
        }
    }
}
