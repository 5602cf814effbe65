//! What the lines of a configuration file ask of a tree's symbols.

use std::sync::Arc;

use crate::dotconfig::{
    Assignment, ReadWarning, ReadWarningKind, parse_assignments, unquoted_prefix,
};
use crate::eval::Configuration;
use crate::expr::SymbolId;
use crate::model::{Kconfig, SymbolType};
use crate::numbers::is_valid_text;
use crate::tristate::Tristate;
use crate::user::UserValue;

/// What a line's value means for a symbol.
pub(crate) enum Meaning {
    Value(UserValue),
    /// Accepted by `conf` without any effect.
    Nothing,
    Invalid,
    InvalidString,
}

pub(crate) fn meaning(tree: &Kconfig, symbol: SymbolId, value: &str) -> Meaning {
    let ty = tree.symbol(symbol).ty;
    let first = value.bytes().next();
    match (ty, first) {
        (SymbolType::Tristate, Some(b'm')) => Meaning::Value(UserValue::Tristate(Tristate::Mod)),
        (SymbolType::Tristate | SymbolType::Bool, Some(b'y')) => {
            Meaning::Value(UserValue::Tristate(Tristate::Yes))
        }
        (SymbolType::Tristate | SymbolType::Bool, Some(b'n')) => {
            Meaning::Value(UserValue::Tristate(Tristate::No))
        }
        (SymbolType::Tristate | SymbolType::Bool, _) => Meaning::Invalid,
        (SymbolType::String, Some(b'"')) => match unquoted_prefix(&value[1..]) {
            Some(text) => Meaning::Value(UserValue::Text(text.into())),
            None => Meaning::InvalidString,
        },
        (SymbolType::String | SymbolType::Unknown, _) => Meaning::Nothing,
        (SymbolType::Int | SymbolType::Hex, _) if is_valid_text(ty, value) => {
            Meaning::Value(UserValue::Text(Arc::from(value)))
        }
        (SymbolType::Int | SymbolType::Hex, _) => Meaning::Invalid,
    }
}

impl Configuration<'_> {
    /// Takes a configuration file as what the user asked for, instead of all
    /// that was asked before. Values are not worked out.
    pub(crate) fn read(&mut self, text: &str) -> Vec<ReadWarning> {
        let tree = self.tree;
        self.user = crate::user::UserValues::new(tree);
        let (assignments, mut warnings) = parse_assignments(text, tree.dialect);
        for Assignment { name, value, line } in assignments {
            let mut warn = |kind| warnings.push(ReadWarning { line, kind });
            let Some(&symbol) = tree.options.get(name.as_str()) else {
                warn(ReadWarningKind::UnknownSymbol(name));
                continue;
            };
            if self.user.get(symbol).is_some() {
                warn(ReadWarningKind::Reassigned(name.clone()));
            }
            match meaning(tree, symbol, &value) {
                Meaning::Value(value) => self.user.give(tree, symbol, value),
                Meaning::Nothing => {}
                Meaning::Invalid => warn(ReadWarningKind::InvalidValue { name, value }),
                Meaning::InvalidString => warn(ReadWarningKind::InvalidString(name)),
            }
        }
        warnings.sort_by_key(|warning| warning.line);
        warnings
    }
}
