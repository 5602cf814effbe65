//! Why a requested symbol didn't get its value: what it is, where it is
//! defined, what it depends on and which of that isn't there.
//!
//! This reads `config` blocks and the `if`s around them as text
//! (Documentation/kbuild/kconfig-language.rst); the values come from the
//! resolved `.config`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::config::Values;
use crate::error::{Failure, Result};
use crate::machine::Arch;
use crate::recipe::plan::Request;

/// A request that the resolved configuration doesn't fulfil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// What was asked for.
    pub request: Request,
    /// What it is instead, as `.config` spells it.
    pub value: String,
    /// Where the tree defines it; none when it doesn't.
    pub definitions: Vec<Definition>,
    /// Known symbols of nearly the same name, when there is no definition.
    pub nearest: Option<String>,
}

/// One definition of a symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// The Kconfig file below the source tree, and the line.
    pub place: String,
    /// Its type and prompt.
    pub prompt: Option<String>,
    /// Its conditions: `depends on` and the `if`s around it.
    pub depends: Vec<String>,
    /// The symbols in the conditions with their values.
    pub values: BTreeMap<String, String>,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request {
            symbol, value, by, ..
        } = &self.request;
        write!(
            f,
            "CONFIG_{symbol}={value} (asked for by {by}) is {} after all",
            self.value
        )?;
        if self.definitions.is_empty() {
            write!(f, "\n    this kernel has no such symbol")?;
            if let Some(nearest) = &self.nearest {
                write!(f, "; did you mean CONFIG_{nearest}?")?;
            }
        }
        for definition in &self.definitions {
            write!(f, "\n    defined at {}", definition.place)?;
            match &definition.prompt {
                Some(prompt) => write!(f, ": \"{prompt}\"")?,
                None => write!(f, ", without a prompt: only other symbols can set it")?,
            }
            for condition in &definition.depends {
                write!(f, "\n    depends on {condition}")?;
            }
            let unset: Vec<_> = definition
                .values
                .iter()
                .map(|(symbol, value)| format!("{symbol}={value}"))
                .collect();
            if !unset.is_empty() {
                write!(f, "\n    where {}", unset.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Finds out about each of the unmet requests.
pub fn explain(
    unmet: &[&Request],
    values: &Values,
    tree: &Path,
    arch: Arch,
) -> Result<Vec<Dropped>> {
    if unmet.is_empty() {
        return Ok(Vec::new());
    }
    let files = kconfig_files(tree, arch)?;
    let mut definitions: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
    for path in files {
        let text = fs::read(&path).map_err(|e| Failure::io("read", &path, &e))?;
        let name = path
            .strip_prefix(tree)
            .unwrap_or(&path)
            .display()
            .to_string();
        for (symbol, definition) in definitions_in(&String::from_utf8_lossy(&text), &name) {
            definitions.entry(symbol).or_default().push(definition);
        }
    }
    Ok(unmet
        .iter()
        .map(|request| one(request, values, &definitions))
        .collect())
}

fn one(request: &Request, values: &Values, all: &BTreeMap<String, Vec<Definition>>) -> Dropped {
    let mut definitions = all.get(&request.symbol).cloned().unwrap_or_default();
    for definition in &mut definitions {
        let symbols = definition
            .depends
            .iter()
            .flat_map(|condition| symbols_in(condition));
        definition.values = symbols
            .map(|s| (s.to_owned(), values.get(s).to_owned()))
            .collect();
    }
    let nearest = all
        .keys()
        .map(|known| (strsim::damerau_levenshtein(known, &request.symbol), known))
        .filter(|(distance, _)| *distance <= 2 + request.symbol.len() / 8)
        .min()
        .map(|(_, known)| known.clone());
    Dropped {
        request: (*request).clone(),
        value: values.get(&request.symbol).to_owned(),
        definitions,
        nearest,
    }
}

fn symbols_in(condition: &str) -> impl Iterator<Item = &str> {
    condition
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.len() > 1 && word.chars().any(|c| c.is_ascii_uppercase()))
}

/// All Kconfig files of the tree, of `arch/` only those of this architecture.
fn kconfig_files(tree: &Path, arch: Arch) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).map_err(|e| Failure::io("read the folder", &folder, &e))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_dir = entry.file_type().is_ok_and(|t| t.is_dir());
            if is_dir {
                let other_arch = folder.ends_with("arch") && name != arch.facts().source_arch;
                let no_kconfig = ["Documentation", "tools", ".git"].contains(&&*name);
                if !other_arch && !no_kconfig {
                    folders.push(entry.path());
                }
            } else if name.starts_with("Kconfig") {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Every `config` block of one file with the conditions around it.
fn definitions_in(text: &str, name: &str) -> Vec<(String, Definition)> {
    let mut found: Vec<(String, Definition)> = Vec::new();
    // What surrounds the current line: `if X` and `menu` blocks, with their conditions.
    let mut around: Vec<(&str, Vec<String>)> = Vec::new();
    let mut in_config = false;
    let mut help_indent: Option<usize> = None;
    for (at, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if let Some(of_help) = help_indent {
            if line.trim().is_empty()
                || (of_help == 0 && indent > 0)
                || (of_help > 0 && indent >= of_help)
            {
                help_indent = Some(if of_help == 0 && indent > 0 {
                    indent
                } else {
                    of_help
                });
                continue;
            }
            help_indent = None;
        }
        let mut words = line.trim().splitn(2, char::is_whitespace);
        let (keyword, rest) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default().trim(),
        );
        match keyword {
            "config" | "menuconfig" => {
                let depends = around
                    .iter()
                    .flat_map(|(_, conditions)| conditions.clone())
                    .collect();
                let place = format!("{name}:{}", at + 1);
                found.push((
                    rest.to_owned(),
                    Definition {
                        place,
                        depends,
                        ..Definition::default()
                    },
                ));
                in_config = true;
            }
            "if" | "menu" | "choice" => {
                let conditions = if keyword == "if" {
                    vec![rest.to_owned()]
                } else {
                    Vec::new()
                };
                around.push((keyword, conditions));
                in_config = false;
            }
            "endif" | "endmenu" | "endchoice" => {
                around.pop();
                in_config = false;
            }
            "depends" => {
                let condition = rest.strip_prefix("on").unwrap_or(rest).trim().to_owned();
                match (in_config, found.last_mut(), around.last_mut()) {
                    (true, Some((_, definition)), _) => definition.depends.push(condition),
                    (false, _, Some((_, conditions))) => conditions.push(condition),
                    _ => {}
                }
            }
            "bool" | "tristate" | "string" | "int" | "hex" | "prompt" if in_config => {
                if let (Some((_, definition)), Some(prompt)) = (found.last_mut(), quoted(rest)) {
                    definition.prompt = Some(prompt);
                }
            }
            "help" | "---help---" => help_indent = Some(0),
            "comment" | "source" | "mainmenu" => in_config = false,
            _ => {}
        }
    }
    found
}

/// The text between the first pair of double quotes.
fn quoted(text: &str) -> Option<String> {
    let rest = text.strip_prefix('"')?;
    rest.split_once('"').map(|(inside, _)| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
menu \"Networking\"
\tdepends on NET

if INET
config FOO
\ttristate \"The foo protocol\"
\tdepends on BAR && !BAZ
\thelp
\t  config NOT_A_SYMBOL
\t  depends on nothing
config HIDDEN
\tbool
endif
endmenu
";

    #[test]
    fn conditions_come_from_the_block_and_from_around_it() {
        let found = definitions_in(FILE, "net/Kconfig");
        let names: Vec<_> = found.iter().map(|(symbol, _)| &**symbol).collect();
        assert_eq!(names, ["FOO", "HIDDEN"]);
        let foo = &found[0].1;
        assert_eq!(foo.depends, ["NET", "INET", "BAR && !BAZ"]);
        assert_eq!(
            (&*foo.place, foo.prompt.as_deref()),
            ("net/Kconfig:5", Some("The foo protocol"))
        );
        assert_eq!(found[1].1.prompt, None);
    }

    #[test]
    fn a_dropped_request_is_told_with_what_it_lacks() {
        let all: BTreeMap<_, Vec<_>> = definitions_in(FILE, "net/Kconfig")
            .into_iter()
            .map(|(s, d)| (s, vec![d]))
            .collect();
        let values =
            super::super::config::parse("CONFIG_NET=y\nCONFIG_INET=y\n# CONFIG_BAR is not set\n");
        let request = Request {
            symbol: "FOO".into(),
            value: "y".into(),
            quoted: false,
            by: "kernel.options".into(),
        };
        let told = one(&request, &values, &all).to_string();
        assert_eq!(
            told,
            "CONFIG_FOO=y (asked for by kernel.options) is n after all\n    \
             defined at net/Kconfig:5: \"The foo protocol\"\n    depends on NET\n    depends on INET\n    \
             depends on BAR && !BAZ\n    where BAR=n, BAZ=n, INET=y, NET=y"
        );
        let request = Request {
            symbol: "FOOO".into(),
            ..request
        };
        assert!(
            one(&request, &values, &all)
                .to_string()
                .ends_with("did you mean CONFIG_FOO?")
        );
    }
}
