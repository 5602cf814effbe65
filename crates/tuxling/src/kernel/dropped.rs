//! Why a requested symbol didn't get its value: what it is, where it is
//! defined, what it depends on and which of that isn't there.

use std::fmt;

use kconfig::{Configuration, RequestError};

use super::config::spelled;
use crate::recipe::plan::Request;

/// A request that the resolved configuration doesn't fulfil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// What was asked for.
    pub request: Request,
    /// What it is instead, as `.config` spells it.
    pub value: String,
    /// What kept it from being what was asked for: `it needs PCI [=n]`.
    pub reason: String,
    /// Where the tree defines it; none when it doesn't.
    pub definitions: Vec<Definition>,
}

/// One definition of a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The Kconfig file below the source tree, and the line.
    pub place: String,
    /// Its prompt.
    pub prompt: Option<String>,
    /// What it depends on, together with all around it, with the values;
    /// `None` for nothing.
    pub depends: Option<String>,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request {
            symbol, value, by, ..
        } = &self.request;
        write!(
            f,
            "CONFIG_{symbol}={value} (asked for by {by}) is {} after all\n    {}",
            self.value, self.reason
        )?;
        for definition in &self.definitions {
            write!(f, "\n    defined at {}", definition.place)?;
            match &definition.prompt {
                Some(prompt) => write!(f, ": \"{prompt}\"")?,
                None => write!(f, ", without a prompt: only other symbols can set it")?,
            }
            if let Some(depends) = &definition.depends {
                write!(f, "\n    depends on {depends}")?;
            }
        }
        Ok(())
    }
}

/// Finds out why a request doesn't hold in a configuration; `value` is what
/// came of it.
pub fn explain(request: &Request, value: &str, configuration: &Configuration<'_>) -> Dropped {
    let tree = configuration.tree();
    let (reason, definitions) = match tree.request(&request.symbol, &spelled(request)) {
        Ok(asked) => (
            tree.reason_text(&configuration.why_not(&asked)),
            definitions(&request.symbol, configuration),
        ),
        Err(RequestError::UnknownOption { nearest, .. }) => (unknown(&nearest), Vec::new()),
        Err(invalid) => (
            invalid.to_string(),
            definitions(&request.symbol, configuration),
        ),
    };
    Dropped {
        request: request.clone(),
        value: value.to_owned(),
        reason,
        definitions,
    }
}

/// What is said of a name that no symbol has.
pub fn unknown(nearest: &[String]) -> String {
    let text = "this kernel has no such symbol";
    match nearest.first() {
        Some(nearest) => format!("{text}; did you mean CONFIG_{nearest}?"),
        None => text.to_owned(),
    }
}

/// Where a symbol is defined.
pub fn definitions(symbol: &str, configuration: &Configuration<'_>) -> Vec<Definition> {
    let tree = configuration.tree();
    let Some(symbol) = tree.find(symbol) else {
        return Vec::new();
    };
    let entries = tree.symbol(symbol).entries.iter();
    entries
        .map(|&id| {
            let entry = tree.entry(id);
            let depends = configuration.annotated(entry.dependency);
            Definition {
                place: format!("{}:{}", entry.location.file, entry.location.line),
                prompt: entry.prompt.as_deref().map(str::to_owned),
                depends: (depends != "y").then_some(depends),
            }
        })
        .collect()
}
