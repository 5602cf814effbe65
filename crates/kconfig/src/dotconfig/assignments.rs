//! The assignments of a configuration file, as `conf` reads them
//! (scripts/kconfig/confdata.c, `conf_read_simple`).

use crate::model::Dialect;

/// One line of a configuration file that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The option's name without `CONFIG_`.
    pub name: String,
    /// What stands after `=`; `n` for `# … is not set`.
    pub value: String,
    /// The line, from one.
    pub line: u32,
}

/// Something in a configuration file that was ignored or overridden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadWarning {
    /// The line, from one.
    pub line: u32,
    /// What is wrong with it.
    pub kind: ReadWarningKind,
}

/// What is wrong with a line of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadWarningKind {
    /// Not an assignment and not a comment.
    UnexpectedData(String),
    /// No option of this name.
    UnknownSymbol(String),
    /// The value doesn't fit the option's type.
    InvalidValue {
        /// The option.
        name: String,
        /// What stands in the file.
        value: String,
    },
    /// A string without its closing quote.
    InvalidString(String),
    /// The option had been given a value further up.
    Reassigned(String),
}

impl std::fmt::Display for ReadWarning {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "line {}: ", self.line)?;
        match &self.kind {
            ReadWarningKind::UnexpectedData(text) => write!(out, "unexpected data: {text}"),
            ReadWarningKind::UnknownSymbol(name) => write!(out, "unknown symbol: {name}"),
            ReadWarningKind::InvalidValue { name, value } => {
                write!(out, "symbol value '{value}' invalid for {name}")
            }
            ReadWarningKind::InvalidString(name) => {
                write!(out, "invalid string found for {name}")
            }
            ReadWarningKind::Reassigned(name) => {
                write!(out, "override: reassigning to symbol {name}")
            }
        }
    }
}

/// The assignments of a configuration file, in order, and the lines that are
/// neither assignments nor comments.
#[must_use]
pub fn parse_assignments(text: &str, dialect: Dialect) -> (Vec<Assignment>, Vec<ReadWarning>) {
    let mut assignments = Vec::new();
    let mut warnings = Vec::new();
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        let number = index as u32 + 1;
        let line = until_nul(whole);
        if line.is_empty() || (dialect == Dialect::Linux6_1 && line.starts_with('\r')) {
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            if let Some(name) = unset_name(comment, dialect) {
                let (name, value) = (name.to_owned(), "n".to_owned());
                assignments.push(Assignment {
                    name,
                    value,
                    line: number,
                });
            }
            continue;
        }
        match line
            .strip_prefix("CONFIG_")
            .and_then(|rest| rest.split_once('='))
        {
            Some((name, value)) => assignments.push(Assignment {
                name: name.to_owned(),
                value: value.to_owned(),
                line: number,
            }),
            // 6.1 says nothing of a name without `=`.
            None if dialect == Dialect::Linux6_1 && line.starts_with("CONFIG_") => {}
            None => warnings.push(ReadWarning {
                line: number,
                kind: ReadWarningKind::UnexpectedData(line.to_owned()),
            }),
        }
    }
    (assignments, warnings)
}

/// A line without its end, as far as C's functions for strings see it.
fn until_nul(whole: &str) -> &str {
    let line = match whole.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => whole,
    };
    match line.split_once('\0') {
        Some((before, _)) => before,
        None => line,
    }
}

pub(super) fn unset_name(comment: &str, dialect: Dialect) -> Option<&str> {
    let (name, rest) = comment.strip_prefix(" CONFIG_")?.split_once(' ')?;
    let unset = match dialect {
        Dialect::Linux6_1 => rest.starts_with("is not set"),
        Dialect::Linux6_12 => rest == "is not set",
    };
    unset.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_assignments_comments_or_unexpected() {
        let text =
            "CONFIG_A=y\r\n# CONFIG_B is not set\n# a comment\n\nwhat\nCONFIG_S=\"x=\\\"y\"\n";
        let (assignments, warnings) = parse_assignments(text, Dialect::Linux6_12);
        let pairs: Vec<_> = assignments
            .iter()
            .map(|a| (a.name.as_str(), a.value.as_str(), a.line))
            .collect();
        assert_eq!(
            pairs,
            [("A", "y", 1), ("B", "n", 2), ("S", "\"x=\\\"y\"", 6)]
        );
        assert_eq!(
            warnings,
            [ReadWarning {
                line: 5,
                kind: ReadWarningKind::UnexpectedData("what".into())
            }]
        );
    }

    #[test]
    fn text_after_is_not_set_counts_in_6_1_only() {
        let text = "# CONFIG_B is not set yet";
        assert_eq!(parse_assignments(text, Dialect::Linux6_1).0.len(), 1);
        assert_eq!(parse_assignments(text, Dialect::Linux6_12).0.len(), 0);
    }
}
