//! Changing a configuration, and looking at what a change would do.

use std::fmt;

use crate::dotconfig::quoted;
use crate::eval::{Before, Configuration};
use crate::expr::SymbolId;
use crate::model::{Kconfig, SymbolType};
use crate::read::{Meaning, meaning};
use crate::user::{Undo, UserValue};

/// A request to give an option a value, or to forget what was asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The option.
    pub symbol: SymbolId,
    /// The value; `None` to forget the user's value.
    pub value: Option<UserValue>,
}

/// A symbol whose value differs after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The symbol.
    pub symbol: SymbolId,
    /// Its value before.
    pub before: String,
    /// Its value after.
    pub after: String,
}

/// A value that an option can't have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// There is no option of this name.
    UnknownOption {
        /// The name that was asked for.
        name: String,
        /// The names most like it.
        nearest: Vec<String>,
    },
    /// The text is no value of the option's type.
    InvalidValue {
        /// The option.
        name: String,
        /// Its type.
        ty: SymbolType,
        /// The text.
        value: String,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOption { name, nearest } => {
                write!(out, "no option is called '{name}'")?;
                if let Some(nearest) = nearest.first() {
                    write!(out, "; did you mean '{nearest}'?")?;
                }
                Ok(())
            }
            Self::InvalidValue { name, ty, value } => {
                write!(
                    out,
                    "'{value}' is no value for the {} option '{name}'",
                    ty.as_str()
                )
            }
        }
    }
}

impl std::error::Error for RequestError {}

impl Kconfig {
    /// The request that `name=value` stands for. Strings may be quoted or not.
    ///
    /// # Errors
    /// If there is no such option or it can't have the value.
    pub fn request(&self, name: &str, value: &str) -> Result<Request, RequestError> {
        let bare = name.strip_prefix("CONFIG_").unwrap_or(name);
        let Some(symbol) = self
            .find(bare)
            .filter(|&id| !self.symbol(id).entries.is_empty())
        else {
            return Err(RequestError::UnknownOption {
                name: bare.to_owned(),
                nearest: self.nearest_names(bare, 3),
            });
        };
        let ty = self.symbol(symbol).ty;
        let value = value.trim();
        let text = match ty {
            SymbolType::String if !value.starts_with('"') => quoted(value),
            _ => value.to_owned(),
        };
        let whole = !ty.is_logical() || matches!(value, "y" | "m" | "n");
        match meaning(self, symbol, &text) {
            Meaning::Value(value) if whole => Ok(Request {
                symbol,
                value: Some(value),
            }),
            _ => Err(RequestError::InvalidValue {
                name: bare.to_owned(),
                ty,
                value: value.to_owned(),
            }),
        }
    }
}

/// A change that can be taken back.
pub(crate) struct Applied {
    undo: Vec<Undo>,
    log: Vec<Before>,
}

impl Configuration<'_> {
    pub(crate) fn apply(&mut self, requests: &[Request]) -> Applied {
        let mut undo = Vec::with_capacity(requests.len());
        for Request { symbol, value } in requests {
            undo.push(self.user.replace(self.tree, *symbol, value.clone()));
        }
        let mut log = Vec::new();
        self.propagate(requests.iter().map(|request| request.symbol), &mut log);
        Applied { undo, log }
    }

    pub(crate) fn take_back(&mut self, applied: Applied) {
        self.restore(applied.log);
        for undo in applied.undo.into_iter().rev() {
            self.user.undo(undo);
        }
    }

    fn changes(&self, applied: &Applied) -> Vec<Change> {
        applied
            .log
            .iter()
            .filter(|before| !self.tree.symbol(before.symbol).is_choice())
            .map(|before| Change {
                symbol: before.symbol,
                before: self.value_before(before).to_owned(),
                after: self.value(before.symbol).to_owned(),
            })
            .filter(|change| change.before != change.after)
            .collect()
    }

    /// Carries out requests, as if their lines had been edited in `.config`,
    /// and gives every symbol whose value changed. Only what depends on them
    /// is worked out anew.
    pub fn set(&mut self, requests: &[Request]) -> Vec<Change> {
        let applied = self.apply(requests);
        self.changes(&applied)
    }

    /// What [`Configuration::set`] would change, each symbol after all that it
    /// needs. The configuration stays as it is.
    pub fn what_if(&mut self, requests: &[Request]) -> Vec<Change> {
        let applied = self.apply(requests);
        let changes = self.changes(&applied);
        self.take_back(applied);
        changes
    }

    /// Carries a request out if no value and nothing that is written changes
    /// by it, and says whether it did.
    pub fn set_if_unchanged(&mut self, request: &Request) -> bool {
        let applied = self.apply(std::slice::from_ref(request));
        let unchanged = self.same_as_before(&applied);
        if !unchanged {
            self.take_back(applied);
        }
        unchanged
    }

    /// Whether a request holds now.
    #[must_use]
    pub fn holds(&self, request: &Request) -> bool {
        match &request.value {
            Some(UserValue::Tristate(value)) => self.tristate(request.symbol) == *value,
            Some(UserValue::Text(text)) => {
                let ty = self.tree.symbol(request.symbol).ty;
                let now = self.value(request.symbol);
                now == &**text
                    || ty.number_base().is_some_and(|base| {
                        crate::numbers::to_signed(now, base)
                            == crate::numbers::to_signed(text, base)
                            && !now.is_empty()
                    })
            }
            None => self.user.get(request.symbol).is_none(),
        }
    }

    /// The user's requests that could all be dropped together without changing
    /// anything that is written, found by trying each in turn, last one first.
    /// The configuration stays as it is.
    pub fn redundant_requests(&mut self) -> Vec<SymbolId> {
        let mut redundant = Vec::new();
        let mut dropped = Vec::new();
        for (symbol, _) in self.user.in_order().into_iter().rev() {
            let applied = self.apply(&[Request {
                symbol,
                value: None,
            }]);
            if self.same_as_before(&applied) {
                redundant.push(symbol);
                dropped.push(applied);
            } else {
                self.take_back(applied);
            }
        }
        for applied in dropped.into_iter().rev() {
            self.take_back(applied);
        }
        redundant
    }

    /// Whether a change left all values and all that is written as it was.
    fn same_as_before(&self, applied: &Applied) -> bool {
        applied.log.iter().all(|before| {
            self.tree.symbol(before.symbol).is_choice()
                || (self.value_before(before) == self.value(before.symbol)
                    && before.was_written() == self.is_written(before.symbol))
        })
    }
}
