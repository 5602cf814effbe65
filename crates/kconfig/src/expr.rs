//! Expressions: stored once each, named by index, `&&` and `||` of any width.

use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::dialect::Dialect;

/// Names a symbol of one [`Kconfig`](crate::Kconfig).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub(crate) u32);

impl SymbolId {
    /// The constant `n`.
    pub const NO: Self = Self(0);
    /// The constant `m`.
    pub const MOD: Self = Self(1);
    /// The constant `y`.
    pub const YES: Self = Self(2);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names an expression of one [`Kconfig`](crate::Kconfig).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub(crate) u32);

impl ExprId {
    /// The expression `n`.
    pub const NO: Self = Self(0);
    /// The expression `y`.
    pub const YES: Self = Self(2);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A relation between two symbols' values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Relation {
    /// As Kconfig writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    /// The relation that holds exactly when this one doesn't.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Equal => Self::Unequal,
            Self::Unequal => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
        }
    }

    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
        }
    }
}

/// One expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// The value of a symbol, constants included.
    Symbol(SymbolId),
    /// `!a`
    Not(ExprId),
    /// `a && b && …`, two operands or more.
    And(Box<[ExprId]>),
    /// `a || b || …`, two operands or more.
    Or(Box<[ExprId]>),
    /// `A = B` and the like.
    Compare(Relation, SymbolId, SymbolId),
}

/// What is known of a tree when its conditions are rewritten.
pub(crate) struct Known<'a> {
    /// The symbol marked `modules`.
    pub(crate) modules: SymbolId,
    /// Which symbols are `bool`.
    pub(crate) booleans: &'a [bool],
    pub(crate) dialect: Dialect,
}

/// All expressions of a tree, each stored once.
#[derive(Debug)]
pub(crate) struct ExprPool {
    nodes: Vec<Expr>,
    /// By hash; expressions that share one stand under the next free number.
    known: FxHashMap<u64, ExprId>,
}

impl ExprPool {
    pub(crate) fn new() -> Self {
        let mut pool = Self {
            nodes: Vec::new(),
            known: FxHashMap::default(),
        };
        for constant in [SymbolId::NO, SymbolId::MOD, SymbolId::YES] {
            pool.symbol(constant);
        }
        pool
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn get(&self, id: ExprId) -> &Expr {
        &self.nodes[id.index()]
    }

    /// Forgets what is only needed to add expressions.
    pub(crate) fn freeze(&mut self) {
        self.known = FxHashMap::default();
        self.nodes.shrink_to_fit();
    }

    fn add(&mut self, expr: Expr) -> ExprId {
        let mut key = FxBuildHasher.hash_one(&expr);
        while let Some(&known) = self.known.get(&key) {
            if *self.get(known) == expr {
                return known;
            }
            key = key.wrapping_add(1);
        }
        let id = ExprId(self.nodes.len() as u32);
        self.nodes.push(expr);
        self.known.insert(key, id);
        id
    }

    pub(crate) fn symbol(&mut self, symbol: SymbolId) -> ExprId {
        self.add(Expr::Symbol(symbol))
    }

    pub(crate) fn compare(
        &mut self,
        relation: Relation,
        left: SymbolId,
        right: SymbolId,
    ) -> ExprId {
        self.add(Expr::Compare(relation, left, right))
    }

    pub(crate) fn not(&mut self, operand: ExprId) -> ExprId {
        match self.get(operand) {
            Expr::Not(inner) => *inner,
            Expr::Symbol(SymbolId::NO) => ExprId::YES,
            Expr::Symbol(SymbolId::YES) => ExprId::NO,
            _ => self.add(Expr::Not(operand)),
        }
    }

    pub(crate) fn and(&mut self, operands: impl IntoIterator<Item = ExprId>) -> ExprId {
        self.join(operands, ExprId::YES, ExprId::NO, Expr::And)
    }

    pub(crate) fn or(&mut self, operands: impl IntoIterator<Item = ExprId>) -> ExprId {
        self.join(operands, ExprId::NO, ExprId::YES, Expr::Or)
    }

    fn join(
        &mut self,
        operands: impl IntoIterator<Item = ExprId>,
        neutral: ExprId,
        absorbing: ExprId,
        make: fn(Box<[ExprId]>) -> Expr,
    ) -> ExprId {
        let mut kept: Vec<ExprId> = Vec::new();
        for operand in operands {
            if operand == absorbing {
                return absorbing;
            }
            // Only the neighbour is compared: operands repeat in a row, when a
            // menu and its entry say the same, and long lists must stay cheap.
            if operand != neutral && kept.last() != Some(&operand) {
                kept.push(operand);
            }
        }
        match kept[..] {
            [] => neutral,
            [single] => single,
            _ => self.add(make(kept.into())),
        }
    }

    /// Replaces the bare constant `m` by `m && MODULES`, as conditions mean it,
    /// and what asks whether a `bool` is `m` by what that comes to.
    pub(crate) fn modules_needed(
        &mut self,
        id: ExprId,
        known: &Known<'_>,
        done: &mut FxHashMap<ExprId, ExprId>,
    ) -> ExprId {
        if let Some(&known) = done.get(&id) {
            return known;
        }
        let rewritten = match self.get(id).clone() {
            Expr::Symbol(SymbolId::MOD) => {
                let modules = self.symbol(known.modules);
                self.and([id, modules])
            }
            Expr::Compare(relation, left, SymbolId::MOD)
                if matches!(relation, Relation::Equal | Relation::Unequal)
                    && known.booleans.get(left.index()) == Some(&true) =>
            {
                match (known.dialect, relation) {
                    (Dialect::Linux6_12, Relation::Equal) => ExprId::NO,
                    (Dialect::Linux6_12, _) => ExprId::YES,
                    // It needs no symbol, but what stands beside it stays.
                    _ => self.compare(relation, SymbolId::NO, SymbolId::MOD),
                }
            }
            Expr::Symbol(_) | Expr::Compare(..) => id,
            Expr::Not(operand) => {
                let operand = self.modules_needed(operand, known, done);
                self.not(operand)
            }
            Expr::And(operands) => {
                let operands: Vec<_> = operands
                    .iter()
                    .map(|&o| self.modules_needed(o, known, done))
                    .collect();
                self.and(operands)
            }
            Expr::Or(operands) => {
                let operands: Vec<_> = operands
                    .iter()
                    .map(|&o| self.modules_needed(o, known, done))
                    .collect();
                self.or(operands)
            }
        };
        done.insert(id, rewritten);
        rewritten
    }

    /// Calls `visit` with every symbol in `id`, repetitions included.
    pub(crate) fn for_each_symbol(&self, id: ExprId, visit: &mut impl FnMut(SymbolId)) {
        match self.get(id) {
            Expr::Symbol(symbol) => visit(*symbol),
            Expr::Not(operand) => self.for_each_symbol(*operand, visit),
            Expr::And(operands) | Expr::Or(operands) => {
                for &operand in operands {
                    self.for_each_symbol(operand, visit);
                }
            }
            Expr::Compare(_, left, right) => {
                visit(*left);
                visit(*right);
            }
        }
    }
}

impl ExprPool {
    /// Calls `visit` with the symbols in `id`, but not with those in parts
    /// that were visited for the same `user` before.
    pub(crate) fn for_each_new_symbol(
        &self,
        id: ExprId,
        user: u32,
        seen: &mut [u32],
        visit: &mut dyn FnMut(SymbolId),
    ) {
        if std::mem::replace(&mut seen[id.index()], user) == user {
            return;
        }
        match self.get(id) {
            Expr::Symbol(symbol) => visit(*symbol),
            Expr::Not(operand) => self.for_each_new_symbol(*operand, user, seen, visit),
            Expr::And(operands) | Expr::Or(operands) => {
                for &operand in operands {
                    self.for_each_new_symbol(operand, user, seen, visit);
                }
            }
            Expr::Compare(_, left, right) => {
                visit(*left);
                visit(*right);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_stored_once_and_lose_neutral_operands() {
        let mut pool = ExprPool::new();
        let a = pool.symbol(SymbolId(7));
        let b = pool.symbol(SymbolId(8));
        let both = pool.and([a, ExprId::YES, b]);
        assert_eq!(both, pool.and([a, b, b]));
        assert_eq!(pool.and([a, ExprId::YES]), a);
        assert_eq!(pool.or([a, ExprId::YES]), ExprId::YES);
        let not = pool.not(a);
        assert_eq!(pool.not(not), a);
    }

    #[test]
    fn a_bare_m_needs_modules() {
        let mut pool = ExprPool::new();
        let m = pool.symbol(SymbolId::MOD);
        let known = Known {
            modules: SymbolId(9),
            booleans: &[],
            dialect: Dialect::Linux6_12,
        };
        let rewritten = pool.modules_needed(m, &known, &mut FxHashMap::default());
        let modules = pool.symbol(SymbolId(9));
        assert_eq!(pool.get(rewritten), &Expr::And([m, modules].into()));
    }
}
