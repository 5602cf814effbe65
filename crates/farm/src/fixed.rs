//! Options that no search turns off.

use std::collections::BTreeSet;

use recipe::security::is_security;
use serde::{Deserialize, Serialize};

/// Options that no search turns off: the recipe's own words stand for them, or
/// they protect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed {
    /// Symbols, without `CONFIG_`.
    pub symbols: BTreeSet<String>,
    /// Whether security may go as well.
    pub security_off: bool,
}

impl Fixed {
    /// Whether a symbol stays as it is.
    pub fn has(&self, symbol: &str) -> bool {
        self.symbols.contains(symbol) || (!self.security_off && is_security(symbol))
    }
}
