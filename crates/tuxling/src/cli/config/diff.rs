//! `diff`: two configurations as scripts/diffconfig shows them, with the
//! reason of each change.

use std::fs;

use builder::kernel::dropped::who;
use builder::kernel::kconfig::Tree;
use host::error::Kind;
use kconfig::{Configuration, Difference, Origin};
use recipe::Plan;
use schemars::JsonSchema;
use serde::Serialize;

use super::{ConfigSubject, Desk};
use crate::cli::{cwd, load, print, print_json};
use crate::failure::{Failure, Result};

/// The version of the format.
pub(in crate::cli) const SCHEMA: &str = "tuxling.config.diff/1";

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Differences<'a> {
    schema: &'static str,
    /// By name.
    differences: &'a [DifferenceJson],
}

/// One difference.
#[derive(Serialize, JsonSchema)]
struct DifferenceJson {
    symbol: String,
    /// `null` where the first configuration has no such symbol.
    before: Option<String>,
    /// `null` where the second configuration has no such symbol.
    after: Option<String>,
    reason: String,
    #[serde(skip)]
    line: String,
}

/// What is compared: a recipe with its tree, or a file.
enum Side {
    Recipe(Box<Plan>, Box<Tree>),
    File(String),
}

/// Compares the recipe with A, or A with B.
pub(super) fn run(desk: &Desk<'_>, at: &ConfigSubject<'_>, a: &str, b: Option<&str>) -> Result<()> {
    let first = side(desk, a)?;
    let second = b.map(|b| side(desk, b)).transpose()?;
    let (before, after) = match &second {
        None => (at.configuration.to_dotconfig(), &first),
        Some(second) => (text_of(&first)?, second),
    };
    let told = match after {
        Side::Recipe(plan, tree) => {
            let configuration = tree.evaluate(&plan.kernel)?;
            let after = configuration.to_dotconfig();
            tell(&before, &after, &configuration, &|name| {
                who(&plan.kernel, name)
            })
        }
        Side::File(text) => {
            // Read as `savedefconfig` would write it: a full .config asks for
            // everything, which is no reason.
            let tree = &at.tree.kconfig;
            let minimal = Configuration::defconfig(tree, text).0.to_defconfig();
            let (configuration, _) = Configuration::defconfig(tree, &minimal);
            tell(&before, text, &configuration, &|_| {
                "set in the file".to_owned()
            })
        }
    };
    if at.json {
        return print_json(&Differences {
            schema: SCHEMA,
            differences: &told,
        });
    }
    print(&table(&told))
}

/// What a name stands for: a file that isn't a recipe, or a recipe.
fn side(desk: &Desk<'_>, name: &str) -> Result<Side> {
    let path = cwd()?.join(name);
    if path.is_file() && !name.ends_with(".toml") {
        let bytes = fs::read(&path).map_err(|e| {
            Failure::new(Kind::Usage, format!("can't read {}: {e}", path.display()))
        })?;
        return Ok(Side::File(kconfig::bytes::text_of(&bytes)));
    }
    let plan = load(name)?;
    let tree = desk.tree(&plan)?;
    Ok(Side::Recipe(Box::new(plan), Box::new(tree)))
}

fn text_of(side: &Side) -> Result<String> {
    match side {
        Side::File(text) => Ok(text.clone()),
        Side::Recipe(plan, tree) => Ok(tree.evaluate(&plan.kernel)?.to_dotconfig()),
    }
}

/// All differences; `who` tells who gave the second configuration a value.
fn tell(
    before: &str,
    after: &str,
    configuration: &Configuration<'_>,
    who: &dyn Fn(&str) -> String,
) -> Vec<DifferenceJson> {
    let tree = configuration.tree();
    let reason = |difference: &Difference| {
        let name = difference.name();
        let Some(symbol) = tree.find(name) else {
            return "that kernel has no such symbol".to_owned();
        };
        match configuration.origin(symbol) {
            Origin::User => who(name),
            _ => configuration.because(symbol),
        }
    };
    kconfig::diff(before, after)
        .into_iter()
        .map(|difference| DifferenceJson::of(&difference, reason(&difference)))
        .collect()
}

impl DifferenceJson {
    fn of(difference: &Difference, reason: String) -> DifferenceJson {
        let (before, after) = match difference {
            Difference::Removed { value, .. } => (Some(value), None),
            Difference::Added { value, .. } => (None, Some(value)),
            Difference::Changed { before, after, .. } => (Some(before), Some(after)),
        };
        DifferenceJson {
            symbol: difference.name().to_owned(),
            before: before.cloned(),
            after: after.cloned(),
            reason,
            line: difference.to_string(),
        }
    }
}

/// The lines of diffconfig, with the reasons behind them.
fn table(told: &[DifferenceJson]) -> String {
    let width = told.iter().map(|one| one.line.len()).max().unwrap_or(0);
    let width = width.min(40);
    let line = |one: &DifferenceJson| format!("{:<width$}  # {}\n", one.line, one.reason);
    told.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kconfig::{Dialect, Environment, Kconfig, LoadOptions, MemoryTree, SilentShell};

    #[test]
    fn every_difference_has_its_reason() {
        let files = MemoryTree::new().with(
            "Kconfig",
            "config NET\n\tbool \"net\"\n\tselect CRC\nconfig CRC\n\tbool\n\
             config E1000\n\tbool \"e1000\"\n\tdepends on PCI\n\
             config OOB\n\tdef_bool y\n\tdepends on PCI\nconfig PCI\n\tbool \"pci\"\n",
        );
        let tree = Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: &files,
            env: &Environment::new(),
            shell: &SilentShell,
            dialect: Dialect::Linux6_12,
        })
        .expect("loads");
        let before =
            "CONFIG_PCI=y\nCONFIG_E1000=y\nCONFIG_GONE=y\nCONFIG_OOB=y\n# CONFIG_NET is not set\n";
        let after = "# CONFIG_PCI is not set\nCONFIG_NET=y\nCONFIG_CRC=y\n";
        let (configuration, _) = Configuration::olddefconfig(&tree, after);
        let told = tell(before, after, &configuration, &|name| {
            format!("{name} was asked for")
        });
        assert_eq!(
            table(&told),
            "-E1000 y     # needs PCI [=n]\n-GONE y      # that kernel has no such symbol\n\
             -OOB y       # needs PCI [=n]\n \
             NET n -> y  # NET was asked for\n PCI y -> n  # PCI was asked for\n\
             +CRC y       # selected by NET\n"
        );
    }
}
