//! The values of a whole configuration, by option.

use std::collections::{BTreeMap, BTreeSet};

use super::assignments::parse_assignments;
use crate::model::Dialect;

/// What a `.config` that the kernel's tools wrote says of its options.
///
/// Options can be named with and without `CONFIG_`. Values are spelled as in
/// the file: texts have their quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigValues {
    by_option: BTreeMap<String, String>,
}

/// Pairs of an option's name without `CONFIG_` and its value as a file spells it.
impl FromIterator<(String, String)> for ConfigValues {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self {
            by_option: pairs.into_iter().collect(),
        }
    }
}

impl ConfigValues {
    /// Reads a configuration. Of several lines for an option the last counts;
    /// what is no line of a configuration says nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (assignments, _) = parse_assignments(text, Dialect::Linux6_12);
        let pairs = assignments.into_iter().map(|one| (one.name, one.value));
        pairs.collect()
    }

    /// An option's value; `n` when the file says nothing of it, as `conf` takes
    /// it.
    #[must_use]
    pub fn get(&self, option: &str) -> &str {
        self.stated(option).unwrap_or("n")
    }

    /// What the file says of an option: `n` for `# … is not set`, nothing when
    /// it isn't mentioned.
    #[must_use]
    pub fn stated(&self, option: &str) -> Option<&str> {
        let name = option.strip_prefix("CONFIG_").unwrap_or(option);
        self.by_option.get(name).map(String::as_str)
    }

    /// Whether an option is built in.
    #[must_use]
    pub fn is_yes(&self, option: &str) -> bool {
        self.get(option) == "y"
    }

    /// The options that this or another configuration mentions, sorted, each
    /// once.
    pub fn names_with<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let names = self.by_option.keys().chain(other.by_option.keys());
        let names: BTreeSet<&str> = names.map(String::as_str).collect();
        names.into_iter()
    }

    /// All options that the file mentions, sorted, without `CONFIG_`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.by_option.iter();
        pairs.map(|(option, value)| (option.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_configuration_does_not_mention_is_n() {
        let values = ConfigValues::parse(
            "#\n# Linux\n#\n# CONFIG_A is not set\nCONFIG_B=y\r\nCONFIG_C=\"a b\"\nwhat\n",
        );
        assert_eq!((values.get("A"), values.stated("A")), ("n", Some("n")));
        assert_eq!((values.get("D"), values.stated("D")), ("n", None));
        assert!(values.is_yes("CONFIG_B") && !values.is_yes("C"));
        let all: Vec<_> = values.iter().collect();
        assert_eq!(all, [("A", "n"), ("B", "y"), ("C", "\"a b\"")]);
    }

    #[test]
    fn the_last_line_counts() {
        let values = ConfigValues::parse("CONFIG_A=y\n# CONFIG_A is not set\nCONFIG_A=m\n");
        assert_eq!(values.get("A"), "m");
    }
}
