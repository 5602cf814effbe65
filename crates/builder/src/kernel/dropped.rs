//! Why a requested symbol didn't get its value: what it is, where it is
//! defined, what it depends on and which of that isn't there.

use std::fmt;

use kconfig::{Configuration, Elsewhere, RequestError};
use recipe::config::{Request, Values, met, spelled};
use recipe::plan::{BaseConfig, KernelPlan};

use super::remarks;
pub use crate::broken::Definition;

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

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request {
            symbol, value, by, ..
        } = &self.request;
        write!(f, "CONFIG_{symbol}={value} (asked for by {by}) ")?;
        if self.value == *value {
            write!(f, "says nothing")?
        } else {
            write!(f, "is {} after all", self.value)?
        }
        write!(f, "\n    {}", self.reason)?;
        self.definitions
            .iter()
            .try_for_each(|one| write!(f, "{one}"))
    }
}

/// Finds out about each of the requests, and leaves out those that are met
/// after all: they have their value, and there is such a symbol. Those whose
/// symbol only other architectures of this kernel have come apart, in words.
pub fn explain(
    doubtful: &[&Request],
    values: &Values,
    configuration: &Configuration<'_>,
    elsewhere: &dyn Fn(&str) -> Option<Elsewhere>,
) -> (Vec<Dropped>, Vec<String>) {
    let tree = configuration.tree();
    let (mut dropped, mut foreign) = (Vec::new(), Vec::new());
    for request in doubtful {
        if let Some(symbol) = tree.find_defined(&request.symbol) {
            let asked = !request.by.is_saved() || tree.symbol(symbol).prompts().next().is_some();
            if asked && !met(request, values) {
                dropped.push(one(request, values.get(&request.symbol), configuration));
            }
        } else if let Some(found) = elsewhere(&request.symbol) {
            foreign.push(remarks::foreign(request, &found));
        } else {
            dropped.push(one(request, values.get(&request.symbol), configuration));
        }
    }
    (dropped, foreign)
}

/// The requests that are not met, where the kernel's tree could not be read to
/// say why.
pub fn unexplained(
    doubtful: &[&Request],
    values: &Values,
    error: &dyn fmt::Display,
) -> Vec<Dropped> {
    doubtful
        .iter()
        .filter(|request| !met(request, values))
        .map(|request| Dropped {
            request: (*request).clone(),
            value: values.get(&request.symbol).to_owned(),
            reason: format!("why can't be told: {error}"),
            definitions: Vec::new(),
        })
        .collect()
}

/// Finds out why a request doesn't hold in a configuration; `value` is what
/// came of it.
pub fn one(request: &Request, value: &str, configuration: &Configuration<'_>) -> Dropped {
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

/// Who gives a symbol the value that was asked for: one of the plan's requests,
/// or the base configuration.
pub fn who(plan: &KernelPlan, symbol: &str) -> String {
    let mut requests = plan.requests.iter().rev();
    match (requests.find(|r| r.symbol == symbol), &plan.base) {
        (Some(request), _) => format!("asked for by {}", request.by),
        (None, BaseConfig::Target(target)) => format!("set by {target}"),
        (None, BaseConfig::File { name, .. }) => format!("set by {name}"),
        (None, BaseConfig::Distribution { flavour }) => format!("set by Debian's {flavour}"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use kconfig::{Dialect, Environment, Kconfig, LoadOptions, MemoryTree, SilentShell};

    const TOP: &str = "\
config NET
\tbool \"net\"
config HIDDEN
\tbool
if NET
source \"net/Kconfig\"
endif
";
    const BELOW: &str = "\
config FOO
\tbool \"The foo protocol\"
\tdepends on BAR
config BAR
\tbool \"bar\"
";

    fn tree() -> Kconfig {
        let files = MemoryTree::new()
            .with("Kconfig", TOP)
            .with("net/Kconfig", BELOW);
        Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: &files,
            env: &Environment::new(),
            shell: &SilentShell,
            dialect: Dialect::Linux6_12,
        })
        .expect("loads")
    }

    fn request(symbol: &str, value: &str) -> Request {
        Request {
            symbol: symbol.into(),
            value: value.into(),
            quoted: false,
            by: recipe::asker::Asker::KernelOptions,
            lenient: false,
            optional: false,
        }
    }

    fn elsewhere(name: &str) -> Option<Elsewhere> {
        (name == "ARCH_OTHER").then(|| Elsewhere {
            archs: vec!["arm".to_owned()],
            location: kconfig::Location {
                file: "arch/arm/Kconfig".into(),
                line: 7,
                column: 0,
            },
            prompt: true,
        })
    }

    fn told(config: &str, request: &Request) -> Vec<String> {
        let tree = tree();
        let (configuration, _) = Configuration::olddefconfig(&tree, config);
        let values = recipe::config::Values::parse(&configuration.to_dotconfig());
        let (dropped, foreign) = explain(&[request], &values, &configuration, &elsewhere);
        assert_eq!(foreign, [""; 0]);
        dropped.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_dropped_request_is_told_with_what_it_lacks() {
        let told = told("CONFIG_NET=y\n", &request("FOO", "y"));
        assert_eq!(
            told,
            [
                "CONFIG_FOO=y (asked for by kernel.options) is n after all\n    \
              needs BAR [=n]\n    \
              defined at net/Kconfig:1: \"The foo protocol\"\n    \
              depends on NET [=y] && BAR [=n]"
            ]
        );
    }

    #[test]
    fn what_stands_around_a_source_line_counts() {
        let told = told("", &request("BAR", "y"));
        assert!(told[0].contains("\n    needs NET [=n]\n"), "{told:?}");
    }

    #[test]
    fn a_symbol_without_a_prompt_is_told_as_one() {
        let told = told("", &request("HIDDEN", "y"));
        assert_eq!(
            told,
            [
                "CONFIG_HIDDEN=y (asked for by kernel.options) is n after all\n    \
              it has no prompt; nothing selects it\n    \
              defined at Kconfig:3, without a prompt"
            ]
        );
    }

    #[test]
    fn a_symbol_of_another_architecture_is_no_dropped_request() {
        let tree = tree();
        let (configuration, _) = Configuration::olddefconfig(&tree, "");
        for value in ["y", "n"] {
            let request = request("ARCH_OTHER", value);
            let (dropped, foreign) =
                explain(&[&request], &Values::default(), &configuration, &elsewhere);
            assert_eq!(dropped, []);
            assert!(
                foreign[0].ends_with("only arm has it (arch/arm/Kconfig:7)"),
                "{foreign:?}"
            );
        }
    }

    #[test]
    fn a_name_that_does_not_exist_is_told_even_when_it_is_turned_off() {
        assert_eq!(
            told("", &request("BARR", "n")),
            [
                "CONFIG_BARR=n (asked for by kernel.options) says nothing\n    \
              this kernel has no such symbol; did you mean CONFIG_BAR?"
            ]
        );
        assert_eq!(told("", &request("FOO", "n")), [""; 0]);
    }
}
