//! Two configurations side by side, as scripts/diffconfig shows them.

use std::collections::BTreeMap;
use std::fmt;

use crate::dotconfig::parse_assignments;
use crate::model::Dialect;

/// What differs about one option. Values are as configuration files have
/// them, `n` for an option that is not set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Only the first configuration mentions it.
    Removed {
        /// The option.
        name: String,
        /// Its value there.
        value: String,
    },
    /// Both mention it, with different values.
    Changed {
        /// The option.
        name: String,
        /// The value in the first.
        before: String,
        /// The value in the second.
        after: String,
    },
    /// Only the second configuration mentions it.
    Added {
        /// The option.
        name: String,
        /// Its value there.
        value: String,
    },
}

impl Difference {
    /// The option's name without `CONFIG_`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Removed { name, .. } | Self::Changed { name, .. } | Self::Added { name, .. } => {
                name
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed { name, value } => write!(out, "-{name} {value}"),
            Self::Changed {
                name,
                before,
                after,
            } => write!(out, " {name} {before} -> {after}"),
            Self::Added { name, value } => write!(out, "+{name} {value}"),
        }
    }
}

/// The differences between two configuration files: what was removed, what
/// changed, what was added, each by name.
#[must_use]
pub fn diff(before: &str, after: &str) -> Vec<Difference> {
    let values = |text| -> BTreeMap<String, String> {
        let (assignments, _) = parse_assignments(text, Dialect::Linux6_12);
        assignments
            .into_iter()
            .map(|assignment| (assignment.name, assignment.value))
            .collect()
    };
    let (before, after) = (values(before), values(after));
    let mut differences = Vec::new();
    for (name, value) in &before {
        let name = name.clone();
        match after.get(&name) {
            None => differences.push(Difference::Removed {
                name,
                value: value.clone(),
            }),
            Some(now) if now != value => differences.push(Difference::Changed {
                name,
                before: value.clone(),
                after: now.clone(),
            }),
            Some(_) => {}
        }
    }
    for (name, value) in after {
        if !before.contains_key(&name) {
            differences.push(Difference::Added { name, value });
        }
    }
    differences.sort();
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shown_as_diffconfig_shows_them() {
        let shown: Vec<_> = diff(
            "CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=1\n",
            "# CONFIG_B is not set\nCONFIG_C=1\nCONFIG_D=\"x\"\n",
        )
        .iter()
        .map(ToString::to_string)
        .collect();
        assert_eq!(shown, ["-A y", " B y -> n", "+D \"x\""]);
    }
}
