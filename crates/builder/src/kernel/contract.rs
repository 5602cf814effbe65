//! The recipe's contract held against the resolved configuration: which terms
//! are broken, what the value is instead, and why.

use std::fmt;

use ::kconfig::{Configuration, Elsewhere, Origin, Request, RequestError};
use recipe::config::Values;
use recipe::contract::{Duty, Term};
use recipe::plan::KernelPlan;

use super::dropped::{definitions, unknown, who};
use super::kconfig::Tree;
use super::remarks::only;
pub use crate::broken::Broken;

/// The terms that don't hold in a resolved configuration, and those about
/// symbols that it doesn't mention: whether there are such symbols only the tree
/// tells.
pub fn doubtful<'p>(plan: &'p KernelPlan, values: &Values) -> Vec<&'p Term> {
    let unknown = |term: &Term| values.stated(&term.symbol).is_none();
    let terms = plan.contract.iter();
    terms
        .filter(|term| !term.holds(values) || unknown(term))
        .collect()
}

/// The terms of these that are broken. A term about a symbol that this kernel
/// doesn't have is: it is most likely misspelled. That a symbol of other
/// architectures only must not be on holds.
pub fn broken(
    terms: &[&Term],
    plan: &KernelPlan,
    values: &Values,
    configuration: &Configuration<'_>,
    elsewhere: &dyn Fn(&str) -> Option<Elsewhere>,
) -> Vec<Broken> {
    let tree = configuration.tree();
    let judge = |term: &&Term| {
        let value = values.get(&term.symbol).to_owned();
        let (reason, definitions) = match (tree.find_defined(&term.symbol), term.holds(values)) {
            (Some(_), true) => return None,
            (Some(_), false) => (
                why(term, plan, configuration),
                definitions(&term.symbol, configuration),
            ),
            (None, held) => match elsewhere(&term.symbol) {
                Some(_) if held => return None,
                Some(found) => (only(&found.archs), Vec::new()),
                None => (unknown(&tree.nearest_names(&term.symbol, 1)), Vec::new()),
            },
        };
        Some(Broken {
            term: (*term).clone(),
            value,
            reason,
            definitions,
        })
    };
    terms.iter().filter_map(judge).collect()
}

/// The broken terms where the kernel's tree could not be read to say why.
pub fn unexplained(terms: &[&Term], values: &Values, error: &dyn fmt::Display) -> Vec<Broken> {
    let broken = terms.iter().filter(|term| !term.holds(values));
    let told = broken.map(|term| Broken {
        term: (*term).clone(),
        value: values.get(&term.symbol).to_owned(),
        reason: format!("why can't be told: {error}"),
        definitions: Vec::new(),
    });
    told.collect()
}

/// What has to be asked for so that a term holds, if it is about a value that
/// can be asked for.
pub fn wish(term: &Term, configuration: &Configuration<'_>) -> Option<Request> {
    let wanted = match (term.duty, &term.value) {
        (Duty::Must, Some(value)) => value.as_str(),
        (Duty::Must, None) => "y",
        (Duty::MustNot, None) => "n",
        (Duty::MustNot, Some(value)) if value == "m" => "y",
        (Duty::MustNot, Some(_)) => "n",
    };
    configuration.tree().request(&term.symbol, wanted).ok()
}

/// Why a term of a symbol that there is doesn't hold.
fn why(term: &Term, plan: &KernelPlan, configuration: &Configuration<'_>) -> String {
    let tree = configuration.tree();
    let wanted = term.value.as_deref().unwrap_or("y");
    if term.duty == Duty::Must
        && let Err(invalid @ RequestError::InvalidValue { .. }) = tree.request(&term.symbol, wanted)
        && term.value.is_some()
    {
        return invalid.to_string();
    }
    if let Some(wish) = wish(term, configuration) {
        let mut asked = configuration.clone();
        asked.set(std::slice::from_ref(&wish));
        if !asked.holds(&wish) {
            return tree.reason_text(&asked.why_not(&wish));
        }
    }
    let Some(id) = tree.find_defined(&term.symbol) else {
        return unknown(&[]);
    };
    match configuration.origin(id) {
        Origin::User => who(plan, &term.symbol),
        _ => configuration.because(id),
    }
}

impl Tree {
    /// The terms of a recipe's contract that don't hold in its resolved
    /// configuration, with the reasons that the recipe's own requests give.
    pub fn broken(
        &self,
        plan: &KernelPlan,
        values: &Values,
        configuration: &Configuration<'_>,
    ) -> Vec<Broken> {
        let terms = doubtful(plan, values);
        broken(&terms, plan, values, configuration, &|name| {
            self.elsewhere().get(name).cloned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::kconfig::{
        Dialect, Environment, Kconfig, LoadOptions, Location, MemoryTree, SilentShell,
    };
    use recipe::asker::Asker;
    use recipe::plan::BaseConfig;

    const TREE: &str = "\
config BLOCK
\tbool \"block\"
config EXT4_FS
\tbool \"ext4\"
\tdepends on BLOCK
config HASH
\tbool
config CARD
\tbool \"card\"
\tselect HASH
config SIZE
\tint \"size\"
\tdefault 12
";

    /// The broken terms of a recipe that asks for the lines, each in a line.
    fn told(must: &[&str], must_not: &[&str], options: &str) -> Vec<String> {
        let list = |terms: &[&str]| format!("{terms:?}");
        let recipe = format!(
            "board = \"pc\"\n[userland]\nbusybox = [\"sh\"]\n[kernel]\nmust = {}\nmust-not = {}\n",
            list(must),
            list(must_not)
        );
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("job.toml");
        let mut plan = recipe::with_text(&path, &recipe).expect("a plan").kernel;
        plan.base = BaseConfig::Target("tinyconfig".to_owned());
        let problems = recipe::fragment::parse(options, recipe::fragment::Form::Typed);
        plan.requests = problems
            .lines
            .into_iter()
            .map(|line| recipe::config::Request {
                symbol: line.asks.option.clone(),
                value: line.asks.value.spelled(),
                quoted: false,
                by: Asker::KernelOptions,
                lenient: false,
                optional: false,
            })
            .collect();
        let files = MemoryTree::new().with("Kconfig", TREE);
        let tree = Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: &files,
            env: &Environment::new(),
            shell: &SilentShell,
            dialect: Dialect::Linux6_12,
        })
        .expect("loads");
        let (configuration, _) = Configuration::olddefconfig(&tree, options);
        let values = Values::parse(&configuration.to_dotconfig());
        let foreign = |name: &str| {
            (name == "ARM_THING").then(|| Elsewhere {
                archs: vec!["arm".to_owned()],
                location: Location {
                    file: "arch/arm/Kconfig".into(),
                    line: 1,
                    column: 0,
                },
                prompt: true,
            })
        };
        let terms = doubtful(&plan, &values);
        let broken = broken(&terms, &plan, &values, &configuration, &foreign);
        broken.iter().map(Broken::brief).collect()
    }

    #[test]
    fn what_is_kept_is_not_told() {
        let options = "CONFIG_BLOCK=y\nCONFIG_EXT4_FS=y\n";
        let must = ["CONFIG_EXT4_FS", "CONFIG_SIZE=12"];
        assert_eq!(
            told(&must, &["CONFIG_CARD", "CONFIG_ARM_THING"], options),
            [""; 0]
        );
    }

    #[test]
    fn what_is_lost_is_told_with_what_it_needs() {
        assert_eq!(
            told(&["CONFIG_EXT4_FS"], &[], ""),
            ["CONFIG_EXT4_FS must be on and is n: needs BLOCK [=n]"]
        );
        assert_eq!(
            told(&["CONFIG_BLOCK"], &[], "# CONFIG_BLOCK is not set\n"),
            ["CONFIG_BLOCK must be on and is n: asked for by kernel.options"]
        );
    }

    #[test]
    fn what_comes_all_the_same_is_told_with_who_brings_it() {
        assert_eq!(
            told(&[], &["CONFIG_HASH"], "CONFIG_CARD=y\n"),
            ["CONFIG_HASH must not be on and is y: selected by CARD"]
        );
        assert_eq!(
            told(&[], &["CONFIG_CARD"], "CONFIG_CARD=y\n"),
            ["CONFIG_CARD must not be on and is y: asked for by kernel.options"]
        );
        assert_eq!(
            told(&["CONFIG_SIZE=13"], &[], ""),
            ["CONFIG_SIZE must be 13 and is 12: default 12 (Kconfig:13)"]
        );
    }

    #[test]
    fn a_value_that_the_symbol_cannot_have_is_told_as_such() {
        let told = told(&["CONFIG_SIZE=y"], &[], "");
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("CONFIG_SIZE must be y and is 12: "),
            "{told:?}"
        );
        assert!(!told[0].contains("default"), "{told:?}");
    }

    #[test]
    fn a_name_that_no_symbol_has_breaks_either_side() {
        let unknown = "this kernel has no such symbol; did you mean CONFIG_EXT4_FS?";
        assert_eq!(
            told(&["CONFIG_EXT4_FZ"], &[], ""),
            [format!("CONFIG_EXT4_FZ must be on and is n: {unknown}")]
        );
        assert_eq!(
            told(&[], &["CONFIG_EXT4_FZ"], ""),
            [format!("CONFIG_EXT4_FZ must not be on and is n: {unknown}")]
        );
        assert_eq!(
            told(&["CONFIG_ARM_THING"], &[], ""),
            ["CONFIG_ARM_THING must be on and is n: only arm has it"]
        );
    }
}
