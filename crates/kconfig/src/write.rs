//! Writing `.config` and minimal configurations, byte for byte as `conf` does.

use std::fmt::Write as _;

use crate::dotconfig::quoted;
use crate::eval::Configuration;
use crate::expr::{Expr, SymbolId};
use crate::model::{Dialect, EntryId, EntryKind, SymbolKind, SymbolType};
use crate::tristate::Tristate;

impl Configuration<'_> {
    /// The line that says a symbol's value in a configuration file, with its
    /// line end; empty for a symbol without a type.
    #[must_use]
    pub fn line(&self, symbol: SymbolId) -> String {
        let mut out = String::new();
        self.write_line(symbol, &mut out);
        out
    }

    fn write_line(&self, symbol: SymbolId, out: &mut String) {
        let definition = self.tree.symbol(symbol);
        let name = &definition.name;
        let value = self.value(symbol);
        // Writing to a String can't fail.
        let _ = match definition.ty {
            SymbolType::Unknown => Ok(()),
            SymbolType::Bool | SymbolType::Tristate if value == "n" => {
                writeln!(out, "# CONFIG_{name} is not set")
            }
            SymbolType::String => writeln!(out, "CONFIG_{name}={}", quoted(value)),
            _ => writeln!(out, "CONFIG_{name}={value}"),
        };
    }

    /// Whether a menu or a comment shows.
    fn shows(&self, entry: EntryId) -> bool {
        let entry = self.tree.entry(entry);
        matches!(entry.kind, EntryKind::Menu | EntryKind::Comment)
            && self.evaluate_expr(entry.visible_if) != Tristate::No
            && self.evaluate_expr(entry.prompt_condition) != Tristate::No
    }

    /// The whole configuration, as in `.config`.
    #[must_use]
    pub fn to_dotconfig(&self) -> String {
        let tree = self.tree;
        let mut out = format!(
            "#\n# Automatically generated file; DO NOT EDIT.\n# {}\n#\n",
            tree.main_menu
        );
        let mut done = vec![false; tree.symbols.len()];
        let mut open: Vec<EntryId> = Vec::new();
        let mut newline_due = false;
        let close = |entry: EntryId, out: &mut String, newline_due: &mut bool| {
            if tree.entry(entry).kind == EntryKind::Menu && self.shows(entry) {
                let title = tree.entry(entry).prompt.as_deref().unwrap_or("");
                let _ = writeln!(out, "# end of {title}");
                *newline_due = true;
            }
        };
        for id in tree.entry_ids() {
            while let Some(&last) = open.last()
                && tree.entry(last).end <= id.0
            {
                open.pop();
                close(last, &mut out, &mut newline_due);
            }
            open.push(id);
            let entry = tree.entry(id);
            match entry.symbol {
                None if self.shows(id) => {
                    let title = entry.prompt.as_deref().unwrap_or("");
                    let _ = write!(out, "\n#\n# {title}\n#\n");
                    newline_due = false;
                }
                Some(symbol)
                    if tree.symbol(symbol).kind == SymbolKind::Option
                        && !done[symbol.index()]
                        && self.is_written(symbol) =>
                {
                    if std::mem::take(&mut newline_due) {
                        out.push('\n');
                    }
                    done[symbol.index()] = true;
                    self.write_line(symbol, &mut out);
                }
                _ => {}
            }
        }
        while let Some(last) = open.pop() {
            close(last, &mut out, &mut newline_due);
        }
        out
    }

    /// The smallest configuration file that gives this configuration, as
    /// `savedefconfig` writes it.
    #[must_use]
    pub fn to_defconfig(&self) -> String {
        let tree = self.tree;
        let mut out = String::new();
        let mut done = vec![false; tree.symbols.len()];
        for id in tree.entry_ids() {
            let Some(symbol) = tree.entry(id).symbol else {
                continue;
            };
            let definition = tree.symbol(symbol);
            if definition.is_choice() || done[symbol.index()] || !self.is_written(symbol) {
                continue;
            }
            done[symbol.index()] = true;
            let state = self.states[symbol.index()];
            if state.visible <= state.selected
                || self.value(symbol) == self.default_text(symbol)
                || self.is_default_member(symbol)
            {
                continue;
            }
            self.write_line(symbol, &mut out);
        }
        out
    }

    fn is_default_member(&self, symbol: SymbolId) -> bool {
        let definition = self.tree.symbol(symbol);
        let Some(choice) = definition.choice else {
            return false;
        };
        let skips = match self.tree.dialect {
            Dialect::Linux6_12 => true,
            Dialect::Linux6_1 => {
                !self.tree.symbol(choice).optional && definition.ty == SymbolType::Bool
            }
        };
        skips
            && self.tristate(symbol) == Tristate::Yes
            && self.default_member(choice) == Some(symbol)
    }

    /// The value that `savedefconfig` takes for the default. It isn't always
    /// what the symbol would come to: ranges don't count here, for instance.
    fn default_text(&self, symbol: SymbolId) -> String {
        let definition = self.tree.symbol(symbol);
        let state = self.states[symbol.index()];
        let default = self.current_default(symbol);
        if !definition.ty.is_logical() {
            let text = match default.map(|(value, _)| self.tree.expr(value)) {
                Some(Expr::Symbol(source)) => self.value(*source),
                _ => "",
            };
            let text = if text.is_empty() {
                self.empty_text(symbol)
            } else {
                text
            };
            return text.to_owned();
        }
        let mut value = default.map_or(Tristate::No, |(value, property)| {
            self.evaluate_expr(value)
                .min(self.evaluate_expr(property.condition))
        });
        value = value.max(state.selected);
        let no_modules = !definition.in_choice && self.tristate(self.tree.modules) == Tristate::No;
        if value == Tristate::Mod && (no_modules || definition.ty == SymbolType::Bool) {
            value = Tristate::Yes;
        }
        value.max(state.implied).as_str().to_owned()
    }
}
