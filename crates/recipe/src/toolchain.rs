//! The compiler and its helpers, as a recipe names them: `gcc`, `gcc-11`,
//! `llvm-16`, `gcc:/opt/cross/bin/arm-linux-`, `llvm:/opt/llvm/bin/`.
//!
//! Versions and places are those of the kernel's own build
//! (Documentation/kbuild/llvm.rst): `LLVM=-16`, `LLVM=/opt/llvm/bin/`,
//! `CROSS_COMPILE=/opt/cross/bin/arm-linux-`.

use std::fmt;

use crate::diagnostic::Wrong;

/// The compiler and its helpers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// Whose they are.
    pub family: Family,
    /// Which of them.
    pub edition: Edition,
}

/// Whose the tools are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// GCC and GNU binutils; `CROSS_COMPILE` is honoured.
    Gcc,
    /// Clang and LLVM's tools (`LLVM=1`).
    Llvm,
}

/// Which of several tool chains of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edition {
    /// What the plain names lead to.
    Usual,
    /// One with its version behind its name: `gcc-11`, `clang-16`.
    Version(String),
    /// What stands in front of the tools' names: a folder for LLVM, a folder
    /// and a target for GCC.
    Prefix(String),
}

impl Toolchain {
    /// GCC by its plain name.
    pub const GCC: Toolchain = Toolchain {
        family: Family::Gcc,
        edition: Edition::Usual,
    };

    /// Reads what a recipe says. `clang` is another name of `llvm`.
    pub(crate) fn parse(typed: &str) -> Result<Toolchain, Wrong> {
        let end = typed.find(['-', ':']).unwrap_or(typed.len());
        let family = match &typed[..end] {
            "gcc" => Family::Gcc,
            "llvm" | "clang" => Family::Llvm,
            _ => return Err(not_possible(typed)),
        };
        let rest = &typed[end..];
        let edition = if rest.is_empty() {
            Edition::Usual
        } else if let Some(version) = rest.strip_prefix('-') {
            Edition::Version(version_word(typed, version)?)
        } else {
            Edition::Prefix(prefix(typed, family, rest.trim_start_matches(':'))?)
        };
        Ok(Toolchain { family, edition })
    }

    /// What `LLVM=` in the environment of a build by hand means: `1`, `-16` or
    /// a folder. `None` where it asks for nothing.
    #[must_use]
    pub fn of_llvm_variable(value: &str) -> Option<Toolchain> {
        let edition = match value {
            "" | "0" => return None,
            _ => match value.strip_prefix('-') {
                Some(version) => Edition::Version(version.to_owned()),
                None if value.ends_with('/') => Edition::Prefix(value.to_owned()),
                None => Edition::Usual,
            },
        };
        Some(Toolchain {
            family: Family::Llvm,
            edition,
        })
    }

    /// The name of one of LLVM's tools.
    #[must_use]
    pub fn llvm_tool(&self, tool: &str) -> String {
        match (self.family, &self.edition) {
            (Family::Llvm, Edition::Version(version)) => format!("{tool}-{version}"),
            (Family::Llvm, Edition::Prefix(folder)) => format!("{folder}{tool}"),
            _ => tool.to_owned(),
        }
    }

    /// What the kernel's build takes as `LLVM=`.
    #[must_use]
    pub fn llvm_variable(&self) -> String {
        match &self.edition {
            Edition::Usual => "1".to_owned(),
            Edition::Version(version) => format!("-{version}"),
            Edition::Prefix(folder) => folder.clone(),
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.family {
            Family::Gcc => "gcc",
            Family::Llvm => "llvm",
        })?;
        match &self.edition {
            Edition::Usual => Ok(()),
            Edition::Version(version) => write!(f, "-{version}"),
            Edition::Prefix(prefix) => write!(f, ":{prefix}"),
        }
    }
}

const HELP: &str = "write \"gcc\", \"llvm\", one of several versions (\"gcc-11\", \"llvm-16\"), or \
                    where they are (\"gcc:/opt/cross/bin/arm-linux-\", \"llvm:/opt/llvm/bin/\")";

fn not_possible(typed: &str) -> Wrong {
    Wrong::new(format!("`{typed}` is no tool chain")).help(HELP)
}

fn version_word(typed: &str, version: &str) -> Result<String, Wrong> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if version.split('.').all(digits) && version.len() <= 12 {
        Ok(version.to_owned())
    } else {
        Err(not_possible(typed))
    }
}

/// A prefix goes through make and a shell: it is letters of plain paths.
fn prefix(typed: &str, family: Family, prefix: &str) -> Result<String, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    if prefix.is_empty() {
        return Err(not_possible(typed));
    }
    if !prefix.chars().all(plain) {
        return Err(Wrong::new(format!(
            "`{prefix}` has letters that a build's command lines can't have"
        ))
        .help("ASCII letters, digits, `/`, `.`, `_`, `+` and `-` are possible"));
    }
    if prefix.contains('/') && !prefix.starts_with('/') {
        return Err(Wrong::new(format!("`{prefix}` is no absolute path")).help(
            "write it from / on, or a prefix of programs in PATH, such as \"gcc:arm-linux-\"",
        ));
    }
    match family {
        Family::Llvm if !prefix.ends_with('/') => Err(Wrong::new(format!(
            "`{prefix}` is no folder: LLVM's tools have no prefix but the folder that they are in"
        ))
        .help(format!("write \"llvm:{prefix}/\""))),
        _ => Ok(prefix.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_versions_and_places_are_read() {
        let version = |family, version: &str| Toolchain {
            family,
            edition: Edition::Version(version.to_owned()),
        };
        assert_eq!(Toolchain::parse("gcc").unwrap(), Toolchain::GCC);
        assert_eq!(
            Toolchain::parse("gcc-11").unwrap(),
            version(Family::Gcc, "11")
        );
        let clang = Toolchain::parse("clang-16").unwrap();
        assert_eq!(clang, version(Family::Llvm, "16"));
        assert_eq!(clang.llvm_tool("ld.lld"), "ld.lld-16");
        assert_eq!(clang.llvm_variable(), "-16");
        let own = Toolchain::parse("llvm:/opt/llvm/bin/").unwrap();
        assert_eq!(own.llvm_tool("clang"), "/opt/llvm/bin/clang");
        assert_eq!(own.llvm_variable(), "/opt/llvm/bin/");
        let cross = Toolchain::parse("gcc:arm-none-eabi-").unwrap();
        assert_eq!(cross.edition, Edition::Prefix("arm-none-eabi-".to_owned()));
    }

    #[test]
    fn what_make_or_a_shell_would_read_as_their_own_is_refused() {
        for typed in [
            "icc",
            "gcc-",
            "gcc-x",
            "gcc:",
            "gcc:a b",
            "gcc:$(x)",
            "llvm:/opt/llvm",
            "gcc:a/b-",
            "llvm-16;x",
            "gcc11",
        ] {
            assert!(Toolchain::parse(typed).is_err(), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_and_read_again(typed in "(gcc|llvm|clang)?[-:]?[a-z0-9/.$ -]{0,12}") {
            if let Ok(read) = Toolchain::parse(&typed) {
                prop_assert_eq!(Toolchain::parse(&read.to_string()).unwrap(), read);
            }
        }
    }
}
