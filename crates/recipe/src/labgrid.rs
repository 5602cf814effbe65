//! A place of a labgrid board farm, as a recipe names it.

use std::path::PathBuf;

use serde::Serialize;

use crate::diagnostic::Wrong;

/// A place, whose board takes QEMU's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabgridPlace {
    /// Its name at the coordinator, or a target of the environment.
    pub name: String,
    /// The environment that says which drivers its board has. Absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<PathBuf>,
}

/// Reads a place's name.
///
/// # Errors
/// When it could be read as an option or a pattern.
pub(crate) fn name(typed: &str) -> Result<String, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+/".contains(c);
    let begins = typed.starts_with(|c: char| c.is_ascii_alphanumeric() || "_+".contains(c));
    if begins && typed.chars().all(plain) {
        return Ok(typed.to_owned());
    }
    let help = "as `labgrid-client places` prints it: letters, digits, and - _ . + /";
    Err(Wrong::new(format!("`{typed}` is not the name of a place")).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_neither_an_option_nor_a_pattern() {
        for right in ["board-1", "rack/imx8.2", "+ABCD"] {
            assert_eq!(name(right).expect("is right"), right);
        }
        for wrong in ["", "-p", "*", "a b", "../x", "\"", "é"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
