//! What a Kconfig tree says, before anybody asks for values: symbols, their
//! properties, and the menu entries that they stand in.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::diagnostic::{Diagnostic, Location, Severity};
pub use crate::dialect::Dialect;
use crate::expr::{Expr, ExprId, ExprPool, Relation, SymbolId};
use crate::graph::Graph;
use crate::probe::Environment;
use crate::recursion::Recursion;

/// The type of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SymbolType {
    /// Referred to but never defined, or defined without a type.
    #[default]
    Unknown,
    /// `bool`
    Bool,
    /// `tristate`
    Tristate,
    /// `int`
    Int,
    /// `hex`
    Hex,
    /// `string`
    String,
}

impl SymbolType {
    /// The name in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Bool => "bool",
            Self::Tristate => "tristate",
            Self::Int => "integer",
            Self::Hex => "hex",
            Self::String => "string",
        }
    }

    /// Whether values are `n`, `m` or `y`.
    #[must_use]
    pub fn is_logical(self) -> bool {
        matches!(self, Self::Bool | Self::Tristate)
    }

    pub(crate) fn number_base(self) -> Option<u32> {
        match self {
            Self::Int => Some(10),
            Self::Hex => Some(16),
            _ => None,
        }
    }
}

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A quoted word, or `y`, `m`, `n`.
    Constant,
    /// A configuration option, or a bare word that nothing defines.
    Option,
    /// A choice; it has no name of its own in configurations.
    Choice,
}

/// Names a menu entry of one [`Kconfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(crate) u32);

impl EntryId {
    pub(crate) const ROOT: Self = Self(0);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a property says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyKind {
    /// The text that makes the symbol visible to a user.
    Prompt(Box<str>),
    /// `default`
    Default(ExprId),
    /// `select`
    Select(SymbolId),
    /// `imply`
    Imply(SymbolId),
    /// `range`
    Range(SymbolId, SymbolId),
}

/// One property of a symbol.
#[derive(Clone, Debug)]
pub struct Property {
    /// What it says.
    pub kind: PropertyKind,
    /// The entry it is written in.
    pub entry: EntryId,
    /// Its own `if`, as written.
    pub written_condition: ExprId,
    /// When it holds: its `if`, the entry's dependencies and those of all
    /// entries around it, and, for prompts, their `visible if`.
    pub condition: ExprId,
    /// Where its statement begins.
    pub location: Location,
}

/// A symbol: a constant, an option or a choice.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// The name without `CONFIG_`; empty for a choice.
    pub name: Box<str>,
    /// What it is.
    pub kind: SymbolKind,
    /// Its type.
    pub ty: SymbolType,
    /// Its properties, in the order of reading.
    pub properties: Vec<Property>,
    /// The entries that define it.
    pub entries: Vec<EntryId>,
    /// What its definitions depend on, `||`ed; `y` if on nothing.
    pub direct_dependency: ExprId,
    /// `||` of all that select it; `n` if nothing does.
    pub selected_by: ExprId,
    /// `||` of all that imply it; `n` if nothing does.
    pub implied_by: ExprId,
    /// The choice that it is a member of.
    pub choice: Option<SymbolId>,
    /// Whether any definition stands in a choice.
    pub in_choice: bool,
    /// For a choice: its members, in the order of reading.
    pub members: Vec<SymbolId>,
    /// For a choice of 6.1: whether none may be chosen.
    pub optional: bool,
}

impl Symbol {
    /// The prompts, in the order of reading.
    pub fn prompts(&self) -> impl Iterator<Item = (&str, &Property)> {
        self.properties
            .iter()
            .filter_map(|property| match &property.kind {
                PropertyKind::Prompt(text) => Some((&**text, property)),
                _ => None,
            })
    }

    /// The defaults, in the order of reading; the first whose condition holds
    /// counts.
    pub fn defaults(&self) -> impl Iterator<Item = (ExprId, &Property)> {
        self.properties
            .iter()
            .filter_map(|property| match property.kind {
                PropertyKind::Default(value) => Some((value, property)),
                _ => None,
            })
    }

    /// The ranges, in the order of reading.
    pub fn ranges(&self) -> impl Iterator<Item = (SymbolId, SymbolId, &Property)> {
        self.properties
            .iter()
            .filter_map(|property| match property.kind {
                PropertyKind::Range(low, high) => Some((low, high, property)),
                _ => None,
            })
    }

    /// Whether this is a choice.
    #[must_use]
    pub fn is_choice(&self) -> bool {
        self.kind == SymbolKind::Choice
    }
}

/// What kind of menu entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// The whole tree.
    Root,
    /// `config`
    Config,
    /// `menuconfig`
    Menuconfig,
    /// `choice`
    Choice,
    /// `menu`
    Menu,
    /// `if`
    If,
    /// `comment`
    Comment,
}

/// A menu entry. Entries are numbered in the order of reading, which is the
/// order in which a configuration is written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// The symbol it defines.
    pub symbol: Option<SymbolId>,
    /// The entry around it.
    pub parent: EntryId,
    /// The number after its last descendant.
    pub(crate) end: u32,
    /// The text of a menu, a comment, a choice or an option's prompt here.
    pub prompt: Option<Box<str>>,
    /// When the text of a menu or comment is visible.
    pub prompt_condition: ExprId,
    /// Its own `depends on` or `if`, as written.
    pub written_dependency: ExprId,
    /// With those of all entries around it.
    pub dependency: ExprId,
    /// Its `visible if`.
    pub visible_if: ExprId,
    /// The help text, with its indentation removed.
    pub help: Option<Box<str>>,
    /// Where it begins.
    pub location: Location,
}

/// A Kconfig tree that has been read.
#[derive(Debug)]
pub struct Kconfig {
    pub(crate) dialect: Dialect,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) options: FxHashMap<Box<str>, SymbolId>,
    pub(crate) exprs: ExprPool,
    pub(crate) entries: Vec<Entry>,
    pub(crate) modules: SymbolId,
    pub(crate) main_menu: Box<str>,
    pub(crate) files: Vec<Arc<str>>,
    pub(crate) used_env: Environment,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) graph: Graph,
    pub(crate) recursions: Vec<Recursion>,
}

impl Kconfig {
    /// Everything that is wrong with the tree, in the order of reading.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether the kernel's `conf` would refuse the tree.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Which `conf` this agrees with.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The files that were read, in order of their first reading.
    #[must_use]
    pub fn files(&self) -> &[Arc<str>] {
        &self.files
    }

    /// The environment variables that the tree refers to, with their values.
    #[must_use]
    pub fn used_environment(&self) -> &Environment {
        &self.used_env
    }

    /// The title of the tree, from `mainmenu`.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.main_menu
    }

    /// The option `name`, with or without `CONFIG_`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<SymbolId> {
        self.options
            .get(name)
            .or_else(|| self.options.get(name.strip_prefix("CONFIG_")?))
            .copied()
    }

    /// The option `name`, with or without `CONFIG_`, if some entry defines it.
    #[must_use]
    pub fn find_defined(&self, name: &str) -> Option<SymbolId> {
        self.find(name)
            .filter(|&id| !self.symbol(id).entries.is_empty())
    }

    /// A symbol.
    ///
    /// # Panics
    /// If `id` is another tree's.
    #[must_use]
    pub fn symbol(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.index()]
    }

    /// A menu entry.
    ///
    /// # Panics
    /// If `id` is another tree's.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> &Entry {
        &self.entries[id.index()]
    }

    /// An expression.
    ///
    /// # Panics
    /// If `id` is another tree's.
    #[must_use]
    pub fn expr(&self, id: ExprId) -> &Expr {
        self.exprs.get(id)
    }

    /// All symbols, in the order they were first mentioned.
    pub fn symbol_ids(&self) -> impl Iterator<Item = SymbolId> + use<> {
        (0..self.symbols.len() as u32).map(SymbolId)
    }

    /// All options that some entry defines.
    pub fn defined_options(&self) -> impl Iterator<Item = (SymbolId, &Symbol)> {
        self.symbol_ids()
            .map(|id| (id, self.symbol(id)))
            .filter(|(_, symbol)| symbol.kind == SymbolKind::Option && !symbol.entries.is_empty())
    }

    /// All menu entries, in the order of reading, without the root.
    pub fn entry_ids(&self) -> impl Iterator<Item = EntryId> + use<> {
        (1..self.entries.len() as u32).map(EntryId)
    }

    /// The symbol marked `modules`, or the constant `n` if there is none.
    #[must_use]
    pub fn modules_symbol(&self) -> SymbolId {
        self.modules
    }

    /// An expression as Kconfig text.
    #[must_use]
    pub fn expr_text(&self, id: ExprId) -> String {
        let mut out = String::new();
        self.write_expr(id, 0, &mut out, &mut |_, _| {});
        out
    }

    /// An expression as Kconfig text, `annotate` called after each symbol.
    pub(crate) fn write_expr(
        &self,
        id: ExprId,
        strength: u8,
        out: &mut String,
        annotate: &mut dyn FnMut(SymbolId, &mut String),
    ) {
        let mut list = |operands: &[ExprId], own: u8, sign: &str, out: &mut String| {
            if strength > own {
                out.push('(');
            }
            for (at, &operand) in operands.iter().enumerate() {
                if at > 0 {
                    out.push_str(sign);
                }
                self.write_expr(operand, own, out, annotate);
            }
            if strength > own {
                out.push(')');
            }
        };
        match self.expr(id) {
            Expr::Symbol(symbol) => {
                out.push_str(self.display_name(*symbol));
                annotate(*symbol, out);
            }
            Expr::Not(operand) => {
                out.push('!');
                self.write_expr(*operand, 3, out, annotate);
            }
            Expr::And(operands) => list(operands, 2, " && ", out),
            Expr::Or(operands) => list(operands, 1, " || ", out),
            Expr::Compare(relation, SymbolId::NO, SymbolId::MOD) => {
                // What a `bool` that is asked for `m` comes to.
                let holds = *relation == Relation::Unequal;
                out.push_str(if holds { "y" } else { "n" });
            }
            Expr::Compare(relation, left, right) => {
                if strength > 2 {
                    out.push('(');
                }
                out.push_str(self.display_name(*left));
                annotate(*left, out);
                out.push_str(relation.as_str());
                out.push_str(self.display_name(*right));
                annotate(*right, out);
                if strength > 2 {
                    out.push(')');
                }
            }
        }
    }

    /// A symbol's name, or `<choice>`.
    #[must_use]
    pub fn display_name(&self, id: SymbolId) -> &str {
        let symbol = self.symbol(id);
        if symbol.is_choice() {
            "<choice>"
        } else {
            &symbol.name
        }
    }
}
