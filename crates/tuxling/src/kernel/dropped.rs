//! Why a requested symbol didn't get its value: what it is, where it is
//! defined, what it depends on and which of that isn't there.
//!
//! This reads `config` blocks and the `if`s and `menu`s around them as text,
//! from the tree's top along the `source` lines, whose own surroundings count
//! for all that they bring in (Documentation/kbuild/kconfig-language.rst); the
//! values come from the resolved `.config`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use super::config::{Values, met};
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
        write!(f, "CONFIG_{symbol}={value} (asked for by {by}) ")?;
        match self.value == *value {
            true => write!(f, "says nothing")?,
            false => write!(f, "is {} after all", self.value)?,
        }
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

/// Finds out about each of the requests, and leaves out those that are met
/// after all: they have their value, and there is such a symbol.
pub fn explain(
    doubtful: &[&Request],
    values: &Values,
    tree: &Path,
    arch: Arch,
) -> Result<Vec<Dropped>> {
    if doubtful.is_empty() {
        return Ok(Vec::new());
    }
    let definitions = definitions(tree, arch)?;
    Ok(doubtful
        .iter()
        .filter(|request| !met(request, values) || !definitions.contains_key(&request.symbol))
        .map(|request| one(request, values, &definitions))
        .collect())
}

/// What one Kconfig file says.
#[derive(Debug, Default)]
struct Kconfig {
    /// The symbols it defines, in order.
    definitions: Vec<(String, Definition)>,
    /// The files it brings in, each with the conditions around it there.
    sources: Vec<(String, Vec<String>)>,
}

/// All definitions of the tree's symbols for one architecture.
fn definitions(tree: &Path, arch: Arch) -> Result<BTreeMap<String, Vec<Definition>>> {
    let mut files: BTreeMap<String, Kconfig> = BTreeMap::new();
    let mut to_read = vec!["Kconfig".to_owned()];
    while let Some(name) = to_read.pop() {
        if files.contains_key(&name) {
            continue;
        }
        let path = tree.join(&name);
        let kconfig = match fs::read(&path) {
            Ok(text) => read(&String::from_utf8_lossy(&text), &name, arch),
            // One of another architecture, by a variable that isn't known here.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Kconfig::default(),
            Err(e) => return Err(Failure::io("read", &path, &e)),
        };
        to_read.extend(kconfig.sources.iter().map(|(source, _)| source.clone()));
        files.insert(name, kconfig);
    }
    let mut around = Surroundings::of(&files);
    let mut all: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
    for (name, kconfig) in &files {
        let outer = around.conditions(name);
        for (symbol, definition) in &kconfig.definitions {
            let depends = joined(&outer, &definition.depends);
            let definition = Definition {
                depends,
                ..definition.clone()
            };
            all.entry(symbol.clone()).or_default().push(definition);
        }
    }
    Ok(all)
}

/// Outer conditions, then inner ones, each once.
fn joined(outer: &[String], inner: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all = outer.iter().chain(inner);
    all.filter(|condition| seen.insert(*condition))
        .cloned()
        .collect()
}

/// What stands around whole files.
struct Surroundings<'a> {
    /// By file: where it is brought in, and the conditions there.
    includers: BTreeMap<&'a str, Vec<(&'a str, &'a [String])>>,
    /// What was found out.
    known: BTreeMap<&'a str, Vec<String>>,
}

impl<'a> Surroundings<'a> {
    fn of(files: &'a BTreeMap<String, Kconfig>) -> Self {
        let mut includers: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (name, kconfig) in files {
            for (source, conditions) in &kconfig.sources {
                let one = (name.as_str(), conditions.as_slice());
                includers.entry(source).or_default().push(one);
            }
        }
        let known = BTreeMap::new();
        Surroundings { includers, known }
    }

    /// The conditions that hold wherever a file is brought in.
    fn conditions(&mut self, name: &'a str) -> Vec<String> {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        // A file that brings itself in is no Kconfig; it must not hang us.
        self.known.insert(name, Vec::new());
        let mut common: Option<Vec<String>> = None;
        for (includer, inner) in self.includers.get(name).cloned().unwrap_or_default() {
            let here = joined(&self.conditions(includer), inner);
            common = Some(match common {
                None => here,
                Some(mut before) => {
                    before.retain(|condition| here.contains(condition));
                    before
                }
            });
        }
        let common = common.unwrap_or_default();
        self.known.insert(name, common.clone());
        common
    }
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

/// What `depends on` belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// The last definition.
    Config,
    /// The last `menu` or `choice`.
    Block,
    /// Something that isn't looked at.
    Other,
}

/// Every `config` block and every `source` line of one file with the conditions
/// around it in that file.
fn read(text: &str, name: &str, arch: Arch) -> Kconfig {
    let mut found = Kconfig::default();
    // What surrounds the current line: `if`, `menu` and `choice` blocks, each
    // with its conditions.
    let mut around: Vec<Vec<String>> = Vec::new();
    let mut inside = Inside::Other;
    let mut help_indent: Option<usize> = None;
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
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
        let mut line = line.trim().to_owned();
        while let Some(begun) = line.strip_suffix('\\') {
            let next = lines.next().map_or("", |(_, next)| next.trim());
            line = format!("{} {next}", begun.trim_end());
        }
        let (keyword, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        let rest = rest.trim();
        match keyword {
            "config" | "menuconfig" => {
                let definition = Definition {
                    place: format!("{name}:{}", at + 1),
                    depends: around.concat(),
                    ..Definition::default()
                };
                found.definitions.push((rest.to_owned(), definition));
                inside = Inside::Config;
            }
            "if" => {
                around.push(vec![condition(rest)]);
                inside = Inside::Other;
            }
            "menu" | "choice" => {
                around.push(Vec::new());
                inside = Inside::Block;
            }
            "endif" | "endmenu" | "endchoice" => {
                around.pop();
                inside = Inside::Other;
            }
            "depends" => {
                let condition = condition(rest.strip_prefix("on").unwrap_or(rest));
                match (inside, found.definitions.last_mut(), around.last_mut()) {
                    (Inside::Config, Some((_, of)), _) => of.depends.push(condition),
                    (Inside::Block, _, Some(of)) => of.push(condition),
                    _ => {}
                }
            }
            "bool" | "tristate" | "string" | "int" | "hex" | "prompt"
                if inside == Inside::Config =>
            {
                if let (Some((_, of)), Some(prompt)) = (found.definitions.last_mut(), quoted(rest))
                {
                    of.prompt = Some(prompt);
                }
            }
            "help" | "---help---" => help_indent = Some(0),
            "source" => {
                let file = quoted(rest).unwrap_or_else(|| rest.to_owned());
                let file = ["$(SRCARCH)", "$SRCARCH"]
                    .iter()
                    .fold(file, |f, name| f.replace(name, arch.facts().source_arch));
                found.sources.push((file, around.concat()));
                inside = Inside::Other;
            }
            "comment" | "mainmenu" => inside = Inside::Other,
            _ => {}
        }
    }
    found
}

/// A condition without the comment behind it.
fn condition(text: &str) -> String {
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    text.trim().to_owned()
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

    fn read(text: &str) -> Vec<(String, Definition)> {
        super::read(text, "net/Kconfig", Arch::I386).definitions
    }

    fn request(symbol: &str, value: &str) -> Request {
        Request {
            symbol: symbol.into(),
            value: value.into(),
            quoted: false,
            by: "kernel.options".into(),
            lenient: false,
        }
    }

    /// A tree of these Kconfig files.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = tree.path().join(name);
            fs::create_dir_all(path.parent().expect("is below")).expect("makes");
            fs::write(path, text).expect("writes");
        }
        tree
    }

    #[test]
    fn conditions_come_from_the_block_and_from_around_it() {
        let found = read(FILE);
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
    fn lines_go_on_behind_a_backslash_and_comments_have_conditions_of_their_own() {
        let found = read(
            "menu \"M\"\ncomment \"no B\"\n\tdepends on !B\nconfig A\n\tbool\n\
             \tdepends on X || \\\n\t\t(Y && \\\n\t\tZ) # why\nendmenu\n",
        );
        assert_eq!(found[0].1.depends, ["X || (Y && Z)"]);
    }

    #[test]
    fn conditions_around_a_source_line_count_for_the_file() {
        let tree = tree(&[
            (
                "Kconfig",
                "source \"fs/Kconfig\"\nsource \"arch/$(SRCARCH)/Kconfig\"\n",
            ),
            (
                "fs/Kconfig",
                "if BLOCK\nsource \"fs/ext4/Kconfig\"\nsource \"fs/both\"\nendif # BLOCK\n\
                 if BLOCK\nif NET\nsource \"fs/both\"\nendif\nendif\n",
            ),
            ("fs/ext4/Kconfig", "config EXT4_FS\n\ttristate \"ext4\"\n"),
            ("fs/both", "config BOTH\n\tbool\n\tdepends on BLOCK\n"),
            (
                "arch/x86/Kconfig",
                "config X86\n\tbool\nsource \"arch/x86/Kconfig\"\n",
            ),
            ("arch/arm/Kconfig", "config ARM\n\tbool\n"),
        ]);
        let all = definitions(tree.path(), Arch::I386).expect("reads");
        assert_eq!(all["EXT4_FS"][0].depends, ["BLOCK"]);
        assert_eq!(all["BOTH"][0].depends, ["BLOCK"]);
        assert!(all.contains_key("X86") && !all.contains_key("ARM"));
    }

    #[test]
    fn turning_off_what_does_not_exist_is_told_as_a_slip() {
        let tree = tree(&[("Kconfig", "config IPV6\n\tbool \"v6\"\n\tdepends on INET\n")]);
        let values = super::super::config::parse("");
        let (slip, off) = (request("IVP6", "n"), request("IPV6", "n"));
        let told = explain(&[&slip, &off], &values, tree.path(), Arch::I386).expect("reads");
        let told: Vec<String> = told.iter().map(Dropped::to_string).collect();
        assert_eq!(
            told,
            [
                "CONFIG_IVP6=n (asked for by kernel.options) says nothing\n    \
              this kernel has no such symbol; did you mean CONFIG_IPV6?"
            ]
        );
    }

    #[test]
    fn a_dropped_request_is_told_with_what_it_lacks() {
        let all: BTreeMap<_, Vec<_>> = read(FILE).into_iter().map(|(s, d)| (s, vec![d])).collect();
        let values =
            super::super::config::parse("CONFIG_NET=y\nCONFIG_INET=y\n# CONFIG_BAR is not set\n");
        let told = one(&request("FOO", "y"), &values, &all).to_string();
        assert_eq!(
            told,
            "CONFIG_FOO=y (asked for by kernel.options) is n after all\n    \
             defined at net/Kconfig:5: \"The foo protocol\"\n    depends on NET\n    depends on INET\n    \
             depends on BAR && !BAZ\n    where BAR=n, BAZ=n, INET=y, NET=y"
        );
        assert!(
            one(&request("FOOO", "y"), &values, &all)
                .to_string()
                .ends_with("did you mean CONFIG_FOO?")
        );
    }
}
