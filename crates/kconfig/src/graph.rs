//! Who must be known before whom: the order in which values are worked out,
//! and who is to be looked at again when one changes. `ordering` makes it.

use crate::expr::SymbolId;

/// The order and the dependents of all symbols.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// All symbols, each after those its value depends on.
    pub(crate) order: Vec<SymbolId>,
    /// Where each symbol stands in `order`.
    pub(crate) position: Vec<u32>,
    /// Where the dependents of each symbol begin, and where those of the last
    /// end.
    pub(crate) starts: Vec<u32>,
    pub(crate) dependents: Vec<SymbolId>,
    /// Whether some symbol may depend on itself; `recursion` knows for sure.
    pub(crate) may_be_circular: bool,
}

impl Graph {
    /// The symbols whose value depends on that of `symbol`.
    pub(crate) fn dependents(&self, symbol: SymbolId) -> &[SymbolId] {
        let from = self.starts[symbol.index()] as usize;
        let to = self.starts[symbol.index() + 1] as usize;
        &self.dependents[from..to]
    }
}
