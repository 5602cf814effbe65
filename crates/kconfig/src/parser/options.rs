//! The lines that belong to an entry: types, prompts, defaults, dependencies.

use super::{Accepted, Parser};
use crate::diagnostic::Severity;
use crate::expr::ExprId;
use crate::model::{Dialect, EntryId, EntryKind, PropertyKind, SymbolType};
use crate::scanner::{Keyword, Token};

fn type_of(keyword: Keyword) -> Option<SymbolType> {
    Some(match keyword {
        Keyword::Bool => SymbolType::Bool,
        Keyword::Tristate => SymbolType::Tristate,
        Keyword::Int => SymbolType::Int,
        Keyword::Hex => SymbolType::Hex,
        Keyword::String => SymbolType::String,
        _ => return None,
    })
}

impl Parser<'_> {
    /// Reads one line of `entry` that began with `keyword`. False if no such
    /// line can belong to the entry.
    pub(super) fn option(&mut self, entry: EntryId, keyword: Keyword) -> Accepted<bool> {
        let understood = match self.entries[entry.index()].kind {
            EntryKind::Config | EntryKind::Menuconfig => {
                self.dependency(entry, keyword)?
                    || self.help(entry, keyword)?
                    || self.config_option(entry, keyword)?
            }
            EntryKind::Choice => {
                self.dependency(entry, keyword)?
                    || self.help(entry, keyword)?
                    || self.choice_option(entry, keyword)?
            }
            EntryKind::Menu => self.dependency(entry, keyword)? || self.visible(entry, keyword)?,
            EntryKind::Comment => self.dependency(entry, keyword)?,
            EntryKind::If | EntryKind::Root => false,
        };
        Ok(understood)
    }

    fn dependency(&mut self, entry: EntryId, keyword: Keyword) -> Accepted<bool> {
        if keyword != Keyword::Depends {
            return Ok(false);
        }
        match self.next() {
            Token::Keyword(Keyword::On) => {}
            other => {
                self.peeked = Some(other);
                return Err(self.error("expected 'on'"));
            }
        }
        let condition = self.expression()?;
        self.end_of_line()?;
        let before = self.entries[entry.index()].written_dependency;
        self.entries[entry.index()].written_dependency = self.exprs.and([before, condition]);
        Ok(true)
    }

    fn visible(&mut self, entry: EntryId, keyword: Keyword) -> Accepted<bool> {
        if keyword != Keyword::Visible {
            return Ok(false);
        }
        let condition = self.condition()?;
        self.end_of_line()?;
        let before = self.entries[entry.index()].visible_if;
        self.entries[entry.index()].visible_if = self.exprs.and([before, condition]);
        Ok(true)
    }

    fn help(&mut self, entry: EntryId, keyword: Keyword) -> Accepted<bool> {
        if keyword != Keyword::Help {
            return Ok(false);
        }
        self.end_of_line()?;
        let text = self.scanner.help_text();
        let name = self.entries[entry.index()]
            .symbol
            .map(|symbol| &self.symbols[symbol.index()])
            .filter(|symbol| !symbol.is_choice())
            .map_or("<choice>", |symbol| &symbol.name)
            .to_owned();
        if self.entries[entry.index()].help.is_some() {
            self.warn(format!(
                "'{name}' defined with more than one help text -- only the last one will be used"
            ));
        }
        if text.trim().is_empty() {
            self.warn(format!("'{name}' defined with blank help text"));
        }
        self.entries[entry.index()].help = Some(text);
        Ok(true)
    }

    fn prompt(&mut self, entry: EntryId) -> Accepted<()> {
        let text = self.quoted("a quoted prompt")?;
        let condition = self.condition()?;
        self.end_of_line()?;
        let text = self.prompt_text(text);
        if self.entries[entry.index()].prompt.is_some() {
            self.warn("prompt redefined");
        }
        self.entries[entry.index()].prompt = Some(text.clone());
        self.add_property(entry, PropertyKind::Prompt(text), condition);
        Ok(())
    }

    /// The prompt that may follow a type.
    fn prompt_if_any(&mut self, entry: EntryId) -> Accepted<()> {
        match self.peek() {
            Token::Quoted(_) => self.prompt(entry),
            _ => self.end_of_line(),
        }
    }

    fn config_option(&mut self, entry: EntryId, keyword: Keyword) -> Accepted<bool> {
        if let Some(ty) = type_of(keyword) {
            self.prompt_if_any(entry)?;
            self.set_type(entry, ty);
            return Ok(true);
        }
        match keyword {
            Keyword::Prompt => self.prompt(entry)?,
            Keyword::Default => self.default(entry, None)?,
            Keyword::DefBool => self.default(entry, Some(SymbolType::Bool))?,
            Keyword::DefTristate => self.default(entry, Some(SymbolType::Tristate))?,
            Keyword::Select => {
                let (target, condition) = self.target()?;
                self.add_property(entry, PropertyKind::Select(target), condition);
            }
            Keyword::Imply => {
                let (target, condition) = self.target()?;
                self.add_property(entry, PropertyKind::Imply(target), condition);
            }
            Keyword::Range => {
                let low = self.symbol()?;
                let high = self.symbol()?;
                let condition = self.condition()?;
                self.end_of_line()?;
                self.add_property(entry, PropertyKind::Range(low, high), condition);
            }
            Keyword::Modules => {
                self.end_of_line()?;
                self.modules_option(entry);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn default(&mut self, entry: EntryId, ty: Option<SymbolType>) -> Accepted<()> {
        let value = self.expression()?;
        let condition = self.condition()?;
        self.end_of_line()?;
        self.add_property(entry, PropertyKind::Default(value), condition);
        if let Some(ty) = ty {
            self.set_type(entry, ty);
        }
        Ok(())
    }

    fn target(&mut self) -> Accepted<(crate::expr::SymbolId, ExprId)> {
        let target = self.option_name()?;
        let condition = self.condition()?;
        self.end_of_line()?;
        Ok((target, condition))
    }

    fn modules_option(&mut self, entry: EntryId) {
        let Some(symbol) = self.entries[entry.index()].symbol else {
            return;
        };
        if let Some(before) = self.modules {
            let message = format!(
                "symbol '{}' redefines option 'modules' already defined by symbol '{}'",
                self.symbols[symbol.index()].name,
                self.symbols[before.index()].name
            );
            let location = self.scanner.statement_location();
            self.scanner.report(Severity::Error, location, message);
        }
        self.modules = Some(symbol);
    }

    fn choice_option(&mut self, entry: EntryId, keyword: Keyword) -> Accepted<bool> {
        let old = self.dialect == Dialect::Linux6_1;
        match keyword {
            Keyword::Prompt => self.prompt(entry)?,
            Keyword::Bool if !old => self.prompt(entry)?,
            Keyword::Bool | Keyword::Tristate if old => {
                self.prompt_if_any(entry)?;
                let ty = type_of(keyword).unwrap_or_default();
                self.set_type(entry, ty);
            }
            Keyword::Optional => {
                self.end_of_line()?;
                if let Some(symbol) = self.entries[entry.index()].symbol {
                    self.symbols[symbol.index()].optional = true;
                }
            }
            Keyword::Default => {
                let (target, condition) = self.target()?;
                let value = self.exprs.symbol(target);
                self.add_property(entry, PropertyKind::Default(value), condition);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
