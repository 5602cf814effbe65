//! What a resolved configuration breaks of the recipe's contract, and where the
//! tree defines what it is about.

use std::fmt;

use recipe::contract::Term;

/// A term that the configuration is not as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The term.
    pub term: Term,
    /// What the symbol's value is, as `.config` spells it.
    pub value: String,
    /// Why it is that.
    pub reason: String,
    /// Where the tree defines the symbol; none when it doesn't.
    pub definitions: Vec<Definition>,
}

impl Broken {
    /// In one line, for a search that goes on with the next candidate.
    pub fn brief(&self) -> String {
        format!("{} and is {}: {}", self.term, self.value, self.reason)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Broken {
            term,
            value,
            reason,
            definitions,
        } = self;
        write!(f, "{}: {term} and is {value}\n    {reason}", term.place)?;
        definitions.iter().try_for_each(|one| write!(f, "{one}"))
    }
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

/// Lines below others.
impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n    defined at {}", self.place)?;
        match &self.prompt {
            Some(prompt) => write!(f, ": \"{prompt}\"")?,
            None => write!(f, ", without a prompt")?,
        }
        match &self.depends {
            Some(depends) => write!(f, "\n    depends on {depends}"),
            None => Ok(()),
        }
    }
}
